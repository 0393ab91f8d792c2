"""A vector for each number, with which a network can fit less smooth functions of it.

A ReLU network prefers smooth functions and is slow to learn that 30 and 31 differ. Sines and
cosines of several frequencies, or bins, separate neighbouring values (Gorishniy, Rubachev and
Babenko 2022, arXiv:2203.05556). Three embeddings, each for d columns at once:

    PLR          Frequencies, CosineAndSine, AffineByColumn, Relu    (section 3.3 there)
    PBLD         Frequencies with phases, Cosine, AffineByColumn, concatenated with x itself
                 (Holzmüller 2024, arXiv:2407.04491, section 3, RealMLP)
    piecewise    PiecewiseLinear, without parameters                 (section 3.2 there)

The k numbers of a column are adjacent: those of column j are at positions j k to j k + k - 1.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.from_scratch.layers import Layer, of_shape, with_width


class Frequencies(Layer):
    """z = 2π c x (+ b): the phase of x at each of k frequencies c.

    c = std u, and u is initially standard normal. std is this embedding's most important
    hyperparameter: the larger it is, the further apart neighbouring values are. Phases b are
    optional and initially uniform on the circle. u and b are vectors, so that weight decay, which
    would lower the frequencies, does not apply to them.

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
        self.x = np.repeat(with_width(x, len(self.u) // self.k, self), self.k, axis=1)
        z = self.x * (self.scale * self.u)
        if "b" in self.parameters:
            z += self.b
        return z

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.backward_to_parameters(dy)
        dx = dy * (self.scale * self.u)
        return dx.reshape(len(dy), -1, self.k).sum(axis=2)

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        np.einsum("nd,nd->d", of_shape(dy, self.x.shape, self), self.x, out=self.du)
        self.du *= self.scale
        if "b" in self.parameters:
            np.sum(dy, axis=0, out=self.db)


class Cosine(Layer):
    """y = cos x;  dx = -dy sin x."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        return np.cos(x)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return -of_shape(dy, self.x.shape, self) * np.sin(self.x)


class CosineAndSine(Layer):
    """y = cos x_1, sin x_1, cos x_2, sin x_2, ...: (n, d) -> (n, 2 d)."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.y = np.stack([np.cos(x), np.sin(x)], axis=-1)
        return self.y.reshape(len(x), -1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx = dsin cos x - dcos sin x."""
        n, d, _ = self.y.shape
        dy = of_shape(dy, (n, 2 * d), self).reshape(self.y.shape)
        return dy[..., 1] * self.y[..., 0] - dy[..., 0] * self.y[..., 1]


class AffineByColumn(Layer):
    """y_j = x_j W_j + b_j: a separate affine layer for each column.

    Shapes: x (n, d·k), W (d, k, e), b (d·e,) -> y (n, d·e).
    """

    parameters = ("W", "b")

    def __init__(self, W: np.ndarray) -> None:
        d, _, e = W.shape
        self.W, self.b = W, np.zeros(d * e)
        self.dW, self.db = np.zeros_like(W), np.zeros(d * e)

    def forward(self, x: np.ndarray) -> np.ndarray:
        d, k, e = self.W.shape
        self.x = _by_column(with_width(x, d * k, self), d)
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
    """y_t = (x - b_t) / (b_(t+1) - b_t), clipped to [0, 1]: the fraction of each bin below x.

    A number in the third of four bins becomes 1, 1, a fraction, 0. The first bin is not clipped
    below 0 and the last not above 1, so that the embedding is injective (equation 1 of the paper).

    Shapes: edges, for each of d columns its ascending bin edges (bins + 1,) -> y (n, all bins).
    """

    def __init__(self, edges: Sequence[np.ndarray]) -> None:
        bins = [len(each) - 1 for each in edges]
        self.d, self.column = len(edges), np.repeat(np.arange(len(edges)), bins)
        self.starts = np.cumsum([0, *bins[:-1]])
        left = np.concatenate([each[:-1] for each in edges])
        width = np.concatenate([np.diff(each) for each in edges])
        lowest, highest = np.zeros(sum(bins)), np.ones(sum(bins))
        lowest[self.starts], highest[np.cumsum(bins) - 1] = -np.inf, np.inf
        self.bins = np.array([left, width, lowest, highest])

    def forward(self, x: np.ndarray) -> np.ndarray:
        left, width, lowest, highest = self.bins.astype(x.dtype, copy=False)
        self.fraction = (with_width(x, self.d, self).take(self.column, axis=1) - left) / width
        return np.clip(self.fraction, lowest, highest)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """dx = Σ dy / width over the bins that contain x: one, or none at an edge."""
        _, width, lowest, highest = self.bins.astype(dy.dtype, copy=False)
        inside = (self.fraction > lowest) & (self.fraction < highest)
        dy = of_shape(dy, inside.shape, self)
        return np.add.reduceat(dy * inside / width, self.starts, axis=1)


def quantile_edges(x: np.ndarray, bins: int) -> np.ndarray:
    """x (n,) -> edges (at most bins + 1,), ascending: about the same number of rows in each bin.

    Every edge is one of the numbers. Interpolation between them could give an edge that differs
    from a number by a rounding error only, and division by the width of such a bin would give 1e15.
    """
    probabilities = np.linspace(0, 1, bins + 1)
    return np.unique(np.quantile(x.astype(np.float64), probabilities, method="higher"))


def _by_column(x: np.ndarray, d: int) -> np.ndarray:
    """(n, d·k) -> (d, n, k), a view: matmul then multiplies all columns at once."""
    return x.reshape(len(x), d, -1).transpose(1, 0, 2)
