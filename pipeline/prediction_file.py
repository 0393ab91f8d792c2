"""Predictions of new rows as a CSV file for people: where it goes, and what is in it."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import SettingsError
from pipeline.files import write_atomically
from pipeline.problem import Problem
from pipeline.reading import archives, naming
from pipeline.wording import quoted

if TYPE_CHECKING:
    import pandas as pd


def labelled(
    prediction: np.ndarray,
    problem: Problem,
    ids: "pd.Series | None" = None,
    several: bool = False,
) -> "pd.DataFrame":
    """(n, k) -> a table for people: id, predicted label and a probability a class; or values.

    Of one of `several` targets, its name stands before the classes.
    """
    import pandas as pd

    columns: dict[str, Any] = {} if ids is None else {str(ids.name): ids.to_numpy()}
    if problem.classes is None:
        return pd.DataFrame({**columns, problem.target: prediction[:, 0]})
    labels = np.array(problem.classes, dtype=object)[prediction.argmax(axis=1)]
    columns[problem.target] = pd.Series(labels).infer_objects()
    of = f"{problem.target}: " if several else ""
    for label, probability in zip(problem.classes, prediction.T, strict=True):
        columns[f"{of}probability {label}"] = probability
    return pd.DataFrame(columns)


def side_by_side(tables: "Sequence[pd.DataFrame]") -> "pd.DataFrame":
    """Tables of one target each -> a table of all, with one id."""
    import pandas as pd

    table = pd.concat(tables, axis=1)
    return table.loc[:, ~table.columns.duplicated()]


def predictions_path(
    file: Path, out: Path | None, *, raw: Path, submissions: Path, problems: Sequence[Problem]
) -> Path:
    """Where the predictions of a file go: `out`, or predictions/ below the folder `submissions`.

    `raw` is the folder of all organisers' files. Raises SettingsError where writing there would
    harm what the user has.
    """
    name = naming.stem(file.name) if file.suffix.lower() == ".csv" else file.name
    target = out or submissions / "predictions" / f"{name}.predictions.csv"
    if target.exists() and file.exists() and target.samefile(file):
        found = "this is the file to predict, which would be overwritten"
    elif target.resolve().is_relative_to(raw.resolve()):
        found = f"{raw} is for the organiser's files alone, and `make` reads what lies there"
    elif target.is_dir():
        found = "this is a folder, and allowed is a file"
    elif out is not None and target.exists() and not _holds_predictions(target, problems):
        names = quoted(problem.target for problem in problems)
        found = (
            f"this file is there already and holds no predictions of {names}, so it is not "
            "overwritten"
        )
    else:
        return target
    raise SettingsError(f"--out {target}: {found}. Name another file, or leave --out away.")


def write_predictions(target: Path, table: "pd.DataFrame") -> tuple[str, ...]:
    """Write the table as CSV; a note where it replaces other predictions.

    Files of one name in two folders have one place for their predictions.
    """
    content = table.to_csv(index=False, lineterminator="\n").encode()
    is_other = target.exists() and target.read_bytes() != content
    write_atomically(target, content)
    note = "other predictions lay there and were replaced; --out FILE names another place"
    return (note,) if is_other else ()


def _holds_predictions(target: Path, problems: Sequence[Problem]) -> bool:
    """Whether the header of this file is that of such tables, with or without ids."""
    several = len(problems) > 1
    empty = [labelled(np.empty((0, p.outputs)), p, several=several) for p in problems]
    ours = list(side_by_side(empty))
    with archives.readable(target), target.open(encoding="utf-8", errors="replace") as file:
        header = next(csv.reader(file), [])
    return header in (ours, [problems[0].id, *ours])
