"""From the blend's predictions to what the metric scores: thresholds, cut points, factors.

The likeliest class, or the mean, is not the best answer to every metric. A rule is fitted to
out-of-fold predictions, and judged like the blend's weights on rows that it never saw.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from pipeline.metrics import METRICS, Metric

# by which classes are weighted, share^-a: not at all, up to fully
EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
THRESHOLDS, FEWER = 100, 20  # tried, at equal numbers of rows; fewer by a function of the user's
MOST_ROWS = 50_000  # that thresholds, factors and cuts are found on: more of them change nothing
FACTORS = np.exp(np.linspace(-0.5, 0.5, 101))  # by which values are multiplied
SWEEPS, MOST_LEVELS = 20, 50  # over the cut points; more levels have too few rows each
DRAWS, DRAWN = 10, 0.63  # of the rows, to find cut points on; and the share of them in each
CLEAR = 2.0  # standard errors


@dataclass(frozen=True)
class DecisionRule:
    """What is done to predictions (n, k), in this order; None where nothing is.

    `class_weights` (k,) multiply the probabilities, which for two classes is a threshold. Values
    are multiplied by `factor`, raised by `shift`, kept within `limits` (2,), rounded where they are
    `whole`, or become `levels` (l,) between `cuts` (l - 1,).
    """

    class_weights: np.ndarray | None = None
    factor: float = 1.0
    shift: float = 0.0
    limits: np.ndarray | None = None
    whole: bool = False
    cuts: np.ndarray | None = None
    levels: np.ndarray | None = None

    def apply(self, prediction: np.ndarray) -> np.ndarray:
        """(n, k) -> (n, k)"""
        if self.class_weights is not None:
            return reweighted(prediction, self.class_weights)
        values = prediction * self.factor if self.factor != 1.0 else prediction
        values = values + self.shift if self.shift else values
        if self.limits is not None:
            values = np.clip(values, *self.limits)
        if self.cuts is not None and self.levels is not None:
            return self.levels[np.searchsorted(self.cuts, values, side="right")]
        return np.rint(values) if self.whole else values

    @property
    def does_nothing(self) -> bool:
        return not self.describe()

    @property
    def gives_whole(self) -> bool:
        """Whether values become whole numbers."""
        return self.whole or self.cuts is not None

    @property
    def threshold(self) -> float | None:
        """Of two classes, the probability from which on a row is positive."""
        if self.class_weights is None or len(self.class_weights) != 2:
            return None
        return float(self.class_weights[0] / self.class_weights.sum())

    def describe(self) -> str:
        """In words: 'multiplied by 0.97, rounded to whole numbers'."""
        if self.threshold is not None:
            return f"positive from a probability of {self.threshold:.3f} on"
        if self.class_weights is not None:
            shown = ", ".join(f"{weight:.2f}" for weight in self.class_weights[:10])
            return f"probabilities weighted by class: {shown}"
        parts = [f"multiplied by {self.factor:.3f}"] if self.factor != 1.0 else []
        if self.shift:
            parts.append(f"raised by {self.shift:.4g}")
        if self.limits is not None:
            parts.append(_kept_within(*self.limits))
        if self.cuts is not None:
            parts.append(f"cut at {', '.join(f'{cut:.2f}' for cut in self.cuts)}")
        if self.whole:
            parts.append("rounded to whole numbers")
        return ", ".join(parts)


def _kept_within(low: float, high: float) -> str:
    if math.isinf(high):
        return f"kept from {low:g} on"
    return f"kept up to {high:g}" if math.isinf(low) else f"kept within {low:g} to {high:g}"


def fit_rule(metric: Metric, y: np.ndarray, prediction: np.ndarray) -> DecisionRule | None:
    """The rule that suits the metric, from y (n,) and out-of-fold predictions (n, k)."""
    if metric.decision == "none":
        return None
    if metric.decision == "cut_points":
        return cut_rule(y, prediction)
    if prediction.shape[1] == 1:
        return value_rule(metric, y, prediction)
    if metric.decision == "threshold" and prediction.shape[1] == 2:
        return DecisionRule(threshold_weights(y, prediction, metric))
    return DecisionRule(class_weights(y, prediction, metric))


# -- classes ---------------------------------------------------------------------------------------


def class_weights(y: np.ndarray, prediction: np.ndarray, metric: Metric) -> np.ndarray:
    """share^-a per class, (k,), with the a in [0, 1] that suits the metric best.

    The likeliest class is the best choice where rows count; where classes count, rarer ones are
    worth more: a = 1 is the optimum of balanced accuracy (Menon et al. 2013), F1 lies between.
    """
    shares = np.bincount(y, minlength=prediction.shape[1]) / len(y)
    tried = [np.where(shares > 0, shares, 1.0) ** -exponent for exponent in EXPONENTS]
    losses = [metric.loss(y, prediction * weights) for weights in tried]  # of labels
    return tried[int(np.argmin(losses))]


def threshold_weights(y: np.ndarray, prediction: np.ndarray, metric: Metric) -> np.ndarray:
    """Weights of two classes, (2,), that make the best threshold of those tried that of a half."""
    step, count = max(1, len(y) // MOST_ROWS), FEWER if metric.is_own else THRESHOLDS
    y, prediction = y[::step], prediction[::step]
    tried = np.unique(np.quantile(prediction[:, 1], np.linspace(0, 1, count + 2)[1:-1]))
    tried = np.append(tried[(tried > 0) & (tried < 1)], 0.5)
    columns = np.ascontiguousarray(prediction.T)
    losses = [metric.loss(y, (columns * weights_of(t)[:, np.newaxis]).T) for t in tried]
    return weights_of(float(tried[int(np.argmin(losses))]))


def weights_of(threshold: float) -> np.ndarray:
    """Weights (2,) by which the positive class is the likelier one above this probability."""
    return np.array([threshold, 1 - threshold])


def reweighted(prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n, k) times (k,), each row summing to 1 again."""
    product = prediction * weights
    return product / product.sum(axis=1, keepdims=True)


# -- whole numbers ---------------------------------------------------------------------------------


def cut_rule(y: np.ndarray, prediction: np.ndarray) -> DecisionRule:
    """Cut points with the greatest quadratic weighted kappa: the mean of those of several draws of
    the rows, which vary less than those of all rows at once. Of many levels, rounding alone."""
    values, levels = prediction[:, 0], np.unique(y)
    if len(levels) > MOST_LEVELS:
        return DecisionRule(limits=levels[[0, -1]], whole=True)
    rng, each_level = np.random.default_rng(0), np.unique(y, return_index=True)[1]
    found = []
    for _ in range(DRAWS):
        drawn = rng.permutation(len(y))[: min(math.ceil(DRAWN * len(y)), MOST_ROWS)]
        is_drawn = np.zeros(len(y), dtype=bool)
        is_drawn[drawn] = is_drawn[each_level] = True
        found.append(_cuts(y[is_drawn], values[is_drawn], levels))
    return DecisionRule(cuts=np.mean(found, axis=0), levels=levels)


def _cuts(y: np.ndarray, values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The best cut points (l - 1,) of values (n,) between levels (l,), each of which y (n,) has.

    They begin where the predictions' shares are those of the targets. Then each is moved to its
    best place between its neighbours, until none moves. Of ordered predictions, kappa follows from
    sums of the levels, their squares and products, so that all places are tried at once.
    """
    order = np.argsort(values, kind="stable")
    ordered, truth = values[order], y[order]
    ends = np.searchsorted(np.sort(y), levels[1:], side="left")  # rows below each level
    sums = _Sums(np.append(0.0, np.cumsum(truth)), truth.mean(), truth.var())
    for _ in range(SWEEPS):
        before = ends.copy()
        for place in range(len(ends)):
            ends[place] = _best_end(place, ends, sums, levels, ordered)
        if (ends == before).all():
            break
    below, above = ordered[np.maximum(ends - 1, 0)], ordered[np.minimum(ends, len(y) - 1)]
    return np.asarray(np.maximum.accumulate((below + above) / 2))


@dataclass(frozen=True)
class _Sums:
    """Of targets (n,) in the order of their predictions: the sum of the first i, (n + 1,), and the
    mean and the variance of all."""

    total: np.ndarray
    mean: float
    variance: float


def _best_end(
    place: int, ends: np.ndarray, sums: _Sums, levels: np.ndarray, ordered: np.ndarray
) -> int:
    """How many rows should lie below one cut, the other cuts staying where they are."""
    n, total = len(ordered), sums.total
    low = int(ends[place - 1]) if place else 0
    high = int(ends[place + 1]) if place + 1 < len(ends) else n
    tried = np.arange(low, high + 1)
    # equal predictions stay together
    tried = tried[(tried == 0) | (tried == n) | (ordered[tried % n] > ordered[tried - 1])]
    if not len(tried):
        return int(ends[place])
    edges = np.concatenate([[0], ends, [n]])
    lower, upper = levels[place], levels[place + 1]
    others = [i for i in range(len(levels)) if i not in (place, place + 1)]
    rows = np.diff(edges)[others]
    product = float((levels[others] * (total[edges[1:]] - total[edges[:-1]])[others]).sum())
    product_here = lower * (total[tried] - total[low]) + upper * (total[high] - total[tried])
    sum_here = lower * (tried - low) + upper * (high - tried)
    square_here = lower**2 * (tried - low) + upper**2 * (high - tried)
    mean = ((levels[others] * rows).sum() + sum_here) / n
    square = ((levels[others] ** 2 * rows).sum() + square_here) / n
    covariance = (product + product_here) / n - sums.mean * mean
    chance = sums.variance + square - mean**2 + (sums.mean - mean) ** 2
    kappa = 2 * covariance / np.where(chance > 0, chance, 1.0)
    return int(tried[int(np.argmax(kappa))])


# -- values ----------------------------------------------------------------------------------------


def value_rule(metric: Metric, y: np.ndarray, prediction: np.ndarray) -> DecisionRule | None:
    """A factor where errors are relative, or a shift to a quantile; then the least and the greatest
    target, then whole numbers: each is kept only where it is better by more than noise."""
    rule = DecisionRule()
    if metric.decision == "factor":
        some = slice(None, None, max(1, len(y) // MOST_ROWS))
        losses = [metric.loss(y[some], prediction[some] * factor) for factor in FACTORS]
        rule = replace(rule, factor=float(FACTORS[int(np.argmin(losses))]))
    if metric.decision == "shift":
        errors = y - prediction[:, 0]
        rule = replace(rule, shift=float(np.quantile(errors, metric.loss_parameter or 0.5)))
    kept = _better(metric, y, prediction, DecisionRule(), rule)
    low, high = float(y.min()), float(y.max())
    kept = _better(metric, y, prediction, kept, replace(kept, limits=np.array([low, np.inf])))
    least = -np.inf if kept.limits is None else low
    kept = _better(metric, y, prediction, kept, replace(kept, limits=np.array([least, high])))
    if (y == np.rint(y)).all():
        kept = _better(metric, y, prediction, kept, replace(kept, whole=True))
    return None if kept.does_nothing else kept


def _better(
    metric: Metric, y: np.ndarray, prediction: np.ndarray, kept: DecisionRule, other: DecisionRule
) -> DecisionRule:
    """The other rule, if its mean over rows is better by two standard errors; else the kept one."""
    rows = _by_row(metric)
    before, after = (rows(y, rule.apply(prediction)) for rule in (kept, other))
    gain = before - after
    error = gain.std(ddof=1) / np.sqrt(len(y)) if len(y) > 1 else np.inf
    return other if gain.mean() > CLEAR * error else kept


def _by_row(metric: Metric) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """What each row loses by the metric, or by the one that stands for it: R² by squared errors."""
    judged = next(each for each in (metric, metric.smooth, METRICS["rmse"]) if each.per_row)
    assert judged.per_row is not None and not judged.greater_is_better
    return judged.per_row
