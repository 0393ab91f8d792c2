"""A competition of a few rows, run in this very process, in a folder of its own."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import session
from pipeline.experiments import Experiment
from pipeline.flow import Reporter
from pipeline.parallel import one_thread
from pipeline.session import Session
from pipeline.store import Store
from pipeline.workspace import Workspace
from tests.project import ROOT

TRAIN, TEST = 120, 30  # rows
TOML = """
[competition]
metric = "accuracy"

[explore]
max_rows = 100
permutations = 9

[split]
folds = 2

[models.linear]
[models.lightgbm]
max_rounds = 5
learning_rate = 0.1

[evaluate]
learning_curve = [1.0]
importance_rows = 0
dependence_rows = 0

[presets.quick.models.lightgbm]
max_rounds = 3
"""


@dataclass(frozen=True)
class Small:
    """The folders of the competition `tiny`; pipeline.workspace.COMPETITIONS must be `settings`."""

    root: Path

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root, "tiny")

    @property
    def settings(self) -> Path:
        return self.root / "competitions"

    @property
    def toml(self) -> Path:
        return self.settings / "tiny.toml"

    @property
    def build(self) -> Path:
        return self.workspace.build

    @property
    def store(self) -> Store:
        return Store(self.workspace.store)

    @property
    def test_file(self) -> Path:
        return self.workspace.raw / "test.csv"

    @property
    def submissions(self) -> list[Path]:
        return sorted(self.workspace.submissions.glob("*.csv"))

    def run(self, goal: str = "all", preset: str = "default", note: str = "") -> Session:
        with one_thread():
            return session.run(self.workspace, goal, preset, note, Reporter(silent=True))

    def experiment(self, *edit: str, note: str = "") -> Experiment:
        """Run up to the submission, after an edit of the TOML, and return what is kept of it."""
        if edit:
            self.edit(*edit)
        kept = self.run("submit", note=note).experiment
        assert kept is not None
        return kept

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`python -m pipeline ...` as a process of its own."""
        program = (
            "import sys; from pathlib import Path; from pipeline import workspace\n"
            "workspace.COMPETITIONS = Path('competitions')\n"
            "from pipeline.__main__ import main; main()"
        )
        return subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def edit(self, before: str, after: str) -> None:
        """Change the TOML."""
        text = self.toml.read_text()
        assert before in text
        self.toml.write_text(text.replace(before, after))

    def ledger(self) -> list[dict[str, Any]]:
        lines = (self.workspace.submissions / "ledger.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def copy(self, root: Path) -> "Small":
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        return Small(root)


def small_competition(root: Path) -> Small:
    """That of the survey; nothing has run yet."""
    rows = survey(TRAIN + TEST)
    return new_competition(root, TOML, rows[:TRAIN], rows[TRAIN:].drop(columns="y"))


def new_competition(root: Path, toml: str, train: pd.DataFrame, test: pd.DataFrame) -> Small:
    """The TOML and the raw files; nothing has run yet."""
    small = Small(root)
    small.settings.mkdir()
    small.toml.write_text(toml)
    small.workspace.raw.mkdir(parents=True)
    train.to_csv(small.workspace.raw / "train.csv", index=False)
    test.to_csv(small.test_file, index=False)
    return small


def survey(rows: int) -> pd.DataFrame:
    """`y` depends on `size`, `city` and `weight`, and on chance."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": np.arange(rows),
            "size": rng.integers(0, 6, rows),
            "city": rng.choice(["Ulm", "Bern", "Linz"], rows),
            "weight": rng.normal(size=rows).round(4),
        }
    )
    value = frame["size"] + 2 * (frame["city"] == "Bern") + frame["weight"]
    frame["y"] = np.where(value + rng.normal(size=rows) > 3, "yes", "no")
    return frame
