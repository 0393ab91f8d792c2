"""Whether what a member asks for fits into its share of [budget] minutes, before it is begun.

A member that cannot finish one repeat is then not begun, and the others get the time; the strongest
is begun in any case, with fewer rounds, and one that may learn from a sample is begun with fewer
rows. Time is that of the processor, so a busy machine changes little of it; probe.py measures it.
"""

import functools
import math
from collections.abc import Callable, Sequence

from pipeline.fits import Fits
from pipeline.folds import Fold
from pipeline.member import Member
from pipeline.parallel import OutOfTime, endless, over_cores, workers
from pipeline.plan import COSTLY, FEWEST_ROWS, MANY_ROWS, Allowance, Stopwatch, cells_a_round
from pipeline.probe import Probe

SAFE = 0.7  # of the time that is left, for as many rows as should fit: a sample errs by a third
FEWEST_ROUNDS = 10
THREADED = 0.6  # of a fit of trees, what threads share (benchmarks/README.md)


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
    measure = functools.partial(Probe.fold_seconds, test_rows=test_rows, left=left)
    with workers(1, time_left) as parallel_map:
        try:
            ((fitting, predicting),) = parallel_map(measure, [Probe(fits, member, longest)])
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
        ((begun, a_round),) = parallel_map(Probe.round_seconds, [Probe(fits, member, longest)])
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


def _longest(folds: Sequence[Fold]) -> Fold:
    """Of windows of time the last one, which has the most rows; of others the first."""
    validating = [fold for fold in folds if len(fold.valid)]
    return max(validating, key=lambda fold: len(fold.train) + len(fold.valid))
