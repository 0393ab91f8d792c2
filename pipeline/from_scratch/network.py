"""A stack of layers and a loss, with all parameters in one vector."""

from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from numpy.typing import DTypeLike

from pipeline.from_scratch.layers import Layer, Loss

PREDICTION_BATCH = 1024  # rows


class Network:
    """loss(layer_m(... layer_1(x))), with all parameters in one flat vector.

    theta (p,) holds all parameters, gradient (p,) their gradients; the layers hold views into both.
    So an optimizer is one equation on one vector, and a copy of theta is a copy of the network. The
    weight matrices come first, `n_weights` numbers in all; biases and other vectors follow, among
    them the layers' buffers, whose gradient stays 0.

    A layer holds what one forward pass left and the gradient of one place, so that it can stand in
    one place of one network. ValueError for a layer that is listed twice or is in another network.
    """

    def __init__(self, layers: Sequence[Layer], loss: Loss, dtype: DTypeLike = np.float64) -> None:
        self.layers, self.loss = list(layers), loss
        _claim(list(with_sublayers(layers)), self)
        arrays = [
            (layer, name)
            for layer in with_sublayers(layers)
            for name in layer.parameters + layer.buffers
        ]
        arrays.sort(key=lambda array: getattr(*array).ndim == 1)
        sizes = [getattr(*array).size for array in arrays]
        self.theta, self.gradient = np.empty(sum(sizes), dtype), np.zeros(sum(sizes), dtype)
        self.n_weights = sum(getattr(*array).size for array in arrays if getattr(*array).ndim > 1)
        start = 0
        for (layer, name), size in zip(arrays, sizes, strict=True):
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
        """A forward and a backward pass: returns the loss, writes its gradient to `gradient`."""
        loss = self.loss.forward(self.forward(x), target, weight)
        dy = self.loss.backward()
        for layer in reversed(self.layers[1:]):
            dy = layer.backward(dy)
        self.layers[0].backward_to_parameters(dy)
        return loss

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> output (n, k), batch by batch to limit the memory used.

        X is an array, or anything with a length that gives arrays for slices, such as a RowSubset.
        """
        starts = range(0, len(X), PREDICTION_BATCH)
        return np.concatenate(
            [self.forward(X[start : start + PREDICTION_BATCH], training=False) for start in starts]
        )


_NETWORK_OF: WeakKeyDictionary[Layer, ref[Network]] = WeakKeyDictionary()


def _claim(layers: list[Layer], network: Network) -> None:
    for number, layer in enumerate(layers):
        owner = _NETWORK_OF.get(layer)
        twice = any(layer is other for other in layers[:number])
        if twice or (owner is not None and owner() is not None):
            where = "in this network twice" if twice else "in another network"
            raise ValueError(
                f"The layer {type(layer).__name__} is {where}; it holds the gradient of one place. "
                "Make a layer for each place, or a copy with copy.deepcopy."
            )
    for layer in layers:
        _NETWORK_OF[layer] = ref(network)


def with_sublayers(layers: Sequence[Layer]) -> Iterator[Layer]:
    """The layers and, recursively, the layers that they contain."""
    for layer in layers:
        yield layer
        yield from with_sublayers(layer.layers)
