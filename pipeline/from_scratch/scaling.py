"""Factors that a network learns: how much a column counts, how much an activation bends.

(Holzmüller, Grinsztajn and Steinwart 2024, arXiv:2407.04491, section 3, RealMLP)
"""

import numpy as np

from pipeline.from_scratch.layers import Layer


class Scaling(Layer):
    """y = x s, one factor a column, 1 at the start: as the first layer, a soft choice of columns.

    The factors are held as s = speed u. Adam moves every parameter by about lr whatever the size of
    its gradient, so that s moves `speed` times as fast as the other parameters do.

    Shapes: x, y (n, d); u (d,).
    """

    parameters = ("u",)

    def __init__(self, d: int, speed: float = 1.0) -> None:
        self.speed, self.u, self.du = speed, np.full(d, 1 / speed), np.zeros(d)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x, self.s = x, self.speed * self.u
        return x * self.s

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dL/dx = dy s, dL/du = speed Σ_n dy x."""
        self.backward_to_parameters(dy)
        return dy * self.s

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        np.einsum("nd,nd->d", dy, self.x, out=self.du)
        self.du *= self.speed


class ParametricActivation(Layer):
    """y = x + alpha (f(x) - x): from a straight line at alpha = 0 to f at 1, where it starts.

    Shapes: x, y (n, d); alpha (d,), one a unit. `activation` is the layer f.
    """

    parameters = ("alpha",)

    def __init__(self, d: int, activation: Layer) -> None:
        self.activation = activation
        self.alpha, self.dalpha = np.ones(d), np.zeros(d)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.bend = self.activation.forward(x) - x
        return x + self.alpha * self.bend

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dL/dx = dy (1 - alpha) + alpha dy f'(x), dL/dalpha = Σ_n dy (f(x) - x)."""
        np.einsum("nd,nd->d", dy, self.bend, out=self.dalpha)
        through = dy * self.alpha
        return dy - through + self.activation.backward(through)
