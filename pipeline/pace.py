"""How long a fit on all rows would take, from fits on samples of them that double in size.

A member that cannot finish one repeat in its share of [budget] minutes is then not begun, and the
others get the time; the strongest is begun in any case, with fewer rounds, and one that may learn
from a sample is begun with fewer rows. Time is that of the processor, so a busy machine changes
little of it.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pipeline.early_stopping import fits_of_all_rows
from pipeline.fits import Fits
from pipeline.folds import Fold
from pipeline.member import Member
from pipeline.parallel import OutOfTime, endless, over_cores, workers
from pipeline.plan import (
    COSTLY,
    FEWEST_ROWS,
    LEAVES,
    LIMITS,
    MANY_ROWS,
    Allowance,
    Stopwatch,
    cells_a_round,
)

SMALLEST = 500  # rows of the first sample
ENOUGH = 0.01  # of the time that is left: a fit that takes so much ends the search
SLOW = 10  # times that: then the smallest sample alone shows that all rows take too long
PREDICTED = 2000  # rows to predict
ROUNDS, SEEDS = LIMITS["rounds"], "n_models"  # the settings of boosting
SAFE = 0.7  # of the time that is left, for as many rows as should fit: a sample errs by a third
# rows that a round is measured on: a tenth of them, as few rows fit into a faster memory
PROBED, LEAST_PROBED, MOST_PROBED = 1 / 10, 20_000, 200_000
FIRST_ROUNDS, FEWEST_ROUNDS = 2, 10
# what more rounds must take to be measured: so many seconds, and so much of the fit of few rounds,
# whose time differs by a tenth from one to the next
CLEAR, CLEAR_PART = 0.3, 0.5
DEAREST = 6  # times what a cell takes, a bin of a leaf may: splits are looked for in it, too
THREADED = 0.6  # of a fit of trees, what threads share (benchmarks/README.md)
STEEPEST = 3.0  # exponent of rows**exponent; what is found beyond it is noise


def repeat_seconds(
    fits: Fits, member: Member, folds: Sequence[Fold], test_rows: int, budget: Allowance
) -> float:
    """Seconds that fitting the folds of one repeat should take, as many at once as can be.

    0 where that need not be known: a small table, or no bound on the time. inf where there is no
    time left, or not enough even for the samples.
    """
    return sum(_repeat(fits, member, folds, test_rows, budget.left))


def _repeat(
    fits: Fits,
    member: Member,
    folds: Sequence[Fold],
    test_rows: int,
    time_left: Callable[[], float],
) -> tuple[float, float]:
    """Seconds of a repeat's fits, and of their predictions."""
    left, longest = time_left(), _longest(folds)
    if math.isinf(left) or is_small(fits, member, longest):
        return 0.0, 0.0
    if left <= 0:
        return math.inf, math.inf
    measure = functools.partial(fold_seconds, fits, member, test_rows, ENOUGH * left)
    with workers(1, time_left) as parallel_map:
        try:
            ((fitting, predicting),) = parallel_map(measure, [longest])
        except OutOfTime:
            return math.inf, math.inf
    times = _in_fits(fits, member, len(folds))
    return times * fitting, times * predicting


def is_small(fits: Fits, member: Member, fold: Fold) -> bool:
    """Whether a fit of any model takes seconds at most."""
    rows = len(fold.train) + len(fold.valid)
    if rows > MANY_ROWS:
        return False
    return cells_a_round(rows, len(fits.features(member)), fits.objective.outputs) <= COSTLY


def rounds_that_fit(
    fits: Fits, member: Member, folds: Sequence[Fold], asked: int, seconds: float
) -> int:
    """Rounds of which the folds of a repeat fit into so many seconds, as many at once as can be;
    all that are asked for, where a table is small."""
    longest = _longest(folds)
    if is_small(fits, member, longest):
        return asked
    with workers(1, endless) as parallel_map:
        (found,) = parallel_map(functools.partial(round_seconds, fits, member), [longest])
    begun, a_round = found
    each = seconds / _in_fits(fits, member, len(folds))
    rounds = int(max(0.0, each - begun) / a_round) if a_round else asked
    return asked if rounds >= asked else max(FEWEST_ROUNDS, rounds // 10 * 10)


def rows_that_fit(
    fits: Fits, member: Member, folds: Sequence[Fold], test_rows: int, asked: int, seconds: float
) -> int:
    """Rows of which a repeat should take SAFE of so many seconds, of a member that learns from
    `asked`; all of these where even FEWEST_ROWS would take longer."""
    watch = Stopwatch()
    fitting, predicting = _repeat(fits, member, folds, test_rows, lambda: seconds - watch.seconds())
    there_is = SAFE * seconds
    if fitting + predicting <= there_is or math.isinf(fitting):
        return asked
    learnt = min(asked, len(_longest(folds).train))
    rows = int(learnt * (there_is - predicting) / fitting) // 1000 * 1000
    return rows if rows >= FEWEST_ROWS else asked


def _in_fits(fits: Fits, member: Member, number: int) -> float:
    """How many times the seconds of a fit of one thread so many fits take, as many at once as can
    be."""
    threads = fits.threads(member, number)
    return over_cores((1 / speed_up(each) for each in threads), fits.at_once(member))


def speed_up(threads: int) -> float:
    """Of a fit of trees (Amdahl 1967)."""
    return 1 / (1 - THREADED + THREADED / threads)


def round_seconds(fits: Fits, member: Member, fold: Fold) -> tuple[float, float]:
    """Processor seconds of a fit beside its rounds, and of a round, on a fold's training rows.

    From fits of a few rounds on a sample and on a quarter of it, of four times as many until the
    difference is clear. Both grow by row as they do from the quarter to the sample; a round in
    proportion to what it reads at most, and to that with the dearest histograms at least.
    """
    order = fold.train[np.argsort(fits.y[fold.train], kind="stable")]
    number = min(len(order), int(np.clip(PROBED * len(order), LEAST_PROBED, MOST_PROBED)))
    asked, few = member.settings[ROUNDS], -(-number // 4)

    def fit(rounds: int, rows: int) -> float:
        sample = np.sort(order[np.arange(rows) * len(order) // rows])
        return fits.measure(with_rounds(member, rounds), fold, sample, fold.valid[:1])[0]

    def measured(rows: int) -> tuple[float, float]:
        seconds = first = fit(FIRST_ROUNDS, rows)
        rounds = FIRST_ROUNDS
        while rounds < asked and seconds - first < max(CLEAR, CLEAR_PART * first):
            rounds *= 4
            seconds = fit(rounds, rows)
        a_round = max(0.0, seconds - first) / max(1, min(asked, rounds) - FIRST_ROUNDS)
        return max(0.0, first - FIRST_ROUNDS * a_round), a_round

    fit(FIRST_ROUNDS, few)  # imports the library, which others need not
    found = measured(number)
    if number == len(order):
        return found
    fewer = measured(few)
    times = (len(order) - number) / (number - few)
    begun, a_round = (
        at_sample + times * max(0.0, at_sample - at_few)
        for at_few, at_sample in zip(fewer, found, strict=True)
    )
    grown = member.settings.get("num_leaves", LEAVES)
    most, least = (
        found[1] * cells_a_round(len(order), 1, 1, leaves) / cells_a_round(number, 1, 1, leaves)
        for leaves in (grown, DEAREST * grown)
    )
    seeds = member.settings.get(SEEDS, 1)
    fits_of = [fits_of_all_rows(rows, seeds) for rows in (len(order), number)]
    return begun, min(most, max(least, a_round)) * fits_of[0] / fits_of[1]


def with_rounds(member: Member, most: int) -> Member:
    """The same boosting with so many rounds at most."""
    return with_limit(member, ROUNDS, min(member.settings[ROUNDS], most))


def with_limit(member: Member, setting: str, most: int) -> Member:
    """The same member with another limit, of ROUNDS or ROWS."""
    return replace(member, settings={**member.settings, setting: most})


def _longest(folds: Sequence[Fold]) -> Fold:
    """Of windows of time the last one, which has the most rows; of others the first."""
    validating = [fold for fold in folds if len(fold.valid)]
    return max(validating, key=lambda fold: len(fold.train) + len(fold.valid))


def fold_seconds(
    fits: Fits, member: Member, test_rows: int, enough: float, fold: Fold
) -> tuple[float, float]:
    """Seconds of one fold: of its fit, and of predicting its validation and the test rows.

    On few rows early stopping ends boosting sooner, so that its time seems to grow faster than it
    can. Where that decides, it is measured by its rounds, too.
    """
    order = fold.train[np.argsort(fits.y[fold.train], kind="stable")]
    predicted = fold.valid[:PREDICTED]
    a_row = 0.0

    def fit(rows: int, of: Member = member) -> float:
        nonlocal a_row
        # spread over the order of y: every class has its share
        sample = np.sort(order[np.arange(rows) * len(order) // rows])
        seconds, predict_seconds = fits.measure(of, fold, sample, predicted)
        a_row = predict_seconds / len(predicted)
        return seconds

    def cells(rows: int) -> float:
        return cells_a_round(rows, len(fits.features(member)), fits.objective.outputs)

    rows = min(len(order), fits.learnt_rows(member))
    boosting = ROUNDS in member.settings
    # imports the library, which others need not
    fit(min(SMALLEST, rows), with_rounds(member, FIRST_ROUNDS) if boosting else member)
    in_proportion, seconds = extrapolated(fit, rows, enough, cells if boosting else float)
    if boosting and ENOUGH * seconds > enough:
        if ENOUGH * in_proportion > enough:
            seconds = in_proportion
        else:
            begun, a_round = round_seconds(fits, member, fold)
            seconds = min(seconds, begun + member.settings[ROUNDS] * a_round)
    return seconds, a_row * (len(fold.valid) + test_rows)


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
    last, before = (work_of(sizes[i]) for i in (-1, max(-3, -len(sizes))))
    first_of_them = seconds[max(-3, -len(seconds))]
    if before == last or first_of_them <= 0:
        exponent = 1.0
    else:
        exponent = math.log(seconds[-1] / first_of_them) / math.log(last / before)
    growing, times = max(0.0, seconds[-1] - fixed), work_of(rows) / last
    growth = times ** min(STEEPEST, max(1.0, exponent))
    return float(fixed + growing * times), float(fixed + growing * growth)
