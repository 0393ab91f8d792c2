"""A vector for each number, so that a network can bend where the number needs it.

A ReLU network prefers smooth functions and is slow to learn that 30 and 31 differ. Waves of several
frequencies, or bins, tell near values apart (Gorishniy, Rubachev and Babenko 2022,
arXiv:2203.05556). Three recipes, for d columns at once:

    PLR          Frequencies, CosineAndSine, AffineByColumn, Relu    (section 3.3 there)
    PBLD         Frequencies with phases, Cosine, AffineByColumn, and x itself beside it
                 (Holzmüller 2024, arXiv:2407.04491, section 3, RealMLP)
    piecewise    PiecewiseLinear: nothing to learn                   (section 3.2 there)

Each column's numbers stay together: with k to a column, column j has the places j k to j k + k - 1.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.from_scratch.layers import Layer


class Frequencies(Layer):
    """z = 2π c x (+ b): how far along x is on each of k waves.

    c = std u, and u starts from the standard normal: with a small std neighbours look alike, with a
    large one they are far apart, which is this embedding's most important choice. Phases b, if
    there are any, start anywhere on the circle. u and b are vectors, which weight decay leaves
    alone: it would flatten the waves.

    Shapes: x (n, d), u and b (d·k,) -> z (n, d·k).
    """

    def __init__(
        self, d: int, k: int, std: float, rng: np.random.Generator, *, phases: bool = False
    ) -> None:
        self.k, self.scale = k, 2 * np.pi * std
        self.u, self.du = rng.normal(size=d * k), np.zeros(d * k)
        self.parameters = ("u", "b") if phases else ("u",)
        if phases:
            self.b, self.db = rng.uniform(-np.pi, np.pi, d * k), np.zeros(d * k)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = np.repeat(x, self.k, axis=1)
        z = self.x * (self.scale * self.u)
        if "b" in self.parameters:
            z += self.b
        return z

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.backward_to_parameters(dy)
        dx = dy * (self.scale * self.u)
        return dx.reshape(len(dy), -1, self.k).sum(axis=2)

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        np.einsum("nd,nd->d", dy, self.x, out=self.du)
        self.du *= self.scale
        if "b" in self.parameters:
            np.sum(dy, axis=0, out=self.db)


class Cosine(Layer):
    """y = cos x;  dx = -dy sin x."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        return np.cos(x)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return -dy * np.sin(self.x)


class CosineAndSine(Layer):
    """y = cos x_1, sin x_1, cos x_2, sin x_2, ...: (n, d) -> (n, 2 d)."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.y = np.stack([np.cos(x), np.sin(x)], axis=-1)
        return self.y.reshape(len(x), -1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx = dsin cos x - dcos sin x."""
        dy = dy.reshape(self.y.shape)
        return dy[..., 1] * self.y[..., 0] - dy[..., 0] * self.y[..., 1]


class AffineByColumn(Layer):
    """y_j = x_j W_j + b_j: every column has an affine layer of its own.

    Shapes: x (n, d·k), W (d, k, e), b (d·e,) -> y (n, d·e).
    """

    parameters = ("W", "b")

    def __init__(self, W: np.ndarray) -> None:
        d, _, e = W.shape
        self.W, self.b = W, np.zeros(d * e)
        self.dW, self.db = np.zeros_like(W), np.zeros(d * e)

    def forward(self, x: np.ndarray) -> np.ndarray:
        d, _, e = self.W.shape
        self.x = _by_column(x, d)
        y = np.empty((len(x), d * e), x.dtype)
        np.matmul(self.x, self.W, out=_by_column(y, d))
        y += self.b
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        d, k, _ = self.W.shape
        self.backward_to_parameters(dy)
        dx = np.empty((len(dy), d * k), dy.dtype)
        np.matmul(_by_column(dy, d), self.W.transpose(0, 2, 1), out=_by_column(dx, d))
        return dx

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        np.matmul(self.x.transpose(0, 2, 1), _by_column(dy, len(self.W)), out=self.dW)
        np.sum(dy, axis=0, out=self.db)


class PiecewiseLinear(Layer):
    """y_t = (x - b_t) / (b_(t+1) - b_t), clipped to [0, 1]: how far x has filled each bin.

    A number in the third of four bins becomes 1, 1, something between, 0. The first bin goes on
    below 0 and the last above 1, so that no number is lost (equation 1 of the paper).

    Shapes: edges, for each of d columns its ascending bin edges (bins + 1,) -> y (n, all bins).
    """

    def __init__(self, edges: Sequence[np.ndarray]) -> None:
        bins = [len(each) - 1 for each in edges]
        self.column = np.repeat(np.arange(len(edges)), bins)
        self.starts = np.cumsum([0, *bins[:-1]])
        left = np.concatenate([each[:-1] for each in edges])
        width = np.concatenate([np.diff(each) for each in edges])
        lowest, highest = np.zeros(sum(bins)), np.ones(sum(bins))
        lowest[self.starts], highest[np.cumsum(bins) - 1] = -np.inf, np.inf
        self.bins = np.array([left, width, lowest, highest])

    def forward(self, x: np.ndarray) -> np.ndarray:
        left, width, lowest, highest = self.bins.astype(x.dtype, copy=False)
        self.filled = (x.take(self.column, axis=1) - left) / width
        return np.clip(self.filled, lowest, highest)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx = Σ dy / width over the bins that x lies in: one, or none at an edge."""
        _, width, lowest, highest = self.bins.astype(dy.dtype, copy=False)
        inside = (self.filled > lowest) & (self.filled < highest)
        return np.add.reduceat(dy * inside / width, self.starts, axis=1)


def quantile_edges(x: np.ndarray, bins: int) -> np.ndarray:
    """x (n,) -> edges (at most bins + 1,), ascending: about as many rows in each bin.

    Every edge is one of the numbers. Where edges may lie between two of them, rounding can move one
    off its number by the last digit, and a bin as narrow as that says 1e15 of whatever lies beyond.
    """
    places = np.linspace(0, 1, bins + 1)
    return np.unique(np.quantile(x.astype(np.float64), places, method="higher"))


def _by_column(x: np.ndarray, d: int) -> np.ndarray:
    """(n, d·k) -> (d, n, k), a view: matmul then takes every column at once."""
    return x.reshape(len(x), d, -1).transpose(1, 0, 2)
