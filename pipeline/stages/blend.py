"""Combine the models by their out-of-fold predictions, judged on rows the weights never saw."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pipeline import blending, budget, metrics
from pipeline.artifacts import Folder
from pipeline.config import BlendStage
from pipeline.expectation import averaging, expectation
from pipeline.folds import folds_of
from pipeline.prediction import check
from pipeline.progress import Progress

# the simpler one first: a later one must be better by more than noise
METHODS = ("equal", "greedy", "stack")
MOST_COEFFICIENTS = 3_000  # of the stacker: 7 models of 20 classes
MOST_OUTPUTS, INNER_FOLDS = 100, 3  # models times classes; of more of them so many inner folds
LEFT_OUT = (
    " The stacker was not tried: for {models} models of {outputs} classes it would have to learn "
    "{coefficients:,} coefficients, more than {most:,}."
)
NAMED = "[blend] method in the competition's TOML names the way."
REMEDY = "Leave out of the TOML a model that predicts such numbers, or name a [blend] method."
RULE = (
    "The simplest way is kept (the best few models equally, then greedy selection, then the "
    "stacker), unless a later one is better in {judge} by more than two standard errors of the "
    "paired difference and not worse in {metric}."
)
LEAST = 0.005  # a share that is shown


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
    predictions = np.stack([train.folder(name).read_array("oof").mean(axis=0) for name in names])
    numbers = split.read_array("folds-0")
    tried = methods_tried(settings.method, *predictions.shape[::2])
    fit = functools.partial(blending.fit_blends, settings=settings, metric=metric)
    judged = cross_fitted(tried, fit, y, predictions, numbers)
    method, contests = choose(metric, y, judged)
    blend = fit((method,), y=y, predictions=predictions)[method]
    honest = nested(tried, fit, metric, y, predictions, numbers)
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
    by_fold = {name: train.folder(name).read_array("by_fold") for name in names}
    if settings.method == "auto" and "stack" not in tried:
        about["rule"] += left_out_told(*predictions.shape[::2])
    gain = averaging(metric, blend, by_fold, (y, honest))
    expected = expectation(metric, y, honest, gain)
    blending.write_blend(out, blend, {**about, "candidates": candidates, **expected})
    out.write_array("oof", honest)
    tests = {name: train.folder(name).read_array("test") for name in names}
    blended = blend.combine(tests)
    outputs = len(schema["classes"] or [""])
    for rows, prediction in ((len(y), honest), (len(tests[names[0]]), blended)):
        check(prediction, rows, outputs, f"the blend ({method})", REMEDY)
    out.write_array("test", blended)
    if about["cut_short"]:
        progress.say(f"[budget] minutes cut short: {budget.told(about['cut_short'])}")
    progress.say(
        f"{metric.label} {expected['score']:.4f} ± {expected['standard_error']:.4f}, {method}: "
        + ", ".join(
            f"{name} {w:.2f}" for name, w in zip(names, blend.weights, strict=True) if w >= LEAST
        )
    )


def methods_tried(method: str, models: int, outputs: int) -> tuple[str, ...]:
    """The one asked for; `auto`: all but a stacker of so many coefficients that it takes minutes,
    again and again, to learn what the rows cannot teach it."""
    if method != "auto":
        return (method,)
    fits = blending.stacker_coefficients(models, outputs) <= MOST_COEFFICIENTS
    return METHODS if fits else METHODS[:-1]


def left_out_told(models: int, outputs: int) -> str:
    coefficients = blending.stacker_coefficients(models, outputs)
    return LEFT_OUT.format(
        models=models, outputs=outputs, coefficients=coefficients, most=MOST_COEFFICIENTS
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


def nested(
    methods: Sequence[str],
    fit: Fit,
    metric: metrics.Metric,
    y: np.ndarray,
    predictions: np.ndarray,
    numbers: np.ndarray,
) -> np.ndarray:
    """Each fold blended in a way that was chosen, and by weights that were fitted, without it.

    `predictions` (m, n, k) are the models' out-of-fold ones -> (n, k). The choice is made as `run`
    makes it, among folds of the rows that are left.
    """
    blended = np.empty(predictions.shape[1:])
    for fold in folds_of(0, numbers):
        rows, seen = fold.train, predictions[:, fold.train]
        method = methods[0]
        if len(methods) > 1 and len(rows) > 1:
            inner = np.unique(numbers[rows], return_inverse=True)[1]
            if inner.max() == 0:  # two folds in all
                inner = np.arange(len(rows)) % 2
            if len(predictions) * predictions.shape[2] > MOST_OUTPUTS:
                inner = inner % INNER_FOLDS
            judged = cross_fitted(methods, fit, y[rows], seen, inner)
            method, _ = choose(metric, y[rows], judged)
        blend = fit((method,), y=y[rows], predictions=seen)[method]
        unseen = zip(blend.models, predictions[:, fold.valid], strict=True)
        blended[fold.valid] = blend.combine(dict(unseen))
    return blended


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
