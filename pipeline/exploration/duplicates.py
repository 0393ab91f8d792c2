"""Rows that are equal: within train, between train and test, and with targets that disagree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.exploration.drift import as_numbers

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Duplicates:
    """Rows with equal features (ids and targets are no features).

    train, test: rows that repeat an earlier one; shared: test rows that stand in train as well;
    conflicting: train rows that equal another in all but the target; ceiling: the best accuracy on
    train that features alone allow (None for regression).
    """

    train: int
    test: int
    shared: int
    conflicting: int
    ceiling: float | None


def find_duplicates(
    train: "pd.DataFrame",
    test: "pd.DataFrame",
    y: np.ndarray,
    columns: Sequence[tuple[str, str]],
    *,
    is_regression: bool,
) -> Duplicates:
    """train (n rows), y (n,) class codes or values; `columns` are the features' (name, kind)."""
    one, other = fingerprints(train, columns), fingerprints(test, columns)
    conflicting, agreeing = _conflicts(one, np.asarray(y))
    return Duplicates(
        train=len(one) - len(np.unique(one)),
        test=len(other) - len(np.unique(other)),
        shared=int(np.isin(other, one).sum()),
        conflicting=conflicting,
        ceiling=None if is_regression else agreeing / len(one),
    )


def _conflicts(prints: np.ndarray, y: np.ndarray) -> tuple[int, int]:
    """Rows in groups of equal features with several targets; rows of each group's commonest one."""
    _, group = np.unique(prints, return_inverse=True)
    _, target = np.unique(y, return_inverse=True)
    pairs, counts = np.unique(np.column_stack([group, target]), axis=0, return_counts=True)
    size = np.bincount(group)
    targets = np.bincount(pairs[:, 0])
    commonest = np.zeros(len(size), dtype=np.int64)
    np.maximum.at(commonest, pairs[:, 0], counts)
    return int(size[targets > 1].sum()), int(commonest.sum())


def fingerprints(frame: "pd.DataFrame", columns: Sequence[tuple[str, str]]) -> np.ndarray:
    """A 64-bit hash a row, (n,): equal features have equal hashes, however they are stored."""
    import pandas as pd

    plain = {position: _plain(frame[name], kind) for position, (name, kind) in enumerate(columns)}
    table = pd.DataFrame(plain, index=frame.index)
    return pd.util.hash_pandas_object(table, index=False).to_numpy()


def _plain(values: "pd.Series", kind: str) -> "pd.Series":
    """1 and 1.0 are equal, and so are all ways to be missing."""
    import pandas as pd

    if kind in ("number", "date"):
        return pd.Series(as_numbers(values, kind), index=values.index)
    return values.astype("str")
