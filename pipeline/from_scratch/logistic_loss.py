"""What logistic regression walks down: the loss as a function of its weights, slope, curvature.

All three are sums over rows. They are taken block by block, so that a block is still in the
processor's cache when it is wanted again, and in float64, whatever X is: a sum of many float32 has
too few digits for weights that hardly matter to the loss. A block's matrix product is too small for
BLAS to share it between threads, which would gain little here, and lose much where another process
keeps one of the cores busy.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pipeline.from_scratch.activations import sigmoid, softmax
from pipeline.from_scratch.descent import Precondition, inverse_root
from pipeline.from_scratch.products import TILE, gram

BLOCK = 2**17  # numbers: 1 MB of float64


class LogisticLoss(NamedTuple):
    """L(theta) = 1/n Σ w_i (-log p_i) + l2/2 |coef|², p_i the probability of row i's own class.

    theta (k, d + 1) holds coef (k, d) and, as its last column, the logits (k,) at `origin`; k is 1
    for two classes. Any origin has the same minimum. One near the data keeps columns that are far
    from 0 from looking like the intercept, and a row of X makes constant columns 0.
    """

    X: np.ndarray  # (n, d)
    codes: np.ndarray  # (n,) class numbers
    w: np.ndarray  # (n,) weights, of mean 1
    l2: float
    origin: np.ndarray  # (d,) float64

    def line(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """theta -> coef (k, d) and intercept (k,).

        Softmax doesn't see what is added to all classes alike; of all such answers, the one that
        sums to 0 over the classes.
        """
        if len(theta) > 1:
            theta = theta - theta.mean(axis=0)
        coef = np.ascontiguousarray(theta[:, :-1])
        return coef, theta[:, -1] - coef @ self.origin

    def start(self, k: int) -> np.ndarray:
        """theta (k, d + 1) that knows nothing: every class is equally likely."""
        return np.zeros((k, self.X.shape[1] + 1))

    def sample(self, size: int, rng: np.random.Generator) -> "LogisticLoss":
        """The loss on so many rows, drawn without replacement; the whole loss from half of them."""
        if 2 * size > len(self.X):
            return self
        rows = rng.choice(len(self.X), size, replace=False)
        return self._replace(X=self.X[rows], codes=self.codes[rows], w=self.w[rows])

    def loss_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """theta -> L and ∇L, (k, d + 1): 1/n Σ w_i (p_i - t_i) [x_i - origin, 1] + l2 [coef, 0]."""
        coef, intercept = self.line(theta)
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

    def curvature(self, theta: np.ndarray) -> np.ndarray:
        """theta -> ∇²L, (k (d + 1), k (d + 1)): 1/n Σ w_i (diag(p_i) - p_i p_iᵀ) ⊗ a_i a_iᵀ + l2.

        a_i = [x_i - origin, 1]. For two classes the bracket is the number p_i (1 - p_i).
        """
        k, width = theta.shape
        H = np.zeros((k * width, k * width))
        for rows, x, logits in self._blocks(*self.line(theta)):
            a = np.column_stack([x - self.origin, np.ones(len(x))])
            a *= np.sqrt(self.w[rows])[:, None]
            p = softmax(logits) if k > 1 else np.sqrt(sigmoid(logits) * sigmoid(-logits))
            H += gram((p[:, :, None] * a[:, None, :]).reshape(len(a), -1))
        H = H.reshape(k, width, k, width) / len(self.X)
        if k > 1:
            for c in range(k):  # p (1 - p) is p times the others' p, which loses no digits
                H[c, :, c] = 0
                H[c] *= -1
                H[c, :, c] = -H[c].sum(axis=1)
        np.einsum("cjcj->cj", H)[:, :-1] += self.l2
        return H.reshape(theta.size, theta.size)

    def inverse_curvature(self, theta: np.ndarray) -> Precondition:
        """g -> P g with P the inverse of the curvature at theta."""
        T = inverse_root(self.curvature(theta))
        return lambda g: (T.T @ (T @ g.ravel())).reshape(g.shape)

    def inverse_diagonal(self, theta: np.ndarray) -> Precondition:
        """g -> P g with P the inverse of the curvature's diagonal: no more numbers than theta."""
        bend = np.zeros(theta.shape)
        for rows, x, logits in self._blocks(*self.line(theta)):
            p = sigmoid(logits) if len(theta) == 1 else softmax(logits)
            weight = (p * (1 - p)).T * self.w[rows]
            bend[:, :-1] += weight @ (x - self.origin) ** 2
            bend[:, -1] += weight.sum(axis=1)
        bend /= len(self.X)
        bend[:, :-1] += self.l2
        bend = np.where(bend > 0, bend, bend.mean() or 1)
        return lambda g: g / bend

    def _blocks(
        self, coef: np.ndarray, intercept: np.ndarray
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Rows (m,), their x (m, d) as float64 and logits (m, k).

        The logits lie in memory class after class, for sums over a few classes to be fast.
        """
        size = max(min(TILE**3 // coef.size, BLOCK // coef.shape[1]), TILE)
        for start in range(0, len(self.X), size):
            rows = slice(start, start + size)
            x = self.X[rows].astype(np.float64, copy=False)
            yield rows, x, (coef @ x.T).T + intercept


def near(X: np.ndarray) -> np.ndarray:
    """A point amid the rows (d,): the mean of a thousand of them or so, as float64.

    Means are taken from the first row on, which makes that of a constant column exact.
    """
    rows = X[:: max(len(X) // 1000, 1)].astype(np.float64)
    return rows[0] + (rows - rows[0]).mean(axis=0)


def outputs(classes: np.ndarray) -> int:
    """How many logits k classes need: one for two, k for more."""
    return 1 if len(classes) == 2 else len(classes)


def loss_and_error(
    logits: np.ndarray, codes: np.ndarray, w: np.ndarray
) -> tuple[float, np.ndarray]:
    """Σ_i w_i (-log p_i) and its derivative by the logits, w_i (p_i - t_i): (n, k) -> (n, k)."""
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
