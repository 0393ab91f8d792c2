"""Several models' predictions -> one: equal weights, greedy selection, or a stacker.

Predictions are stacked as (m, n, k): m models, n rows, k classes (or 1 for regression). Weights are
chosen on out-of-fold predictions, by log loss where the metric counts labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.artifacts import Folder
from pipeline.config import BlendStage
from pipeline.from_scratch.linear_regression import LinearRegression
from pipeline.from_scratch.logistic_regression import LogisticRegression
from pipeline.metrics import Metric, smooth_metric

TINY = 1e-6
COUNT_CLASSES = ("balanced_accuracy", "f1_macro")  # where a class counts, however rare
# how much such a metric may favour the rarer classes: not at all, up to fully
FAVOURS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Blend:
    """How to combine: a weight a model (m,), or a fitted stacker; then a weight a class (k,)."""

    models: tuple[str, ...]
    weights: np.ndarray
    stacker: LogisticRegression | LinearRegression | None = None
    class_weights: np.ndarray | None = None

    def combine(self, predictions: Mapping[str, np.ndarray]) -> np.ndarray:
        """{model: (n, k)} -> (n, k); without a stacker, models of weight 0 may be absent."""
        if self.stacker is not None:
            stacked = np.stack([predictions[name] for name in self.models])
            combined = stacker_predict(self.stacker, stacked)
        else:
            used = [(name, w) for name, w in zip(self.models, self.weights, strict=True) if w > 0]
            combined = np.asarray(sum(w * predictions[name] for name, w in used))
        if self.class_weights is None:
            return combined
        return reweighted(combined, self.class_weights)


def fit_blend(
    method: str, settings: BlendStage, metric: Metric, y: np.ndarray, predictions: np.ndarray
) -> Blend:
    """A blend of this method from out-of-fold predictions (m, n, k)."""
    names = settings.models
    if method == "stack":
        stacker = fit_stacker(y, predictions, settings.l2)
        blend = Blend(names, stacker_shares(stacker, len(names)), stacker)
    elif method == "greedy":
        smooth = smooth_metric(metric)
        blend = Blend(names, greedy_weights(y, predictions, smooth, settings.rounds))
    else:
        blend = Blend(names, np.full(len(names), 1 / len(names)))
    if metric.name not in COUNT_CLASSES:
        return blend
    combined = blend.combine(dict(zip(names, predictions, strict=True)))
    return replace(blend, class_weights=class_weights(y, combined, metric))


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
    classes = None if blend.class_weights is None else blend.class_weights.tolist()
    told = {"weights": weights, "models": list(blend.models), "class_weights": classes}
    out.write_json("blend", {**about, **told})
    if blend.stacker is not None:
        out.write_arrays("stacker", blend.stacker.state())


def read_blend(folder: Folder) -> Blend:
    """The blend as it was fitted: the same predictions to the byte."""
    about = folder.read_json("blend")
    names = tuple(about["models"])
    weights = np.array([about["weights"][name] for name in names])
    classes = None if about["class_weights"] is None else np.array(about["class_weights"])
    blend = Blend(names, weights, class_weights=classes)
    if not folder.has("stacker.npz"):
        return blend
    stacker = LinearRegression() if about["task"] == "regression" else LogisticRegression()
    return replace(blend, stacker=stacker.set_state(folder.read_arrays("stacker")))
