"""Target means: what the target was, on average, in the rows of the same category.

A row's own label must not enter its features, or a model learns to read it there. So the rows
that the means are fitted on get theirs from other rows (cross-fitting); all other rows get the
means of all training rows. Smoothing after Micci-Barreca 2001; cross-fitting as in scikit-learn's
TargetEncoder, but with folds that know no labels.

How much to smooth depends on the column: s is the variance within levels over that between them.
Levels that differ a lot need few rows, levels that hardly differ need many.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from pipeline.encoding import View
from pipeline.encoding.columns import CodedColumn, positions
from pipeline.encoding.distribution import Distribution
from pipeline.encoding.scaling import Scaling
from pipeline.float32 import TargetScale

INNER_FOLDS = 5
UNKNOWN = 10.0  # the smoothing where no level has two rows, and its variance is not known
MOST = 1e6  # the smoothing of levels that do not differ

Smoothing: TypeAlias = float | Literal["auto"]


@dataclass(frozen=True)
class TargetMeans:
    """(sum of y in the level + s * overall mean) / (rows of the level + s), s the smoothing.

    `means` (levels, outputs); `missing` and `overall` (outputs,). Missing is a level like the
    others; a level that training never showed gets the overall mean. `scaling` is that of the
    dense view, one for each output.
    """

    levels: list[str] | list[int] | list[float]
    means: list[list[float]]
    missing: list[float]
    overall: list[float]
    scaling: list[Scaling]

    @classmethod
    def fit(
        cls, column: CodedColumn, targets: np.ndarray, inner: np.ndarray, smoothing: Smoothing
    ) -> tuple["TargetMeans", np.ndarray]:
        """Column and targets (n, outputs) of the training rows -> what all other rows get, and
        what these rows get themselves: cross-fitted means (n, outputs) over the folds `inner`."""
        counts = column.counts().astype(float)
        sums = sums_by_value(column.codes, targets, len(counts))
        overall = targets.sum(axis=0) / max(len(targets), 1)
        squares = (targets**2).sum(axis=0)
        weight = chosen(smoothing, sums, counts[:, np.newaxis], squares)
        means = smoothed(sums, counts, overall, weight)
        crossed = cross_fit(column, targets, inner, smoothing)
        seen = np.flatnonzero(counts[:-1])
        fitted = cls(
            column.values[seen].tolist(),
            means[seen].tolist(),
            means[-1].tolist(),
            overall.tolist(),
            [
                Scaling.fit(Distribution(*np.unique(output, return_counts=True)), log_skew=np.inf)
                for output in crossed.T
            ],
        )
        return fitted, crossed

    def by_value(self, column: CodedColumn, view: View) -> np.ndarray:
        """(m + 1, outputs) float64."""
        found = np.append(positions(column.values, self.levels), len(self.levels))
        means = np.array([*self.means, self.missing, self.overall])
        # -1, not found, is the last row: the overall mean
        return self.in_view(means[found], view)

    def in_view(self, means: np.ndarray, view: View) -> np.ndarray:
        """Means (rows, outputs) as the view has them: the dense one scales them."""
        if view == "tree":
            return means
        scaled = [
            scaling.transform(output) for scaling, output in zip(self.scaling, means.T, strict=True)
        ]
        return np.stack(scaled, axis=1)

    def names(self, name: str) -> list[str]:
        """One output: the mean. Several: a mean for each class but class 0, which is the rest."""
        if len(self.overall) == 1:
            return [f"{name} target mean"]
        return [f"{name} target mean {output}" for output in range(1, len(self.overall) + 1)]


def target_columns(y: np.ndarray, classes: int | None) -> np.ndarray:
    """y (n,) -> (n, outputs): the value; or for each class but the first, whether a row has it.

    Values that float32 would merge count from an origin, as those that the models are fitted on.
    """
    if classes is None:
        return TargetScale.fit(y).apply(y)[:, np.newaxis]
    return (np.asarray(y)[:, np.newaxis] == np.arange(1, classes)).astype(float)


def cross_fit(
    column: CodedColumn, targets: np.ndarray, inner: np.ndarray, smoothing: Smoothing
) -> np.ndarray:
    """Each row's target means from the rows of the other inner folds, (n, outputs).

    `inner` (n,) are fold numbers 0, 1, ... A row's own label enters none of the sums that it is
    given, so that its value does not change, to the byte, when that label does.
    """
    folds, values = int(inner.max(initial=0)) + 1, len(column.values) + 1
    cells = column.codes * np.int64(folds) + inner
    counts = _of_other_folds(np.bincount(cells, minlength=values * folds), folds)
    rows = _of_other_folds(np.bincount(inner, minlength=folds), folds)
    result = np.empty(targets.shape)
    for output, target in enumerate(targets.T):
        sums = _of_other_folds(np.bincount(cells, target, values * folds), folds)
        # not the sum of `sums`: it would round in another order if other rows had other levels
        overall = _of_other_folds(np.bincount(inner, target, folds), folds) / np.maximum(rows, 1)
        squares = _of_other_folds(np.bincount(inner, target**2, folds), folds)
        weight = chosen(smoothing, sums, counts, squares[0])
        result[:, output] = smoothed(sums, counts, overall[0], weight)[column.codes, inner]
    return result


def chosen(
    smoothing: Smoothing, sums: np.ndarray, counts: np.ndarray, squares: np.ndarray
) -> np.ndarray:
    """The smoothing that is asked for, or the one that the rows call for, (j,)."""
    if smoothing == "auto":
        return variance_ratio(sums, counts, squares)
    return np.full(sums.shape[1], smoothing)


def variance_ratio(sums: np.ndarray, counts: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """The variance of the target within levels over that of the levels' means, (j,).

    sums (levels, j) of the target, counts (levels, j) or (levels, 1), squares (j,): the sum of its
    squares. By the moments of a one-way analysis of variance (Searle, Casella and McCulloch 1992,
    section 3.6): the means are shrunk as in the best linear unbiased prediction.
    """
    rows = np.broadcast_to(counts, sums.shape).astype(float)
    safe, n, levels = np.maximum(rows, 1.0), rows.sum(axis=0), (rows > 0).sum(axis=0)
    of_levels = (sums**2 / safe).sum(axis=0)
    within = np.maximum(squares - of_levels, 0.0) / np.maximum(n - levels, 1)
    total = sums.sum(axis=0) ** 2 / np.maximum(n, 1.0)
    typical = (n - (rows**2).sum(axis=0) / np.maximum(n, 1.0)) / np.maximum(levels - 1, 1)
    excess = (of_levels - total) / np.maximum(levels - 1, 1) - within
    between = np.maximum(excess, 0.0) / np.maximum(typical, 1.0)
    ratio = np.minimum(within, MOST * between) / np.where(between > 0, between, 1.0)
    return np.where(n > levels, np.where(between > 0, ratio, MOST), UNKNOWN)


def inner_folds(rows: int, rng: np.random.Generator) -> np.ndarray:
    """Fold numbers (rows,) drawn without a look at the labels."""
    return rng.permutation(rows) % INNER_FOLDS


def smoothed(
    sums: np.ndarray, counts: np.ndarray, overall: np.ndarray, smoothing: float | np.ndarray
) -> np.ndarray:
    """Means of levels drawn towards the overall mean; that mean itself where there are no rows.

    sums (levels, j), counts (levels,) or (levels, j), overall and smoothing (j,) -> (levels, j)
    """
    weight = np.broadcast_to(counts.reshape(len(counts), -1) + smoothing, sums.shape)
    safe = np.where(weight > 0, weight, 1.0)
    return np.where(weight > 0, (sums + smoothing * overall) / safe, overall)


def _of_other_folds(totals: np.ndarray, folds: int) -> np.ndarray:
    """Totals (values * folds,) -> for each value and fold the total of the other folds, the same
    shape as a table (values, folds). Nothing is subtracted: the fold's own rows leave no rounding.
    """
    table = totals.reshape(-1, folds).astype(float)
    others = [np.delete(table, fold, axis=1).sum(axis=1) for fold in range(folds)]
    return np.stack(others, axis=1)


def sums_by_value(codes: np.ndarray, targets: np.ndarray, values: int) -> np.ndarray:
    """Codes (n,) and targets (n, outputs) -> (values, outputs)."""
    columns = [np.bincount(codes, weights=target, minlength=values) for target in targets.T]
    return np.stack(columns, axis=1)
