"""Fit a member on every fold: out-of-fold and test predictions, and the fitted members."""

import contextlib
import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline import pace
from pipeline.encoded import Encoded
from pipeline.fits import Fits
from pipeline.folds import Fold, Folds
from pipeline.member import Member
from pipeline.metrics import Metric, get_metric
from pipeline.parallel import OutOfTime, over_cores, workers
from pipeline.plan import Allowance, Decision
from pipeline.problem import Loaded
from pipeline.progress import Progress
from pipeline.training import FoldScore, Trained
from pipeline.tuning import Tuned

if TYPE_CHECKING:
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
) -> Trained:
    """The predictions of the member that tuning found, as many repeats as the budget allows for.

    Without a single one the member is left out. `fits` reads what `encode` gives.
    """
    budget, metric = budget or Allowance(), get_metric(settings.metric, load.problem.task)
    fitting = CrossFitting(fits, tune.member, split, found_seconds(fits, tune, split, budget))
    expected = fitting.expected_seconds(len(load.test), budget)
    begins = budget.affords(expected)
    repeats = fitting.run(budget, progress) if begins else []
    reason = "" if begins else budget.too_long("one repeat", expected)
    decision = budget.settle(len(repeats), split.repeats, "repeat", reason)
    if decision.done > len(repeats):  # another run was first to decide
        repeats = fitting.run(budget, progress)
    trained = gather(load, split, tune, metric, repeats[: decision.done])
    y, rows = metric.target(load), split.validated
    score = metric.score(y[rows], trained.mean_oof[rows]) if trained.repeats else 0.0
    report(trained, decision, f"{metric.label} {score:.4f}", progress)
    return trained


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
        fitted = self.split.fitted(0)
        return pace.repeat_seconds(self.fits, self.member, fitted, test_rows, budget)

    def run(self, budget: Allowance, progress: Progress) -> list[list[FoldFit]]:
        """The fits of each repeat, as many repeats as the budget allows for."""
        repeats: list[list[FoldFit]] = []
        follow, left = budget.follow, budget.left if budget.is_bound else None
        asked = [
            fold
            for repeat in range(self.split.repeats)
            if follow is None or repeat < follow
            for fold in self.split.fitted(repeat)
        ]
        names = frozenset(fold.name for fold in self.split.predicting)
        work = functools.partial(fit_fold, self.fits, self.member, names)
        earlier: list[float] = []
        with workers(left=left) as parallel_map, progress.task("fits", len(asked)) as task:
            # the next repeat is begun while the last folds of one are under way: no core waits
            fitted = parallel_map(work, asked)

            def take(fold: Fold) -> FoldFit:
                earlier.append(self.found.get(fold.name, 0.0))
                budget.earlier = over_cores(earlier)
                if budget.left() <= 0:
                    raise OutOfTime
                fit = next(fitted)
                task.advance()
                return fit

            with contextlib.suppress(OutOfTime):
                while len(repeats) < self.split.repeats and budget.goes_on(len(repeats)):
                    repeats.append([take(fold) for fold in self.split.fitted(len(repeats))])
        return repeats


def fit_fold(fits: Fits, member: Member, predicting: Collection[str], fold: Fold) -> FoldFit:
    """Fit on a fold's training rows; predict its validation rows, and the test rows if the fold is
    one of `predicting`."""
    fit, key = fits.fit(member, fold), fits.key(member, fold).path
    if fold.name not in predicting:
        return FoldFit(fit.valid, np.empty((0, 0)), key, fit.fit_seconds, fit.predict_seconds)
    test = fits.test(member, fold)
    predict_seconds = fit.predict_seconds + test.predict_seconds
    return FoldFit(fit.valid, test.values, key, fit.fit_seconds, predict_seconds)


def gather(
    load: Loaded, split: Folds, tune: Tuned, metric: Metric, repeats: Sequence[Sequence[FoldFit]]
) -> Trained:
    """Put the folds' predictions together."""
    folds = [fold for repeat in range(len(repeats)) for fold in split.fitted(repeat)]
    fitted = list(zip(folds, [fit for repeat in repeats for fit in repeat], strict=True))
    predicting = {fold.name for fold in split.predicting}
    oof = np.full((len(repeats), len(load.y), load.problem.outputs), np.nan)
    for fold, fit in fitted:
        oof[fold.repeat, fold.valid] = fit.valid
    shape = len(load.test), load.problem.outputs
    target = metric.target(load)
    tests = [(fold.number, fit.test) for fold, fit in fitted if fold.name in predicting]
    by_fold = [
        np.mean([test for number, test in tests if number == each], axis=0)
        for each in sorted({number for number, _ in tests})
    ]
    return Trained(
        member=tune.member,
        oof=oof,
        test=np.mean([test for _, test in tests], axis=0) if fitted else np.full(shape, np.nan),
        test_by_fold=np.stack(by_fold) if fitted else np.empty((0, *shape)),
        fits=tuple(scored(fold, fit, target, metric) for fold, fit in fitted),
        asked=split.repeats,
        fit_seconds=sum(fit.fit_seconds for _, fit in fitted),
        predict_seconds=sum(fit.predict_seconds for _, fit in fitted),
        trials=len(tune.trials),
        trials_asked=tune.asked,
    )


def scored(fold: Fold, fit: FoldFit, y: np.ndarray, metric: Metric) -> FoldScore:
    """The score on the fold's validation rows; ROC AUC has none where a class is absent."""
    if not len(fold.valid):
        return FoldScore(fold.repeat, fold.number, None, fit.key)
    score = metric.score(y[fold.valid], fit.valid)
    return FoldScore(fold.repeat, fold.number, score if np.isfinite(score) else None, fit.key)


def report(trained: Trained, decision: Decision, score: str, progress: Progress) -> None:
    """One line: the score of the predictions averaged over repeats, and what was cut short."""
    for fit in trained.fits:
        progress.detail(f"repeat {fit.repeat}, fold {fit.fold}: {fit.score}")
    if not decision.done:
        progress.say(f"left out: {decision.reason}")
        return
    cut = f", {decision.done} of {decision.asked} repeats: {decision.reason}"
    progress.say(f"{score}, {len(trained.fits)} fits{cut if decision.is_cut else ''}")
