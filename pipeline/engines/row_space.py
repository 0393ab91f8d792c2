"""With more columns than rows, a penalised linear model can be fitted in the rows' own space.

At the minimum of a loss of X · coef + intercept plus l2/2 |coef|², l2 > 0, the gradient is zero, so
coef is a linear combination of the centred rows (the representer theorem; Schölkopf, Herbrich and
Smola 2001). With X - mean = Z Vᵀ, Z (n, r) and r < n, the same loss of Z · v + intercept therefore
has its minimum where coef = V v, and |v| = |coef|. The d columns have become r.
"""

from typing import NamedTuple

import numpy as np

MIN_COLUMNS = 500  # with fewer columns, fitting all of them is fast


class RowSpace(NamedTuple):
    """X - mean = Z Vᵀ for X (n, d), Z (n, r), mean (d,), and V (d, r) with orthonormal columns."""

    Z: np.ndarray
    V: np.ndarray
    mean: np.ndarray

    def coefficients(
        self, coef: np.ndarray, intercept: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """coef (..., r) and intercept for Z -> coef (..., d) and intercept for X."""
        coef = coef @ self.V.T
        return coef, intercept - coef @ self.mean


def is_faster(X: np.ndarray, l2: float) -> bool:
    """Whether a fit in the row space has the same minimum and takes less time."""
    n, d = X.shape
    return l2 > 0 and d > max(n, MIN_COLUMNS)


def row_space(X: np.ndarray) -> RowSpace:
    """From the eigenvectors U of the n x n Gram matrix of the centred rows: V = (X - mean)ᵀ U / s.

    Directions whose singular value s is mere rounding error are left out.
    """
    X = X.astype(np.float64)
    mean = X.mean(axis=0)
    X -= mean
    squares, U = np.linalg.eigh(X @ X.T)
    kept = squares > len(X) * np.finfo(float).eps * max(squares[-1], np.finfo(float).tiny)
    s = np.sqrt(squares[kept])
    return RowSpace(U[:, kept] * s, X.T @ (U[:, kept] / s), mean)
