"""Columns of different kinds, each kind with layers of its own."""

from collections.abc import Sequence

import numpy as np

from pipeline.from_scratch.layers import Layer

Branch = tuple[Sequence[int] | np.ndarray, Sequence[Layer]]


class Columns(Layer):
    """Some columns go through these layers, some through those; the results stand side by side.

    A branch is column numbers and the layers for them; no layers pass them on unchanged. A column
    may be in several branches, and its gradients then add up.

    Shapes: x (n, d) -> y (n, the sum of the branches' widths).
    """

    def __init__(self, branches: Sequence[Branch]) -> None:
        self.branches = [(np.asarray(columns), list(chain)) for columns, chain in branches]
        self.layers = tuple(layer for _, chain in self.branches for layer in chain)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.shape = x.shape
        parts = []
        for columns, chain in self.branches:
            part = x.take(columns, axis=1)
            for layer in chain:
                layer.training = self.training
                part = layer.forward(part)
            parts.append(part)
        self.stops = np.cumsum([part.shape[1] for part in parts])[:-1]
        return np.concatenate(parts, axis=1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx = np.zeros(self.shape, dy.dtype)
        parts = np.split(dy, self.stops, axis=1)
        for (columns, chain), part in zip(self.branches, parts, strict=True):
            for layer in reversed(chain):
                part = layer.backward(part)
            dx[:, columns] += part
        return dx

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        parts = np.split(dy, self.stops, axis=1)
        for (_, chain), part in zip(self.branches, parts, strict=True):
            for layer in reversed(chain[1:]):
                part = layer.backward(part)
            if chain:
                chain[0].backward_to_parameters(part)
