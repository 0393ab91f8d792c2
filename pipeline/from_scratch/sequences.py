"""Synthetic sequences: two tasks that need memory, and long sequences cut into windows.

Input bits are -1 and 1, in arrays (n, steps, 1); targets are 0 and 1, (n, steps).
"""

import numpy as np


def echo(
    rng: np.random.Generator, n: int, steps: int, *, lag: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """The target is the input `lag` steps before, at first 0: needs `lag` bits of memory."""
    bits = rng.integers(2, size=(n, steps))
    target = np.zeros_like(bits)
    target[:, lag:] = bits[:, : steps - lag]
    return _as_input(bits), target


def parity(rng: np.random.Generator, n: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The target is whether the number of ones so far is odd: needs one bit of permanent memory.

    No single input is correlated with the target: each either flips it or leaves it unchanged.
    """
    bits = rng.integers(2, size=(n, steps))
    return _as_input(bits), bits.cumsum(axis=1) % 2


def windows(sequences: np.ndarray, steps: int) -> np.ndarray:
    """(n, length, ...) -> (n · length / steps, steps, ...): all first windows, all second ones, ...

    In this order, n at a time, they are batches for a stateful layer: row i of a batch continues
    row i of the batch before. Errors: ValueError if `length` is not a multiple of `steps`.
    """
    n, length, *rest = sequences.shape
    if length % steps:
        raise ValueError(f"{length} steps cannot be cut into windows of {steps}: choose a divisor.")
    return sequences.reshape(n, -1, steps, *rest).swapaxes(0, 1).reshape(-1, steps, *rest)


def _as_input(bits: np.ndarray) -> np.ndarray:
    return 2.0 * bits[:, :, None] - 1
