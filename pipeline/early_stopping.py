"""How many rounds of boosting: found on a part of the rows, then fitted on all of them.

The first fit is the model where twice as many rounds bring more than the rows that it watches: of
one seed where `max_rounds`, which both fits share, leaves too few for a second one; and of more
than ONE_FIT rows, beside which those watched are few (benchmarks/README.md). Where the rows watched
are the latest, of up to ONE_FIT rows there is a second fit in any case: what is predicted comes
after them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import Field

from pipeline.device import DeviceSettings
from pipeline.lookup_matrix import Matrix

MORE = 1.5  # times the rounds of early stopping, which had fewer rows and averaged no seeds
LEFT = 0.5  # of the rows, at least, beside those held out
HELD_OUT = 0.15  # of the rows
ONE_FIT, MOST_WATCHED = 1_000_000, 100_000  # rows to learn from, to watch of so many
FEWEST = 3  # groups to hold out: what suits one or two of them need not suit others


class BoostingSettings(DeviceSettings):
    """Those that say how many rounds are fitted."""

    max_rounds: int = Field(
        2000, ge=1, description="trees, at most; where n_models is 1, of both fits together"
    )
    patience: int = Field(30, ge=1, description="rounds without progress before it stops")
    held_out: float = Field(
        HELD_OUT, gt=0, lt=1, description="share of the rows for early stopping"
    )
    n_models: int = Field(1, ge=1, description="seeds to average")


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


@dataclass(frozen=True)
class TwoFits:
    """Rounds of the fit that watches the rows `held_out` (n,) bool, and of the one on all rows.

    `by_time`: those are the latest, which the model needs, so that one seed has half of its rounds
    for each fit.
    """

    settings: BoostingSettings
    held_out: np.ndarray
    by_time: bool

    @classmethod
    def of(cls, y: np.ndarray, settings: BoostingSettings, clusters: Clusters | None) -> Self:
        held_out = held_out_rows(y, settings.held_out, settings.seed, clusters)
        return cls(settings, held_out, clusters is not None and clusters.by_time)

    @property
    def first(self) -> int:
        """At most."""
        most = self.settings.max_rounds
        return max(1, most // 2) if self.by_time and self._are_shared else most

    def second(self, best: int) -> int:
        """After the first fit was best with so many; 0 where that one is the model.

        A round on fewer rows counts as a part of one on all of them.
        """
        best, most = max(1, best), self.settings.max_rounds
        if len(self.held_out) > ONE_FIT:
            return 0
        if self._are_shared and self.by_time:
            most -= self.first
        elif self._are_shared:
            left = np.mean(~self.held_out) * (most - min(most, best + self.settings.patience))
            most = int(left) if left >= best else 0
        return min(round(MORE * best), most)

    @property
    def _are_shared(self) -> bool:
        return self.settings.n_models == 1 and len(self.held_out) <= ONE_FIT


def fits_of_all_rows(rows: int, seeds: int) -> float:
    """How many fits of max_rounds on all of so many rows a model takes, at most."""
    first = 0.0 if rows > ONE_FIT else 1 - HELD_OUT
    return first if first and seeds == 1 else first + seeds
