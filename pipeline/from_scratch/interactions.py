"""Which columns tell something only together: levels, the cells that they make, and a score test.

A cell is a combination of levels, such as (business class, aged 20 to 30). A model that adds up
what each column says has no weight for it. How much would one help? One Newton step from 0 in every
cell of a group of columns, against a ridge penalty, raises the log-likelihood by about

    1/2 Σ_cells (Σ r)² / (Σ h + ridge),   r = t - p,   h = p (1 - p),

sums over the rows of a cell, p as the model has it (Rao 1948, the score test). No fit is needed, so
that thousands of groups can be asked.
"""

from collections.abc import Collection, Sequence

import numpy as np

Group = tuple[int, ...]  # numbers of columns


def learn_edges(X: np.ndarray, bins: int, whole: Collection[int] = ()) -> list[np.ndarray]:
    """X (n, d), NaN for missing -> for each column the edges between its levels, ascending.

    A value is a level where there are at most `bins`, or the column is in `whole`; other columns
    are cut into `bins` levels of about as many rows each. Edges lie halfway between two values.
    """
    edges = []
    for j, column in enumerate(X.T.astype(float)):
        values, rows = np.unique(column[~np.isnan(column)], return_counts=True)
        cuts = np.arange(len(values) - 1)
        if len(values) > bins and j not in whole:
            cuts = _quantiles(rows, bins)
        low, high = values[cuts], values[cuts + 1]
        middle = low / 2 + high / 2  # halves first: a sum could overflow
        edges.append(np.where(middle > low, middle, high))  # where no number lies between
    return edges


def _quantiles(rows: np.ndarray, bins: int) -> np.ndarray:
    """Rows of each value, ascending -> after which values to cut, at most bins - 1 of them.

    A value with more rows than a level should have, such as no delay, is one by itself, and the
    others share the levels that are left.
    """
    heavy = np.zeros(len(rows), dtype=bool)
    while True:
        level = rows[~heavy].sum() / (bins - heavy.sum())
        if not np.any(more := ~heavy & (rows > level)):
            break
        heavy |= more
    below = np.cumsum(np.where(heavy, level, rows))
    shares = level * np.arange(1, bins)
    above = np.clip(np.searchsorted(below, shares), 1, len(rows) - 2)
    nearer_before = shares - below[above - 1] < below[above] - shares
    return np.unique(above - nearer_before)


def levels(X: np.ndarray, edges: Sequence[np.ndarray]) -> np.ndarray:
    """X (n, d) -> level numbers (n, d): 0 to the number of edges, one more for NaN."""
    found = np.empty(X.shape, dtype=np.int64)
    for j, between in enumerate(edges):
        found[:, j] = np.searchsorted(between, X[:, j], side="right")
        found[np.isnan(X[:, j]), j] = len(between) + 1
    return found


def cells(codes: np.ndarray, edges: Sequence[np.ndarray], group: Group) -> np.ndarray:
    """Level numbers (n, d) -> a number (n,) for the combination that each row has in the group."""
    number = np.zeros(len(codes), dtype=np.int64)
    for j in group:
        number = number * (len(edges[j]) + 2) + codes[:, j]
    return number


def gain(cells: np.ndarray, r: np.ndarray, h: np.ndarray, ridge: float) -> float:
    """Twice the log-likelihood that a weight for each cell would bring, less what chance brings.

    cells (n,) are numbers of cells; r and h (n, k) residuals and curvature, a column a class, of
    which one does for two classes. Where there is nothing to find, (Σ r)² is Σ h on average, so
    that groups of many cells have no advantage.
    """
    _, number = np.unique(cells, return_inverse=True)
    total = 0.0
    for residual, curvature in zip(r.T, h.T, strict=True):
        slope, bend = np.bincount(number, residual), np.bincount(number, curvature)
        total += float(np.sum((slope**2 - bend) / (bend + ridge)))
    return total
