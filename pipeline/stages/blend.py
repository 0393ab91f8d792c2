"""Combine the models by their out-of-fold predictions, judged on rows the weights never saw."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline import blending, budget, metrics
from pipeline.artifacts import Folder
from pipeline.config import BlendStage
from pipeline.folds import folds_of
from pipeline.progress import Progress

# the simpler one first: a later one must be better by more than noise
METHODS = ("equal", "greedy", "stack")
NAMED = "[blend] method in the competition's TOML names the way."
RULE = (
    "The simplest way is kept (the best few models equally, then greedy selection, then the "
    "stacker), unless a later one is better in {judge} by more than two standard errors of the "
    "paired difference and not worse in {metric}."
)


def run(
    settings: BlendStage,
    *,
    load: Folder,
    split: Folder,
    train: Folder,
    out: Folder,
    progress: Progress,
) -> None:
    """Write oof (n, k), each row blended in a way and by weights that the other folds chose, test
    (n_test, k), and the weights fitted on all rows.

    A model that [budget] minutes left out is not in it; one with fewer repeats is, by their mean.
    """
    schema = load.read_json("schema")
    metric = metrics.get_metric(settings.metric, schema["task"])
    work = {name: train.folder(name).read_json("work") for name in settings.models}
    names = budget.trained(work)
    settings = settings.model_copy(update={"models": names})
    y = load.read_array("y")
    oofs = [train.folder(name).read_array("oof") for name in names]
    predictions = np.stack([oof.mean(axis=0) for oof in oofs])
    numbers = split.read_array("folds-0")
    tried = METHODS if settings.method == "auto" else (settings.method,)
    fit = functools.partial(blending.fit_blends, settings=settings, metric=metric)
    judged = cross_fitted(tried, fit, y, predictions, numbers)
    method, contests = choose(metric, y, judged)
    blend = fit((method,), y=y, predictions=predictions)[method]
    honest = nested(tried, fit, metric, y, oofs, numbers)
    candidates = {name: _score(metric, y, judged[name]) for name in tried}
    about: dict[str, Any] = {
        "cut_short": budget.cut_short(work),
        "method": method,
        "metric": metric.name,
        "task": schema["task"],
        "judged": contests,
    }
    about["rule"] = (
        RULE.format(judge=judge_of(metric).label, metric=metric.label)
        if settings.method == "auto"
        else NAMED
    )
    expected = expectation(metric, y, honest, folds=int(numbers.max()) + 1)
    blending.write_blend(out, blend, {**about, "candidates": candidates, **expected})
    out.write_array("oof", honest.all)
    tests = {name: train.folder(name).read_array("test") for name in names}
    out.write_array("test", blend.combine(tests))
    if about["cut_short"]:
        progress.say(f"[budget] minutes cut short: {budget.told(about['cut_short'])}")
    progress.say(
        f"{metric.label} {expected['score']:.4f} ± {expected['standard_error']:.4f}, {method}: "
        + ", ".join(f"{name} {w:.2f}" for name, w in zip(names, blend.weights, strict=True))
    )


Fit = Callable[..., dict[str, blending.Blend]]


def cross_fitted(
    methods: Sequence[str], fit: Fit, y: np.ndarray, predictions: np.ndarray, numbers: np.ndarray
) -> dict[str, np.ndarray]:
    """By method: each fold blended as the other folds' rows say, (n, k)."""
    blended = {name: np.empty(predictions.shape[1:]) for name in methods}
    for fold in folds_of(0, numbers):
        blends = fit(methods, y=y[fold.train], predictions=predictions[:, fold.train])
        for name, blend in blends.items():
            unseen = zip(blend.models, predictions[:, fold.valid], strict=True)
            blended[name][fold.valid] = blend.combine(dict(unseen))
    return blended


@dataclass(frozen=True)
class Nested:
    """Blends of rows that had no say in them: of the mean over repeats (n, k), and of each repeat
    alone (repeats, n, k).

    `most` is how many repeats the mean is over, at most: models may have more than all have.
    """

    all: np.ndarray
    each: np.ndarray
    most: int = 0


def nested(
    methods: Sequence[str],
    fit: Fit,
    metric: metrics.Metric,
    y: np.ndarray,
    oofs: Sequence[np.ndarray],
    numbers: np.ndarray,
) -> Nested:
    """Each fold blended in a way that was chosen, and by weights that were fitted, without it.

    `oofs` are each model's out-of-fold predictions (repeats, n, k). The choice is made as `run`
    makes it, among folds of the rows that are left.
    """
    predictions = np.stack([oof.mean(axis=0) for oof in oofs])
    shared, most = (of([len(oof) for oof in oofs]) for of in (min, max))
    repeats = np.stack([oof[:shared] for oof in oofs])
    found = Nested(np.empty(predictions.shape[1:]), np.empty(repeats.shape[1:]), most)
    for fold in folds_of(0, numbers):
        rows, seen = fold.train, predictions[:, fold.train]
        method = methods[0]
        if len(methods) > 1:
            inner = np.unique(numbers[rows], return_inverse=True)[1]
            if inner.max() == 0:  # two folds in all
                inner = np.arange(len(rows)) % 2
            judged = cross_fitted(methods, fit, y[rows], seen, inner)
            method, _ = choose(metric, y[rows], judged)
        blend = fit((method,), y=y[rows], predictions=seen)[method]
        for of, blended in ((predictions[:, None], found.all[None]), (repeats, found.each)):
            for repeat in range(len(blended)):
                named = zip(blend.models, of[:, repeat, fold.valid], strict=True)
                blended[repeat, fold.valid] = blend.combine(dict(named))
    return found


def expectation(metric: metrics.Metric, y: np.ndarray, found: Nested, folds: int) -> dict[str, Any]:
    """What the submission may expect on new rows, with its standard error.

    Averaging makes a score better as a + b / models does. In cross-validation a row has one
    prediction a repeat, in the submission one a fold and repeat, folds times as many. What the step
    from one repeat to all of them brought tells what those bring, with two repeats or more. Where
    models differ in repeats, all are taken to have the most, which promises less.
    """
    repeats = max(found.most, len(found.each))
    plain = metrics.estimate(metric, y, found.all)
    told = {"cross_validated": plain.score, "averaging": 0.0}
    if repeats == 1:
        return {"score": plain.score, "standard_error": plain.standard_error, **told}
    share = (1 - 1 / folds) / (repeats - 1)
    gain = share * (plain.score - float(np.mean([metric.score(y, one) for one in found.each])))
    if not np.isfinite(gain):
        gain = 0.0
    error = plain.standard_error
    if metric.per_row is not None and not metric.root:
        alone = np.mean([metric.per_row(y, one) for one in found.each], axis=0)
        rows = (1 + share) * metric.per_row(y, found.all) - share * alone
        error = float(rows.std(ddof=1) / np.sqrt(len(rows)))
    return {"score": plain.score + gain, "standard_error": error, **told, "averaging": gain}


def choose(
    metric: metrics.Metric, y: np.ndarray, judged: dict[str, np.ndarray]
) -> tuple[str, dict[str, Any]]:
    """The method that RULE keeps, and how each contest with the one kept before it went."""
    judge = judge_of(metric)
    kept, *others = judged
    contests: dict[str, Any] = {}
    for method in others:
        pair = metrics.paired_difference(judge, y, judged[method], judged[kept])
        gain = pair.score if judge.greater_is_better else -pair.score
        clear = gain > 2 * pair.standard_error
        wins = clear and metric.loss(y, judged[method]) <= metric.loss(y, judged[kept])
        verdict = "better" if wins else "not clearly better"
        contests[method] = {
            "against": kept,
            "gain": gain,
            "standard_error": pair.standard_error,
            "verdict": verdict,
        }
        kept = method if wins else kept
    return kept, contests


def judge_of(metric: metrics.Metric) -> metrics.Metric:
    """What contests are decided by: weights a class are no probabilities for log loss to judge."""
    return metric if metric.name in blending.COUNT_CLASSES else metrics.smooth_metric(metric)


def _score(metric: metrics.Metric, y: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    found = metrics.estimate(metric, y, prediction)
    return {"score": found.score, "standard_error": found.standard_error}
