"""The gradient of any function by finite differences, and gradient descent with it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike


def numerical_gradient(
    f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-5
) -> np.ndarray:
    """df/dx_i = (f(x + h e_i) - f(x - h e_i)) / 2h: central differences, error O(h²).

    Shapes: x any, the gradient the same. Two calls of f for every number in x: too slow for
    training, accurate enough to check backpropagation. Each x_i is changed in place and restored,
    so x may be the parameters of a network that f reads. Errors: ValueError where x is not floating
    point.
    """
    if not np.issubdtype(x.dtype, np.floating):
        raise ValueError(
            f"x has dtype {x.dtype}; allowed are floating-point dtypes, because h is {h}."
        )
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        original = x[i]
        x[i] = original + h
        above = f(x)
        x[i] = original - h
        gradient[i] = (above - f(x)) / (2 * h)
        x[i] = original
    return gradient


def gradient_descent(
    f: Callable[[np.ndarray], float],
    start: ArrayLike,
    *,
    lr: float = 0.1,
    steps: int = 100,
    gradient: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """x <- x - lr ∇f(x), `steps` times; returns all iterates, (steps + 1, *x.shape).

    Without `gradient` the numerical gradient is used.
    """
    path = [np.array(start, dtype=np.float64)]
    for _ in range(steps):
        x = path[-1].copy()
        slope = numerical_gradient(f, x) if gradient is None else gradient(x)
        path.append(x - lr * slope)
    return np.array(path)
