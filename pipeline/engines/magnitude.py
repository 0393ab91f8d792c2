"""Numbers far from 1 are brought near it by a power of two: exactly, unlike by their deviation.

Squares leave the range of float64 beyond 1e154 and below 1e-154, and that of float32 beyond 1e19
and below 1e-19. Multiplying by a power of two changes no digit, and for ordinary numbers the factor
is 1, so that nothing changes.
"""

import numpy as np


def power_of_two(x: np.ndarray, axis: int | None = None, *, exponent: int = 300) -> np.ndarray:
    """A power of two near the largest |x|; 1 where that is from 2^-exponent to 2^exponent.

    Shapes: x (n, d), axis 0 -> (d,); any x, axis None -> ().
    """
    largest = np.abs(x).max(axis=axis).astype(np.float64)
    _, found = np.frexp(largest)
    found = np.clip(found, -1021, 1023)  # 1 over it is a number, too
    far = (largest > 0) & (np.abs(found) > exponent)
    return np.where(far, np.ldexp(1.0, found), 1.0)


def mean_and_std(y: np.ndarray, weight: np.ndarray | None = None) -> tuple[float, float]:
    """The weighted mean and standard deviation of y (n,) of any magnitude; 1 for a std of 0."""
    factor = float(power_of_two(y))
    y = y / factor
    mean = float(np.average(y, weights=weight))
    std = float(np.sqrt(np.average((y - mean) ** 2, weights=weight)))
    return mean * factor, std * factor or 1.0


def require_visible(X: np.ndarray, smallest: float = 1e-10) -> None:
    """ValueError where all values of a column are so small that plain descent would not see it.

    The column's gradient is about as large as its values, and its curvature as their squares:
    descent would stop at once, with the mean as its prediction. A column of zeros may stay.
    """
    largest = np.abs(X).max(axis=0)
    lost = (largest > 0) & (largest < smallest)
    if lost.any():
        raise ValueError(
            f"X has a column whose largest value is {largest[lost][0]:g}; plain descent needs "
            f"{smallest:g} or more: scale the columns of X to about -1 to 1, or use another solver."
        )
