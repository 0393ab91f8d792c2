"""The slope of any function, found by trying, and the way down by following it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike


def numerical_gradient(
    f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-5
) -> np.ndarray:
    """df/dx_i = (f(x + h e_i) - f(x - h e_i)) / 2h: central differences, error O(h²).

    Shapes: x any, the gradient alike. Two calls of f for every number in x: too slow to train with,
    exact enough to check backpropagation with. Each x_i is moved in place and put back, so x may be
    the parameters of a network that f reads. Errors: ValueError where x is not floating point.
    """
    if not np.issubdtype(x.dtype, np.floating):
        raise ValueError(f"x has dtype {x.dtype}: only floating point can be moved by {h}.")
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        before = x[i]
        x[i] = before + h
        above = f(x)
        x[i] = before - h
        gradient[i] = (above - f(x)) / (2 * h)
        x[i] = before
    return gradient


def gradient_descent(
    f: Callable[[np.ndarray], float],
    start: ArrayLike,
    *,
    lr: float = 0.1,
    steps: int = 100,
    gradient: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """x <- x - lr ∇f(x), `steps` times; returns the whole path, (steps + 1, *x.shape).

    The gradient is found numerically where none is given.
    """
    path = [np.array(start, dtype=np.float64)]
    for _ in range(steps):
        x = path[-1].copy()
        slope = numerical_gradient(f, x) if gradient is None else gradient(x)
        path.append(x - lr * slope)
    return np.array(path)
