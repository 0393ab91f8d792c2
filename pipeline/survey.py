"""A competition's rows in memory, encoded fold by fold: for those who look, as notebooks do.

The stages load, split and encode do the work, as `make` has them do it, in a folder that is gone
afterwards. `new_workspace` is for those who want the folders themselves.
"""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import config, metrics, models, runner
from pipeline.artifacts import Folder, Workspace
from pipeline.exploration.findings import Dataset
from pipeline.folds import Fold, View, read_folds, read_view
from pipeline.progress import Progress
from pipeline.stages import encode, explore, load, split

STAGES = ("load", "split", "encode")


@dataclass(frozen=True)
class Survey:
    """All rows' targets y (n,), and per fold its row numbers and its matrices."""

    experiment: config.Experiment
    schema: dict[str, Any]
    y: np.ndarray
    folds: list[Fold]
    views: list[View]

    def model(self, name: str, view: View, **changes: Any) -> models.Model:
        """An unfitted model with the settings of the competition's TOML, and these changes."""
        settings = self.experiment.models[name].model_dump() | changes
        metric = metrics.get_metric(self.experiment.competition.metric, self.schema["task"])
        problem = models.describe(self.schema, view.columns, view.categorical, metric.name)
        return models.build_bare(name, settings, problem)


def read_survey(
    competition: str, raw: Path, *, view: str = "dense", preset: str = "quick"
) -> Survey:
    """Load, split and encode the files in `raw`; where there are none, the simulated survey.

    `view` is "tree" or "dense", `preset` one of the competition's TOML.
    """
    experiment = config.load_experiment(competition, preset)
    with tempfile.TemporaryDirectory() as build:
        loaded, divided, encoded = (Folder(Path(build) / stage) for stage in STAGES)
        _load(experiment, competition, raw, loaded)
        split.run(experiment.split, load=loaded, out=divided, progress=Progress("split"))
        encode.run(
            experiment.encode, load=loaded, split=divided, out=encoded, progress=Progress("encode")
        )
        folds = read_folds(divided)
        views = [_in_memory(read_view(encoded, fold, view)) for fold in folds]
        y = np.array(loaded.read_array("y"))
        return Survey(experiment, loaded.read_json("schema"), y, folds, views)


def read_dataset(competition: str, raw: Path) -> Dataset:
    """Load the files in `raw`, or the simulated survey where there are none, as explore sees it."""
    experiment = config.load_experiment(competition)
    with tempfile.TemporaryDirectory() as folder:
        loaded = Folder(Path(folder))
        _load(experiment, competition, raw, loaded)
        return explore.read_dataset(loaded)


def new_workspace(
    root: Path, competition: str, raw: Path, experiment: config.Experiment
) -> Workspace:
    """Folders below `root` in which any stage can run: a copy of the files in `raw`, if there are
    any, and the settings of each stage."""
    workspace = Workspace(root, competition)
    if raw.is_dir():
        shutil.copytree(raw, workspace.raw)
    runner.write_snapshots(workspace, experiment, "quick")
    return workspace


def _load(experiment: config.Experiment, competition: str, raw: Path, out: Folder) -> None:
    asked = config.LoadStage(**experiment.load.model_dump(), task=experiment.competition.task)
    load.run(asked, raw=raw, competition=competition, out=out, progress=Progress("load"))


def _in_memory(view: View) -> View:
    """The matrices themselves, not a window on files that are about to go."""
    train, valid, test = (np.array(part) for part in (view.train, view.valid, view.test))
    return replace(view, train=train, valid=valid, test=test)
