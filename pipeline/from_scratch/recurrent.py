"""A recurrent layer: the same weights at every step of a sequence, and a state between the steps.

Sequences are arrays (n, steps, d). These layers combine with the others in a network:

    many to many    Recurrent, StepsAsRows, Affine    an output at every step, as n · steps rows
    many to one     Recurrent, LastStep, Affine       one output; or MeanPooling, MaxPooling
    one to many     Repeat, Recurrent, StepsAsRows, Affine
    one to one      Affine, Tanh, Affine              a network without memory

ClippedNetwork clips their gradients where they explode.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pipeline.from_scratch.layers import Layer, Loss, of_shape, with_width
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import clip_norm


class Recurrent(Layer):
    """h_t = tanh(x_t Wx + h_(t-1) Wh + b). (Elman 1990)

    Shapes: x (n, steps, d_in), Wx (d_in, d), Wh (d, d), b (d,) -> h (n, steps, d).

    `truncate` cuts backpropagation through time into windows of that many steps, so that gradients
    have fewer steps in which to vanish or explode (Williams and Peng 1990); None does not cut it.
    If `stateful`, a batch starts from the last state of the batch before, so that row i continues
    row i; `reset_state` sets it to 0.
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
        self.reset_state()

    def reset_state(self) -> None:
        """Start the next sequence with h_0 = 0."""
        self.state: np.ndarray | None = None

    def forward(self, x: np.ndarray) -> np.ndarray:
        """x Wx + b is one product for all steps; only tanh(z + h Wh) is computed step by step."""
        n, steps, _ = as_sequences(with_width(x, len(self.Wx), self)).shape
        self.x = _time_first(x)
        z = self.x @ self.Wx
        z += self.b
        self.h = np.empty((steps + 1, n, len(self.Wh)), x.dtype)  # h[t] is the state before step t
        self.h[0] = self._initial_state(n)
        for t in range(steps):
            state = np.matmul(self.h[t], self.Wh, out=self.h[t + 1])
            state += z[t]
            np.tanh(state, out=state)
        self.state = self.h[-1].copy() if self.stateful else None
        return self.h[1:].swapaxes(0, 1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.backward_to_parameters(dy)
        return (self.dz @ self.Wx.T).swapaxes(0, 1)

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        """Backpropagation through time, from the last step to the first.

        dz_t = (dy_t + dh) (1 - h_t²), dh = dz_t Whᵀ. The gradient of a weight is a sum over all
        steps.
        """
        steps, n, d = self.h[1:].shape
        dy = of_shape(dy, (n, steps, d), self)
        dy, slope = _time_first(dy), 1 - self.h[1:] ** 2
        self.dz, dh = np.empty_like(slope), np.zeros((n, d), dy.dtype)
        for t in reversed(range(steps)):
            dh += dy[t]
            np.multiply(dh, slope[t], out=self.dz[t])
            np.matmul(self.dz[t], self.Wh.T, out=dh)
            if self.truncate and t % self.truncate == 0:
                dh[:] = 0
        dz, previous = self.dz.reshape(-1, d), self.h[:-1].reshape(-1, d)
        np.matmul(self.x.reshape(len(dz), -1).T, dz, out=self.dWx)
        np.matmul(previous.T, dz, out=self.dWh)
        np.matmul(np.ones(len(dz), dz.dtype), dz, out=self.db)  # four times as fast as np.sum

    def _initial_state(self, n: int) -> np.ndarray | float:
        """The state before the first step: (n, d), or 0."""
        if not self.stateful or self.state is None:
            return 0.0
        if len(self.state) != n:
            raise ValueError(
                f"The state is that of {len(self.state)} sequences, but the batch has {n}; in a "
                "stateful layer all batches have the same size. Call reset_state() first."
            )
        return self.state


class StepsAsRows(Layer):
    """(n, steps, d) -> (n · steps, d): the layers after it treat every step as a row."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.shape = as_sequences(x).shape
        return x.reshape(-1, x.shape[-1])

    def backward(self, dy: np.ndarray) -> np.ndarray:
        rows = int(np.prod(self.shape[:2]))
        return of_shape(dy, (rows, self.shape[2]), self).reshape(self.shape)


class LastStep(Layer):
    """(n, steps, d) -> (n, d): the state after the last step."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.shape = as_sequences(x).shape
        return x[:, -1]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dx = np.zeros(self.shape, dy.dtype)
        dx[:, -1] = of_shape(dy, (self.shape[0], self.shape[2]), self)
        return dx


class MeanPooling(Layer):
    """(n, steps, d) -> (n, d): the mean over the steps, with a short gradient path to each."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.shape = as_sequences(x).shape
        return x.mean(axis=1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dy = of_shape(dy, (self.shape[0], self.shape[2]), self)
        return np.broadcast_to(dy[:, None] / self.shape[1], self.shape)


class MaxPooling(Layer):
    """(n, steps, d) -> (n, d): the maximum of each unit over the steps.

    What a unit detects counts at whichever step it occurs, and the gradient goes directly to that
    step (Collobert 2011, section 3.3.2: max over time). In a tie, all maximal steps get it.
    """

    def forward(self, x: np.ndarray) -> np.ndarray:
        y = as_sequences(x).max(axis=1)
        self.largest = x == y[:, None]
        return y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        n, _, d = self.largest.shape
        return of_shape(dy, (n, d), self)[:, None] * self.largest


class Repeat(Layer):
    """(n, d) -> (n, steps, d): the same input at every step."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def forward(self, x: np.ndarray) -> np.ndarray:
        if x.ndim != 2:
            raise ValueError(f"Repeat: x has shape {x.shape}, expected (n, d).")
        self.shape = (len(x), self.steps, x.shape[1])
        return np.repeat(x[:, None], self.steps, axis=1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return of_shape(dy, self.shape, self).sum(axis=1)


class PerStepLoss(Loss):
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
    """A network whose gradient, of all parameters together, is clipped to the norm `max_norm`.

    Over many steps a gradient can grow like powers of Wh, and a single step with it would undo the
    training. Clipping keeps its direction. (Pascanu, Mikolov and Bengio 2013)
    """

    def __init__(
        self, layers: Sequence[Layer], loss: Loss, dtype: DTypeLike, max_norm: float
    ) -> None:
        super().__init__(layers, loss, dtype)
        self.max_norm = max_norm

    def loss_and_gradient(
        self, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None
    ) -> float:
        loss = super().loss_and_gradient(x, target, weight)
        clip_norm(self.gradient, self.max_norm)
        return loss


def as_sequences(x: np.ndarray) -> np.ndarray:
    """x itself; ValueError unless it is sequences (n, steps, d)."""
    if x.ndim != 3:
        raise ValueError(f"x has shape {x.shape}, expected (n, steps, d): sequences.")
    return x


def _time_first(x: np.ndarray) -> np.ndarray:
    """(n, steps, d) -> (steps, n, d), contiguous, so that the loop over steps reads blocks."""
    return np.ascontiguousarray(x.swapaxes(0, 1))
