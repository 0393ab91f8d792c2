"""Layers joined to one function, with all its parameters in one vector."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pipeline.from_scratch.layers import Layer, Loss

ROWS_AT_A_TIME = 1024


class Network:
    """loss(layer_m(... layer_1(x))), with all parameters in one flat vector.

    theta (p,) holds every parameter, gradient (p,) every gradient; the layers hold views into
    them. So an optimizer is one equation on one vector, and a copy of theta is a copy of the
    network. The weight matrices come first, `weights` numbers in all; biases follow, and with them
    what layers remember of the data, whose gradient stays 0.
    """

    def __init__(self, layers: Sequence[Layer], loss: Loss, dtype: DTypeLike = np.float64) -> None:
        self.layers, self.loss = list(layers), loss
        every = list(with_inner(layers))
        places = [(one, name) for one in every for name in one.parameters + one.statistics]
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

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> output (n, k), a thousand rows at a time to bound the memory.

        X is an array, or whatever has a length and gives arrays for slices, as training's Rows.
        """
        starts = range(0, len(X), ROWS_AT_A_TIME)
        return np.concatenate(
            [self.forward(X[start : start + ROWS_AT_A_TIME], training=False) for start in starts]
        )


def with_inner(layers: Sequence[Layer]) -> Iterator[Layer]:
    """These layers and those that they consist of."""
    for layer in layers:
        yield layer
        yield from with_inner(layer.layers)
