"""How long a fit on all of a fold's rows would take, from fits on samples of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.early_stopping import fits_of_all_rows
from pipeline.fits import Fits
from pipeline.folds import Fold
from pipeline.member import Member
from pipeline.plan import LEAVES, LIMITS, cells_a_round

SMALLEST = 500  # rows of the first sample
ENOUGH = 0.01  # of the time that is left: a fit that takes so much ends the search
SLOW = 10  # times that: then the smallest sample alone shows that all rows take too long
PREDICTED = 2000  # rows to predict
ROUNDS, SEEDS = LIMITS["rounds"], "n_models"  # the settings of boosting
# rows that a round is measured on: a tenth of them, as few rows fit into a faster memory
PROBED, LEAST_PROBED, MOST_PROBED = 1 / 10, 20_000, 200_000
FIRST_ROUNDS = 2
# what more rounds must take to be measured: so many seconds, and so much of the fit of few rounds,
# whose time differs by a tenth from one to the next
CLEAR, CLEAR_PART = 0.3, 0.5
DEAREST = 6  # times what a cell takes, a bin of a leaf may: splits are looked for in it, too
STEEPEST = 3.0  # exponent of rows**exponent; what is found beyond it is noise


@dataclass(frozen=True)
class Probe:
    """Fits of a member on samples of a fold's training rows. Seconds are the processor's."""

    fits: Fits
    member: Member
    fold: Fold

    def fold_seconds(self, test_rows: int, left: float) -> tuple[float, float]:
        """Of a fit on all rows, and of predicting its validation and the test rows; what takes
        ENOUGH of the time `left` ends the search.

        On few rows early stopping ends boosting sooner, so that its time seems to grow faster than
        it can. Where that decides, it is measured by its rounds, too.
        """
        rows = min(len(self.fold.train), self.fits.learnt_rows(self.member))
        predicted = self.fold.valid[:PREDICTED]
        a_row = 0.0

        def seconds_of(rows: int) -> float:
            nonlocal a_row
            fitting, predicting = self._fit(rows, predicted=predicted)
            a_row = predicting / len(predicted)
            return fitting

        self._fit(min(SMALLEST, rows), FIRST_ROUNDS)  # imports the library, which others need not
        work = self._cells if self._is_boosting else float
        in_proportion, seconds = extrapolated(seconds_of, rows, ENOUGH * left, work)
        if self._is_boosting and seconds > left:
            if in_proportion > left:
                seconds = in_proportion
            else:
                begun, a_round = self.round_seconds()
                seconds = min(seconds, begun + self.member.settings[ROUNDS] * a_round)
        return seconds, a_row * (len(self.fold.valid) + test_rows)

    def round_seconds(self) -> tuple[float, float]:
        """Of a fit of boosting on all rows beside its rounds, and of a round.

        From fits of a few rounds on a sample and on a quarter of it. Both grow by row as they do
        from the quarter to the sample; a round in proportion to what it reads at most, and to that
        with the dearest histograms at least.
        """
        rows = len(self.fold.train)
        sample = min(rows, int(np.clip(PROBED * rows, LEAST_PROBED, MOST_PROBED)))
        quarter = -(-sample // 4)
        self._fit(quarter, FIRST_ROUNDS)  # imports the library, which others need not
        found = self._rounds_of(sample)
        if sample == rows:
            return found
        fewer = self._rounds_of(quarter)
        times = (rows - sample) / (sample - quarter)
        begun, a_round = (
            at_sample + times * max(0.0, at_sample - at_quarter)
            for at_quarter, at_sample in zip(fewer, found, strict=True)
        )
        grown = self.member.settings.get("num_leaves", LEAVES)
        most, least = (
            found[1] * cells_a_round(rows, 1, 1, leaves) / cells_a_round(sample, 1, 1, leaves)
            for leaves in (grown, DEAREST * grown)
        )
        seeds = self.member.settings.get(SEEDS, 1)
        fits_of = [fits_of_all_rows(number, seeds) for number in (rows, sample)]
        return begun, min(most, max(least, a_round)) * fits_of[0] / fits_of[1]

    def _rounds_of(self, rows: int) -> tuple[float, float]:
        """The same of a sample of so many rows: of a fit of FIRST_ROUNDS, and of four times as many
        until the difference is clear."""
        rounds, asked = FIRST_ROUNDS, self.member.settings[ROUNDS]
        seconds = first = self._fit(rows, rounds)[0]
        while rounds < asked and seconds - first < max(CLEAR, CLEAR_PART * first):
            rounds *= 4
            seconds = self._fit(rows, rounds)[0]
        a_round = max(0.0, seconds - first) / max(1, min(asked, rounds) - FIRST_ROUNDS)
        return max(0.0, first - FIRST_ROUNDS * a_round), a_round

    def _fit(
        self, rows: int, rounds: int | None = None, predicted: np.ndarray | None = None
    ) -> tuple[float, float]:
        """Of a fit on a sample, of boosting with so many `rounds` at most, and of predicting rows
        of the fold, one by default."""
        member = self.member
        if rounds is not None and self._is_boosting:
            member = member.limited(ROUNDS, rounds)
        predicted = self.fold.valid[:1] if predicted is None else predicted
        # spread over the order of y: every class has its share
        sample = np.sort(self._by_target[np.arange(rows) * len(self._by_target) // rows])
        return self.fits.measure(member, self.fold, sample, predicted)

    def _cells(self, rows: int) -> float:
        return cells_a_round(
            rows, len(self.fits.features(self.member)), self.fits.objective.outputs
        )

    @property
    def _is_boosting(self) -> bool:
        return ROUNDS in self.member.settings

    @cached_property
    def _by_target(self) -> np.ndarray:
        train = self.fold.train
        return train[np.argsort(self.fits.y[train], kind="stable")]


def extrapolated(
    seconds_of: Callable[[int], float],
    rows: int,
    enough: float,
    work_of: Callable[[int], float] = float,
) -> tuple[float, float]:
    """seconds_of(rows), measured on samples that double until one of them takes `enough` beside
    what a fit takes whatever its rows, which the first two samples show.

    Once in proportion to the work, by default the number of rows; and once as the last doublings
    grew, as a power of it, at least in proportion.
    """
    sizes, seconds, fixed = [min(SMALLEST, rows)], [seconds_of(min(SMALLEST, rows))], 0.0
    while sizes[-1] < rows and (
        seconds[-1] - fixed < enough or (len(sizes) == 1 and seconds[0] < SLOW * enough)
    ):
        sizes.append(min(rows, 2 * sizes[-1]))
        seconds.append(seconds_of(sizes[-1]))
        if len(sizes) == 2 and sizes[1] == 2 * sizes[0]:
            less, more = map(work_of, sizes)
            beside = (more * seconds[0] - less * seconds[1]) / (more - less)
            fixed = min(seconds[0], max(0.0, beside))
    growing, times = max(0.0, seconds[-1] - fixed), work_of(rows) / work_of(sizes[-1])
    works = [work_of(size) for size in sizes]
    exponent = min(STEEPEST, max(1.0, _exponent(works[-3:], seconds[-3:])))
    return float(fixed + growing * times), float(fixed + growing * times**exponent)


def _exponent(works: list[float], seconds: list[float]) -> float:
    """Of the growth from the first to the last; 1 where it can't be told."""
    if works[0] == works[-1] or min(seconds[0], seconds[-1]) <= 0:
        return 1.0
    return math.log(seconds[-1] / seconds[0]) / math.log(works[-1] / works[0])
