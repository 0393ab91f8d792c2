"""The layers and losses that a network spends its time in, rearranged for speed.

Each has a namesake in pipeline/from_scratch/layers.py, which is the one to read, and gives the same
numbers up to rounding.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from pipeline.engines.logistic_loss import loss_and_error
from pipeline.from_scratch import layers
from pipeline.from_scratch.layers import one_output, scaled_weights

UNSIGNED = {np.dtype(f"i{size}"): np.dtype(f"u{size}") for size in (1, 2, 4, 8)}


class Affine(layers.Affine):
    """y = x W + b."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        y = x @ self.W
        y += self.b
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.backward_to_parameters(dy)
        if dy.shape[1] == 1:  # an outer product, for which BLAS takes four times as long
            return np.einsum("no,io->ni", dy, self.W)
        return dy @ self.W.T

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        np.matmul(self.x.T, dy, out=self.dW)
        np.matmul(ones(len(dy), dy.dtype), dy, out=self.db)  # four times as fast as np.sum


class Relu(layers.Relu):
    """y = max(x, 0)."""

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx = (self.y > 0).astype(dy.dtype)  # multiplying floats by booleans takes twice as long
        dx *= dy
        return dx


class SoftmaxWithLoss(layers.SoftmaxWithLoss):
    """L = -1/n Σ w Σ t log p, p = softmax(output)."""

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        target = np.asarray(target)
        if not are_class_numbers(target, output.shape):
            return super().forward(output, target, weight)
        w, label = scaled_weights(output, weight), (target, np.arange(len(output)))
        z = output.T.copy()  # (k, n): reducing a few long rows is faster than many short ones
        z -= z.max(axis=0)
        e = np.exp(z)
        total = e.sum(axis=0)
        loss = np.log(total) - (1 - self.smoothing) * z[label]
        e *= w / total  # w p / n, from which w t / n is subtracted
        e[label] -= (1 - self.smoothing) * w
        if self.smoothing:
            loss -= self.smoothing * z.mean(axis=0)
            e -= self.smoothing / len(z) * w
        self.error = e.T
        return float(loss @ w)


class SigmoidWithLoss(layers.SigmoidWithLoss):
    """L = -1/n Σ w (t log p + (1 - t) log(1 - p)), p = sigmoid(output)."""

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        target = one_output(output, target)
        loss, self.error = loss_and_error(output, target, scaled_weights(output, weight))
        return loss


def are_class_numbers(target: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether the target is integers (n,) from 0 to k - 1, for an output of shape (n, k)."""
    unsigned = UNSIGNED.get(target.dtype)
    if unsigned is None or target.shape != shape[:1]:
        return False
    return bool(np.maximum.reduce(target.view(unsigned)) < shape[1])  # -1 is huge, unsigned


@lru_cache(maxsize=16)
def ones(n: int, dtype: np.dtype) -> np.ndarray:
    """Ones (n,), the same array for all batches of a size."""
    result = np.ones(n, dtype)
    result.setflags(write=False)
    return result
