"""The gradient of any function by finite differences."""

from collections.abc import Callable

import numpy as np


def numerical_gradient(
    f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-5
) -> np.ndarray:
    """df/dx_i = (f(x + h_i e_i) - f(x - h_i e_i)) / 2h_i: central differences, error O(h²).

    Shapes: x any, the gradient the same. Two calls of f for every number in x: too slow for
    training, accurate enough to check backpropagation. The step is h_i = h max(|x_i|, 1), so that
    it is not lost in the rounding of a large x_i; where f varies over distances far below 1, give a
    smaller h.

    Each x_i is changed in place and restored, so that x may be the parameters of a network that f
    reads. float32 has too few digits for differences: f is then given a float64 copy. Errors:
    ValueError where x is not floating point, or is float32 and f reads x instead of its argument.
    """
    if not np.issubdtype(x.dtype, np.floating):
        raise ValueError(
            f"x has dtype {x.dtype}; allowed are floating-point dtypes, because h is {h}."
        )
    point = x if x.dtype.itemsize >= 8 else x.astype(np.float64)
    gradient = np.empty_like(point)
    for i in np.ndindex(x.shape):
        original = point[i]
        step = h * max(abs(float(original)), 1.0)
        above, below = original + step, original - step
        point[i] = above
        difference = f(point)
        point[i] = below
        difference -= f(point)
        point[i] = original
        gradient[i] = difference / (above - below)  # the step after rounding
    if point is not x and not gradient.any():
        _require_argument_read(f, x, point)
    return gradient.astype(x.dtype)


def _require_argument_read(
    f: Callable[[np.ndarray], float], x: np.ndarray, point: np.ndarray
) -> None:
    before, value = x.copy(), f(point)
    x += 1
    reads_x = f(point) != value
    x[...] = before
    if reads_x:
        raise ValueError(
            f"f reads x itself, of dtype {x.dtype}, and not the argument that it is given: use "
            "float64 parameters, or the argument."
        )
