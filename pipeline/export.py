"""A run's out-of-fold and test predictions as files that others can blend, and this project reads.

CSV: id, prediction, and the fold that each training row was left out in; .npy: the array alone.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.config import BLEND
from pipeline.errors import SettingsError
from pipeline.experiments import Experiment
from pipeline.files import write_atomically
from pipeline.flow import Node
from pipeline.prediction_file import labelled, side_by_side
from pipeline.problem import Loaded
from pipeline.session import adopt, last_experiment
from pipeline.targets import refuse_other_rows
from pipeline.wording import did_you_mean
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".npy")


@dataclass(frozen=True)
class Part:
    """Predictions (n, k) of one target for the rows of a table, NaN where there are none."""

    prediction: np.ndarray
    load: Loaded
    table: "pd.DataFrame"


def export(workspace: Workspace, model: str, to: Path, experiment: Experiment | None) -> list[Path]:
    """Write a model's predictions, or the blend's, to `to` and, of the test rows, beside it. Of
    several targets, a file has the columns of all.

    Raises SettingsError for a model that the experiment does not have, and where a file would be
    lost; DataError where what is needed is not stored any more.
    """
    experiment = experiment or last_experiment(workspace)
    known = [BLEND, *experiment.models]
    if model not in known:
        raise SettingsError(
            f"--model: experiment {experiment.number} has no {model!r}; allowed are "
            f"{', '.join(known)}. {did_you_mean(model, known) or 'Name one of them.'}"
        )
    of_test = to.with_name(f"{to.stem}_test{to.suffix}")
    refuse_loss([to, of_test], workspace, several=len(experiment.target_names) > 1)
    stage = ("blend", "") if model == BLEND else ("train", model)
    taken = [("load", ""), ("split", ""), stage]
    targets = experiment.target_names
    names = [Node(*each, target).name for target in targets for each in taken]
    flow = adopt(workspace, experiment, names)
    refuse_other_rows([flow.of(target).value("load") for target in targets])
    train, test, folds = [], [], np.empty(0)
    for target in targets:
        load, split, value = (flow.of(target).value(*each) for each in taken)
        folds = split.numbers()
        train.append(Part(value.oof if model == BLEND else value.mean_oof, load, load.train))
        test.append(Part(value.test, load, load.test))
    write_atomically(to, content(to, train, folds))
    if not len(test[0].table):
        return [to]
    write_atomically(of_test, content(of_test, test))
    return [to, of_test]


def refuse_loss(paths: list[Path], workspace: Workspace, several: bool) -> None:
    """Raise SettingsError where these files may not be written."""
    for path in paths:
        if path.suffix not in SUFFIXES:
            found = f"the ending is {path.suffix!r}, and allowed are {', '.join(SUFFIXES)}"
        elif several and path.suffix == ".npy":
            found = "an array is of one target, and there are several: allowed is .csv"
        elif path.exists():
            found = "this is there already, and is not overwritten"
        elif path.resolve().is_relative_to(workspace.raw.resolve()):
            found = f"{workspace.raw} is for the organiser's files alone"
        else:
            continue
        raise SettingsError(f"--to {path}: {found}. Name another file.")


def content(path: Path, parts: Sequence[Part], folds: np.ndarray | None = None) -> bytes:
    """The bytes of a file of these predictions, of one target each."""
    if path.suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, parts[0].prediction, allow_pickle=False)
        return buffer.getvalue()
    written = side_by_side([_written(part, several=len(parts) > 1) for part in parts])
    if folds is not None:
        written["fold"] = folds
    return bytes(written.to_csv(index=False, lineterminator="\n").encode())


def _written(part: Part, several: bool) -> "pd.DataFrame":
    """A row a row of the table: id, predicted label and a probability a class; or the value."""
    problem, prediction = part.load.problem, part.prediction
    written = labelled(np.nan_to_num(prediction), problem, part.table.get(problem.id), several)
    missing = np.isnan(prediction).any(axis=1)
    written.loc[missing, [name for name in written if name != problem.id]] = None
    return written
