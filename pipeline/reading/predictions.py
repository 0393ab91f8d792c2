"""A file of predictions that were made elsewhere -> (n, k), in the order of our rows.

CSV, parquet or .npy. Rows are matched by the id column, where the file has it, else by their order.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import DataError, refusing_damage
from pipeline.problem import Problem
from pipeline.reading import contract, tables
from pipeline.reading.archives import Source, content
from pipeline.reading.notation import numbers
from pipeline.wording import count, folded, quoted

if TYPE_CHECKING:
    import pandas as pd

ARRAY = ".npy"
ROUNDED = 0.01  # by how much probabilities of a row, written with few digits, may miss 1
BEYOND = 1e-6  # by how much one may lie outside 0 and 1
BETWEEN = " _-.:"  # a word and a class: "probability yes", "proba_1"
FOLD_NAMES = {"fold", "folds", "kfold", "fold_id", "fold_number", "cv_fold"}
MOST_NAMED = 12


@dataclass(frozen=True)
class Rows:
    """The rows that a file must predict: of which `table`, how many, and their ids as words (n,),
    None where they have none. `needed` (n,) are those without which the file is of no use."""

    table: str
    count: int
    ids: "pd.Series | None"
    needed: np.ndarray


def read_predictions(
    path: Path, rows: Rows, problem: Problem, y: np.ndarray | None = None
) -> np.ndarray:
    """(n, k) probabilities in the order of the classes, or values; NaN only in rows not needed.

    y (n,) are the targets of these rows, where they are known: a column that holds them is no
    prediction. Raises DataError where the file does not fit the rows or the classes.
    """
    if path.name.lower().endswith(ARRAY):
        values = _of_array(_array(path), path, rows, problem)
    else:
        table = _in_order(_table(path), path, rows, problem)
        values = _of_columns(table, path, problem, y)
    return _checked(values, path, rows, problem)


def read_folds(path: Path, column: str, rows: Rows, problem: Problem) -> np.ndarray:
    """The fold of each row, (n,) codes from 0 on; -1 where there is none."""
    import pandas as pd

    if path.name.lower().endswith(ARRAY):
        found = _array(path)
        _refuse_count(len(found), path, rows)
        words = pd.Series(found.ravel()[: rows.count]).astype("str")
    else:
        table = _in_order(_table(path), path, rows, problem)
        if column not in table:
            raise DataError(
                f"{path}: there is no column {column!r} of folds; found {_named(table)}. Name one "
                "of them: folds = FILE/COLUMN."
            )
        words = table[column]
    return np.asarray(pd.factorize(words)[0])


# -- the rows --------------------------------------------------------------------------------------


def _table(path: Path) -> "pd.DataFrame":
    return tables.read_table(Source(path)).words


def _array(path: Path) -> np.ndarray:
    """The array of a .npy file; nothing that is unpickled."""
    with refusing_damage(f"{path}: this .npy file"):
        found = np.load(io.BytesIO(content(Source(path))), allow_pickle=False)
        return np.asarray(found, dtype=float)


def _in_order(table: "pd.DataFrame", path: Path, rows: Rows, problem: Problem) -> "pd.DataFrame":
    """The table's rows in the order of ours, without the id."""
    id = problem.id
    if id is None or rows.ids is None or id not in table:
        _refuse_count(len(table), path, rows)
        return table.drop(columns=id or "", errors="ignore")
    free = table.drop(columns=id)
    if (order := _places(rows.ids, table[id])) is not None:
        return free.iloc[order]
    known, found = contract.comparable(rows.ids, table[id])
    contract.check_ids(table, id, str(path))
    if differences := contract.differences({rows.table: known, str(path): found}):
        raise DataError(
            f"{path}: column {id!r} must have the ids of {rows.table}; found {differences}. Name "
            "the file that predicts these rows, or leave the column out, and the rows are taken in "
            "their order."
        )
    return free.set_axis(found.to_numpy()).loc[known.to_numpy()]


def _places(known: "pd.Series", found: "pd.Series") -> np.ndarray | None:
    """Where each of our ids stands among those of a file, (n,); None unless they are the same,
    spelled the same, and each is there once."""
    import pandas as pd

    index = pd.Index(found.to_numpy(object))
    if len(index) != len(known) or not index.is_unique:
        return None
    places = np.asarray(index.get_indexer(known.to_numpy(object)))
    return places if len(np.unique(places[places >= 0])) == len(known) else None


def _refuse_count(found: int, path: Path, rows: Rows) -> None:
    if found != rows.count:
        raise DataError(
            f"{path}: found {count(found, 'row')}, but {rows.table} has {rows.count:,}. Name the "
            "file that predicts these rows, all of them, or give it their id column."
        )


# -- the columns -----------------------------------------------------------------------------------


def _of_array(found: np.ndarray, path: Path, rows: Rows, problem: Problem) -> np.ndarray:
    """An array of shape (n,), (n, 1) or (n, k) -> (n, k)."""
    _refuse_count(len(found) if found.ndim else 0, path, rows)
    flat = found.reshape(len(found), -1)
    if problem.task != "regression" and problem.outputs == 2 and flat.shape[1] == 1:
        return _of_positive(flat[:, 0])
    if flat.shape[1] != problem.outputs:
        raise DataError(
            f"{path}: found an array of shape {found.shape}, where {(rows.count, problem.outputs)} "
            f"is needed{_order(problem)}. Save the predictions so."
        )
    return flat


def _of_columns(
    table: "pd.DataFrame", path: Path, problem: Problem, y: np.ndarray | None
) -> np.ndarray:
    """The columns that are the prediction, found by their names, or as the only numbers."""
    values = {str(name): numbers(table[name]).to_numpy(float) for name in table}
    known = {
        name: each
        for name, each in values.items()
        if not np.isnan(each).all() and name.lower() not in FOLD_NAMES
    }
    if problem.classes is None:
        return _sole(known, path, problem, y)[:, np.newaxis]
    by_class = _by_class(list(known), problem.classes)
    if by_class:
        return np.column_stack([known[name] for name in by_class])
    if problem.outputs > 2:
        raise DataError(
            f"{path}: found {_named(table)}, but a column of probabilities for each class is "
            f"needed: {quoted(problem.classes, MOST_NAMED)}. Name the columns after the classes."
        )
    positive = _by_class(list(known), problem.classes[1:])
    return _of_positive(known[positive[0]] if positive else _sole(known, path, problem, y))


def _by_class(names: Sequence[str], classes: Sequence[str]) -> list[str]:
    """A column for each class, named after it: "yes", "probability yes", "proba_yes"; or nothing.

    0, 1, 2, ... in a row stand for the classes, too.
    """
    found = []
    for label in map(folded, classes):
        ends = tuple(f"{sign}{label}" for sign in BETWEEN)
        exact = [name for name in names if folded(name) == label]
        fitting = exact or [name for name in names if folded(name).endswith(ends)]
        if len(fitting) == 1:
            found.append(fitting[0])
    if len({*found}) == len(classes):
        return found
    numbered = [str(code) for code in range(len(classes))]
    return numbered if len(classes) > 1 and {*numbered} <= {*names} else []


def _sole(
    known: dict[str, np.ndarray], path: Path, problem: Problem, y: np.ndarray | None
) -> np.ndarray:
    """The column of the target's name, or the only one of numbers; none that holds the targets."""
    free = {name: each for name, each in known.items() if y is None or not np.array_equal(each, y)}
    answers = [name for name in known if name not in free]
    if problem.target in free:
        return free[problem.target]
    if len(free) == 1:
        return next(iter(free.values()))
    kind = f"the probability of {problem.classes[1]!r}" if problem.classes else "values"
    also = f" ({quoted(answers)}: these are the targets themselves)" if answers else ""
    raise DataError(
        f"{path}: found {quoted(free, MOST_NAMED) or 'no column'} with numbers{also}; allowed is "
        f"one that holds {kind}, or one named {problem.target!r}. Leave the others out of the file."
    )


def _of_positive(probability: np.ndarray) -> np.ndarray:
    """P(the second class), (n,) -> (n, 2)."""
    return np.column_stack([1 - probability, probability])


# -- the values ------------------------------------------------------------------------------------


def _checked(values: np.ndarray, path: Path, rows: Rows, problem: Problem) -> np.ndarray:
    """The predictions, probabilities scaled to sum to 1; DataError for what is none."""
    given = np.isfinite(values).all(axis=1)
    if infinite := int(np.isinf(values).any(axis=1).sum()):
        raise _wrong(path, f"infinite numbers in {count(infinite, 'row')}", "finite ones")
    if missing := int((rows.needed & ~given).sum()):
        first = int(np.flatnonzero(rows.needed & ~given)[0])
        which = f"row {first + 1}" if rows.ids is None else f"id {rows.ids.iloc[first]!r}"
        found = f"no number for {missing:,} of {count(rows.count, 'row')} ({which} is the first)"
        raise _wrong(path, found, "a number for each row that the folds of [split] validate")
    if problem.task == "regression":
        return values
    known = values[given]
    outside = ((known < -BEYOND) | (known > 1 + BEYOND)).any(axis=1)
    if outside.any():
        shown = known[outside][0, -1 if problem.outputs == 2 else known[outside][0].argmax()]
        found = f"{shown:g} as the first of {count(int(outside.sum()), 'row')}"
        raise _wrong(path, found, "probabilities from 0 to 1, neither labels nor log-odds")
    total = known.sum(axis=1)
    if (off := np.abs(total - 1)).max(initial=0.0) > ROUNDED:
        found = f"probabilities that sum to {total[off.argmax()]:.4g} in {_many(off)}"
        raise _wrong(path, found, "those of all classes, which sum to 1")
    whole = np.clip(values, 0.0, 1.0)
    return np.asarray(whole / whole.sum(axis=1, keepdims=True))


def _many(off: np.ndarray) -> str:
    return f"the worst of {count(int((off > ROUNDED).sum()), 'row')}"


def _wrong(path: Path, found: str, allowed: str) -> DataError:
    return DataError(f"{path}: found {found}; allowed are {allowed}. Correct the file.")


def _order(problem: Problem) -> str:
    if problem.classes is None:
        return ""
    return f", a column a class in this order: {quoted(problem.classes, MOST_NAMED)}"


def _named(table: "pd.DataFrame") -> str:
    return f"the columns {quoted(map(str, table.columns), MOST_NAMED)}"
