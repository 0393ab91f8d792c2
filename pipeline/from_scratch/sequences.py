"""Sequences to learn from: two tasks that need memory, and long sequences cut into windows.

Bits come as -1 and 1, in arrays (n, steps, 1); targets are 0 and 1, (n, steps).
"""

import numpy as np


def echo(
    rng: np.random.Generator, n: int, steps: int, *, lag: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """What was heard `lag` steps before, and 0 before anything was: a memory of `lag` bits."""
    bits = rng.integers(2, size=(n, steps))
    target = np.zeros_like(bits)
    target[:, lag:] = bits[:, : steps - lag]
    return _as_input(bits), target


def parity(rng: np.random.Generator, n: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether the ones heard so far are odd in number: a memory of one bit, but for ever.

    No step tells anything about the answer by itself; each turns it over or leaves it.
    """
    bits = rng.integers(2, size=(n, steps))
    return _as_input(bits), bits.cumsum(axis=1) % 2


def windows(sequences: np.ndarray, steps: int) -> np.ndarray:
    """(n, long, ...) -> (n · long / steps, steps, ...): all first windows, all second ones, ...

    In their own order, n at a time, they are the batches of a stateful cell: row i goes on with
    row i. Errors: ValueError where `steps` does not divide `long`.
    """
    n, long, *rest = sequences.shape
    if long % steps:
        raise ValueError(f"{long} steps cannot be cut into windows of {steps}: choose a divisor.")
    return sequences.reshape(n, -1, steps, *rest).swapaxes(0, 1).reshape(-1, steps, *rest)


def _as_input(bits: np.ndarray) -> np.ndarray:
    return 2.0 * bits[:, :, None] - 1
