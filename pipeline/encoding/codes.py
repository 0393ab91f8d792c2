"""Whole numbers that are names, not quantities: departments, stores, agents.

Of a quantity, neighbouring values go with much the same target: means over wide bins, or over the
nearest other values, predict it as well as means of single values do. Of a code, whose neighbouring
numbers have nothing in common, the single value's own mean is clearly better.
"""

import numpy as np

from pipeline.encoding.columns import CodedColumn
from pipeline.encoding.target_means import smoothed, sums_by_value

BINS = 32
NEAREST = 20  # rows on either side
SMOOTHING = 10.0
LEAST_REPEATS = 2  # rows a value, on average
LEAST_SHARE = 0.3  # of what single values explain: what bins and neighbours do not
LEAST_Z = 3.0  # standard errors


def may_be_codes(column: CodedColumn, least_levels: int) -> bool:
    """Whole numbers with more than so many values, most of which repeat in these rows."""
    found = column.distribution()
    many = least_levels < len(found.values) <= found.rows / LEAST_REPEATS
    return column.kind == "number" and many and bool(np.all(found.values == np.floor(found.values)))


def are_codes(column: CodedColumn, targets: np.ndarray, inner: np.ndarray) -> bool:
    """Column and targets (n, outputs) of the training rows, inner (n,) fold numbers.

    Each fold's rows are predicted from the others': by the mean of their value, drawn towards a
    smooth function of the number, and by that function alone. Squared errors are compared; their
    standard error is that over values, so that no single one decides.
    """
    known = column.codes < len(column.values)
    codes, targets, inner = column.codes[known], targets[known], inner[known]
    errors = np.zeros((5, len(codes)))  # of two smooth functions, of the means with each, of none
    for fold in np.unique(inner):
        valid = inner == fold
        predictions = _predictions(codes[~valid], targets[~valid], len(column.values))
        for error, table in zip(errors, predictions, strict=True):
            error[valid] = ((targets[valid] - table[codes[valid]]) ** 2).sum(axis=1)
    total = errors.sum(axis=1)
    smooth = errors[np.argmin(total[:2])]
    level = errors[2 + np.argmin(total[2:4])]
    gains = np.bincount(codes, smooth - level)
    gain, explained = gains.sum(), total[4] - level.sum()
    return bool(gain > LEAST_SHARE * explained > 0 and gain > LEAST_Z * np.sqrt((gains**2).sum()))


def _predictions(codes: np.ndarray, targets: np.ndarray, values: int) -> list[np.ndarray]:
    """Five tables by value (values, outputs): two smooth functions, both refined, the mean."""
    counts = np.bincount(codes, minlength=values).astype(float)
    sums = sums_by_value(codes, targets, values)
    overall = targets.sum(axis=0) / max(len(targets), 1)
    smooth = [_neighbours(counts, sums, overall), _binned(counts, sums, overall)]
    refined = [smoothed(sums, counts, prior, SMOOTHING) for prior in smooth]
    return [*smooth, *refined, np.broadcast_to(overall, sums.shape)]


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
