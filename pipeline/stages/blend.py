"""Combine the models by their out-of-fold predictions, judged on rows the weights never saw."""

from typing import Any

import numpy as np

from pipeline import blending, metrics
from pipeline.artifacts import Folder
from pipeline.config import BlendStage
from pipeline.folds import folds_of
from pipeline.progress import Progress

# the simpler one first: a later one must be better by more than noise
METHODS = ("equal", "greedy", "stack")
NAMED = "[blend] method in the competition's TOML names the way."
RULE = (
    "The simplest way is kept (equal weights, then greedy selection, then the stacker), unless "
    "a later one is better in {judge} by more than two standard errors of the paired difference "
    "and not worse in {metric}."
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
    """Write oof (n, k), each row blended by weights fitted on the other folds, test (n_test, k),
    and the weights fitted on all rows."""
    schema = load.read_json("schema")
    metric = metrics.get_metric(settings.metric, schema["task"])
    y, names = load.read_array("y"), settings.models
    predictions = np.stack([train.folder(name).read_array("oof").mean(axis=0) for name in names])
    numbers = split.read_array("folds-0")
    tried = METHODS if settings.method == "auto" else (settings.method,)
    judged = {
        method: cross_fitted(method, settings, metric, y, predictions, numbers) for method in tried
    }
    method, contests = choose(metric, y, judged)
    blend = blending.fit_blend(method, settings, metric, y, predictions)
    candidates = {name: _score(metric, y, judged[name]) for name in tried}
    about: dict[str, Any] = {
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
    blending.write_blend(out, blend, {**about, "candidates": candidates, **candidates[method]})
    out.write_array("oof", judged[method])
    tests = {name: train.folder(name).read_array("test") for name in names}
    out.write_array("test", blend.combine(tests))
    score = candidates[method]
    progress.say(
        f"{metric.label} {score['score']:.4f} ± {score['standard_error']:.4f}, {method}: "
        + ", ".join(f"{name} {w:.2f}" for name, w in zip(names, blend.weights, strict=True))
    )


def cross_fitted(
    method: str,
    settings: BlendStage,
    metric: metrics.Metric,
    y: np.ndarray,
    predictions: np.ndarray,
    numbers: np.ndarray,
) -> np.ndarray:
    """Blend each fold by weights fitted on the other folds, (n, k)."""
    blended = np.empty(predictions.shape[1:])
    for fold in folds_of(0, numbers):
        seen = predictions[:, fold.train]
        blend = blending.fit_blend(method, settings, metric, y[fold.train], seen)
        unseen = zip(settings.models, predictions[:, fold.valid], strict=True)
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
