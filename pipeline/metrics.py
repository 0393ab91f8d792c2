"""Metrics: how a competition scores predictions, and all that follows from it, in one place.

A prediction is always a two-dimensional array: (n, k) class probabilities, or (n, 1) values for
regression. The target is (n,): class codes 0..k-1, or values. A new metric is one entry in METRICS.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from pipeline.errors import DataError, SettingsError
from pipeline.problem import Task

if TYPE_CHECKING:
    from pipeline.models import Loss


@dataclass(frozen=True)
class Metric:
    """A formula, and what tuning, models, blending, submissions and pages must know of it.

    `per_row` gives each row's contribution (n,): the score is their mean, or the square root of it
    (`root`), so that its standard error is a formula. Without it `overall` gives the score.
    """

    name: str
    label: str
    needs: Literal["labels", "probabilities", "values"]  # what a submission holds
    loss_for_models: "Loss"  # what models minimise where this metric counts
    per_row: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    root: bool = False
    overall: Callable[[np.ndarray, np.ndarray], float] | None = None
    greater_is_better: bool = False
    lowest: float = 0.0  # score
    highest: float = math.inf  # score
    unit: str = ""  # what a score counts; {target} stands for the target's name
    counts_classes: bool = False  # every class counts the same, however rare
    needs_every_class: bool = False  # there is no score where a class has no row
    reads_true_class_alone: bool = False  # of the probabilities
    least_value: float = -math.inf  # of a target or a prediction

    @property
    def tasks(self) -> tuple[Task, ...]:
        return ("regression",) if self.needs == "values" else ("binary", "multiclass")

    @property
    def sign(self) -> int:
        """1 where a greater score is better, else -1."""
        return 1 if self.greater_is_better else -1

    @property
    def in_sentence(self) -> str:
        """`accuracy`, `log loss`, but `RMSE`: the label inside a sentence."""
        is_word = not self.label[:2].isupper() and self.label[1].islower()
        return self.label[0].lower() + self.label[1:] if is_word else self.label

    def label_with_unit(self, target: str) -> str:
        """'RMSE (in units of price)', 'Log loss'."""
        return f"{self.label} ({self.unit.format(target=target)})" if self.unit else self.label

    def score(self, y: np.ndarray, prediction: np.ndarray) -> float:
        """y (n,), prediction (n, k) -> the score; NaN where it is not defined."""
        if self.per_row is None:
            assert self.overall is not None
            return self.overall(y, prediction)
        mean = float(self.per_row(y, prediction).mean())
        return math.sqrt(mean) if self.root else mean

    def loss(self, y: np.ndarray, prediction: np.ndarray) -> float:
        """The score with its sign turned so that less is better."""
        return -self.sign * self.score(y, prediction)

    def is_better(self, one: float, other: float) -> bool:
        return one > other if self.greater_is_better else one < other

    def clip(self, score: float) -> float:
        """The nearest score that the metric can give."""
        return min(max(score, self.lowest), self.highest)

    def is_defined(self, y: np.ndarray, outputs: int) -> bool:
        """Whether predictions (n, outputs) of these rows have a score."""
        return not self.needs_every_class or len(np.unique(y)) == outputs

    @property
    def smooth(self) -> "Metric":
        """What to tune and to blend by: label metrics jump with single rows, log loss does not."""
        return METRICS["log_loss"] if self.needs == "labels" else self

    def smooth_on(self, outputs: int, *targets: np.ndarray) -> "Metric":
        """The smooth metric, or log loss where some of these targets leave it undefined."""
        smooth = self.smooth
        return (
            smooth if all(smooth.is_defined(y, outputs) for y in targets) else METRICS["log_loss"]
        )

    @property
    def decisive(self) -> "Metric":
        """What to choose a blend by: weights of classes leave no probabilities for log loss."""
        return self if self.counts_classes else self.smooth

    @property
    def second(self) -> "Metric":
        """What to show beside the metric, because it measures something else."""
        if self.needs == "values":
            return METRICS["rmse" if self.name == "r2" else "r2"]
        return METRICS["roc_auc" if self.name == "log_loss" else "log_loss"]

    def check_target(self, y: np.ndarray) -> None:
        """Raises DataError where the target (n,) has values that the metric does not take."""
        if y.min() < self.least_value:
            raise DataError(
                f"train: the target goes down to {y.min():g}, but {self.label} takes values from "
                f"{self.least_value:g} on. Correct the file, or choose another [competition] "
                "metric in the competition's TOML."
            )


# -- formulas --------------------------------------------------------------------------------------


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


def mean_recall(y: np.ndarray, prediction: np.ndarray) -> float:
    """Mean over the classes present of the share of their rows that is found."""
    rows, found = np.bincount(y), np.bincount(y, hits(y, prediction))
    return float(np.mean(found[rows > 0] / rows[rows > 0]))


def f1_macro(y: np.ndarray, prediction: np.ndarray) -> float:
    """Mean over classes of 2 TP / (2 TP + FP + FN), over the classes in truth or prediction."""
    predicted, k = prediction.argmax(axis=1), prediction.shape[1]
    rows = np.bincount(y, minlength=k) + np.bincount(predicted, minlength=k)
    true_positives = np.bincount(y[y == predicted], minlength=k)
    return float(np.mean(2 * true_positives[rows > 0] / rows[rows > 0]))


def roc_auc(y: np.ndarray, prediction: np.ndarray) -> float:
    """P(a random positive scores above a random negative), ties a half; several classes one against
    the rest, averaged. NaN where a class is absent."""
    import pandas as pd

    codes = np.arange(prediction.shape[1])[1 if prediction.shape[1] == 2 else 0 :]
    positive = y[:, np.newaxis] == codes
    positives = positive.sum(axis=0)
    pairs = positives * (len(y) - positives)
    if not pairs.all():
        return math.nan
    # Mann-Whitney U over the number of pairs
    u = (pd.DataFrame(prediction[:, codes]).rank().to_numpy() * positive).sum(axis=0)
    return float(np.mean((u - positives * (positives + 1) / 2) / pairs))


def r2(y: np.ndarray, prediction: np.ndarray) -> float:
    """1 - residual sum of squares / total sum of squares."""
    total = np.sum((y - y.mean()) ** 2)
    return float(1 - squared_error(y, prediction).sum() / total) if total > 0 else 0.0


# -- metrics by name -------------------------------------------------------------------------------

METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "accuracy",
            "Accuracy",
            needs="labels",
            loss_for_models="zero_one",
            per_row=hits,
            greater_is_better=True,
            highest=1.0,
            unit="share of rows",
        ),
        Metric(
            "balanced_accuracy",
            "Balanced accuracy",
            needs="labels",
            loss_for_models="zero_one",
            overall=mean_recall,
            greater_is_better=True,
            highest=1.0,
            counts_classes=True,
        ),
        Metric(
            "f1_macro",
            "F1 (macro)",
            needs="labels",
            loss_for_models="zero_one",
            overall=f1_macro,
            greater_is_better=True,
            highest=1.0,
            counts_classes=True,
        ),
        Metric(
            "roc_auc",
            "ROC AUC",
            needs="probabilities",
            loss_for_models="log_loss",
            overall=roc_auc,
            greater_is_better=True,
            highest=1.0,
            needs_every_class=True,
        ),
        Metric(
            "log_loss",
            "Log loss",
            needs="probabilities",
            loss_for_models="log_loss",
            per_row=row_log_loss,
            reads_true_class_alone=True,
        ),
        Metric(
            "rmse",
            "RMSE",
            needs="values",
            loss_for_models="squared_error",
            per_row=squared_error,
            root=True,
            unit="in units of {target}",
        ),
        Metric(
            "mae",
            "MAE",
            needs="values",
            loss_for_models="absolute_error",
            per_row=absolute_error,
            unit="in units of {target}",
        ),
        Metric(
            "rmsle",
            "RMSLE",
            needs="values",
            loss_for_models="squared_log_error",
            per_row=squared_log_error,
            root=True,
            least_value=0.0,
        ),
        Metric(
            "r2",
            "R²",
            needs="values",
            loss_for_models="squared_error",
            overall=r2,
            greater_is_better=True,
            lowest=-math.inf,
            highest=1.0,
        ),
    )
}
DEFAULTS: dict[Task, str] = {"binary": "accuracy", "multiclass": "accuracy", "regression": "rmse"}


def get_metric(name: str | None, task: Task, where: str = "[competition] metric") -> Metric:
    """The metric of this name, if it suits this task; without a name, the task's default."""
    name = name or DEFAULTS[task]
    allowed = [metric.name for metric in METRICS.values() if task in metric.tasks]
    if name not in allowed:
        raise SettingsError(
            f"{where}: found '{name}', but the target is a {task} one; "
            f"allowed are {', '.join(allowed)}. Name one of these."
        )
    return METRICS[name]


# -- standard errors -------------------------------------------------------------------------------


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
