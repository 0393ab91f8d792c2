"""Rows with the same features as another row: by chance, or because they were copied?

On a coarse table some rows are equal by chance. There is then a column that the others leave
free: rows that agree in all others agree in it hardly more often than any two rows do. Copies agree
in every column.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.exploration.duplicates import fingerprints

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 10  # rows, and
FEWEST_SHARE = 0.01  # of their table: fewer hardly move a score
COPIED = 0.8  # share of the pairs that agree in the last column as well, or
LIFT = 50.0  # times that of any two rows
TELLING = 0.5  # two random rows agree no more often in a column that can tell copies
ASKED = 8  # columns
TIMES, ERRORS = 2.0, 5.0  # more often than in the other table: how many times, standard errors


@dataclass(frozen=True)
class Twins:
    """Training rows with an equal row in another fold, and test rows with one in train.

    straddling (n,) bool; within: share of train rows with an equal one in train; agreeing: share of
    the straddling rows whose equals all have their target; shared: how many test rows, of `rows`;
    sure: how many of these have one target in train; *_copied: there are more than by chance;
    test_like_train: rows of test have equal ones in train hardly less often than rows of train.
    """

    straddling: np.ndarray
    within: float
    agreeing: float
    train_copied: bool
    shared: int
    rows: int
    sure: int
    test_copied: bool
    test_like_train: bool

    @property
    def across(self) -> float:
        """Share of test rows with an equal row in train."""
        return self.shared / self.rows


def find_twins(
    train: "pd.DataFrame",
    test: "pd.DataFrame",
    y: np.ndarray,
    fold: np.ndarray,
    columns: Sequence[tuple[str, str]],
) -> Twins:
    """train (n rows), y (n,), fold (n,) numbers; `columns` are the features' (name, kind)."""
    one, other = fingerprints(train, columns), fingerprints(test, columns)
    values, group = np.unique(one, return_inverse=True)
    straddling = _differs(group, fold)[group]
    unsure = _differs(group, np.unique(y, return_inverse=True)[1])
    within = float((np.bincount(group)[group] > 1).mean())
    place = np.searchsorted(values, other).clip(max=len(values) - 1)
    found = values[place] == other
    shared, n, m = int(found.sum()), len(one), len(other)
    return Twins(
        straddling=straddling,
        within=within,
        agreeing=float(1 - unsure[group][straddling].mean()) if straddling.any() else 0.0,
        train_copied=_enough(int(straddling.sum()), n)
        and (_exceeds(within, n, shared / m, m) or are_copies(train, None, columns)),
        shared=shared,
        rows=m,
        sure=int((~unsure[place[found]]).sum()),
        test_copied=_enough(shared, m)
        and (_exceeds(shared / m, m, within, n) or are_copies(train, test, columns)),
        test_like_train=within <= TIMES * shared / m,
    )


def _differs(group: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Whether the numbers (n,) of a group's rows differ, by group."""
    lowest = np.full(int(group.max()) + 1, np.iinfo(np.int64).max)
    highest = np.full(len(lowest), -1)
    np.minimum.at(lowest, group, numbers)
    np.maximum.at(highest, group, numbers)
    return lowest != highest


def _enough(rows: int, of: int) -> bool:
    return rows >= max(FEWEST, FEWEST_SHARE * of)


def _exceeds(share: float, n: int, other: float, m: int) -> bool:
    """Whether a share of n rows is clearly above that of m rows, which chance would make equal."""
    pooled = (share * n + other * m) / (n + m)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return bool(share > TIMES * other and share - other > ERRORS * error)


def are_copies(
    train: "pd.DataFrame", test: "pd.DataFrame | None", columns: Sequence[tuple[str, str]]
) -> bool:
    """Whether rows that agree in all columns but one agree in that one too, whichever it is.

    Pairs within train, or between train and test. Asked of the columns in which two random rows
    agree least; False where they mostly agree even in these, since then nothing can be told.
    """
    equal = _pairs(train, test, columns)
    if not equal or len(columns) < 2:
        return False
    collisions = {column: _collision(train, column) for column in columns}
    telling = sorted((c for c in columns if collisions[c] <= TELLING), key=collisions.__getitem__)
    for column in telling[:ASKED]:
        others = [other for other in columns if other != column]
        if equal / _pairs(train, test, others) < min(COPIED, LIFT * collisions[column]):
            return False
    return bool(telling)


def _collision(train: "pd.DataFrame", column: tuple[str, str]) -> float:
    """How often two random rows agree in a column."""
    counts = np.unique(fingerprints(train, [column]), return_counts=True)[1]
    return float((counts * (counts - 1)).sum() / (len(train) * max(len(train) - 1, 1)))


def _pairs(
    train: "pd.DataFrame", test: "pd.DataFrame | None", columns: Sequence[tuple[str, str]]
) -> int:
    """Pairs of rows that agree in all these columns: within train, or one in train, one in test."""
    one, counts = np.unique(fingerprints(train, columns), return_counts=True)
    if test is None:
        return int((counts * (counts - 1) // 2).sum())
    other, others = np.unique(fingerprints(test, columns), return_counts=True)
    _, mine, yours = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    return int((counts[mine] * others[yours]).sum())
