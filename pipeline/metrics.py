"""Metrics by name: how a competition is judged.

A prediction is always a two-dimensional array: (n, k) class probabilities, or (n, 1) values for
regression. The target is (n,): class codes 0..k-1, or values. Every metric takes (y, prediction).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.errors import SettingsError

Task = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True)
class Metric:
    """One way to judge predictions.

    `per_row`, where it exists, gives each row's contribution (n,): the metric is then its mean (or,
    for `root`, the square root of it), so that its standard error is a formula.
    `needs` says what a submission holds: labels, probabilities or values.
    """

    name: str
    label: str
    score: Callable[[np.ndarray, np.ndarray], float]
    greater_is_better: bool
    needs: Literal["labels", "probabilities", "values"]
    tasks: tuple[Task, ...]
    per_row: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    root: bool = False

    def loss(self, y: np.ndarray, prediction: np.ndarray) -> float:
        """The score with its sign turned so that less is better."""
        score = self.score(y, prediction)
        return -score if self.greater_is_better else score

    def is_better(self, one: float, other: float) -> bool:
        return one > other if self.greater_is_better else one < other


def hits(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """1 where the most probable class is the true one, else 0, (n,)."""
    return (prediction.argmax(axis=1) == y).astype(float)


def row_log_loss(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """-log p(true class) per row, (n,); probabilities are kept off zero by the float's epsilon."""
    true = prediction[np.arange(len(y)), np.asarray(y, dtype=int)].astype(float)
    return -np.log(np.clip(true, np.finfo(float).eps, 1.0))


def squared_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    return (y - prediction[:, 0]) ** 2


def absolute_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    return np.abs(y - prediction[:, 0])


def squared_log_error(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """(log(1+y) - log(1+p))² per row; negative predictions count as zero."""
    return (np.log1p(y) - np.log1p(np.maximum(prediction[:, 0], 0.0))) ** 2


def recalls(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Share of each present class that is found, (classes present,)."""
    found = hits(y, prediction)
    return np.array([found[y == label].mean() for label in np.unique(y)])


def f1_macro(y: np.ndarray, prediction: np.ndarray) -> float:
    """Mean over classes of 2 TP / (2 TP + FP + FN), over the classes in truth or prediction."""
    predicted = prediction.argmax(axis=1)
    labels = np.union1d(y, predicted)
    true_positives = np.array([np.sum((y == c) & (predicted == c)) for c in labels])
    positives = np.array([np.sum(y == c) + np.sum(predicted == c) for c in labels])
    return float(np.mean(2 * true_positives / positives))


def roc_auc(y: np.ndarray, prediction: np.ndarray) -> float:
    """P(a random positive scores above a random negative), ties a half; several classes one against
    the rest, averaged. NaN where a class is absent."""
    codes = [1] if prediction.shape[1] == 2 else range(prediction.shape[1])
    return float(np.mean([_binary_auc(y == code, prediction[:, code]) for code in codes]))


def _binary_auc(positive: np.ndarray, score: np.ndarray) -> float:
    """Mann-Whitney U over the number of pairs, from mid-ranks."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    middle_rank = np.cumsum(counts) - (counts - 1) / 2
    n_positive, n_negative = positive.sum(), (~positive).sum()
    if n_positive == 0 or n_negative == 0:
        return float("nan")
    u = middle_rank[inverse][positive].sum() - n_positive * (n_positive + 1) / 2
    return float(u / (n_positive * n_negative))


def r2(y: np.ndarray, prediction: np.ndarray) -> float:
    """1 - residual sum of squares / total sum of squares."""
    total = np.sum((y - y.mean()) ** 2)
    return float(1 - squared_error(y, prediction).sum() / total) if total > 0 else 0.0


def _mean(
    per_row: Callable[[np.ndarray, np.ndarray], np.ndarray], root: bool = False
) -> Callable[[np.ndarray, np.ndarray], float]:
    def score(y: np.ndarray, prediction: np.ndarray) -> float:
        mean = float(per_row(y, prediction).mean())
        return float(np.sqrt(mean)) if root else mean

    return score


CLASSES: tuple[Task, ...] = ("binary", "multiclass")
VALUES: tuple[Task, ...] = ("regression",)
METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "Accuracy", _mean(hits), True, "labels", CLASSES, hits),
        Metric(
            "balanced_accuracy",
            "Balanced accuracy",
            lambda y, p: float(recalls(y, p).mean()),
            True,
            "labels",
            CLASSES,
        ),
        Metric("f1_macro", "F1 (macro)", f1_macro, True, "labels", CLASSES),
        Metric("roc_auc", "ROC AUC", roc_auc, True, "probabilities", CLASSES),
        Metric(
            "log_loss",
            "Log loss",
            _mean(row_log_loss),
            False,
            "probabilities",
            CLASSES,
            row_log_loss,
        ),
        Metric(
            "rmse", "RMSE", _mean(squared_error, True), False, "values", VALUES, squared_error, True
        ),
        Metric("mae", "MAE", _mean(absolute_error), False, "values", VALUES, absolute_error),
        Metric(
            "rmsle",
            "RMSLE",
            _mean(squared_log_error, True),
            False,
            "values",
            VALUES,
            squared_log_error,
            True,
        ),
        Metric("r2", "R²", r2, True, "values", VALUES),
    )
}
DEFAULTS: dict[Task, str] = {"binary": "accuracy", "multiclass": "accuracy", "regression": "rmse"}


def get_metric(name: str | None, task: Task, where: str = "[competition] metric") -> Metric:
    """The metric of this name, if it can judge this task; without a name, the task's default."""
    name = name or DEFAULTS[task]
    allowed = [metric.name for metric in METRICS.values() if task in metric.tasks]
    if name not in allowed:
        raise SettingsError(
            f"{where}: found '{name}', but the target is a {task} one; "
            f"allowed are {', '.join(allowed)}. Name one of these."
        )
    return METRICS[name]


def smooth_metric(metric: Metric) -> Metric:
    """What to tune and to select by: label metrics jump with single rows, log loss does not."""
    return METRICS["log_loss"] if metric.needs == "labels" else metric


@dataclass(frozen=True)
class Estimate:
    """A score with its standard error over rows."""

    score: float
    standard_error: float


def estimate(metric: Metric, y: np.ndarray, prediction: np.ndarray, seed: int = 0) -> Estimate:
    """Score and standard error: by formula where the metric is a mean over rows, else bootstrap."""
    score = metric.score(y, prediction)
    if metric.per_row is None:
        return Estimate(score, float(_bootstrap(metric, y, (prediction,), seed).std(ddof=1)))
    rows = metric.per_row(y, prediction)
    error = float(rows.std(ddof=1) / np.sqrt(len(rows)))
    # d sqrt(m) = dm / (2 sqrt(m)): the delta method
    return Estimate(score, error / (2 * score) if metric.root and score > 0 else error)


def paired_difference(
    metric: Metric, y: np.ndarray, one: np.ndarray, other: np.ndarray, seed: int = 0
) -> Estimate:
    """Score of `one` minus score of `other` on the same rows, with its standard error."""
    difference = metric.score(y, one) - metric.score(y, other)
    if metric.per_row is None or metric.root:
        scores = _bootstrap(metric, y, (one, other), seed)
        return Estimate(difference, float((scores[:, 0] - scores[:, 1]).std(ddof=1)))
    rows = metric.per_row(y, one) - metric.per_row(y, other)
    return Estimate(difference, float(rows.std(ddof=1) / np.sqrt(len(rows))))


def _bootstrap(
    metric: Metric, y: np.ndarray, predictions: tuple[np.ndarray, ...], seed: int, draws: int = 200
) -> np.ndarray:
    """Scores on rows drawn with replacement, (draws, predictions); the same rows for each."""
    rng = np.random.default_rng(seed)
    scores = np.empty((draws, len(predictions)))
    for draw in range(draws):
        rows = rng.integers(len(y), size=len(y))
        scores[draw] = [metric.score(y[rows], prediction[rows]) for prediction in predictions]
    return scores[~np.isnan(scores).any(axis=1)]
