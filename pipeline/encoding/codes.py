"""Whole numbers that are names, not quantities: departments, stores, agents.

Of a quantity, neighbouring values go with much the same target: means over wide bins, or over the
nearest other values, leave residuals that the rows of one value do not share. Of a code, whose
neighbouring numbers have nothing in common, the rows of one value share theirs. That is the score
test of a random effect by value (Lin 1997, Biometrika 84): it needs no estimate of the effects, so
that it finds codes of thousands of values with a few rows each.
"""

import numpy as np

from pipeline.encoding.columns import CodedColumn
from pipeline.encoding.target_means import smoothed, sums_by_value

BINS = 32
NEAREST = 20  # rows on either side
SMOOTHING = 10.0
LEAST_REPEATS = 2  # rows a value, on average
LEAST_SHARE = 0.3  # of what rows of one value share: what no smooth function explains
LEAST_Z = 3.0  # standard errors


def may_be_codes(column: CodedColumn, least_levels: int) -> bool:
    """Whole numbers with more than so many values, most of which repeat in these rows."""
    found = column.distribution()
    many = least_levels < len(found.values) <= found.rows / LEAST_REPEATS
    return column.kind == "number" and many and bool(np.all(found.values == np.floor(found.values)))


def are_codes(column: CodedColumn, targets: np.ndarray) -> bool:
    """Column and targets (n, outputs) of the training rows."""
    known = column.codes < len(column.values)
    codes, targets = column.codes[known], targets[known]
    counts = np.bincount(codes, minlength=len(column.values)).astype(float)
    sums = sums_by_value(codes, targets, len(column.values))
    overall = targets.sum(axis=0) / max(len(targets), 1)
    all_shared = _shared(codes, targets - overall, counts).sum()
    smooth = [function(counts, sums, overall)[codes] for function in (_neighbours, _binned)]
    left = min((_shared(codes, targets - each, counts) for each in smooth), key=np.sum)
    gain = left.sum()
    return bool(gain > LEAST_SHARE * all_shared > 0 and gain > LEAST_Z * np.sqrt((left**2).sum()))


def _shared(codes: np.ndarray, residuals: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """For each value the sum of r_i r_j over its pairs of rows i != j, over rows + smoothing.

    Its mean is 0 where the rows of a value share nothing. The root of the sum of squares over the
    values is its standard error, so that no single value decides.
    """
    values = len(counts)
    pairs = sums_by_value(codes, residuals, values) ** 2 - sums_by_value(
        codes, residuals**2, values
    )
    return pairs.sum(axis=1) / (counts + SMOOTHING)


def _neighbours(counts: np.ndarray, sums: np.ndarray, overall: np.ndarray) -> np.ndarray:
    """For each value the mean of the nearest rows of other values, on both sides alike."""
    rows = np.append(0.0, np.cumsum(counts))
    below, above = rows[:-1], rows[1:]
    first, last = np.maximum(below - NEAREST, 0.0), np.minimum(above + NEAREST, rows[-1])
    neighbours = np.empty(sums.shape)
    for output, total in enumerate(np.cumsum(sums, axis=0).T):
        # the sum of the first r rows, for any r: a value's rows are taken as alike
        until = [np.interp(r, rows, np.append(0.0, total)) for r in (first, below, above, last)]
        neighbours[:, output] = until[1] - until[0] + until[3] - until[2]
    return smoothed(neighbours, below - first + last - above, overall, SMOOTHING)


def _binned(counts: np.ndarray, sums: np.ndarray, overall: np.ndarray) -> np.ndarray:
    """For each value the mean of its bin; bins have as many rows each as the values allow."""
    middle = np.cumsum(counts) - counts / 2
    bins = np.minimum((middle / max(counts.sum(), 1) * BINS).astype(int), BINS - 1)
    rows = np.bincount(bins, counts, BINS)
    return smoothed(sums_by_value(bins, sums, BINS), rows, overall, SMOOTHING)[bins]
