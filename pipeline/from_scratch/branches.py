"""Different layers for different columns, side by side."""

from collections.abc import Sequence

import numpy as np

from pipeline.from_scratch.layers import Layer, of_shape

Branch = tuple[Sequence[int] | np.ndarray, Sequence[Layer]]


class Branches(Layer):
    """Each branch sends its columns through its own layers; the outputs are concatenated.

    A branch is column numbers and the layers for them; without layers the columns pass unchanged.
    A column may be in several branches: its gradients are then summed.

    Shapes: x (n, d) -> y (n, the sum of the branches' widths).
    """

    def __init__(self, branches: Sequence[Branch]) -> None:
        self.branches = [(np.asarray(columns), list(chain)) for columns, chain in branches]
        self.layers = tuple(layer for _, chain in self.branches for layer in chain)
        self.last_column = max(int(columns.max()) for columns, _ in self.branches)

    def forward(self, x: np.ndarray) -> np.ndarray:
        if x.ndim != 2 or x.shape[1] <= self.last_column:
            raise ValueError(
                f"Branches: x has shape {x.shape}, but reads column {self.last_column}."
            )
        self.shape = x.shape
        outputs = []
        for columns, chain in self.branches:
            output = x.take(columns, axis=1)
            for layer in chain:
                layer.training = self.training
                output = layer.forward(output)
            outputs.append(output)
        self.stops = np.cumsum([output.shape[1] for output in outputs])[:-1]
        y = np.concatenate(outputs, axis=1)
        self.output_shape = y.shape
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx = np.zeros(self.shape, dy.dtype)
        gradients = np.split(of_shape(dy, self.output_shape, self), self.stops, axis=1)
        for (columns, chain), gradient in zip(self.branches, gradients, strict=True):
            for layer in reversed(chain):
                gradient = layer.backward(gradient)
            dx[:, columns] += gradient
        return dx

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        gradients = np.split(of_shape(dy, self.output_shape, self), self.stops, axis=1)
        for (_, chain), gradient in zip(self.branches, gradients, strict=True):
            for layer in reversed(chain[1:]):
                gradient = layer.backward(gradient)
            if chain:
                chain[0].backward_to_parameters(gradient)
