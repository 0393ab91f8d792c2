"""How alike two rows are, and how to learn which columns tell.

Rows a and b are alike by k(a, b) = s² exp(-r^p) + c, with r² = Σ_d (a_d - b_d)² / l_d²: the powered
exponential and a constant (Rasmussen and Williams 2006, equation 4.18). Each column has a length
scale l_d; a long one says that the column hardly matters. The exponent p, 0 < p <= 2, is 2 for the
Gaussian, of which only smooth functions are made; the lower it is, the more sharply they may bend.

The best length scales are those with which each row is predicted best from all the others. These
leave-one-out predictions come in closed form from one inverse, Q = (K + σ²I)⁻¹: row i's is
y_i - [Q y]_i / Q_ii (equation 5.12). So does their slope.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pipeline.from_scratch.activations import sigmoid, softplus
from pipeline.from_scratch.products import whitening

# leave-one-out predictions (n, k) and targets (n, k) -> loss, and its slope (n, k)
Judge = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]

LEAST_NOISE = 1e-4  # so that the inverse keeps its digits where y has no noise
ROUNDING = 32 * np.finfo(float).eps  # in an r² of equal rows, times |a|²
LEAST_SQUARE = 2e-15  # of r², for r^p has no slope at 0


class Kernel(NamedTuple):
    """k(a, b) = s² exp(-r^p) + c, and the variance σ² of the noise in y."""

    length_scale: np.ndarray  # (d,)
    signal: float  # s²
    constant: float  # c
    noise: float  # σ²
    exponent: float  # p

    @classmethod
    def of(cls, theta: np.ndarray, exponent: float) -> "Kernel":
        """theta (d + 3,) are logarithms: of 1 / l² (d,), of s², c and σ²."""
        signal, constant, noise = (float(value) for value in np.exp(theta[-3:]))
        return cls(np.exp(-theta[:-3] / 2), signal, constant, noise + LEAST_NOISE, exponent)

    def squares(self, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        """r² of all pairs: (n, d), (m, d) -> (n, m), by |a - b|² = |a|² + |b|² - 2 a·b.

        Taken in float64: of two rows that are alike nearly all digits cancel. What rounding alone
        may leave between equal rows counts as 0, for r^p would make much of it, and something else
        on each processor.
        """
        dtype, A, B = A.dtype, A / self.length_scale, B / self.length_scale
        size = (A**2).sum(axis=1)[:, None]
        squares = A @ (-2 * B.T)
        squares += size
        squares += (B**2).sum(axis=1)
        squares[squares < ROUNDING * size] = 0.0
        squares += LEAST_SQUARE
        return squares.astype(dtype, copy=False)

    def between(self, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        """k of all pairs: (n, d), (m, d) -> (n, m)."""
        return self.signal * np.exp(-(self.squares(A, B) ** (self.exponent / 2))) + self.constant

    def inverse(self, K: np.ndarray) -> np.ndarray:
        """Q = (K + σ²I)⁻¹ of all pairs of n rows, (n, n) -> (n, n)."""
        noisy = K.copy()
        noisy[np.diag_indices(len(K))] += self.noise
        return inverse(noisy)


def inverse(A: np.ndarray) -> np.ndarray:
    """A⁻¹ of a symmetric positive definite A, (n, n).

    Nearly all of it is matrix products, which run faster than the elimination of numpy.linalg.inv.
    """
    T = whitening(A, np.matmul)
    return T.T @ T


def leave_one_out(Q: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Each row predicted from all the others: Y - Q Y / diag(Q), (n, k)."""
    return Y - Q @ Y / np.diag(Q)[:, None]


def squared_error(F: np.ndarray, Y: np.ndarray) -> tuple[float, np.ndarray]:
    """1/n Σ (f - y)²."""
    return float(np.sum((F - Y) ** 2) / len(Y)), 2 * (F - Y) / len(Y)


def surprise(F: np.ndarray, Y: np.ndarray, steepness: float) -> tuple[float, np.ndarray]:
    """1/n Σ log(1 + exp(-steepness f y)), y being -1 or 1: logistic regression's loss.

    A row far on its right side costs nothing, where the squared error would pull it back to 1.
    """
    margins = -steepness * F * Y
    return float(softplus(margins).sum() / len(Y)), -steepness * Y * sigmoid(margins) / len(Y)


def loss_and_gradient(
    theta: np.ndarray, X: np.ndarray, Y: np.ndarray, judge: Judge, exponent: float
) -> tuple[float, np.ndarray]:
    """The loss L of the leave-one-out predictions, and dL/dtheta (d + 3,).

    X (n, d), Y (n, k); the k columns share the kernel. With A = Q Y and q = diag(Q), f = y - A / q,
    and dQ = -Q dK Q takes the slopes back to K (equation 5.13).
    """
    kernel = Kernel.of(theta, exponent)
    squares = kernel.squares(X, X)
    powers = squares ** (exponent / 2)
    alike = kernel.signal * np.exp(-powers)
    Q = kernel.inverse(alike + kernel.constant)
    A, q = Q @ Y, np.diag(Q)[:, None]
    loss, dF = judge(Y - A / q, Y)
    dA, dq = -dF / q, np.sum(dF * A, axis=1) / q[:, 0] ** 2
    dK = (Q * -dq) @ Q
    dK -= (Q @ dA) @ A.T  # left as it is: K is symmetric, and sees only dK_ij + dK_ji
    noise = np.trace(dK) * (kernel.noise - LEAST_NOISE)
    constant = dK.sum() * kernel.constant
    dK *= alike
    signal = dK.sum()
    dK *= powers / squares * (-exponent / 2)  # dL/dr²
    np.fill_diagonal(dK, 0.0)  # a row's distance from itself is 0 at any length scale
    scales = _weighted_squares(dK, X) / kernel.length_scale**2
    return loss, np.append(scales, [signal, constant, noise])


def _weighted_squares(M: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Σ_ij m_ij (x_i - x_j)² of each column, (d,); M (n, n), X (n, d)."""
    around = M.sum(axis=0) + M.sum(axis=1)
    return np.asarray(around @ X**2 - 2 * np.sum((M @ X) * X, axis=0))
