"""How many rounds of boosting: found on a part of the rows, then fitted on all of them.

Of more than ONE_FIT rows the first fit is the model: those that it watches are few beside the
others, and in the time of the second one twice as many rounds bring more than they do.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.lookup_matrix import Matrix

MORE = 1.5  # times the rounds of early stopping, which had fewer rows and averaged no seeds
LEFT = 0.5  # of the rows, at least, beside those held out
FITTED = 1.85  # fits of all rows that one takes, on 85% of them and then on all
ONE_FIT, MOST_WATCHED = 1_000_000, 100_000  # rows to learn from, to watch of so many
FEWEST = 3  # groups to hold out: what suits one or two of them need not suit others


@dataclass(frozen=True)
class Clusters:
    """Rows that resemble one another: held out one by one, they would stop a model too late.

    `numbers` (n,) of the rows' groups, or with `by_time` ascending in time; -1: never held out.
    """

    numbers: np.ndarray
    by_time: bool = False

    def held_out(self, share: float, seed: int) -> np.ndarray:
        """A mask (n,) of about this share of the rows: whole groups, or the latest rows.

        None where these would be fewer than FEWEST groups.
        """
        rows = np.bincount(self.numbers[self.numbers >= 0])
        order = np.flatnonzero(rows)[::-1]
        if not self.by_time:
            order = np.random.default_rng(seed).permutation(order)
        total, wanted = np.cumsum(rows[order]), share * len(self.numbers)
        number = int(np.argmin(np.abs(total - wanted))) + 1 if len(total) else 0
        if number < FEWEST and not self.by_time:
            number = 0
        return np.isin(self.numbers, order[:number])


def held_out_rows(
    y: np.ndarray, share: float, seed: int, clusters: Clusters | None = None
) -> np.ndarray:
    """A mask of the rows that early stopping watches, (n,) bool; every class in its share.

    Of more than ONE_FIT rows they are MOST_WATCHED at most. y (n,) class codes or values: the rows
    are spread over its order. One row at least. Of clusters whole ones are held out, unless there
    are too few, or that would leave too few rows, or none of some class.
    """
    if len(y) > ONE_FIT:
        share = min(share, MOST_WATCHED / len(y))
    if clusters is not None:
        mask = clusters.held_out(share, seed)
        classes = np.unique(y) if np.asarray(y).dtype.kind in "iu" else np.empty(0)
        kept = np.count_nonzero(~mask)
        if mask.any() and kept >= LEFT * len(y) and np.isin(classes, y[~mask]).all():
            return mask
    return spread(y, share, seed)


def divided(X: Matrix, y: np.ndarray, held_out: np.ndarray) -> Iterator[tuple[Matrix, np.ndarray]]:
    """X (n, d) and y (n,) of the rows to learn from, then of those that are held out (n,) bool; one
    after the other, as the numbers of many rows take memory."""
    for each in (~held_out, held_out):
        rows = np.flatnonzero(each)
        yield X.take(rows, axis=0), y[rows]


def spread(y: np.ndarray, share: float, seed: int) -> np.ndarray:
    """A mask (n,) of this share of the rows, one at least, drawn evenly over the order of y."""
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
