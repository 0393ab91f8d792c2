"""A network of two layers that learns, once by numerical gradients and once by backpropagation.

Both compute the same gradient. The numerical one needs two forward passes for every parameter: of
8 x 8 digits and 16 hidden units that is 2,420 passes for one step. Backpropagation needs one pass
there and one back, whatever the number of parameters.
"""

from collections.abc import Callable

import numpy as np

from pipeline.from_scratch import initialisation, losses
from pipeline.from_scratch.activations import sigmoid, softmax
from pipeline.from_scratch.gradient_descent import mini_batches
from pipeline.from_scratch.gradients import numerical_gradient

Parameters = dict[str, np.ndarray]


class TwoLayerNetwork:
    """p = softmax(sigmoid(x W1 + b1) W2 + b2), trained on the cross-entropy.

    Shapes: x (n, d), W1 (d, h), b1 (h,), W2 (h, k), b2 (k,), p (n, k); labels t (n,), 0 to k - 1.
    """

    def __init__(self, d: int, h: int, k: int, rng: np.random.Generator) -> None:
        self.parameters: Parameters = {
            "W1": initialisation.xavier(rng, d, h),
            "b1": np.zeros(h),
            "W2": initialisation.xavier(rng, h, k),
            "b2": np.zeros(k),
        }

    def predict(self, x: np.ndarray) -> np.ndarray:
        """x (n, d) -> probabilities (n, k)."""
        W1, b1, W2, b2 = self.parameters.values()
        self.a = sigmoid(x @ W1 + b1)
        return softmax(self.a @ W2 + b2)

    def loss(self, x: np.ndarray, t: np.ndarray) -> float:
        """The mean cross-entropy."""
        return losses.cross_entropy(self.predict(x), t)

    def accuracy(self, x: np.ndarray, t: np.ndarray) -> float:
        """The share of rows whose most probable class is the label.

        It cannot be what is minimised: a small change of a weight changes no class, so that its
        derivative is 0 nearly everywhere.
        """
        return float((self.predict(x).argmax(axis=1) == t).mean())

    def numerical_gradient(self, x: np.ndarray, t: np.ndarray) -> Parameters:
        """dL/d(parameter), each by central differences."""
        return {
            name: numerical_gradient(lambda _: self.loss(x, t), values)
            for name, values in self.parameters.items()
        }

    def gradient(self, x: np.ndarray, t: np.ndarray) -> Parameters:
        """The same by backpropagation: the error p - t, sent back through both layers."""
        p = self.predict(x)
        dz2 = (p - losses.label_distribution(t, p.shape)) / len(t)  # (n, k)
        da = dz2 @ self.parameters["W2"].T  # (n, h)
        dz1 = da * self.a * (1 - self.a)
        return {
            "W1": x.T @ dz1,
            "b1": dz1.sum(axis=0),
            "W2": self.a.T @ dz2,
            "b2": dz2.sum(axis=0),
        }


def train(
    network: TwoLayerNetwork,
    x: np.ndarray,
    t: np.ndarray,
    gradient: Callable[[np.ndarray, np.ndarray], Parameters],
    *,
    lr: float,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
) -> list[float]:
    """Mini-batch descent with `network.gradient` or `network.numerical_gradient`.

    An epoch is one pass over all rows, in batches of a new random order; returns the loss on all
    rows after each.
    """
    curve = []
    for _ in range(epochs):
        for rows in mini_batches(len(x), batch_size, rng):
            for name, slope in gradient(x[rows], t[rows]).items():
                network.parameters[name] -= lr * slope
        curve.append(network.loss(x, t))
    return curve
