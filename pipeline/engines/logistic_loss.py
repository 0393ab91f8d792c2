"""The loss of logistic regression as a function of its weights, its gradient and its Hessian.

All three are sums over rows. They are computed block by block, so that a block is still in the
processor's cache when it is needed again, and in float64 for any dtype of X: a sum of many float32
is too inaccurate for weights that hardly affect the loss. A block's matrix product is too small for
BLAS to use several threads, which would gain little here, and lose much where another process keeps
one of the cores busy.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pipeline.engines.descent import Preconditioner
from pipeline.engines.matrix_products import BLOCK, gram, inverse_square_root
from pipeline.from_scratch.activations import sigmoid, softmax

CACHED = 2**17  # numbers in a block of rows at most: 1 MB of float64


class LogisticLoss(NamedTuple):
    """L(theta) = 1/n Σ w_i (-log p_i) + l2/2 |coef|², p_i the probability of row i's true class.

    theta (k, d + 1) holds coef (k, d) and, as its last column, the logits (k,) at `origin`; k is 1
    for two classes. The minimum does not depend on the origin. An approximate mean of the data
    avoids collinearity between the intercept and columns that are far from 0.
    """

    X: np.ndarray  # (n, d)
    codes: np.ndarray  # (n,) class numbers
    w: np.ndarray  # (n,) weights, of mean 1
    l2: float
    origin: np.ndarray  # (d,) float64

    def coefficients(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """theta -> coef (k, d) and intercept (k,).

        Softmax is invariant to adding the same vector to all classes; the result is the theta that
        sums to 0 over the classes.
        """
        if len(theta) > 1:
            theta = theta - theta.mean(axis=0)
        coef = np.ascontiguousarray(theta[:, :-1])
        return coef, theta[:, -1] - coef @ self.origin

    def initial_theta(self, k: int) -> np.ndarray:
        """theta (k, d + 1) with which every class is equally likely: zeros."""
        return np.zeros((k, self.X.shape[1] + 1))

    def sample(self, size: int, rng: np.random.Generator) -> "LogisticLoss":
        """The loss on `size` rows drawn without replacement; on all rows if size > n / 2."""
        if 2 * size > len(self.X):
            return self
        rows = rng.choice(len(self.X), size, replace=False)
        return self._replace(X=self.X[rows], codes=self.codes[rows], w=self.w[rows])

    def loss_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """theta -> L and ∇L, (k, d + 1): 1/n Σ w_i (p_i - t_i) [x_i - origin, 1] + l2 [coef, 0]."""
        coef, intercept = self.coefficients(theta)
        total, gradient = 0.0, np.zeros(theta.shape)
        for rows, x, logits in self._blocks(coef, intercept):
            loss, error = loss_and_error(logits, self.codes[rows], self.w[rows])
            total += loss
            gradient[:, :-1] += error.T @ x
            gradient[:, -1] += error.sum(axis=0)
        gradient[:, :-1] -= np.outer(gradient[:, -1], self.origin)
        gradient /= len(self.X)
        gradient[:, :-1] += self.l2 * coef
        return total / len(self.X) + self.l2 / 2 * float(np.vdot(coef, coef)), gradient

    def hessian(self, theta: np.ndarray) -> np.ndarray:
        """theta -> ∇²L, (k (d + 1), k (d + 1)): 1/n Σ w_i (diag(p_i) - p_i p_iᵀ) ⊗ a_i a_iᵀ + l2.

        a_i = [x_i - origin, 1]. For two classes the parenthesis is the number p_i (1 - p_i).
        """
        k, width = theta.shape
        H = np.zeros((k * width, k * width))
        for rows, x, logits in self._blocks(*self.coefficients(theta)):
            a = np.column_stack([x - self.origin, np.ones(len(x))])
            a *= np.sqrt(self.w[rows])[:, None]
            p = softmax(logits) if k > 1 else np.sqrt(sigmoid(logits) * sigmoid(-logits))
            H += gram((p[:, :, None] * a[:, None, :]).reshape(len(a), -1))
        H = H.reshape(k, width, k, width) / len(self.X)
        if k > 1:
            for c in range(k):  # p (1 - p) as p times the sum of the other p: no cancellation
                H[c, :, c] = 0
                H[c] *= -1
                H[c, :, c] = -H[c].sum(axis=1)
        np.einsum("cjcj->cj", H)[:, :-1] += self.l2
        return H.reshape(theta.size, theta.size)

    def inverse_hessian(self, theta: np.ndarray) -> Preconditioner:
        """g -> P g, P the inverse of the Hessian at theta."""
        T = inverse_square_root(self.hessian(theta))
        return lambda g: (T.T @ (T @ g.ravel())).reshape(g.shape)

    def inverse_hessian_diagonal(self, theta: np.ndarray) -> Preconditioner:
        """g -> P g, P the inverse of the diagonal of the Hessian at theta."""
        diagonal = np.zeros(theta.shape)
        for rows, x, logits in self._blocks(*self.coefficients(theta)):
            p = sigmoid(logits) if len(theta) == 1 else softmax(logits)
            weight = (p * (1 - p)).T * self.w[rows]
            diagonal[:, :-1] += weight @ (x - self.origin) ** 2
            diagonal[:, -1] += weight.sum(axis=1)
        diagonal /= len(self.X)
        diagonal[:, :-1] += self.l2
        diagonal = np.where(diagonal > 0, diagonal, diagonal.mean() or 1)
        return lambda g: g / diagonal

    def _blocks(
        self, coef: np.ndarray, intercept: np.ndarray
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Blocks of rows, their x (m, d) as float64, and their logits (m, k).

        The logits are stored in column-major order, which makes sums over few classes fast.
        """
        size = max(min(BLOCK**3 // coef.size, CACHED // coef.shape[1]), BLOCK)
        for start in range(0, len(self.X), size):
            rows = slice(start, start + size)
            x = self.X[rows].astype(np.float64, copy=False)
            yield rows, x, (coef @ x.T).T + intercept


def approximate_mean(X: np.ndarray) -> np.ndarray:
    """The mean (d,) of about a thousand evenly spaced rows, float64.

    It is the first row plus the mean difference from it, which is exact for a constant column.
    """
    rows = X[:: max(len(X) // 1000, 1)].astype(np.float64)
    return rows[0] + (rows - rows[0]).mean(axis=0)


def n_logits(classes: np.ndarray) -> int:
    """1 for two classes, k for k > 2."""
    return 1 if len(classes) == 2 else len(classes)


def loss_and_error(
    logits: np.ndarray, codes: np.ndarray, w: np.ndarray
) -> tuple[float, np.ndarray]:
    """Σ_i w_i (-log p_i), and its gradient with respect to the logits (n, k): w_i (p_i - t_i)."""
    if logits.shape[1] == 1:
        z, t = logits[:, 0], codes.astype(logits.dtype)
        e = np.exp(-np.abs(z))
        loss = np.maximum(z, 0) - t * z + np.log1p(e)
        error = (np.where(z >= 0, 1, e) / (1 + e) - t)[:, None]
    else:
        rows = np.arange(len(logits))
        z = logits - logits.max(axis=1, keepdims=True)
        error = np.exp(z)
        total = error.sum(axis=1)
        loss = np.log(total) - z[rows, codes]
        error /= total[:, None]
        error[rows, codes] -= 1
    return float(w @ loss), w[:, None] * error
