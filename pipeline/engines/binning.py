"""Columns cut into bins, as histogram-based boosting needs them: edges, and each row's bin number.

A column of few values has one bin for each; a column of many is cut at its quantiles. Missing
values have a bin of their own.
"""

from collections.abc import Sequence

import numpy as np


def bin_edges(X: np.ndarray, max_bins: int) -> list[np.ndarray]:
    """X (n, d), NaN for missing -> for each column the edges between its bins, ascending.

    With at most `max_bins` distinct values, each value is a bin; otherwise there are `max_bins`
    bins of about as many rows each. An edge is the midpoint between two neighbouring values.
    """
    edges = []
    for column in X.T.astype(float):
        values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
        cuts = np.arange(len(values) - 1)
        if len(values) > max_bins:
            cuts = _quantile_cuts(counts, max_bins)
        low, high = values[cuts], values[cuts + 1]
        middle = low / 2 + high / 2  # halved first, because the sum could overflow
        edges.append(np.where(middle > low, middle, high))  # where no float lies between the two
    return edges


def bin_numbers(X: np.ndarray, edges: Sequence[np.ndarray]) -> np.ndarray:
    """X (n, d) -> bin numbers (n, d): 0 to the number of edges, and one more for NaN."""
    numbers = np.empty(X.shape, dtype=np.int64)
    for j, column_edges in enumerate(edges):
        numbers[:, j] = np.searchsorted(column_edges, X[:, j], side="right")
        numbers[np.isnan(X[:, j]), j] = len(column_edges) + 1
    return numbers


def _quantile_cuts(counts: np.ndarray, bins: int) -> np.ndarray:
    """The row count of each value, in ascending order of the values -> after which values to cut.

    Returns at most bins - 1 positions. A value with more rows than an even share, such as a delay
    of 0, gets a bin to itself, and the other values share the remaining bins.
    """
    frequent = np.zeros(len(counts), dtype=bool)
    while True:
        share = counts[~frequent].sum() / (bins - frequent.sum())
        if not np.any(more := ~frequent & (counts > share)):
            break
        frequent |= more
    cumulative = np.cumsum(np.where(frequent, share, counts))
    targets = share * np.arange(1, bins)
    above = np.clip(np.searchsorted(cumulative, targets), 1, len(counts) - 2)
    below_is_nearer = targets - cumulative[above - 1] < cumulative[above] - targets
    return np.unique(above - below_is_nearer)
