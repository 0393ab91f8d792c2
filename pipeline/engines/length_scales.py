"""A kernel with a length scale for each column, and the leave-one-out loss that it is fitted by.

The similarity of rows a and b is k(a, b) = s² exp(-r^p) + c, r² = Σ_d (a_d - b_d)² / l_d²: the
powered exponential (γ-exponential) kernel plus a constant (Rasmussen and Williams 2006, equation
4.18). A column with a long length scale l_d has little influence (automatic relevance
determination). The exponent p, 0 < p <= 2, is 2 for the Gaussian kernel, whose functions are
smooth; the lower it is, the rougher the functions.

The length scales are chosen so that each row is predicted well from all the other rows. These
leave-one-out predictions have a closed form with a single inverse, Q = (K + σ²I)⁻¹: that of row i
is y_i - [Q y]_i / Q_ii (equation 5.12). Their gradient has one, too.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pipeline.engines.matrix_products import inverse_cholesky
from pipeline.from_scratch.activations import sigmoid, softplus

# predictions (n, k) and targets (n, k) -> loss, and its gradient by the predictions (n, k)
LossFunction = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]

MIN_NOISE = 1e-4  # keeps the inverse accurate where y has no noise
ROUNDING = 32 * np.finfo(float).eps  # error of r² between equal rows, relative to |a|²
MIN_SQUARED_DISTANCE = 2e-15  # because r^p is not differentiable at 0


class Kernel(NamedTuple):
    """k(a, b) = s² exp(-r^p) + c, and the variance σ² of the noise in y."""

    length_scale: np.ndarray  # (d,)
    signal: float  # s²
    constant: float  # c
    noise: float  # σ²
    exponent: float  # p

    @classmethod
    def of(cls, theta: np.ndarray, exponent: float) -> "Kernel":
        """theta (d + 3,) holds the logarithms of 1 / l² (d,), s², c and σ²."""
        signal, constant, noise = (float(value) for value in np.exp(theta[-3:]))
        return cls(np.exp(-theta[:-3] / 2), signal, constant, noise + MIN_NOISE, exponent)

    def squared_distances(self, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        """r² of all pairs: (n, d), (m, d) -> (n, m), by |a - b|² = |a|² + |b|² - 2 a·b.

        Computed in float64, because nearly all digits cancel for similar rows. A value within
        rounding error of 0 is set to 0: r^p would amplify the error, which depends on the
        processor.
        """
        dtype, A, B = A.dtype, A / self.length_scale, B / self.length_scale
        squared_norms = (A**2).sum(axis=1)[:, None]
        squares = A @ (-2 * B.T)
        squares += squared_norms
        squares += (B**2).sum(axis=1)
        squares[squares < ROUNDING * squared_norms] = 0.0
        squares += MIN_SQUARED_DISTANCE
        return squares.astype(dtype, copy=False)

    def matrix(self, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        """K, k of all pairs: (n, d), (m, d) -> (n, m)."""
        K = self.squared_distances(A, B)  # and then in place: n² numbers are much memory
        K **= self.exponent / 2
        np.exp(np.negative(K, out=K), out=K)
        K *= self.signal
        K += self.constant
        return K

    def precision(self, K: np.ndarray) -> np.ndarray:
        """Q = (K + σ²I)⁻¹, K of all pairs of n rows, (n, n) -> (n, n).

        It consists almost entirely of matrix products, which makes it faster than numpy.linalg.inv.
        """
        diagonal = np.diag_indices(len(K))
        known = K[diagonal]
        K[diagonal] += self.noise  # until it is factorised, to save a copy of K
        try:
            T = inverse_cholesky(K, np.matmul)
        finally:
            K[diagonal] = known
        del K  # frees it, where the caller keeps no name of it
        return T.T @ T


def leave_one_out(Q: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """The prediction of each row from all the others: Y - Q Y / diag(Q), (n, k)."""
    return Y - Q @ Y / np.diag(Q)[:, None]


def squared_error(F: np.ndarray, Y: np.ndarray) -> tuple[float, np.ndarray]:
    """1/n Σ (f - y)²."""
    return float(np.sum((F - Y) ** 2) / len(Y)), 2 * (F - Y) / len(Y)


def log_loss(F: np.ndarray, Y: np.ndarray, steepness: float) -> tuple[float, np.ndarray]:
    """1/n Σ log(1 + exp(-steepness f y)), y in {-1, 1}: the logistic loss of the margins.

    A margin y f far above 1 has hardly any loss, whereas its squared error is large.
    """
    margins = -steepness * F * Y
    return float(softplus(margins).sum() / len(Y)), -steepness * Y * sigmoid(margins) / len(Y)


def loss_and_gradient(
    theta: np.ndarray, X: np.ndarray, Y: np.ndarray, loss_function: LossFunction, exponent: float
) -> tuple[float, np.ndarray]:
    """The loss L of the leave-one-out predictions, and dL/dtheta (d + 3,).

    X (n, d), Y (n, k); the k columns share the kernel. With A = Q Y and q = diag(Q), f = y - A / q;
    dQ = -Q dK Q backpropagates the gradient to K (equation 5.13).
    """
    kernel = Kernel.of(theta, exponent)
    squares = kernel.squared_distances(X, X)
    powers = squares ** (exponent / 2)
    exponential = kernel.signal * np.exp(-powers)
    Q = kernel.precision(exponential + kernel.constant)
    A, q = Q @ Y, np.diag(Q)[:, None]
    loss, dF = loss_function(Y - A / q, Y)
    dA, dq = -dF / q, np.sum(dF * A, axis=1) / q[:, 0] ** 2
    dK = (Q * -dq) @ Q
    dK -= (Q @ dA) @ A.T  # not made symmetric: K is, so that only dK_ij + dK_ji matters
    noise = np.trace(dK) * (kernel.noise - MIN_NOISE)
    constant = dK.sum() * kernel.constant
    dK *= exponential
    signal = dK.sum()
    dK *= powers / squares * (-exponent / 2)  # dL/dr²
    np.fill_diagonal(dK, 0.0)  # a row's distance from itself is 0 for any length scale
    scales = _weighted_squared_differences(dK, X) / kernel.length_scale**2
    return loss, np.append(scales, [signal, constant, noise])


def _weighted_squared_differences(M: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Σ_ij m_ij (x_i - x_j)² for each column, (d,); M (n, n), X (n, d)."""
    weights = M.sum(axis=0) + M.sum(axis=1)
    return np.asarray(weights @ X**2 - 2 * np.sum((M @ X) * X, axis=0))
