"""How much one column, taken alone, tells about the target.

`strength` is measured on the rows themselves, with a p-value: the bias-corrected Cramér's V of the
column's bins for classes, and the correlation ratio of the ranks for values. `skill` is measured on
rows that the column's means were not taken from; predictions can be measured in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pipeline.exploration.bins import cut
from pipeline.exploration.significance import chi_square, without_empty
from pipeline.problem import Feature
from pipeline.table import take

if TYPE_CHECKING:
    from pipeline.table import Frame

MOST_ROWS = 5_000  # by which columns are compared, evenly spaced
SMOOTHING = 5.0  # weight of the overall mean, in rows


# -- on the rows themselves ------------------------------------------------------------------------


def strength(codes: np.ndarray, y: np.ndarray, classes: int) -> tuple[float, float]:
    """Strength in [0, 1] and p-value of bins (n,) against y (n,); `classes` is 0 for values."""
    if not classes:
        return rank_correlation_ratio(codes, y)
    table = contingency(codes, y, int(codes.max(initial=0)) + 1, classes)
    return cramers_v(table), chi_square(table)[1]


def contingency(codes: np.ndarray, y: np.ndarray, bins: int, classes: int) -> np.ndarray:
    """Rows in each bin and class, (bins, classes)."""
    return np.bincount(codes * classes + y, minlength=bins * classes).reshape(bins, classes)


def cramers_v(table: np.ndarray) -> float:
    """√(φ² / min(r-1, k-1)), each corrected for what chance adds (Bergsma 2013, eq. 5 to 7)."""
    table = without_empty(table)
    rows, columns, n = *table.shape, table.sum()
    if min(rows, columns) < 2 or n < 2:
        return 0.0
    phi2 = max(0.0, chi_square(table)[0] / n - (rows - 1) * (columns - 1) / (n - 1))
    fewest = min(size - (size - 1) ** 2 / (n - 1) for size in (rows, columns))
    return float(min(1.0, np.sqrt(phi2 / (fewest - 1)))) if fewest > 1 else 0.0


def rank_correlation_ratio(codes: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """√ε² of y's ranks by bin, and the p-value of Kruskal and Wallis's test.

    ε² = 1 - (1 - η²)(n - 1) / (n - k) with η² = H / (n - 1) the share of the ranks' variance that
    lies between the k bins (Kelley 1935).
    """
    from scipy.stats import kruskal

    order = np.argsort(codes, kind="stable")
    groups = np.split(y[order], np.flatnonzero(np.diff(codes[order])) + 1)
    n, bins = len(y), len(groups)
    if bins < 2 or n <= bins or np.ptp(y) == 0:
        return 0.0, 1.0
    found = kruskal(*groups)
    epsilon2 = 1 - (1 - found.statistic / (n - 1)) * (n - 1) / (n - bins)
    return float(np.sqrt(max(0.0, epsilon2))), float(found.pvalue)


def most_related(
    frame: "Frame",
    y: np.ndarray,
    features: Sequence[Feature],
    classes: int,
    most: int,
) -> list[Feature]:
    """At most so many features, the strongest, in their order; all where they are no more.

    Of a wide table a page of all columns is read by nobody. frame and y have n rows, `classes` is
    0 for values; of equally strong columns the earlier one is taken.
    """
    if len(features) <= most:
        return list(features)
    rows = np.unique(np.linspace(0, len(y) - 1, MOST_ROWS).astype(int))
    part = take(frame, rows, [each.name for each in features])
    y = np.asarray(y)[rows]
    found = [strength(cut(part[each.name], each.kind).codes, y, classes) for each in features]
    order = sorted(range(len(features)), key=lambda place: (-found[place][0], found[place][1]))
    return [features[place] for place in sorted(order[:most])]


# -- on other rows ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class FoldedTarget:
    """The target with each row's validation fold.

    y (n,) class codes, or values where `classes` is 0; fold (n,) numbers, -1 for rows that no fold
    validates: these count as training rows only.
    """

    y: np.ndarray
    classes: int
    fold: np.ndarray

    @property
    def validated(self) -> np.ndarray:
        """(n,) bool."""
        return self.fold >= 0

    def take(self, rows: np.ndarray) -> "FoldedTarget":
        """Of these rows alone."""
        return FoldedTarget(self.y[rows], self.classes, self.fold[rows])

    @cached_property
    def scores(self) -> np.ndarray:
        """(n, k): an indicator a class; or ranks from 0 to 1, on which outliers weigh little."""
        from scipy.stats import rankdata

        if self.classes:
            return np.eye(self.classes)[self.y]
        return (rankdata(self.y)[:, np.newaxis] - 0.5) / len(self.y)


def skill(codes: np.ndarray, target: FoldedTarget) -> float:
    """How much of the target bins (n,) predict: 1 all, 0 nothing, below 0 they mislead.

    For classes 1 - log loss / log loss of the class shares; for values R² of the ranks.
    """
    truth, rows = target.scores, target.validated
    predicted = out_of_fold_means(codes, truth, target.fold)
    shares = out_of_fold_means(np.zeros(len(codes), dtype=np.int64), truth, target.fold)
    if target.classes:
        own, base = (
            -np.log((truth * part)[rows].sum(axis=1)).sum() for part in (predicted, shares)
        )
    else:
        own, base = (((truth - part)[rows] ** 2).sum() for part in (predicted, shares))
    return float(1 - own / base) if base > 0 else 0.0


def predictions(codes: np.ndarray, target: FoldedTarget) -> np.ndarray:
    """(n, k) probabilities, or (n, 1) values in the target's own units, as metrics take them."""
    truth = target.scores if target.classes else target.y[:, np.newaxis].astype(float)
    return out_of_fold_means(codes, truth, target.fold)


def out_of_fold_means(codes: np.ndarray, truth: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Smoothed mean of truth (n, k) in each row's bin over the rows of all other folds, (n, k)."""
    fold = fold + 1  # the rows that no fold validates come first
    bins, folds = int(codes.max()) + 1, int(fold.max()) + 1
    place = fold * bins + codes
    rows = np.bincount(place, minlength=folds * bins).reshape(folds, bins)
    rows = rows.sum(axis=0) - rows
    means = np.empty(truth.shape)
    for column, values in enumerate(truth.T):
        sums = np.bincount(place, weights=values, minlength=folds * bins).reshape(folds, bins)
        sums = sums.sum(axis=0) - sums
        # half a row keeps probabilities off zero where a class is absent
        prior = (sums.sum(axis=1) + 0.5 * values.mean()) / (rows.sum(axis=1) + 0.5)
        smooth = (sums + SMOOTHING * prior[:, np.newaxis]) / (rows + SMOOTHING)
        means[:, column] = smooth[fold, codes]
    return means
