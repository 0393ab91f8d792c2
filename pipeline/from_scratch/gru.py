"""A gated recurrent unit: a state that gates keep or replace, so that its gradient need not vanish.

In Elman's layer the state is multiplied by Wh and squashed at every step, and so is the gradient on
its way back. Here the new state is a weighted mean, and where the gate z is near 1 the old state,
and its gradient, pass unchanged. (Cho et al. 2014)
"""

import numpy as np

from pipeline.from_scratch.activations import sigmoid
from pipeline.from_scratch.layers import Layer, of_shape, with_width
from pipeline.from_scratch.recurrent import as_sequences


class GRU(Layer):
    """h_t = z h_(t-1) + (1 - z) n, the gates and the candidate n from x_t and h_(t-1).

        r = sigmoid(x Wr + h Ur + br)              reset: how much of the state the candidate sees
        z = sigmoid(x Wz + h Uz + bz)              update: how much of the state is kept
        n = tanh(x Wn + r (h Un + cn) + bn)        the candidate

    Shapes: x (n, steps, d_in) -> h (n, steps, d). Wx (d_in, 3d) holds Wr, Wz and Wn side by side,
    Wh (d, 3d) Ur, Uz and Un, b (3d,) br, bz and bn; c (d,).
    """

    parameters = ("Wx", "Wh", "b", "c")

    def __init__(self, Wx: np.ndarray, Wh: np.ndarray) -> None:
        d = len(Wh)
        self.Wx, self.Wh = Wx, Wh
        self.b, self.c = np.zeros(3 * d, Wh.dtype), np.zeros(d, Wh.dtype)
        self.dWx, self.dWh = np.zeros_like(Wx), np.zeros_like(Wh)
        self.db, self.dc = np.zeros_like(self.b), np.zeros_like(self.c)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = as_sequences(with_width(x, len(self.Wx), self))
        n, steps, _ = x.shape
        h, d = np.zeros((n, len(self.Wh)), x.dtype), len(self.Wh)
        self.kept, states = [], []
        for t in range(steps):
            from_x, from_h = x[:, t] @ self.Wx + self.b, h @ self.Wh
            r, z = np.split(sigmoid(from_x[:, : 2 * d] + from_h[:, : 2 * d]), 2, axis=1)
            seen = from_h[:, 2 * d :] + self.c
            candidate = np.tanh(from_x[:, 2 * d :] + r * seen)
            self.kept.append((h, r, z, seen, candidate))
            h = z * h + (1 - z) * candidate
            states.append(h)
        return np.stack(states, axis=1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Backpropagation through time: at each step through the mean, the candidate, the gates."""
        n, steps, _ = self.x.shape
        dy = of_shape(dy, (n, steps, len(self.Wh)), self)
        dx, dh = np.empty_like(self.x), np.zeros_like(dy[:, 0])
        for gradient in (self.dWx, self.dWh, self.db, self.dc):
            gradient[...] = 0
        for t in reversed(range(steps)):
            h, r, z, seen, candidate = self.kept[t]
            dh = dh + dy[:, t]
            dn = dh * (1 - z) * (1 - candidate**2)
            dz, dr = dh * (h - candidate) * z * (1 - z), dn * seen * r * (1 - r)
            from_x, from_h = np.hstack([dr, dz, dn]), np.hstack([dr, dz, dn * r])
            self.dWx += self.x[:, t].T @ from_x
            self.dWh += h.T @ from_h
            self.db += from_x.sum(axis=0)
            self.dc += (dn * r).sum(axis=0)
            dx[:, t], dh = from_x @ self.Wx.T, dh * z + from_h @ self.Wh.T
        return dx
