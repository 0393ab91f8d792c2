"""Trainable factors: one that scales each column, and one that blends each unit's activation.

(Holzmüller, Grinsztajn and Steinwart 2024, arXiv:2407.04491, section 3, RealMLP)
"""

import numpy as np

from pipeline.from_scratch.layers import Layer, of_shape, with_width


class LearnedScaling(Layer):
    """y = x s, one factor per column, initially 1: as the first layer, soft feature selection.

    The factors are stored as s = lr_factor u. Adam moves every parameter by about lr whatever the
    size of its gradient, so that s moves `lr_factor` times as fast as the other parameters.

    Shapes: x, y (n, d); u (d,).
    """

    parameters = ("u",)

    def __init__(self, d: int, lr_factor: float = 1.0) -> None:
        self.lr_factor, self.u, self.du = lr_factor, np.full(d, 1 / lr_factor), np.zeros(d)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x, self.s = with_width(x, len(self.u), self), self.lr_factor * self.u
        return x * self.s

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dL/dx = dy s, dL/du = lr_factor Σ_n dy x."""
        self.backward_to_parameters(dy)
        return dy * self.s

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        np.einsum("nd,nd->d", of_shape(dy, self.x.shape, self), self.x, out=self.du)
        self.du *= self.lr_factor


class ParametricActivation(Layer):
    """y = x + alpha (f(x) - x): the identity for alpha = 0, f for alpha = 1, its initial value.

    Shapes: x, y (n, d); alpha (d,), one per unit. `activation` is the layer f.
    """

    parameters = ("alpha",)

    def __init__(self, d: int, activation: Layer) -> None:
        self.activation, self.layers = activation, (activation,)
        self.alpha, self.dalpha = np.ones(d), np.zeros(d)

    def forward(self, x: np.ndarray) -> np.ndarray:
        x = with_width(x, len(self.alpha), self)
        self.difference = self.activation.forward(x) - x
        return x + self.alpha * self.difference

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dL/dx = dy (1 - alpha) + alpha dy f'(x), dL/dalpha = Σ_n dy (f(x) - x)."""
        dy = of_shape(dy, self.difference.shape, self)
        np.einsum("nd,nd->d", dy, self.difference, out=self.dalpha)
        through = dy * self.alpha
        return dy - through + self.activation.backward(through)
