"""How much of a gradient reaches the steps of long ago, and how much of an input is remembered."""

import numpy as np

from pipeline.from_scratch.layers import Layer


def gradient_by_step(layer: Layer, x: np.ndarray) -> np.ndarray:
    """|dL/dx_t| of each step for L = the sum of the last state: (steps,), for x (n, steps, d_in).

    Backpropagation through time multiplies by the same matrix and by slopes below 1 at every step:
    where the product shrinks the norms fall exponentially towards the first steps, and what stood
    there can't be learnt. The mean over the rows.
    """
    h = layer.forward(x)
    dy = np.zeros_like(h)
    dy[:, -1] = 1
    return np.linalg.norm(layer.backward(dy), axis=2).mean(axis=0)


def memory(w: float, steps: int, x: float = 1.0) -> np.ndarray:
    """h_t of one unit, h_t = tanh(w h_(t-1) + x_t), after a single input x at the first step.

    Below w = 1 it fades to 0; above, it stays at one of two values for ever: a bit of memory.
    """
    states = [np.tanh(x)]
    for _ in range(steps - 1):
        states.append(np.tanh(w * states[-1]))
    return np.array(states)
