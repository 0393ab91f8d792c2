"""How many rounds of boosting: found on a part of the rows, then fitted on all of them."""

import numpy as np

MORE = 1.5  # times the rounds of early stopping, which had fewer rows and averaged no seeds


def held_out_rows(y: np.ndarray, share: float, seed: int) -> np.ndarray:
    """A mask of the rows that early stopping watches, (n,) bool; every class in its share.

    y (n,) class codes or values: the rows are spread over its order. One row at least.
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(y))
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    step = 1 / share
    mask = np.zeros(len(y), dtype=bool)
    first = min(step / 2, len(y) - 1)
    mask[order[np.arange(first, len(y), step).astype(int)]] = True
    return mask


def rounds_of_all_rows(best: int, most: int) -> int:
    """`best` is the number that suited the rows held out, and `most` the largest allowed."""
    return min(round(MORE * max(1, best)), most)
