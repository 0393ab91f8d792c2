"""Several models' predictions -> one: the best few equally, greedy selection, a stacker and others.

Predictions are stacked as (m, n, k): m models, n rows, k classes (or 1 for regression). Weights are
chosen on out-of-fold predictions, by log loss where the metric counts labels. Each model's
probabilities are scaled by a temperature of its own first, and the combination by another.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pipeline.blend_weights import ridge_weights, shortlist
from pipeline.calibration import inverse_temperature, temperature_scale
from pipeline.decision_rules import DecisionRule, fit_rule
from pipeline.engines.linear_regression import LinearRegression
from pipeline.engines.logistic_regression import LogisticRegression
from pipeline.metrics import Estimate, Metric
from pipeline.training import CutShort

TINY = 1e-6
MOST_MODELS = 30  # of more of them those are chosen first that are worth a closer look
PATIENCE = 5  # rounds of greedy selection without a gain, of very many models
LEVELS, PARTS = "levels", ("greedy", "ridge", "stack")  # the mean of these is the second level


@dataclass(frozen=True)
class FittedBlend:
    """How to combine: a weight a model (m,), or a stacker's state; then what suits the metric.

    `inverse_temperatures` (m + 1,) are 1 / T of each model's probabilities and, last, of the
    combination; None for values. A stacker's weights are its coefficients' shares. Of two levels it
    is the mean of `parts`, each a blend of the same models, and weights are their mean.
    """

    models: tuple[str, ...]
    weights: np.ndarray
    inverse_temperatures: np.ndarray | None = None
    stacker: Mapping[str, np.ndarray] | None = None
    decision_rule: DecisionRule | None = None
    parts: tuple["FittedBlend", ...] = ()

    @property
    def needed(self) -> list[str]:
        """The models that it cannot do without."""
        weights = zip(self.models, self.weights, strict=True)
        everyone = self.stacker is not None or any(part.stacker is not None for part in self.parts)
        return [name for name, weight in weights if weight > 0 or everyone]

    def of(self, names: Collection[str]) -> "FittedBlend | None":
        """What these models alone contribute, by their shares; None where they have none."""
        known = [(place, name) for place, name in enumerate(self.models) if name in names]
        places = [place for place, _ in known]
        shares = np.abs(self.weights[places])
        if not shares.sum() > 0:
            return None
        scales = self.inverse_temperatures
        return replace(
            self,
            models=tuple(name for _, name in known),
            weights=shares / shares.sum(),
            inverse_temperatures=None if scales is None else np.append(scales[places], scales[-1]),
            stacker=None,
            parts=(),
        )

    def combine(self, predictions: Mapping[str, np.ndarray]) -> np.ndarray:
        """{model: (n, k)} -> (n, k); without a stacker, models of weight 0 may be absent."""
        combined: np.ndarray
        if self.parts:
            combined = np.mean([part.combine(predictions) for part in self.parts], axis=0)
        elif self.stacker is not None:
            stacked = np.stack([predictions[name] for name in self.models])
            combined = stacker_predict(self.stacker, stacked)
        else:
            combined = self._weighted_mean(predictions)
        if self.inverse_temperatures is not None:
            combined = temperature_scale(combined, float(self.inverse_temperatures[-1]))
        if self.decision_rule is not None:
            combined = self.decision_rule.apply(combined)
        return np.ascontiguousarray(combined)

    def _weighted_mean(self, predictions: Mapping[str, np.ndarray]) -> np.ndarray:
        total: Any = 0.0
        for i, (name, weight) in enumerate(zip(self.models, self.weights, strict=True)):
            if weight > 0:
                prediction = predictions[name]
                if self.inverse_temperatures is not None:
                    prediction = temperature_scale(prediction, float(self.inverse_temperatures[i]))
                total = total + float(weight) * prediction
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
    """The score to expect on new rows: `cross_validated` plus what `averaging` all fits brings.

    `clustering` is how many times larger the standard error is for rows that err alike.
    """

    score: float
    standard_error: float
    cross_validated: float
    averaging: float
    clustering: float = 1.0

    @property
    def estimate(self) -> Estimate:
        return Estimate(self.score, self.standard_error)


@dataclass(frozen=True)
class Blended:
    """The blend fitted on all validated rows, what it predicts, and the score to expect of it.

    oof (n, k): each row blended by a method and by weights that were chosen without its fold, NaN
    for rows that no fold validates; test (m, k). `candidates` are the methods' cross-validated
    scores, `rule` is how one was chosen. `cut_short` names models with less than was asked for,
    `duplicates` those that predict the same as another, which are left out. `postprocess` names the
    module that has changed `oof` and `test` last, None where none has.
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
    postprocess: str | None = None
    duplicates: Mapping[str, str] = field(default_factory=dict)

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
    """Rows to judge blends by: models' out-of-fold predictions (m, n, k), the target (n,), and the
    number of the fold that validates each row (n,). `clusters` (n,) number rows that err alike.
    `is_drawn` (n,) are those of many rows that blends are fitted on; None for all."""

    predictions: np.ndarray
    y: np.ndarray
    folds: np.ndarray
    clusters: np.ndarray | None = None
    is_drawn: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> "OutOfFold":
        clusters, is_drawn = (
            None if each is None else each[rows] for each in (self.clusters, self.is_drawn)
        )
        y, folds = self.y[rows], self.folds[rows]
        return OutOfFold(self.predictions[:, rows], y, folds, clusters, is_drawn)

    def to_fit(self, rows: np.ndarray | None = None) -> "OutOfFold":
        """Those of these rows, by default of all, that blends are fitted on."""
        if self.is_drawn is None:
            return self if rows is None else self.take(rows)
        drawn = np.flatnonzero(self.is_drawn) if rows is None else rows[self.is_drawn[rows]]
        return replace(self.take(drawn), is_drawn=None)


@dataclass(frozen=True)
class Fitter:
    """Fits blends of `models` for a metric: `rounds` of greedy selection, which ends after
    `patience` of them without a gain; weight decay `l2` of the stacker."""

    models: tuple[str, ...]
    metric: Metric
    rounds: int
    l2: float
    patience: int | None = None

    def fit(self, methods: Sequence[str], known: OutOfFold) -> dict[str, FittedBlend]:
        """A blend of each method; of very many models, of those that are worth a closer look."""
        if len(self.models) > MOST_MODELS:
            chosen = shortlist(known.y, known.predictions, MOST_MODELS, self.l2)
            names = tuple(self.models[place] for place in chosen)
            few = replace(self, models=names, patience=PATIENCE)
            return few.fit(methods, replace(known, predictions=known.predictions[chosen]))
        plain = [method for method in methods if method != LEVELS]
        blends = self._one_level(plain, known) if plain else {}
        return blends | ({LEVELS: self._two_levels(known)} if LEVELS in methods else {})

    def _two_levels(self, known: OutOfFold) -> FittedBlend:
        """The mean of PARTS."""
        y, predictions = known.y, known.predictions
        smooth = replace(self, metric=self.metric.smooth_on(predictions.shape[2], y))
        fitted = smooth._one_level(PARTS, known).values()
        parts = tuple(replace(each, decision_rule=None) for each in fitted)
        weights = np.mean([part.weights for part in parts], axis=0)
        blend = FittedBlend(self.models, weights, parts=parts)
        if predictions.shape[2] == 1:
            return self._with_rule(blend, y, predictions)
        return self._calibrated(blend, y, predictions, np.ones(len(predictions)))

    def _one_level(self, methods: Sequence[str], known: OutOfFold) -> dict[str, FittedBlend]:
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
        if method == "ridge":
            return FittedBlend(self.models, ridge_weights(y, predictions, self.l2))
        smooth = self.metric.smooth_on(predictions.shape[2], y)
        if method == "greedy":
            drawn = greedy_weights(y, predictions, smooth, self.rounds, self.patience)
            return FittedBlend(self.models, drawn)
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
    y: np.ndarray,
    predictions: np.ndarray,
    metric: Metric,
    rounds: int,
    patience: int | None = None,
) -> np.ndarray:
    """Draw models with replacement, each time the one that helps the mean most (Caruana 2004).

    Returns each model's share of the draws up to the best round, (m,), summing to 1.
    `patience` ends it after so many rounds without a gain.
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
        elif patience is not None and drawn - best_counts.sum() >= patience:
            break
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
