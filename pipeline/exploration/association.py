"""How much a column, taken alone, says about the target.

A column is cut into bins (its levels, or tenths of its rows). The strength is then the
bias-corrected Cramér's V for classes, and the correlation ratio of the ranks for values: 0 is
nothing, 1 is everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.exploration.drift import SIGNIFICANT, as_numbers, chi_square, chi_square_p, holm
from pipeline.page import number
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd

MOST_LEVELS = 12
FEWEST_OF_LEVEL = 5  # of rarer ones chi-square would make too much
MISSING = "missing"
DECILES = np.arange(1, 10) / 10
FEWEST_SHARE = 0.01
FEWEST_ROWS = 20


@dataclass(frozen=True)
class Bins:
    """A column cut into bins: codes (n,) into `labels`; `levels`: each bin is one value."""

    codes: np.ndarray
    labels: tuple[str, ...]
    levels: bool


@dataclass(frozen=True)
class Relation:
    """One column against the target.

    For classes `shares` is (bins, classes), the classes' shares in each bin; for values `means` and
    `errors` are (bins,), the target's mean in each bin and its standard error.
    """

    column: str
    kind: str
    strength: float
    p: float
    p_corrected: float
    labels: tuple[str, ...]
    levels: bool
    rows: np.ndarray
    shares: np.ndarray | None
    means: np.ndarray | None
    errors: np.ndarray | None

    @property
    def varies(self) -> bool:
        return len(self.labels) > 1

    @property
    def is_noise(self) -> bool:
        return self.p_corrected >= SIGNIFICANT

    @property
    def telling_class(self) -> int:
        """The class whose share differs most from bin to bin; of two classes the second."""
        assert self.shares is not None
        if self.shares.shape[1] == 2:
            return 1
        return int(np.ptp(self.shares[self.filled], axis=0).argmax())

    @property
    def values(self) -> np.ndarray:
        """What is compared from bin to bin, (bins,): a class's share, or the mean."""
        if self.shares is not None:
            return self.shares[:, self.telling_class]
        assert self.means is not None
        return self.means

    @property
    def filled(self) -> np.ndarray:
        """Numbers of the bins with enough rows to speak of; all of them where none has."""
        enough = self.rows >= max(FEWEST_ROWS, FEWEST_SHARE * self.rows.sum())
        return np.flatnonzero(enough if enough.any() else self.rows > 0)

    @property
    def lowest(self) -> int:
        return int(self.filled[self.values[self.filled].argmin()])

    @property
    def highest(self) -> int:
        return int(self.filled[self.values[self.filled].argmax()])


def relations(
    frame: "pd.DataFrame",
    y: np.ndarray,
    columns: Sequence[tuple[str, str]],
    classes: int,
    among: int = 0,
) -> list[Relation]:
    """Every column against y (n,), strongest first; `classes` is 0 for regression.

    among: how many columns these were chosen from for their relation to y: all were tested.
    """
    cuts = [cut(frame[name], kind) for name, kind in columns]
    found = [strength(bins.codes, y, classes) for bins in cuts]
    corrected = holm(np.array([p for _, p in found]), among)
    made = [
        _relation(column, bins, y, classes, (value, p, float(adjusted)))
        for column, bins, (value, p), adjusted in zip(columns, cuts, found, corrected, strict=True)
    ]
    return sorted(made, key=lambda relation: (-relation.strength, relation.p))


def _relation(
    column: tuple[str, str],
    bins: Bins,
    y: np.ndarray,
    classes: int,
    found: tuple[float, float, float],
) -> Relation:
    rows = np.bincount(bins.codes, minlength=len(bins.labels))
    shares, means, errors = None, None, None
    if classes:
        shares = (
            contingency(bins.codes, y, len(bins.labels), classes) / np.maximum(rows, 1)[:, None]
        )
    else:
        means, errors = _means(bins.codes, y, rows)
    return Relation(*column, *found, bins.labels, bins.levels, rows, shares, means, errors)


def _means(codes: np.ndarray, y: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of y in each bin and its standard error, 0 where a bin has a single row."""
    safe = np.maximum(rows, 1)
    means = np.bincount(codes, weights=y, minlength=len(rows)) / safe
    squares = np.bincount(codes, weights=(y - means[codes]) ** 2, minlength=len(rows))
    return means, np.sqrt(squares / np.maximum(rows - 1, 1) / safe)


def strength(codes: np.ndarray, y: np.ndarray, classes: int) -> tuple[float, float]:
    """Strength in [0, 1] and p-value of bins (n,) against y (n,); `classes` is 0 for values."""
    if not classes:
        return correlation_ratio(codes, y)
    table = contingency(codes, y, int(codes.max(initial=0)) + 1, classes)
    return cramers_v(table), chi_square_p(table)


def contingency(codes: np.ndarray, y: np.ndarray, bins: int, classes: int) -> np.ndarray:
    """Rows in each bin and class, (bins, classes)."""
    return np.bincount(codes * classes + y, minlength=bins * classes).reshape(bins, classes)


def cramers_v(table: np.ndarray) -> float:
    """√(φ² / min(r-1, k-1)), each corrected for what chance adds (Bergsma 2013, eq. 5 to 7)."""
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    rows, columns, n = *table.shape, table.sum()
    if min(rows, columns) < 2 or n < 2:
        return 0.0
    phi2 = max(0.0, chi_square(table) / n - (rows - 1) * (columns - 1) / (n - 1))
    fewest = min(size - (size - 1) ** 2 / (n - 1) for size in (rows, columns))
    return float(min(1.0, np.sqrt(phi2 / (fewest - 1)))) if fewest > 1 else 0.0


def correlation_ratio(codes: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """√ε² of y's ranks by bin, and the Kruskal-Wallis p-value.

    ε² = 1 - (1 - η²)(n - 1) / (n - k) with η² the share of the ranks' variance that lies between
    the k bins (Kelley 1935); (n - 1) η² is Kruskal and Wallis's H.
    """
    from scipy.special import chdtrc

    ranks, rows = middle_ranks(y), np.bincount(codes)
    n, bins = len(y), np.count_nonzero(rows)
    total = ((ranks - ranks.mean()) ** 2).sum()
    if bins < 2 or n <= bins or total == 0:
        return 0.0, 1.0
    means = np.bincount(codes, weights=ranks) / np.maximum(rows, 1)
    eta2 = float((rows * (means - ranks.mean()) ** 2).sum() / total)
    epsilon2 = 1 - (1 - eta2) * (n - 1) / (n - bins)
    return float(np.sqrt(max(0.0, epsilon2))), float(chdtrc(bins - 1, (n - 1) * eta2))


def middle_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values share the mean of their ranks, (n,)."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def cut(
    values: "pd.Series",
    kind: str,
    most_levels: int = MOST_LEVELS,
    quantiles: np.ndarray = DECILES,
) -> Bins:
    """Levels where there are few of them, else the rows in equal parts (tenths, if not told
    otherwise); missing is a bin of its own."""
    if kind == "category":
        return _cut_levels(values, most_levels)
    numbers = as_numbers(values, kind)
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    known = np.unique(numbers[~np.isnan(numbers)])
    levels = len(known) <= most_levels
    edges = known[1:] if levels else _quantile_edges(numbers, known, quantiles)
    groups = [group for group in np.split(known, np.searchsorted(known, edges)) if len(group)]
    codes = np.searchsorted([group[0] for group in groups], numbers, side="right") - 1
    labels = [_span(group[0], group[-1], kind) for group in groups]
    if np.isnan(numbers).any():
        codes = np.where(np.isnan(numbers), len(groups), codes)
        labels.append(MISSING)
    return Bins(codes, tuple(labels), levels)


def _quantile_edges(numbers: np.ndarray, known: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Where bins begin; a value that holds several parts of the rows gets a bin of its own."""
    cuts = np.nanquantile(numbers, quantiles, method="higher")
    edges, times = np.unique(cuts, return_counts=True)
    above = np.searchsorted(known, edges[times > 1], side="right")
    return np.union1d(edges, known[above[above < len(known)]])


def _span(first: float, last: float, kind: str) -> str:
    if kind == "date":
        start, end = (str(np.datetime64(int(day), "D")) for day in (first, last))
    else:
        start, end = number(first), number(last)
    return start if first == last else f"{start} to {end}"


def _cut_levels(values: "pd.Series", most_levels: int) -> Bins:
    """The commonest levels by name, the others together, then missing."""
    import pandas as pd

    codes, levels = pd.factorize(values.astype(object))
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    order = np.argsort(-counts, kind="stable")
    rank = np.argsort(order)
    kept = min(int((counts >= FEWEST_OF_LEVEL).sum()), most_levels - 1)
    if len(levels) - kept == 1:
        kept += 1  # one level left over may as well have its name
    labels = [str(levels[level]) for level in order[:kept]]
    if kept < len(levels):
        labels.append(f"{count(len(levels) - kept, 'other level')}")
    binned = np.full(len(codes), len(labels))
    binned[codes >= 0] = np.minimum(rank[codes[codes >= 0]], kept)
    if (codes < 0).any():
        labels.append(MISSING)
    return Bins(binned, tuple(labels), True)
