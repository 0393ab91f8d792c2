"""The whole pipeline as a method of draws.py: `new`, `make all`, `predict`.

As an entrant would use it: nothing is set by hand, the preset is the only choice. A table of the
simulated survey takes airline.toml as it is, features included.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import whole_run

TEST_ROWS = 2000  # as many as the competition asks for; all others are scored by `predict`


class WholePipeline:
    """`toml` names a competition whose TOML is taken as it is; without one, `new` writes it.

    `minutes` are of the budget: 0 for no bound, None for those of the TOML. `promised` is what the
    latest run expects of its submission: a score and its standard error.
    """

    def __init__(self, preset: str, toml: str | None = None, minutes: float | None = None) -> None:
        self.preset, self.toml, self.minutes = preset, toml, minutes
        self.promised: dict[str, float] = {}

    def __call__(self, X: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            project, name = Path(folder), self.toml or "draw"
            whole_run.copy_project(project, "", None)
            files = project / "data" / "raw" / name if self.toml else project / "files"
            unlabelled, out = project / "unseen.csv", project / "scored.csv"
            write_files(files, unlabelled, X, y, unseen)
            if self.toml is None:
                call(project, "new", name, "--from", str(files))
            bound_minutes(project / f"pipeline/competitions/{name}.toml", self.minutes)
            make(project, name, self.preset)
            call(project, "predict", name, str(unlabelled), "--out", str(out))
            record = project / "data/build" / name / "experiments/0001/experiment.json"
            run = json.loads(record.read_text())
            self.promised = {"expected": run["score"], "expected_error": run["standard_error"]}
            return pd.read_csv(out)["probability 1"].to_numpy()


def bound_minutes(toml: Path, minutes: float | None) -> None:
    """Give a run and its presets so many minutes.

    0 bounds nothing, so that a busy machine changes no score; None leaves what is written.
    """
    if minutes is not None:
        bound = f"minutes = {minutes:g}" if minutes else "# minutes"
        text = re.sub(r"^minutes = .*$", bound, toml.read_text("utf-8"), flags=re.MULTILINE)
        toml.write_text(text, "utf-8")


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
