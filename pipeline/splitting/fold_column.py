"""Folds that a column of the training file numbers; rows of -1 or nothing are never validated."""

import numpy as np

from pipeline.errors import DataError, SettingsError
from pipeline.problem import Loaded
from pipeline.reading.contract import FIRST_ROW
from pipeline.wording import did_you_mean, quoted

NEVER = -1
MOST_FOLDS = 50


def fold_numbers(name: str, load: Loaded) -> np.ndarray:
    """Each row's fold from 0 on, (n,) int; -1 for rows that are never validated.

    Raises SettingsError where there is no such column, DataError for what numbers no folds.
    """
    import pandas as pd

    if name not in load.train:
        raise SettingsError(
            f"[split] column: found '{name}', but the training file has no such column; allowed "
            f"are {quoted(load.train.columns)}. "
            f"{did_you_mean(name, load.train.columns)}"
        )
    words = load.train[name]
    numbers = pd.to_numeric(words, errors="coerce").to_numpy(dtype=float)
    numbers = np.where(words.isna(), NEVER, numbers)
    wrong = ~((numbers >= NEVER) & (numbers == np.round(numbers)))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"train, row {row + FIRST_ROW}: column {name!r}, which numbers the folds, holds "
            f"{words.iloc[row]!r}; allowed are whole numbers, and -1 or nothing for rows that are "
            "never validated. Correct the file."
        )
    return _from_zero(name, numbers.astype(int))


def _from_zero(name: str, numbers: np.ndarray) -> np.ndarray:
    """Folds that are numbered from 0 or from 1, from 0 on."""
    found = np.unique(numbers[numbers != NEVER])
    if not len(found) or len(found) > MOST_FOLDS or found[0] > 1:
        shown = f"{len(found):,} different numbers" + (f" from {found[0]} on" if len(found) else "")
        raise DataError(
            f"train: column {name!r}, which numbers the folds, holds {shown}; allowed are 1 to "
            f"{MOST_FOLDS} folds, numbered from 0 or 1. Correct the file, or name another column."
        )
    gaps = np.setdiff1d(np.arange(found[0], found[-1] + 1), found)
    if len(gaps):
        raise DataError(
            f"train: column {name!r} numbers folds {found[0]} to {found[-1]}, but no row has "
            f"{quoted(gaps.tolist(), 5)}. Number the folds without a gap."
        )
    return np.where(numbers == NEVER, NEVER, numbers - found[0])
