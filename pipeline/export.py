"""A run's out-of-fold and test predictions as files that others can blend, and this project reads.

CSV: id, prediction, and the fold that each training row was left out in; .npy: the array alone.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.config import BLEND
from pipeline.errors import SettingsError
from pipeline.experiments import Experiment
from pipeline.files import write_atomically
from pipeline.prediction_file import labelled
from pipeline.problem import Loaded
from pipeline.session import adopt, last_experiment
from pipeline.targets import folder_of
from pipeline.wording import did_you_mean
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from pipeline.table import Frame

SUFFIXES = (".csv", ".npy")


def export(workspace: Workspace, model: str, to: Path, experiment: Experiment | None) -> list[Path]:
    """Write a model's predictions, or the blend's, to `to` and, of the test rows, beside it.

    Each of several targets has files of its own, with its name behind that of `to`. Raises
    SettingsError for a model that the experiment does not have, and where a file would be lost;
    DataError where what is needed is not stored any more.
    """
    experiment = experiment or last_experiment(workspace)
    known = [BLEND, *experiment.models]
    if model not in known:
        raise SettingsError(
            f"--model: experiment {experiment.number} has no {model!r}; allowed are "
            f"{', '.join(known)}. {did_you_mean(model, known, 'Name one of them.')}"
        )
    views = {to: experiment}
    if experiment.targets:
        places = enumerate(experiment.target_names, start=1)
        views = {
            to.with_name(f"{to.stem}_{folder_of(place, target)}{to.suffix}"): experiment.of(target)
            for place, target in places
        }
    refuse_loss([each for path in views for each in (path, _of_test(path))], workspace)
    written = [_export_target(workspace, model, path, each) for path, each in views.items()]
    return [path for paths in written for path in paths]


def _of_test(to: Path) -> Path:
    """Where the predictions of the test rows go."""
    return to.with_name(f"{to.stem}_test{to.suffix}")


def _export_target(
    workspace: Workspace, model: str, to: Path, experiment: Experiment
) -> list[Path]:
    """Of an experiment of one target."""
    node = BLEND if model == BLEND else f"train-{model}"
    flow = adopt(workspace, experiment, ["load", "split", node])
    load, split, value = flow.value("load"), flow.value("split"), flow.value(*node.split("-", 1))
    oof = value.oof if model == BLEND else value.mean_oof
    write_atomically(to, content(to, oof, load, load.train, split.numbers()))
    if not len(load.test):
        return [to]
    of_test = _of_test(to)
    write_atomically(of_test, content(of_test, value.test, load, load.test))
    return [to, of_test]


def refuse_loss(paths: list[Path], workspace: Workspace) -> None:
    """Raise SettingsError where these files may not be written."""
    for path in paths:
        if path.suffix not in SUFFIXES:
            found = f"the ending is {path.suffix!r}, and allowed are {', '.join(SUFFIXES)}"
        elif path.exists():
            found = "this is there already, and is not overwritten"
        elif path.resolve().is_relative_to(workspace.raw.resolve()):
            found = f"{workspace.raw} is for the organiser's files alone"
        else:
            continue
        raise SettingsError(f"--to {path}: {found}. Name another file.")


def content(
    path: Path,
    prediction: np.ndarray,
    load: Loaded,
    table: "Frame",
    folds: np.ndarray | None = None,
) -> bytes:
    """The bytes of a file: predictions (n, k) of the rows of a table, NaN where there are none."""
    if path.suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, prediction, allow_pickle=False)
        return buffer.getvalue()
    problem = load.problem
    written = labelled(np.nan_to_num(prediction), problem, table.get(problem.id))
    missing = np.isnan(prediction).any(axis=1)
    written.loc[missing, [name for name in written if name != problem.id]] = None
    if folds is not None:
        written["fold"] = folds
    return bytes(written.to_csv(index=False, lineterminator="\n").encode())
