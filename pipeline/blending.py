"""Several models' predictions -> one: the best few equally, greedy selection, or a stacker.

Predictions are stacked as (m, n, k): m models, n rows, k classes (or 1 for regression). Weights are
chosen on out-of-fold predictions, by log loss where the metric counts labels. Probabilities are
made as sure as they should be first, each model's by one number, and so is what comes of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.artifacts import Folder
from pipeline.calibration import sharpened, sharpness
from pipeline.config import BlendStage
from pipeline.from_scratch.linear_regression import LinearRegression
from pipeline.from_scratch.logistic_regression import LogisticRegression
from pipeline.metrics import METRICS, Metric, smooth_metric

TINY = 1e-6
COUNT_CLASSES = ("balanced_accuracy", "f1_macro")  # where a class counts, however rare
# how much such a metric may favour the rarer classes: not at all, up to fully
FAVOURS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Blend:
    """How to combine: a weight a model (m,), or a fitted stacker; then a weight a class (k,).

    `sharpness` (m + 1,) is that of each model's probabilities and, last, of the combination; None
    for values.
    """

    models: tuple[str, ...]
    weights: np.ndarray
    sharpness: np.ndarray | None = None
    stacker: LogisticRegression | LinearRegression | None = None
    class_weights: np.ndarray | None = None

    def combine(self, predictions: Mapping[str, np.ndarray]) -> np.ndarray:
        """{model: (n, k)} -> (n, k); without a stacker, models of weight 0 may be absent."""
        combined = self._mixed(predictions)
        if self.sharpness is not None:
            combined = sharpened(combined, float(self.sharpness[-1]))
        if self.class_weights is None:
            return combined
        return reweighted(combined, self.class_weights)

    def _mixed(self, predictions: Mapping[str, np.ndarray]) -> np.ndarray:
        if self.stacker is not None:
            stacked = np.stack([predictions[name] for name in self.models])
            return stacker_predict(self.stacker, stacked)
        total: Any = 0.0
        for i, (name, weight) in enumerate(zip(self.models, self.weights, strict=True)):
            if weight > 0:
                total = total + weight * self._calibrated(i, predictions[name])
        return np.asarray(total)

    def _calibrated(self, model: int, prediction: np.ndarray) -> np.ndarray:
        if self.sharpness is None:
            return prediction
        return sharpened(prediction, float(self.sharpness[model]))


def fit_blends(
    methods: Sequence[str],
    settings: BlendStage,
    metric: Metric,
    y: np.ndarray,
    predictions: np.ndarray,
) -> dict[str, Blend]:
    """A blend of each method from out-of-fold predictions (m, n, k)."""
    if predictions.shape[2] == 1:
        return {name: _fit(name, settings, metric, y, predictions) for name in methods}
    sharp = np.array([sharpness(y, each) for each in predictions])
    calibrated = np.stack([sharpened(p, s) for p, s in zip(predictions, sharp, strict=True)])
    blends = {}
    for name in methods:
        # rows of one class teach a stacker nothing
        learnt = "equal" if name == "stack" and (y == y[0]).all() else name
        known = predictions if learnt == "stack" else calibrated
        blend = _fit(learnt, settings, metric, y, known)
        mixed = blend.combine(dict(zip(settings.models, known, strict=True)))
        last = sharpness(y, mixed)
        blend = replace(blend, sharpness=np.append(sharp, last))
        if metric.name in COUNT_CLASSES:
            found = class_weights(y, sharpened(mixed, last), metric)
            blend = replace(blend, class_weights=found)
        blends[name] = blend
    return blends


def _fit(
    method: str, settings: BlendStage, metric: Metric, y: np.ndarray, predictions: np.ndarray
) -> Blend:
    """Weights or a stacker."""
    smooth = _computable(smooth_metric(metric), y, predictions.shape[2])
    if method == "stack":
        stacker = fit_stacker(y, predictions, settings.l2)
        return Blend(settings.models, stacker_shares(stacker, len(predictions)), stacker=stacker)
    if method == "greedy":
        return Blend(settings.models, greedy_weights(y, predictions, smooth, settings.rounds))
    return Blend(settings.models, equal_weights(y, predictions, smooth))


def _computable(metric: Metric, y: np.ndarray, outputs: int) -> Metric:
    """The metric, or log loss where these rows lack a class that ROC AUC needs."""
    lacking = metric.name == "roc_auc" and len(np.unique(y)) < outputs
    return METRICS["log_loss"] if lacking else metric


def equal_weights(y: np.ndarray, predictions: np.ndarray, metric: Metric) -> np.ndarray:
    """The same for the best k models, 0 for the others, (m,): the k whose mean loses least.

    One number is chosen, and a model is in only if all that are better by themselves are.
    """
    y, predictions = _needed(y, predictions, metric)
    order = np.argsort([metric.loss(y, each) for each in predictions], kind="stable")
    means = np.cumsum(predictions[order], axis=0) / np.arange(1, len(order) + 1)[:, None, None]
    best = int(np.argmin([metric.loss(y, mean) for mean in means])) + 1
    weights = np.zeros(len(order))
    weights[order[:best]] = 1 / best
    return weights


def class_weights(y: np.ndarray, prediction: np.ndarray, metric: Metric) -> np.ndarray:
    """share^-a per class, (k,), with the a in [0, 1] that suits the metric best.

    The likeliest class is the best answer where rows count; where classes count, rarer ones are
    worth more: a = 1 is the optimum of balanced accuracy (Menon et al. 2013), F1 lies between.
    """
    shares = np.bincount(y, minlength=prediction.shape[1]) / len(y)
    tried = [np.where(shares > 0, shares, 1.0) ** -favour for favour in FAVOURS]
    losses = [metric.loss(y, reweighted(prediction, weights)) for weights in tried]
    return tried[int(np.argmin(losses))]


def reweighted(prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n, k) times (k,), each row summing to 1 again."""
    product = prediction * weights
    return product / product.sum(axis=1, keepdims=True)


def greedy_weights(
    y: np.ndarray, predictions: np.ndarray, metric: Metric, rounds: int
) -> np.ndarray:
    """Draw models with replacement, each time the one that helps the mean most (Caruana 2004).

    Returns each model's share of the draws up to the best round, (m,), summing to 1.
    """
    y, predictions = _needed(y, predictions, metric)
    total = np.zeros_like(predictions[0])
    counts = np.zeros(len(predictions), dtype=int)
    best_loss, best_counts = np.inf, counts
    for drawn in range(1, rounds + 1):
        losses = [metric.loss(y, (total + candidate) / drawn) for candidate in predictions]
        choice = int(np.argmin(losses))
        total = total + predictions[choice]
        counts = counts + np.eye(len(counts), dtype=int)[choice]
        if losses[choice] < best_loss:
            best_loss, best_counts = losses[choice], counts
    return best_counts / best_counts.sum()


def _needed(
    y: np.ndarray, predictions: np.ndarray, metric: Metric
) -> tuple[np.ndarray, np.ndarray]:
    """What the metric reads of predictions (m, n, k): log loss the true class's probability."""
    if metric.name != "log_loss":
        return y, predictions
    return np.zeros_like(y), predictions[:, np.arange(len(y)), y][:, :, np.newaxis]


def stacker_coefficients(models: int, outputs: int) -> int:
    """How many numbers a stacker has to learn: a slope for each class's log-odds, a class each."""
    if outputs <= 2:
        return models + 1
    return (models * outputs + 1) * outputs


def fit_stacker(
    y: np.ndarray, predictions: np.ndarray, l2: float
) -> LogisticRegression | LinearRegression:
    """A regularised regression on the models' log-odds, or on their values (Wolpert 1992)."""
    features = stacker_features(predictions)
    if predictions.shape[2] > 1:
        return LogisticRegression(l2=l2).fit(features, y)
    return LinearRegression(l2=l2 * float(features.var())).fit(features, y)


def stacker_predict(
    stacker: LogisticRegression | LinearRegression, predictions: np.ndarray
) -> np.ndarray:
    """(m, n, k) -> (n, k)."""
    features = stacker_features(predictions)
    if isinstance(stacker, LinearRegression):
        return np.asarray(stacker.predict(features), dtype=float).reshape(-1, 1)
    answer = np.zeros(predictions.shape[1:])
    answer[:, stacker.classes_] = stacker.predict_proba(features)
    return answer


def stacker_features(predictions: np.ndarray) -> np.ndarray:
    """(m, n, k) -> (n, columns): values as they are, probabilities as log-odds, model by model."""
    if predictions.shape[2] == 1:
        return predictions[:, :, 0].T
    clipped = np.clip(predictions, TINY, 1 - TINY)
    odds = np.log(clipped / (1 - clipped))
    used = odds[:, :, 1:] if predictions.shape[2] == 2 else odds
    return np.concatenate(list(used), axis=1)


def stacker_shares(stacker: LogisticRegression | LinearRegression, models: int) -> np.ndarray:
    """How much of the stacker's coefficients falls on each model, (m,), summing to 1."""
    size = np.abs(np.atleast_2d(stacker.coef_)).sum(axis=0).reshape(models, -1).sum(axis=1)
    return size / size.sum() if size.sum() > 0 else np.full(models, 1 / models)


def write_blend(out: Folder, blend: Blend, about: Mapping[str, Any]) -> None:
    weights = dict(zip(blend.models, map(float, blend.weights), strict=True))
    told: dict[str, Any] = {"weights": weights, "models": list(blend.models)}
    for name in ("sharpness", "class_weights"):
        found = getattr(blend, name)
        told[name] = None if found is None else found.tolist()
    out.write_json("blend", {**about, **told})
    if blend.stacker is not None:
        out.write_arrays("stacker", blend.stacker.state())


def read_blend(folder: Folder) -> Blend:
    """The blend as it was fitted: the same predictions to the byte."""
    about = folder.read_json("blend")
    names = tuple(about["models"])
    weights = np.array([about["weights"][name] for name in names])
    sharp, classes = (
        None if about[name] is None else np.array(about[name])
        for name in ("sharpness", "class_weights")
    )
    blend = Blend(names, weights, sharp, class_weights=classes)
    if not folder.has("stacker.npz"):
        return blend
    stacker = LinearRegression() if about["task"] == "regression" else LogisticRegression()
    return replace(blend, stacker=stacker.set_state(folder.read_arrays("stacker")))
