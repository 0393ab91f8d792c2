"""The whole pipeline as a method of draws.py: `new`, `make all`, `predict`.

As an entrant would use it: nothing is set by hand, the preset is the only choice. A table of the
simulated survey takes airline.toml as it is, features included.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import whole_run
from peers import Fit

TEST_ROWS = 2000  # as many as the competition asks for; all others are scored by `predict`


def whole(preset: str, reported: Path, toml: str | None = None) -> Fit:
    """`toml` names a competition whose TOML is taken as it is; without one, `new` writes it.

    What each run says of itself is added to `reported`, a line of JSON a run.
    """

    def fit(X: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder)
            whole_run.copy_project(project, "", None)
            name = toml or "draw"
            files = project / "data" / "raw" / name if toml else project / "files"
            unlabelled, out = project / "unseen.csv", project / "scored.csv"
            write_files(files, unlabelled, X, y, unseen)
            if toml is None:
                call(project, "new", name, "--from", str(files))
            make(project, name, preset)
            call(project, "predict", name, str(unlabelled), "--out", str(out))
            tell(project / "data" / "build" / name, preset, reported)
            return pd.read_csv(out)["probability 1"].to_numpy()

    return fit


def write_files(
    files: Path, unlabelled: Path, X: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame
) -> None:
    """train.csv, test.csv and sample_submission.csv as an organiser serves them; and all unseen."""
    files.mkdir(parents=True)
    train = X.assign(target=y).reset_index(drop=True).rename_axis("id")
    rest = unseen.reset_index(drop=True).rename_axis("id")
    test = rest.head(TEST_ROWS)
    train.to_csv(files / "train.csv")
    test.to_csv(files / "test.csv")
    test.assign(target=0)[["target"]].to_csv(files / "sample_submission.csv")
    rest.to_csv(unlabelled)


def make(project: Path, name: str, preset: str) -> None:
    options = whole_run.argparse.Namespace(competition=name, preset=preset)
    subprocess.run(
        whole_run.command(project, "all", options),
        cwd=project,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def call(project: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "pipeline", *arguments]
    subprocess.run(command, cwd=project, check=True, stdout=subprocess.DEVNULL)


def tell(build: Path, preset: str, reported: Path) -> None:
    """What the run reports of its blend, to be held against what it achieves."""
    blend = json.loads((build / "blend" / "blend.json").read_text())
    with reported.open("a") as file:
        file.write(json.dumps({"preset": preset, **blend}) + "\n")
