"""A Gaussian process: a prediction is a mean of all y, weighted by how similar their rows are.

The kernel k(a, b) = s² exp(-|a - b|² / l²) says how alike f is at two rows. Given n rows with noisy
values y, the mean and the variance of f at x are (Rasmussen and Williams 2006, equations 2.25 and
2.26), with K = k of all pairs of rows and k_x = k of x and each row:

    mean(x) = k_xᵀ (K + σ²I)⁻¹ y        variance(x) = k(x, x) - k_xᵀ (K + σ²I)⁻¹ k_x

Nothing is learnt by descent: fitting is solving one linear system, n³ operations. Near the rows the
variance is small; far from all of them k_x is 0, which leaves the prior: mean 0, variance s².
"""

from typing import Self

import numpy as np


class GaussianProcess:
    """Regression on y around 0; `length_scale` l, one or one a column: the reach of a row."""

    def __init__(
        self,
        *,
        length_scale: float | np.ndarray = 1.0,
        signal: float = 1.0,
        constant: float = 0.0,
        noise: float = 0.1,
    ) -> None:
        self.length_scale, self.signal = length_scale, signal  # l and s²
        self.constant, self.noise = constant, noise  # added to every k, and σ²

    def kernel(self, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        """k of all pairs: A (n, d), B (m, d) -> (n, m)."""
        differences = (A[:, None] - B[None]) / self.length_scale
        return self.signal * np.exp(-(differences**2).sum(axis=2)) + self.constant

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """X (n, d), y (n,) -> self; learns rows_ (n, d), weights_ (n,) and factor_ (n, n).

        factor_ is the lower triangular L of Cholesky, L Lᵀ = K + σ²I.
        """
        self.rows_ = X
        self.factor_ = np.linalg.cholesky(self.kernel(X, X) + self.noise * np.eye(len(X)))
        self.weights_ = np.linalg.solve(self.factor_.T, np.linalg.solve(self.factor_, y))
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The mean of f at each row: X (m, d) -> (m,)."""
        return self.kernel(X, self.rows_) @ self.weights_

    def variance(self, X: np.ndarray) -> np.ndarray:
        """The variance of f at each row: X (m, d) -> (m,)."""
        explained = np.linalg.solve(self.factor_, self.kernel(self.rows_, X))
        return self.signal + self.constant - (explained**2).sum(axis=0)
