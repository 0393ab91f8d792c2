"""A layer that remembers: the same weights at every step of a sequence, and a state in between.

Sequences are arrays (n, steps, d). These layers join the others in a Network:

    many to many    Recurrent, StepsAsRows, Affine      an output at every step, as n · steps rows
    many to one     Recurrent, LastStep, Affine         one output at the end
    one to many     Repeat, Recurrent, StepsAsRows, Affine
    one to one      Affine, Tanh, Affine                a network without memory
"""

import numpy as np

from pipeline.from_scratch.layers import Layer


class Recurrent(Layer):
    """h_t = tanh(x_t Wx + h_(t-1) Wh + b). (Elman 1990)

    Shapes: x (n, steps, d_in), Wx (d_in, d), Wh (d, d), b (d,) -> h (n, steps, d).

    `truncate` cuts the way back every so many steps: memory of that length is enough to learn
    from, and gradients have less time to vanish or explode (Williams and Peng 1990); None goes all
    the way. With `stateful` a batch begins with the state in which the one before ended, so that
    row i goes on with row i; `reset` forgets it.
    """

    parameters = ("Wx", "Wh", "b")

    def __init__(
        self,
        Wx: np.ndarray,
        Wh: np.ndarray,
        *,
        truncate: int | None = None,
        stateful: bool = False,
    ) -> None:
        self.Wx, self.Wh, self.b = Wx, Wh, np.zeros(len(Wh), Wh.dtype)
        self.dWx, self.dWh, self.db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(self.b)
        self.truncate, self.stateful = truncate, stateful
        self.reset()

    def reset(self) -> None:
        """Begin the next sequence with no memory: h_0 = 0."""
        self.state: np.ndarray | None = None

    def forward(self, x: np.ndarray) -> np.ndarray:
        n, steps, _ = x.shape
        h = np.zeros((n, steps + 1, len(self.Wh)), x.dtype)  # h[:, t] is the state before step t
        if self.stateful and self.state is not None:
            h[:, 0] = self.state
        z = x @ self.Wx + self.b
        for t in range(steps):
            h[:, t + 1] = np.tanh(z[:, t] + h[:, t] @ self.Wh)
        self.x, self.h, self.state = x, h, h[:, -1].copy()
        return h[:, 1:]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Backpropagation through time: from the last step to the first, dh carried along.

        The gradient of a weight is the sum over all the steps at which it was used.
        """
        n, steps, _ = dy.shape
        dz = np.empty_like(dy)
        dh = np.zeros((n, len(self.Wh)), dy.dtype)
        for t in reversed(range(steps)):
            dz[:, t] = (dy[:, t] + dh) * (1 - self.h[:, t + 1] ** 2)
            dh = dz[:, t] @ self.Wh.T
            if self.truncate and t % self.truncate == 0:
                dh = np.zeros_like(dh)
        np.einsum("nti,ntj->ij", self.x, dz, out=self.dWx, optimize=True)
        np.einsum("nti,ntj->ij", self.h[:, :-1], dz, out=self.dWh, optimize=True)
        np.sum(dz, axis=(0, 1), out=self.db)
        return dz @ self.Wx.T


class StepsAsRows(Layer):
    """(n, steps, d) -> (n · steps, d): what follows sees every step as a row of its own."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.shape = x.shape
        return x.reshape(-1, x.shape[-1])

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy.reshape(self.shape)


class LastStep(Layer):
    """(n, steps, d) -> (n, d): the state when everything has been read."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.shape = x.shape
        return x[:, -1]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx = np.zeros(self.shape, dy.dtype)
        dx[:, -1] = dy
        return dx


class Repeat(Layer):
    """(n, d) -> (n, steps, d): one input, shown again at every step."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.repeat(x[:, None], self.steps, axis=1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy.sum(axis=1)
