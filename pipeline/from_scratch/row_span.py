"""Of more columns than rows, a penalised linear model needs no more than the rows span.

At the optimum of a loss of X · coef + intercept plus l2/2 |coef|², l2 > 0, the slope is zero: coef
is a sum of centred rows (the representer theorem; Schölkopf, Herbrich and Smola 2001). So the
search may turn the axes: with X - mean = Z Vᵀ, Z (n, r) and r < n, the same loss of Z · v +
intercept has its optimum where coef = V v, and |v| = |coef|. d columns have become r.
"""

from typing import NamedTuple

import numpy as np

FEWEST_COLUMNS = 500  # of fewer columns the search among them is quick


class RowSpan(NamedTuple):
    """X - mean = Z Vᵀ for X (n, d), Z (n, r), mean (d,), and V (d, r) of orthonormal columns."""

    Z: np.ndarray
    V: np.ndarray
    mean: np.ndarray

    def line(self, coef: np.ndarray, intercept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """coef (..., r) and intercept of Z -> coef (..., d) and intercept of X."""
        turned = coef @ self.V.T
        return turned, intercept - turned @ self.mean


def is_worth_it(X: np.ndarray, l2: float) -> bool:
    """Whether turning the axes changes nothing but the time."""
    n, d = X.shape
    return l2 > 0 and d > max(n, FEWEST_COLUMNS)


def row_span(X: np.ndarray) -> RowSpan:
    """From the n x n products of the centred rows: their eigenvectors U, and V = (X - mean)ᵀ U / s.

    Directions in which the rows differ by rounding alone are left out.
    """
    X = X.astype(np.float64)
    mean = X.mean(axis=0)
    X -= mean
    squares, U = np.linalg.eigh(X @ X.T)
    kept = squares > len(X) * np.finfo(float).eps * max(squares[-1], np.finfo(float).tiny)
    s = np.sqrt(squares[kept])
    return RowSpan(U[:, kept] * s, X.T @ (U[:, kept] / s), mean)
