"""Fit a member on every fold: out-of-fold and test predictions, and the fitted members."""

import contextlib
import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline import pace
from pipeline.answers import aggregated, test_groups, train_groups
from pipeline.encoded import Encoded
from pipeline.errors import MEMORY, DataError
from pipeline.fits import Fits
from pipeline.folds import Fold, Folds, pairs_together
from pipeline.foreign import Origin, PredictionFiles
from pipeline.member import Member
from pipeline.metrics import Metric, get_metric
from pipeline.parallel import Distributed, OutOfTime, endless, over_cores
from pipeline.plan import FEWEST_ROWS, LIMITS, MANY_ROWS, Allowance, Decision
from pipeline.prediction import precision, rounded
from pipeline.problem import Loaded, Problem
from pipeline.progress import Progress
from pipeline.threads import using_threads
from pipeline.training import FoldScore, Trained, compared
from pipeline.tuning import Tuned

if TYPE_CHECKING:
    from pipeline.cluster.requests import Asked
    from pipeline.reading.predictions import Rows
    from pipeline.stage_settings import TrainStage


@dataclass(frozen=True)
class FoldFit:
    """One fit's predictions of its validation rows (n_valid, k) and of the test rows (m, k)."""

    valid: np.ndarray
    test: np.ndarray
    key: str
    fit_seconds: float
    predict_seconds: float


def train(
    settings: "TrainStage",
    load: Loaded,
    split: Folds,
    encode: Encoded,
    tune: Tuned,
    fits: Fits,
    progress: Progress,
    budget: Allowance | None = None,
    foreign: PredictionFiles | None = None,
) -> Trained:
    """The predictions of the member that tuning found, as many repeats as the budget allows for.

    Without a single one the member is left out, as it is where memory has no room for a fit.
    `fits` reads what `encode` gives. A member that was made elsewhere is read from its files,
    `foreign`.
    """
    budget, metric = budget or Allowance(), get_metric(settings.metric, load.problem.task)
    if foreign is not None:
        trained = read(foreign, settings.name, load, split, tune.member)
        y, rows = metric.target(load), split.validated
        score = metric.score(y[rows], trained.mean_oof[rows])
        progress.detail(f"{metric.label} {score:.4f}, read from {foreign.oof}")
        return trained
    chosen, repeats, reason, ran_out = tune, list[list[FoldFit]](), "", False
    limit_asked = None
    try:
        chosen, limit_asked = limited(fits, tune, split, len(load.test), budget)
        found = found_seconds(fits, chosen, split, budget)
        fitting = CrossFitting(fits, chosen.member, split, found)
        expected = fitting.expected_seconds(len(load.test), budget)
        if budget.affords(expected):
            fitting.run(repeats, budget, progress)
        else:
            reason = budget.too_long("one repeat", expected)
    except MEMORY as error:
        if not budget.is_bound:
            raise
        if fits.cluster is not None:
            progress.announce(str(error))  # it names the machine
        ran_out = True
    decision = budget.settle(len(repeats), split.repeats, "repeat", reason, ran_out)
    if decision.done > len(repeats):  # another run was first to decide
        chosen, limit_asked = limited(fits, tune, split, len(load.test), budget)
        CrossFitting(fits, chosen.member, split, {}).run(repeats, budget, progress)
    trained = gather(load, split, chosen, metric, repeats[: decision.done])
    trained = replace(trained, limit_asked=limit_asked, ran_out=decision.ran_out)
    y, rows = metric.target(load), split.validated
    score = metric.score(y[rows], trained.mean_oof[rows]) if trained.repeats else 0.0
    report(trained, decision, f"{metric.label} {score:.4f}", progress)
    if len(load.y) > MANY_ROWS and fits.cluster is None:  # where another run may wait for them
        fits.forget_tests(chosen.member, split.predicting(chosen.member.refit))  # their mean stays
    return trained


def limited(
    fits: Fits, tune: Tuned, split: Folds, test_rows: int, budget: Allowance
) -> tuple[Tuned, int | None]:
    """With fewer rounds of boosting than the member asks for, if its first repeat is finished in
    any case and should take too long with all of them, or with fewer rows to learn from, if it may
    learn from a sample; and how many it asks for, None where it has them."""
    member, folds = tune.member, split.fitted(0, tune.member.refit)
    given = fits, member, folds
    if LIMITS["rounds"] in member.settings:
        unit, asked = "rounds", member.settings[LIMITS["rounds"]]
        may_have_fewer = budget.finishes
        measured = functools.partial(pace.rounds_that_fit, *given, asked)
    elif LIMITS["rows"] in member.settings:
        unit, asked = "rows", fits.learnt_rows(member)
        may_have_fewer = asked > FEWEST_ROWS
        measured = functools.partial(pace.rows_that_fit, *given, test_rows, asked)
    else:
        return tune, None

    def measure(seconds: float) -> int:
        if all(fits.seconds(member, fold) for fold in folds):  # nothing is left to fit
            return int(asked)
        return measured(seconds)

    number = budget.limited(unit, asked, measure) if may_have_fewer else asked
    if number == asked:
        return tune, None
    return replace(tune, member=member.limited(LIMITS[unit], number)), asked


def found_seconds(fits: Fits, tune: Tuned, split: Folds, budget: Allowance) -> dict[str, float]:
    """By fold, what a fit that is in the store took: the budget counts it like one of now.

    A search has kept the fits of the first repeat, and they took its time.
    """
    if not budget.is_bound:
        return {}
    folds = [fold for fold in split.folds if fold.repeat > 0 or tune.value is None]
    return {fold.name: fits.seconds(tune.member, fold) or 0.0 for fold in folds}


@dataclass(frozen=True)
class CrossFitting:
    """A member, the folds to fit it on, and seconds by fold of what is there already."""

    fits: Fits
    member: Member
    split: Folds
    found: Mapping[str, float]

    def expected_seconds(self, test_rows: int, budget: Allowance) -> float:
        """Of one repeat; 0 where that need not be known."""
        folds = self.split.repeat(0)
        if any(self.found.get(fold.name, 1.0) for fold in folds):
            return 0.0
        fitted = self.split.fitted(0, self.member.refit)
        return pace.repeat_seconds(self.fits, self.member, fitted, test_rows, budget)

    def run(self, repeats: list[list[FoldFit]], budget: Allowance, progress: Progress) -> None:
        """Add the fits of one repeat after the other, as many repeats as the budget allows for.

        Where memory runs out, fits are computed one at a time. Raises OutOfMemoryError or
        MemoryError where there is too little even for that.
        """
        at_once = self.fits.at_once(self.member)
        try:
            self._add(repeats, at_once, budget, progress)
        except MEMORY:
            if at_once == 1 or self.fits.cluster is not None:
                raise
            progress.announce("memory ran out: one fit at a time now")
            self._add(repeats, 1, budget, progress)

    def _add(
        self, repeats: list[list[FoldFit]], at_once: int, budget: Allowance, progress: Progress
    ) -> None:
        follow, left = budget.follow, budget.left if budget.is_bound else None
        asked = [
            self.split.fitted(repeat, self.member.refit)
            for repeat in range(self.split.repeats)
            if follow is None or repeat < follow
        ]
        names = frozenset(fold.name for fold in self.split.predicting(self.member.refit))
        given = self.fits, self.member, names
        side_by_side = self.fits.at_once(self.member)
        earlier = [self.found.get(fold.name, 0.0) for of in asked[: len(repeats)] for fold in of]
        open_ones = [fold for of in asked[len(repeats) :] for fold in of]
        each = self.fits.threads(self.member, len(open_ones), at_once)
        threads = {fold.name: number for fold, number in zip(open_ones, each, strict=True)}
        if left is None and max(each, default=1) > 1:  # they are for worker processes alone
            left = endless
        work = Distributed(
            functools.partial(fit_with_threads, *given, threads),
            functools.partial(ask_fold, *given),
        )
        with (
            self.fits.workers(left, progress, at_once) as parallel_map,
            progress.task("fits", len(open_ones)) as task,
        ):
            # the next repeat is begun while the last folds of one are under way: no core waits
            fitted = parallel_map(work, open_ones)

            def take(fold: Fold) -> FoldFit:
                earlier.append(self.found.get(fold.name, 0.0))
                budget.earlier = over_cores(earlier, side_by_side)
                if budget.left() <= 0:
                    raise OutOfTime
                fit = next(fitted)
                task.advance()
                return fit

            with contextlib.suppress(OutOfTime):
                while len(repeats) < self.split.repeats and budget.goes_on(len(repeats)):
                    repeats.append([take(fold) for fold in asked[len(repeats)]])


def fit_with_threads(
    fits: Fits,
    member: Member,
    predicting: Collection[str],
    threads: Mapping[str, int],
    fold: Fold,
) -> FoldFit:
    """As `fit_fold`, with so many threads, by the folds' names."""
    with using_threads(threads[fold.name]):
        return fit_fold(fits, member, predicting, fold)


def fit_fold(fits: Fits, member: Member, predicting: Collection[str], fold: Fold) -> FoldFit:
    """Fit on a fold's training rows; predict its validation rows, and the test rows if the fold is
    one of `predicting`."""
    fit, key = fits.fit(member, fold), fits.key(member, fold).path
    if fold.name not in predicting:
        return FoldFit(fit.valid, np.empty((0, 0)), key, fit.fit_seconds, fit.predict_seconds)
    test = fits.test(member, fold)
    predict_seconds = fit.predict_seconds + test.predict_seconds
    return FoldFit(fit.valid, test.values, key, fit.fit_seconds, predict_seconds)


def ask_fold(fits: Fits, member: Member, predicting: Collection[str], fold: Fold) -> "Asked":
    """What `fit_fold` needs, as a worker on another machine is asked for it."""
    return fits.ask(member, fold, test=fold.name in predicting)


def gather(
    load: Loaded, split: Folds, tune: Tuned, metric: Metric, repeats: Sequence[Sequence[FoldFit]]
) -> Trained:
    """Put the folds' predictions together."""
    refit = tune.member.refit
    folds = [fold for repeat in range(len(repeats)) for fold in split.fitted(repeat, refit)]
    flat = [fit for repeat in repeats for fit in repeat]
    fitted = [(fold, answering(fit, load, fold)) for fold, fit in zip(folds, flat, strict=True)]
    kind = precision(load.y, load.problem.outputs)
    oof = np.full((len(repeats), len(load.y), load.problem.outputs), np.nan, kind)
    for fold, fit in fitted:
        oof[fold.repeat, fold.valid] = fit.valid
    shape = len(load.test), load.problem.outputs
    target = metric.target(load)
    test, by_fold = np.full(shape, np.nan), None
    if fitted:
        test, by_fold = predicted(fitted, split, refit, compared(len(load.test), len(load.y)))
    return Trained(
        member=tune.member,
        oof=oof,
        test=rounded(test, kind),
        test_by_fold=np.empty((0, *shape)) if by_fold is None else rounded(by_fold, kind),
        fits=tuple(scored(fold, fit, target, metric, split.answers) for fold, fit in fitted),
        asked=split.repeats,
        fit_seconds=sum(fit.fit_seconds for _, fit in fitted),
        predict_seconds=sum(fit.predict_seconds for _, fit in fitted),
        trials=len(tune.trials),
        trials_asked=tune.asked,
    )


def predicted(
    fitted: Sequence[tuple[Fold, FoldFit]], split: Folds, refit: float, some: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of test (m, k), and of `some` of its rows those of each fold's fits, whose mean
    they are, (folds, rows, k).

    The fit on all rows has its weight in each.
    """
    weight, whole = split.weight_of_whole(refit), split.whole.name
    of_whole = [fit.test for fold, fit in fitted if fold.name == whole]
    if weight == 1:
        return of_whole[0], np.stack(of_whole)[:, some]
    tests = [(fold.number, fit.test) for fold, fit in fitted if fold.name != whole]
    mean = np.mean([test for _, test in tests], axis=0)
    by_fold = np.stack(
        [
            np.mean([test[some] for number, test in tests if number == each], axis=0)
            for each in sorted({number for number, _ in tests})
        ]
    )
    if weight == 0:
        return mean, by_fold
    part = weight * of_whole[0]
    return part + (1 - weight) * mean, part[some] + (1 - weight) * by_fold


def answering(fit: FoldFit, load: Loaded, fold: Fold) -> FoldFit:
    """Where groups of rows have one answer, each row's prediction becomes its group's."""
    how, groups = load.problem.form.aggregate, train_groups(load)
    if how is None:
        return fit
    valid = aggregated(fit.valid, None if groups is None else groups[fold.valid], how)
    return replace(fit, valid=valid, test=aggregated(fit.test, test_groups(load), how))


def scored(
    fold: Fold, fit: FoldFit, y: np.ndarray, metric: Metric, answers: np.ndarray | None = None
) -> FoldScore:
    """The score on the fold's validation rows, or on those of them that stand for the answers;
    ROC AUC has none where a class is absent."""
    if not len(fold.valid):
        return FoldScore(fold.repeat, fold.number, None, fit.key)
    chosen = np.ones(len(fold.valid), bool) if answers is None else np.isin(fold.valid, answers)
    score = metric.score(y[fold.valid[chosen]], fit.valid[chosen])
    return FoldScore(fold.repeat, fold.number, score if np.isfinite(score) else None, fit.key)


def report(trained: Trained, decision: Decision, score: str, progress: Progress) -> None:
    """One line: the score of the predictions averaged over repeats, and what was cut short."""
    for fit in trained.fits:
        progress.detail(f"repeat {fit.repeat}, fold {fit.fold}: {fit.score}")
    if not decision.done:
        progress.say(f"left out: {decision.reason}")
        return
    cut, why = replace(trained.cut_short, trials=None, ran_out=False), decision.reason
    undone = f", {cut}: {why}".removesuffix(": ") if cut else ""
    progress.say(f"{score}, {len(trained.fits)} fits{undone}")


# -- predictions from elsewhere --------------------------------------------------------------------


def read(files: PredictionFiles, name: str, load: Loaded, split: Folds, member: Member) -> Trained:
    """A member's predictions out of its files, in the order of the rows of train and test."""
    from pipeline.reading.predictions import read_predictions

    problem = load.problem
    train, test = _rows("train", load, split), _rows("test", load, split)
    if files.test is None and test.count:
        raise DataError(
            f"[models.{name}] test is missing, but test has {test.count:,} rows to predict. Name "
            'the file that predicts them: test = "...".'
        )
    oof = read_predictions(files.oof, train, problem, load.y)
    shape = test.count, problem.outputs
    of_test = read_predictions(files.test, test, problem) if files.test else np.empty(shape)
    kind = precision(load.y, problem.outputs)
    return Trained(
        member=member,
        oof=rounded(oof[np.newaxis], kind),
        test=rounded(of_test, kind),
        test_by_fold=rounded(of_test[np.newaxis, compared(test.count, len(load.y))], kind),
        fits=(),
        asked=1,
        fit_seconds=0.0,
        predict_seconds=0.0,
        origin=_origin(files, train, split, problem),
    )


def _rows(side: str, load: Loaded, split: Folds) -> "Rows":
    """What a file must predict: those rows of train that are validated, and all of test."""
    from pipeline.reading.predictions import Rows

    table, id = (load.train if side == "train" else load.test), load.problem.id
    needed = np.ones(len(table), dtype=bool)
    if side == "train":
        needed = np.isin(np.arange(len(table)), split.validated)
    return Rows(side, len(table), table.get(id), needed)


def _origin(files: PredictionFiles, train: "Rows", split: Folds, problem: Problem) -> Origin:
    """The files' names, and whether their folds are one of the repeats' of `split`."""
    from pipeline.reading.predictions import read_folds

    names = files.oof.name, files.test.name if files.test else None
    if files.folds is None:
        return Origin(*names, "unknown")
    rows, theirs = split.validated, read_folds(*files.folds, train, problem)
    together = max(
        pairs_together(theirs[rows], split.numbers(repeat)[rows]) for repeat in range(split.repeats)
    )
    return Origin(*names, "the same" if together == 1.0 else "other", together)
