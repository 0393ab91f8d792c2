"""What the target and each column hold, and how numbers move together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.exploration.association import middle_ranks
from pipeline.exploration.drift import as_numbers

if TYPE_CHECKING:
    import pandas as pd

FEWEST_PAIRS = 10


@dataclass(frozen=True)
class Target:
    """What is predicted: y (n,) class codes or values; `classes` is None for regression."""

    name: str
    y: np.ndarray
    classes: tuple[str, ...] | None

    @property
    def counts(self) -> np.ndarray:
        """Rows of each class, (classes,)."""
        assert self.classes is not None
        return np.bincount(self.y, minlength=len(self.classes))

    @property
    def skewness(self) -> float:
        """Third standardised moment of the values."""
        centred = self.y - self.y.mean()
        spread = self.y.std()
        return float((centred**3).mean() / spread**3) if spread > 0 else 0.0


@dataclass(frozen=True)
class Profile:
    """One column of train and test. Zeros and the range are None where they mean nothing."""

    column: str
    kind: str
    distinct: int
    missing_train: int
    missing_test: int
    zeros_train: int | None
    zeros_test: int | None
    smallest: float | str | None
    median: float | str | None
    greatest: float | str | None
    commonest: str | None
    commonest_share: float | None


def profiles(
    train: "pd.DataFrame", test: "pd.DataFrame", columns: Sequence[tuple[str, str]]
) -> list[Profile]:
    """One a column, in the order of `columns`, which are (name, kind)."""
    return [_profile(train[name], test[name], kind) for name, kind in columns]


def _profile(train: "pd.Series", test: "pd.Series", kind: str) -> Profile:
    counts = train.value_counts()
    smallest, median, greatest = _range(train, kind)
    is_number = kind == "number"
    return Profile(
        column=str(train.name),
        kind=kind,
        distinct=len(counts),
        missing_train=int(train.isna().sum()),
        missing_test=int(test.isna().sum()),
        zeros_train=int((as_numbers(train, kind) == 0).sum()) if is_number else None,
        zeros_test=int((as_numbers(test, kind) == 0).sum()) if is_number else None,
        smallest=smallest,
        median=median,
        greatest=greatest,
        commonest=str(counts.index[0]) if len(counts) and kind == "category" else None,
        commonest_share=float(counts.iloc[0] / len(train)) if len(counts) else None,
    )


def _range(values: "pd.Series", kind: str) -> tuple[float | str | None, ...]:
    """Smallest, median and greatest; dates as text; None for words."""
    known = as_numbers(values, kind) if kind in ("number", "date") else np.empty(0)
    known = known[np.isfinite(known)]
    if not len(known):
        return None, None, None
    three = (known.min(), np.median(known), known.max())
    if kind == "number":
        return tuple(float(value) for value in three)
    return tuple(str(np.datetime64(int(np.floor(value)), "D")) for value in three)


def correlations(matrix: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each pair of columns, over the rows where both are known.

    matrix (n, d) with NaN where missing -> (d, d); NaN where a column does not vary. A column is
    ranked once, among its own known rows: with missing values this comes close to Spearman's, at
    the cost of one matrix product instead of d² sorts.
    """
    known = ~np.isnan(matrix)
    ranks = np.zeros(matrix.shape)
    for column, mine in enumerate(known.T):
        if mine.any():
            own = middle_ranks(matrix[mine, column])
            ranks[mine, column] = own - own.mean()
    return _pairwise_pearson(ranks, known.astype(float))


def _pairwise_pearson(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Pearson's correlation over the rows that both columns know; values are 0 where unknown."""
    rows = known.T @ known
    sums, squares = values.T @ known, (values**2).T @ known
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = values.T @ values - sums * sums.T / rows
        variance = np.maximum(squares - sums**2 / rows, 0.0)
        result = covariance / np.sqrt(variance * variance.T)
    flat = np.minimum(variance, variance.T) <= 1e-9
    result[flat | (rows < FEWEST_PAIRS)] = np.nan
    return np.clip(result, -1.0, 1.0)
