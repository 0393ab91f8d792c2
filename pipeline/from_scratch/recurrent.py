"""A layer that remembers: the same weights at every step of a sequence, and a state in between.

Sequences are arrays (n, steps, d). These layers join the others in a network:

    many to many    Recurrent, StepsAsRows, Affine      an output at every step, as n · steps rows
    many to one     Recurrent, LastStep, Affine         one output at the end; or MeanStep, MaxStep
    one to many     Repeat, Recurrent, StepsAsRows, Affine
    one to one      Affine, Tanh, Affine                a network without memory

A ClippedNetwork of them survives the steps at which gradients explode.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pipeline.from_scratch.layers import Layer, Loss
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import clip_norm


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
        """What needs no memory is one product for all the steps; only tanh(z + h Wh) waits."""
        n, steps, _ = x.shape
        self.x = _time_first(x)
        z = self.x @ self.Wx
        z += self.b
        self.h = np.empty((steps + 1, n, len(self.Wh)), x.dtype)  # h[t] is the state before step t
        self.h[0] = self._start(n)
        for t in range(steps):
            after = np.matmul(self.h[t], self.Wh, out=self.h[t + 1])
            after += z[t]
            np.tanh(after, out=after)
        self.state = self.h[-1].copy() if self.stateful else None
        return self.h[1:].swapaxes(0, 1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.backward_to_parameters(dy)
        return (self.dz @ self.Wx.T).swapaxes(0, 1)

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        """Backpropagation through time: from the last step to the first, dh carried along.

        dz_t = (dy_t + dh) (1 - h_t²), dh = dz_t Whᵀ. The gradient of a weight is the sum over all
        the steps at which it was used.
        """
        n, steps, d = dy.shape
        dy, slope = _time_first(dy), 1 - self.h[1:] ** 2
        self.dz, dh = np.empty_like(slope), np.zeros((n, d), dy.dtype)
        for t in reversed(range(steps)):
            dh += dy[t]
            np.multiply(dh, slope[t], out=self.dz[t])
            np.matmul(self.dz[t], self.Wh.T, out=dh)
            if self.truncate and t % self.truncate == 0:
                dh[:] = 0
        dz, before = self.dz.reshape(-1, d), self.h[:-1].reshape(-1, d)
        np.matmul(self.x.reshape(len(dz), -1).T, dz, out=self.dWx)
        np.matmul(before.T, dz, out=self.dWh)
        np.matmul(np.ones(len(dz), dz.dtype), dz, out=self.db)  # four times as fast as a sum

    def _start(self, n: int) -> np.ndarray | float:
        """The state before the first step: (n, d), or 0."""
        if not self.stateful or self.state is None:
            return 0.0
        if len(self.state) != n:
            raise ValueError(
                f"The state is that of {len(self.state)} sequences, the batch has {n}: row i goes "
                "on with row i. Call reset() first, or keep the batches of one size."
            )
        return self.state


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


class MeanStep(Layer):
    """(n, steps, d) -> (n, d): the mean of the states, so that no step is far from the output."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.shape = x.shape
        return x.mean(axis=1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return np.broadcast_to(dy[:, None] / self.shape[1], self.shape)


class MaxStep(Layer):
    """(n, steps, d) -> (n, d): the largest value that each unit had at any step.

    A unit that fires at one thing is heard whenever that came, and the way back leads straight to
    that step (Collobert 2011, section 3.3.2: max over time). Steps that tie all get the gradient.
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        y = x.max(axis=1)
        self.largest = x == y[:, None]
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy[:, None] * self.largest


class Repeat(Layer):
    """(n, d) -> (n, steps, d): one input, shown again at every step."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.repeat(x[:, None], self.steps, axis=1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy.sum(axis=1)


class EachStep(Loss):
    """L = the mean of the steps' losses, for a target at every step.

    Shapes: output (n · steps, k) as StepsAsRows leaves it, target (n, steps), weight (n,) or None.
    """

    def __init__(self, loss: Loss) -> None:
        self.loss = loss

    def forward(self, output: np.ndarray, target: np.ndarray, weight: Any = None) -> float:
        if weight is not None:
            weight = np.repeat(weight, target.shape[1])
        mean = self.loss.forward(output, target.ravel(), weight)
        self.error = self.loss.backward()
        return mean


class ClippedNetwork(Network):
    """A network whose gradient, all parameters together, is never longer than `longest`.

    Through many steps a gradient can grow as the powers of Wh do, and one such step would undo what
    was learned. Cut to `longest` it keeps its direction. (Pascanu, Mikolov and Bengio 2013)
    """

    def __init__(
        self, layers: Sequence[Layer], loss: Loss, dtype: DTypeLike, longest: float
    ) -> None:
        super().__init__(layers, loss, dtype)
        self.longest = longest

    def loss_and_gradient(
        self, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None
    ) -> float:
        loss = super().loss_and_gradient(x, target, weight)
        clip_norm(self.gradient, self.longest)
        return loss


def _time_first(x: np.ndarray) -> np.ndarray:
    """(n, steps, d) -> (steps, n, d): every step's rows side by side in memory, for the loop."""
    return np.ascontiguousarray(x.swapaxes(0, 1))
