"""Several models' predictions -> one: equal weights, greedy selection, or a stacker.

Predictions are stacked as (m, n, k): m models, n rows, k classes (or 1 for regression). Weights are
chosen on out-of-fold predictions, by log loss where the metric counts labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.artifacts import Folder
from pipeline.from_scratch.linear_regression import LinearRegression
from pipeline.from_scratch.logistic_regression import LogisticRegression
from pipeline.metrics import Metric

TINY = 1e-6


@dataclass(frozen=True)
class Blend:
    """How to combine: a weight a model (m,), or a fitted stacker."""

    models: tuple[str, ...]
    weights: np.ndarray
    stacker: LogisticRegression | LinearRegression | None = None

    def combine(self, predictions: Mapping[str, np.ndarray]) -> np.ndarray:
        """{model: (n, k)} -> (n, k); without a stacker, models of weight 0 may be absent."""
        if self.stacker is not None:
            stacked = np.stack([predictions[name] for name in self.models])
            return stacker_predict(self.stacker, stacked)
        used = [(name, w) for name, w in zip(self.models, self.weights, strict=True) if w > 0]
        return np.asarray(sum(w * predictions[name] for name, w in used))


def fit_blend(
    method: str,
    names: tuple[str, ...],
    y: np.ndarray,
    predictions: np.ndarray,
    metric: Metric,
    settings: Any,
) -> Blend:
    """A blend of this method from out-of-fold predictions (m, n, k)."""
    if method == "stack":
        stacker = fit_stacker(y, predictions, settings.l2)
        return Blend(names, stacker_shares(stacker, len(names)), stacker)
    if method == "greedy":
        return Blend(names, greedy_weights(y, predictions, metric, settings.rounds))
    return Blend(names, np.full(len(names), 1 / len(names)))


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
    out.write_json("blend", {**about, "weights": weights, "models": list(blend.models)})
    if blend.stacker is not None:
        out.write_arrays("stacker", blend.stacker.state())


def read_blend(folder: Folder) -> Blend:
    """The blend as it was fitted: the same predictions to the byte."""
    about = folder.read_json("blend")
    names = tuple(about["models"])
    weights = np.array([about["weights"][name] for name in names])
    if not folder.has("stacker.npz"):
        return Blend(names, weights)
    stacker = LinearRegression() if about["task"] == "regression" else LogisticRegression()
    return Blend(names, weights, stacker.set_state(folder.read_arrays("stacker")))
