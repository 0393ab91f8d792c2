"""A copy of the project in a temporary folder, with a competition that runs in seconds."""

import json
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.flow import stages
from pipeline.progress import TITLE
from pipeline.store import Key, Store

ROOT = Path(__file__).parent.parent

TINY = """
[competition]
metric = "accuracy"

[load]
simulator = "airline_survey"
simulated_train_rows = 300
simulated_test_rows = 90

[explore]
max_columns = 6
permutations = 9

[split]
folds = 3
repeats = 2

[encode]
features = "airline"

[budget]
minutes = 10

[tune]
startup_trials = 2

[models.linear]
[models.logistic]
[models.neural_net]
epochs = 4
n_networks = 1
hidden = [8]
[models.lightgbm]
trials = 4
max_rounds = 20
patience = 5

[evaluate]
learning_curve = [0.5, 1.0]
importance_rows = 60
importance_repeats = 1
dependence_rows = 30
dependence_columns = 2

[presets.quick.split]
repeats = 1
[presets.quick.models.lightgbm]
trials = 0
"""
# for all who do not look at the pages: nearly half of a run draws figures and shuffles columns
FEW_FIGURES = (
    TINY.replace("max_columns = 6", "max_columns = 1")
    .replace("learning_curve = [0.5, 1.0]", "learning_curve = [1.0]")
    .replace("importance_rows = 60", "importance_rows = 0")
    .replace("dependence_rows = 30", "dependence_rows = 0")
)


def free_port() -> int:
    """One at which nothing listens on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Project:
    root: Path

    def make(self, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        """`make C=tiny ...` with the Python that runs the tests; output and errors as text."""
        return subprocess.run(
            self.command(*arguments), cwd=self.root, capture_output=True, text=True, **options
        )

    def command(self, *arguments: str) -> list[str]:
        return ["make", "--no-print-directory", f"VENV={self.root}/venv", "C=tiny", *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The same in the background, in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.root,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        """`python -m pipeline ...`."""
        command = [sys.executable, "-m", "pipeline", *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, **options)

    @property
    def toml(self) -> Path:
        return self.root / "pipeline" / "competitions" / "tiny.toml"

    @property
    def build(self) -> Path:
        return self.root / "data" / "build" / "tiny"

    @property
    def raw(self) -> Path:
        return self.root / "data" / "raw" / "tiny"

    def submission(self) -> Path:
        """The one submission there is."""
        (file,) = (self.root / "submissions" / "tiny").glob("*.csv")
        return file

    @property
    def store(self) -> Store:
        return Store(self.build / "store")

    def stored(self) -> list[Key]:
        """The keys of everything that was computed."""
        return list(self.store.keys())

    def experiments(self) -> list[dict[str, Any]]:
        """The records of all experiments, the oldest first."""
        paths = sorted((self.build / "experiments").glob("*/experiment.json"))
        return [json.loads(path.read_text()) for path in paths]

    def computed(self, *arguments: str) -> set[str]:
        """What `make ...`, by default `make all`, computed: `load`, `train-linear`.

        A stage with nothing to report has a line only where more is asked for.
        """
        done = self.make(*(arguments or ("all",)), "V=1")
        assert done.returncode == 0, done.stdout + done.stderr
        return computed(done.stdout)


def computed(output: str) -> set[str]:
    """The stages whose lines stand in the output of make: `load`, `train-linear`."""
    titles = {line[:TITLE].strip() for line in output.splitlines()}
    return {
        title.replace(" ", "-")
        for title in titles
        if re.fullmatch(rf"({'|'.join(stages())})( [a-z_0-9]+)?", title)
    }


def copy_project(root: Path, toml: str = FEW_FIGURES) -> Project:
    """The Makefile and the package with what Python compiled of it, its set-up done."""
    shutil.copy(ROOT / "Makefile", root)
    shutil.copytree(ROOT / "pipeline", root / "pipeline")
    for name in ("requirements.lock", "requirements-test.lock"):
        shutil.copy(ROOT / name, root)
    python = root / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for name, lock in (("installed", ""), ("installed-test", "-test")):
        shutil.copy(ROOT / f"requirements{lock}.lock", root / "venv" / name)
    project = Project(root)
    project.toml.write_text(toml)
    return project
