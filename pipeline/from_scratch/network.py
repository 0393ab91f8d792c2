"""Layers joined to one function, with all its parameters in one vector."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from pipeline.from_scratch.layers import Layer, Loss

ROWS_AT_A_TIME = 4096


class Network:
    """loss(layer_m(... layer_1(x))), with all parameters in one flat vector.

    theta (p,) holds every parameter, gradient (p,) every gradient; the layers hold views into
    them. So an optimizer is one equation on one vector, and a copy of theta is a copy of the
    network. The weight matrices come first, `weights` numbers in all; biases follow.
    """

    def __init__(self, layers: Sequence[Layer], loss: Loss, dtype: DTypeLike = np.float64) -> None:
        self.layers, self.loss = list(layers), loss
        places = [(layer, name) for layer in layers for name in layer.parameters]
        places.sort(key=lambda place: getattr(*place).ndim == 1)
        sizes = [getattr(*place).size for place in places]
        self.theta, self.gradient = np.empty(sum(sizes), dtype), np.zeros(sum(sizes), dtype)
        self.weights = sum(getattr(*place).size for place in places if getattr(*place).ndim > 1)
        start = 0
        for (layer, name), size in zip(places, sizes, strict=True):
            shape, stop = getattr(layer, name).shape, start + size
            self.theta[start:stop] = getattr(layer, name).ravel()
            setattr(layer, name, self.theta[start:stop].reshape(shape))
            setattr(layer, "d" + name, self.gradient[start:stop].reshape(shape))
            start = stop

    def forward(self, x: np.ndarray, *, training: bool = True) -> np.ndarray:
        """x (n, d) -> output (n, k)."""
        for layer in self.layers:
            layer.training = training
            x = layer.forward(x)
        return x

    def loss_and_gradient(
        self, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None
    ) -> float:
        """Forward and backward once: returns the loss, leaves its gradient in `gradient`."""
        loss = self.loss.forward(self.forward(x), target, weight)
        dy = self.loss.backward()
        for layer in reversed(self.layers[1:]):
            dy = layer.backward(dy)
        self.layers[0].backward_to_parameters(dy)
        return loss

    def predict(self, X: np.ndarray) -> np.ndarray:
        """X (n, d) -> output (n, k), a few thousand rows at a time to bound the memory."""
        starts = range(0, len(X), ROWS_AT_A_TIME)
        return np.concatenate(
            [self.forward(X[start : start + ROWS_AT_A_TIME], training=False) for start in starts]
        )
