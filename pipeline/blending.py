"""Several models' predictions -> one: the best few equally, greedy selection, or a stacker.

Predictions are stacked as (m, n, k): m models, n rows, k classes (or 1 for regression). Weights are
chosen on out-of-fold predictions, by log loss where the metric counts labels. Each model's
probabilities are scaled by a temperature of its own first, and the combination by another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.calibration import inverse_temperature, temperature_scale
from pipeline.decision_rules import DecisionRule, fit_rule
from pipeline.from_scratch.linear_regression import LinearRegression
from pipeline.from_scratch.logistic_regression import LogisticRegression
from pipeline.metrics import Estimate, Metric
from pipeline.training import CutShort

TINY = 1e-6


@dataclass(frozen=True)
class FittedBlend:
    """How to combine: a weight a model (m,), or a stacker's state; then what suits the metric.

    `inverse_temperatures` (m + 1,) are 1 / T of each model's probabilities and, last, of the
    combination; None for values. A stacker's weights are its coefficients' shares.
    """

    models: tuple[str, ...]
    weights: np.ndarray
    inverse_temperatures: np.ndarray | None = None
    stacker: Mapping[str, np.ndarray] | None = None
    decision_rule: DecisionRule | None = None

    def combine(self, predictions: Mapping[str, np.ndarray]) -> np.ndarray:
        """{model: (n, k)} -> (n, k); without a stacker, models of weight 0 may be absent."""
        if self.stacker is not None:
            stacked = np.stack([predictions[name] for name in self.models])
            combined = stacker_predict(self.stacker, stacked)
        else:
            combined = self._weighted_mean(predictions)
        if self.inverse_temperatures is not None:
            combined = temperature_scale(combined, float(self.inverse_temperatures[-1]))
        return combined if self.decision_rule is None else self.decision_rule.apply(combined)

    def _weighted_mean(self, predictions: Mapping[str, np.ndarray]) -> np.ndarray:
        total: Any = 0.0
        for i, (name, weight) in enumerate(zip(self.models, self.weights, strict=True)):
            if weight > 0:
                prediction = predictions[name]
                if self.inverse_temperatures is not None:
                    prediction = temperature_scale(prediction, float(self.inverse_temperatures[i]))
                total = total + weight * prediction
        return np.asarray(total)


# -- what the blend stage gives --------------------------------------------------------------------


@dataclass(frozen=True)
class MethodComparison:
    """How a method did against the one kept before it, by out-of-fold predictions.

    `gain` is the difference of their scores by the `decisive` metric, above 0 where `method` is
    better.
    """

    method: str
    against: str
    gain: float
    standard_error: float
    is_kept: bool


@dataclass(frozen=True)
class Expected:
    """The score to expect on new rows: `cross_validated` plus what `averaging` all fits brings."""

    score: float
    standard_error: float
    cross_validated: float
    averaging: float

    @property
    def estimate(self) -> Estimate:
        return Estimate(self.score, self.standard_error)


@dataclass(frozen=True)
class Blended:
    """The blend fitted on all validated rows, what it predicts, and the score to expect of it.

    oof (n, k): each row blended by a method and by weights that were chosen without its fold, NaN
    for rows that no fold validates; test (m, k). `candidates` are the methods' cross-validated
    scores, `rule` is how one was chosen. `cut_short` names models with less than was asked for.
    """

    blend: FittedBlend
    method: str
    metric: str
    oof: np.ndarray
    test: np.ndarray
    candidates: Mapping[str, Estimate]
    comparisons: tuple[MethodComparison, ...]
    rule: str
    expected: Expected
    cut_short: Mapping[str, CutShort]

    @property
    def weights(self) -> dict[str, float]:
        """By model, in their order."""
        return dict(zip(self.blend.models, map(float, self.blend.weights), strict=True))

    @property
    def undone(self) -> str:
        """`rnn (1 of 3 repeats), kernel (left out)`."""
        return ", ".join(f"{name} ({each})" for name, each in self.cut_short.items())


# -- fitting ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OutOfFold:
    """Rows to fit blends on: models' out-of-fold predictions (m, n, k), the target (n,), and the
    number of the fold that validates each row (n,)."""

    predictions: np.ndarray
    y: np.ndarray
    folds: np.ndarray

    def take(self, rows: np.ndarray) -> "OutOfFold":
        return OutOfFold(self.predictions[:, rows], self.y[rows], self.folds[rows])


@dataclass(frozen=True)
class Fitter:
    """Fits blends of `models` for a metric: `rounds` of greedy selection, weight decay `l2` of the
    stacker."""

    models: tuple[str, ...]
    metric: Metric
    rounds: int
    l2: float

    def fit(self, methods: Sequence[str], known: OutOfFold) -> dict[str, FittedBlend]:
        """A blend of each method."""
        y, predictions = known.y, known.predictions
        if predictions.shape[2] == 1:
            plain = {method: self._combination(method, y, predictions) for method in methods}
            return {method: self._with_rule(each, y, predictions) for method, each in plain.items()}
        scales = np.array([inverse_temperature(y, each) for each in predictions])
        pairs = zip(predictions, scales, strict=True)
        scaled = np.stack([temperature_scale(each, scale) for each, scale in pairs])
        blends = {}
        for method in methods:
            # a stacker cannot be fitted on rows of one class
            fitted = "equal" if method == "stack" and (y == y[0]).all() else method
            chosen = predictions if fitted == "stack" else scaled
            blend = self._combination(fitted, y, chosen)
            blends[method] = self._calibrated(blend, y, chosen, scales)
        return blends

    def named(self, predictions: np.ndarray) -> dict[str, np.ndarray]:
        """(m, n, k) -> {model: (n, k)}."""
        return dict(zip(self.models, predictions, strict=True))

    def _combination(self, method: str, y: np.ndarray, predictions: np.ndarray) -> FittedBlend:
        """Weights or a stacker."""
        if method == "stack":
            stacker = fit_stacker(y, predictions, self.l2)
            shares = stacker_shares(stacker, len(predictions))
            return FittedBlend(self.models, shares, stacker=stacker.state())
        smooth = self.metric.smooth_on(predictions.shape[2], y)
        if method == "greedy":
            return FittedBlend(self.models, greedy_weights(y, predictions, smooth, self.rounds))
        return FittedBlend(self.models, equal_weights(y, predictions, smooth))

    def _calibrated(
        self, blend: FittedBlend, y: np.ndarray, predictions: np.ndarray, scales: np.ndarray
    ) -> FittedBlend:
        """With temperatures, and with the rule that suits the metric."""
        combined = blend.combine(self.named(predictions))
        last = inverse_temperature(y, combined)
        blend = replace(blend, inverse_temperatures=np.append(scales, last))
        if self.metric.decision == "none":
            return blend
        rule = fit_rule(self.metric, y, temperature_scale(combined, last))
        return replace(blend, decision_rule=rule)

    def _with_rule(self, blend: FittedBlend, y: np.ndarray, predictions: np.ndarray) -> FittedBlend:
        """Of values (m, n, 1): with the rule that suits the metric."""
        if self.metric.decision == "none":
            return blend
        rule = fit_rule(self.metric, y, blend.combine(self.named(predictions)))
        return replace(blend, decision_rule=rule)


def equal_weights(y: np.ndarray, predictions: np.ndarray, metric: Metric) -> np.ndarray:
    """The same for the best k models, 0 for the others, (m,): the k whose mean loses least.

    One number is chosen, and a model is in only if all that are better by themselves are.
    """
    y, predictions = _relevant(y, predictions, metric)
    order = np.argsort([metric.loss(y, each) for each in predictions], kind="stable")
    means = np.cumsum(predictions[order], axis=0) / np.arange(1, len(order) + 1)[:, None, None]
    best = int(np.argmin([metric.loss(y, mean) for mean in means])) + 1
    weights = np.zeros(len(order))
    weights[order[:best]] = 1 / best
    return weights


def greedy_weights(
    y: np.ndarray, predictions: np.ndarray, metric: Metric, rounds: int
) -> np.ndarray:
    """Draw models with replacement, each time the one that helps the mean most (Caruana 2004).

    Returns each model's share of the draws up to the best round, (m,), summing to 1.
    """
    y, predictions = _relevant(y, predictions, metric)
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


def _relevant(
    y: np.ndarray, predictions: np.ndarray, metric: Metric
) -> tuple[np.ndarray, np.ndarray]:
    """What the metric reads of predictions (m, n, k): perhaps the true class's probability alone,
    which is quicker of many classes."""
    if not metric.reads_true_class_alone:
        return y, predictions
    return np.zeros_like(y), predictions[:, np.arange(len(y)), y][:, :, np.newaxis]


# -- stacking (Wolpert 1992) -----------------------------------------------------------------------


def stacker_coefficients(models: int, outputs: int) -> int:
    """How many numbers a stacker has to learn: a slope for each class's log-odds, a class each."""
    if outputs <= 2:
        return models + 1
    return (models * outputs + 1) * outputs


def fit_stacker(
    y: np.ndarray, predictions: np.ndarray, l2: float
) -> LogisticRegression | LinearRegression:
    """A regularised regression on the models' log-odds, or on their values."""
    features = stacker_features(predictions)
    if predictions.shape[2] > 1:
        return LogisticRegression(l2=l2).fit(features, y)
    return LinearRegression(l2=l2 * float(features.var())).fit(features, y)


def stacker_predict(state: Mapping[str, np.ndarray], predictions: np.ndarray) -> np.ndarray:
    """The state of a fitted stacker, predictions (m, n, k) -> (n, k); n may be 0."""
    features = stacker_features(predictions)
    if not len(features):
        return np.zeros(predictions.shape[1:])
    if predictions.shape[2] == 1:
        values = LinearRegression().set_state(dict(state)).predict(features)
        return np.asarray(values, dtype=float).reshape(-1, 1)
    stacker = LogisticRegression().set_state(dict(state))
    probabilities = np.zeros(predictions.shape[1:])
    probabilities[:, stacker.classes_] = stacker.predict_proba(features)
    return probabilities


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
