"""Which pairs of columns say more together than any sum of columns can: their cells hold the rest.

An additive model of all columns foretells every row from the other folds' rows. What it leaves over
is gathered in the cells of a pair, both columns cut into a few bins, and two questions are asked of
them; a pair matters if both say yes. Is it more than chance? A score test of the cells against the
sum of two effects, whose null is that no cell stands out. Is it of use? A step for every cell,
learnt on four fifths of the rows and shrunk, saves so much loss on the fifth; noise saves nothing.

A row's loss under a step d of its cell is taken to second order, loss - d r + d² w / 2: for a class
on the logit scale with r = y - p and w = p (1 - p), for values exactly with r = y - mean and w = 1.
So the cells' sums of a few moments hold all that is needed, and many pairs are judged at once
(compare the FAST statistic of Lou et al. 2013, Accurate intelligible models with pairwise
interactions).
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.exploration.additive import foretold, information, sums_of_two
from pipeline.exploration.association import Bins, cut, middle_ranks
from pipeline.exploration.drift import SIGNIFICANT, holm

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS = 24  # of the strongest ones: 276 pairs
MOST_CLASSES = 5
FEWEST_ROWS = 100
FEWEST_IN_CELL = 5  # rows, and one of information: of fewer the test would make too much
FOLDS = 5
MOST_LEVELS = 7
FIFTHS = np.arange(1, 5) / 5
SHRINKAGE = 10.0  # rows of no effect that are added to a cell
LEAST_GAIN = 1e-3  # nats a row, or share of the variance: less is real but hardly matters
BATCH = 48  # pairs at once: their tables fit into the cache

Pair = tuple[str, str]


@dataclass(frozen=True)
class Interaction:
    """Two columns and the target. rows, observed and expected are (bins of one, bins of other).

    `observed` is the share of class `code` or the mean of the target's percentile in each cell, NaN
    where it has no rows; `expected` is what the sum of all columns says of the same rows. `gain` is
    what the cells save on rows not seen, in nats a row or as a share of the variance of the ranks;
    `error` is its standard error. `p` is how often a mere sum would look so unlike one.
    """

    columns: Pair
    kinds: tuple[str, str]
    labels: tuple[tuple[str, ...], tuple[str, ...]]
    code: int | None
    rows: np.ndarray
    observed: np.ndarray
    expected: np.ndarray
    gain: float
    error: float
    p: float
    p_corrected: float

    @property
    def matters(self) -> bool:
        """Beyond noise, and large enough to be worth a feature."""
        return self.p_corrected < SIGNIFICANT and self.gain >= LEAST_GAIN

    @property
    def telling_cell(self) -> tuple[int, int]:
        """Where observed and expected differ most, for the number of rows there."""
        surprise = np.abs(self.observed - self.expected) * np.sqrt(self.rows)
        place = int(np.where(self.rows >= FEWEST_IN_CELL, surprise, 0.0).argmax())
        return place // self.rows.shape[1], place % self.rows.shape[1]


@dataclass(frozen=True)
class Residuals:
    """What the sum of all columns leaves over of one class (`code`), or of the values (None).

    truth and expected (n,): 0 or 1 and its share, or percentiles; moments (n, 5): w, r, r²,
    r w, w².
    """

    code: int | None
    truth: np.ndarray
    expected: np.ndarray
    moments: np.ndarray


def interactions(
    frame: "pd.DataFrame",
    y: np.ndarray,
    columns: Sequence[tuple[str, str]],
    classes: int,
    rng: np.random.Generator,
) -> list[Interaction]:
    """Every pair of the first columns, (name, kind), largest gain first; none of too few rows.

    y (n,) class codes or, if `classes` is 0, values. Of several classes a pair shows the one of
    which it tells most.
    """
    if len(frame) < FEWEST_ROWS:
        return []
    kinds = dict(columns[:MOST_COLUMNS])
    cuts = {name: cut(frame[name], kind, MOST_LEVELS, FIFTHS) for name, kind in kinds.items()}
    pairs = list(itertools.combinations([n for n in cuts if len(cuts[n].labels) > 1], 2))
    if not pairs:
        return []
    fold = rng.permutation(len(frame)) % FOLDS
    fine = [cut(frame[name], kind) for name, kind in kinds.items()]
    left = residuals(fine, y, fold, classes)
    found = np.stack([_judged(pairs, cuts, part.moments, fold) for part in left])
    best = found[:, 0].argmax(axis=0)
    gain, error, _ = np.take_along_axis(found, best[None, None], axis=0)[0]
    p = np.minimum(1.0, len(left) * found[:, 2].min(axis=0))  # the likeliest class, Bonferroni
    corrected = holm(p)
    made = [
        replace(
            _cells(pair, cuts, kinds, left[best[i]]),
            gain=float(gain[i]),
            error=float(error[i]),
            p=float(p[i]),
            p_corrected=float(corrected[i]),
        )
        for i, pair in enumerate(pairs)
    ]
    return sorted(made, key=lambda pair: -pair.gain)


def residuals(
    columns: Sequence[Bins], y: np.ndarray, fold: np.ndarray, classes: int
) -> list[Residuals]:
    """Of the values; of the second of two classes; of each of the commonest of more."""
    if not classes:
        ranks = middle_ranks(y)
        middle, spread = ranks.mean(), ranks.std() or 1.0
        standard = (ranks - middle) / spread  # no outlier decides alone
        mean = foretold(columns, standard, fold, 0)[:, 0]
        # the loss is r² / 2: √2 makes the gain a share of the variance
        moments = _moments(np.sqrt(2) * (standard - mean), np.ones(len(y)))
        return [Residuals(None, ranks / len(y), (middle + spread * mean) / len(y), moments)]
    shares = foretold(columns, y, fold, classes)
    counts = np.bincount(y, minlength=classes)
    codes = [1] if classes == 2 else np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist()
    return [
        Residuals(
            code,
            (y == code).astype(float),
            shares[:, code],
            _moments((y == code) - shares[:, code], information(shares[:, code])),
        )
        for code in codes
    ]


def _moments(left: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What a row adds to its cell, (n, 5): w, r, r², r w, w²."""
    return np.column_stack([weights, left, left**2, left * weights, weights**2])


def _judged(
    pairs: Sequence[Pair], cuts: Mapping[str, Bins], moments: np.ndarray, fold: np.ndarray
) -> np.ndarray:
    """Gain, its standard error and the p-value of every pair, (3, pairs)."""
    size = max(len(bins.labels) for bins in cuts.values())
    counted = np.column_stack([np.ones(len(moments)), moments])
    parts = []
    for batch in _batches(pairs):
        cells = [cuts[one].codes * size + cuts[other].codes for one, other in batch]
        tables = np.stack([_table(cell, counted, fold, size) for cell in cells])
        parts.append(np.stack([*gains(tables), score_test(tables.sum(axis=1))]))
    return np.concatenate(parts, axis=1)


def _batches(pairs: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
    for start in range(0, len(pairs), BATCH):
        yield pairs[start : start + BATCH]


def _table(cell: np.ndarray, values: np.ndarray, fold: np.ndarray, size: int) -> np.ndarray:
    """Sums of values (n, k) by fold and cell, (folds, size, size, k)."""
    folds = int(fold.max()) + 1
    place, places = fold * size**2 + cell, folds * size**2
    sums = [np.bincount(place, weights=column, minlength=places) for column in values.T]
    return np.stack(sums, axis=-1).reshape(folds, size, size, -1)


def gains(tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the cells' steps save a row on the fold held out, and its standard error, (pairs,) each.

    tables (pairs, folds, bins, bins, 6) of rows and moments. The steps that a sum of two effects
    could make are taken first: what is saved by these does not count.
    """
    train = tables.sum(axis=1, keepdims=True) - tables
    weights, left = train[..., 1], train[..., 2]
    sums = sums_of_two(weights, left)
    row = tables[..., 1].sum(axis=(1, 2, 3)) / tables[..., 0].sum(axis=(1, 2, 3))
    step = (left - weights * sums) / (weights + SHRINKAGE * row[:, None, None, None])
    slope, bend = step, (sums + step) ** 2 - sums**2
    rows, w, r, rr, rw, ww = np.moveaxis(tables, -1, 0)
    saved = (slope * r - bend * w / 2).sum(axis=(1, 2, 3))
    squared = (slope**2 * rr - slope * bend * rw + bend**2 * ww / 4).sum(axis=(1, 2, 3))
    n = rows.sum(axis=(1, 2, 3))
    gain = saved / n
    return gain, np.sqrt(np.maximum(squared / n - gain**2, 0.0) / n)


def score_test(table: np.ndarray) -> np.ndarray:
    """p of what the cells hold beyond a sum of two effects, (pairs,); table (pairs, bins, bins, 6).

    Σ (R - W m)² / (σ² W) over the cells, W and R their sums of w and r and m the sum that fits
    best, is χ² distributed where no cell stands out. σ² = Σ r² / Σ w is 1 for classes if the shares
    are right, else the test is that much stricter. Cells that hold too little are left out.
    """
    from scipy.special import chdtrc

    held = (table[..., 0] >= FEWEST_IN_CELL) & (table[..., 1] >= 1)
    weights, left = (np.where(held, table[..., part], 0.0) for part in (1, 2))
    total, squares = table[..., 1].sum(axis=(1, 2)), table[..., 3].sum(axis=(1, 2))
    beyond = (left - weights * sums_of_two(weights, left)) ** 2 / np.where(held, weights, 1.0)
    statistic = beyond.sum(axis=(1, 2)) * total / np.where(squares > 0, squares, 1.0)
    bins = held.any(axis=1).sum(axis=-1) + held.any(axis=2).sum(axis=-1)
    degrees = held.sum(axis=(1, 2)) - bins + 1
    tested = (degrees > 0) & (squares > 0)
    return np.where(tested, chdtrc(np.maximum(degrees, 1), statistic), 1.0)


def _cells(
    pair: Pair, cuts: Mapping[str, Bins], kinds: Mapping[str, str], left: Residuals
) -> Interaction:
    """The pair with what its cells hold, not yet judged."""
    one, other = (cuts[name] for name in pair)
    shape = len(one.labels), len(other.labels)
    cell = one.codes * shape[1] + other.codes
    rows, truth, expected = (
        np.bincount(cell, weights=part, minlength=shape[0] * shape[1]).reshape(shape)
        for part in (None, left.truth, left.expected)
    )
    known = np.where(rows > 0, rows, np.nan)
    told = (kinds[pair[0]], kinds[pair[1]]), (one.labels, other.labels), left.code
    return Interaction(pair, *told, rows, truth / known, expected / known, 0.0, 0.0, 1.0, 1.0)
