"""Gradient descent: a step against the gradient, then another; on all rows, or on mini-batches."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from pipeline.from_scratch.gradients import numerical_gradient


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


def mini_batches(
    n: int, size: int | None, rng: np.random.Generator | None
) -> Iterator[np.ndarray | slice]:
    """The row numbers 0 to n - 1 in batches of `size`, shuffled by rng unless it is None.

    The last batch may be smaller. If size is None or at least n, there is one batch, a slice, which
    needs no copy.
    """
    if size is None or size >= n:
        yield slice(0, n)
        return
    order = np.arange(n) if rng is None else rng.permutation(n)
    for start in range(0, n, size):
        yield order[start : start + size]


def finite(loss: float, lr: float) -> float:
    """The loss itself; ValueError where it is infinite or NaN, because descent has diverged."""
    if not np.isfinite(loss):
        raise ValueError(f"The loss is {loss}: scale X, or decrease lr, which is {lr:g}.")
    return loss


def descended(losses: Sequence[float], lr: float) -> np.ndarray:
    """The losses as an array; ValueError where the last is well above the first, if still finite.

    A step that is too long multiplies the error, so that few epochs end far from where they began.
    """
    if losses[-1] > 1.5 * losses[0]:
        raise ValueError(
            f"The loss rose from {losses[0]:.3g} to {losses[-1]:.3g}: scale X, or decrease lr, "
            f"which is {lr:g}."
        )
    return np.array(losses)
