"""How far a score may be off: standard errors by formula or bootstrap, and paired differences.

The bootstrap draws as many rows as there are, up to MANY_ROWS. Of more rows it draws fewer, and the
error goes with the root of their number (m out of n, Bickel, Götze and van Zwet 1997), but where
the score follows from counts.

`clusters` (n,) >= 0 number the rows that err alike, as those of a patient or of a week; None where
rows are independent.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from pipeline.errors import SettingsError
from pipeline.metrics.confusion import bootstrapped
from pipeline.metrics.metric import Metric

DRAWS, OWN_DRAWS = 200, 100  # of the bootstrap; a function of the user's may take its time
MANY_ROWS = 10_000  # of more of them, the bootstrap draws about so many
RARE, MOST_DRAWN = 100, 200_000  # rows of the rarest class in a draw, and rows of a draw for that


@dataclass(frozen=True)
class Estimate:
    """A score with its standard error over rows."""

    score: float
    standard_error: float


def estimate(
    metric: Metric,
    y: np.ndarray,
    prediction: np.ndarray,
    seed: int = 0,
    clusters: np.ndarray | None = None,
) -> Estimate:
    """Score and standard error: by formula where the metric is a mean over rows, else bootstrap."""
    if clusters is not None:
        times = clustering(row_losses(metric, y, prediction), clusters)
        return _wider(estimate(metric, y, prediction, seed), times)
    score = metric.score(y, prediction)
    if metric.is_own and math.isnan(score):
        raise SettingsError(
            f"{metric.formula} returns nan for all {len(y):,} rows; allowed is a number. Correct "
            "it for these targets and predictions."
        )
    if math.isnan(score):  # a class that is absent
        return Estimate(score, math.nan)
    if metric.per_row is None and not _has_formula(metric, y):
        scores, times = _bootstrap(metric, y, (prediction,), score, seed)
        return Estimate(score, times * float(scores.std(ddof=1)))
    rows = _contributions(metric, y, prediction)
    error = _error(rows)
    # d sqrt(m) = dm / (2 sqrt(m)): the delta method
    return Estimate(score, error / (2 * score) if metric.root and score > 0 else error)


def paired_difference(
    metric: Metric,
    y: np.ndarray,
    one: np.ndarray,
    other: np.ndarray,
    seed: int = 0,
    clusters: np.ndarray | None = None,
) -> Estimate:
    """Score of `one` minus score of `other` on the same rows, with its standard error."""
    if clusters is not None:
        losses = row_losses(metric, y, one) - row_losses(metric, y, other)
        return _wider(paired_difference(metric, y, one, other, seed), clustering(losses, clusters))
    first, second = metric.score(y, one), metric.score(y, other)
    if math.isnan(first - second):
        return Estimate(math.nan, math.nan)
    is_mean = metric.per_row is not None and not metric.root
    has_slope = not metric.root or min(first, second) > 0  # of the root, for the delta method
    if not is_mean and not (has_slope and _has_formula(metric, y)):
        scores, times = _bootstrap(metric, y, (one, other), first, seed)
        error = times * float((scores[:, 0] - scores[:, 1]).std(ddof=1))
        return Estimate(first - second, error)
    rows = [_contributions(metric, y, each) for each in (one, other)]
    if metric.root:
        rows = [of / (2 * score) for of, score in zip(rows, (first, second), strict=True)]
    return Estimate(first - second, _error(rows[0] - rows[1]))


def _has_formula(metric: Metric, y: np.ndarray) -> bool:
    """Whether contributions of rows take the place of the bootstrap: of many rows, if there are any
    to first order."""
    return len(y) > MANY_ROWS and (metric.per_row is not None or metric.influence is not None)


def _contributions(metric: Metric, y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """What each row adds to the score, before a root is taken and but for a constant, (n,)."""
    formula = metric.per_row or metric.influence
    assert formula is not None
    return formula(y, prediction)


def _error(rows: np.ndarray) -> float:
    """Of the mean of independent contributions."""
    return float(rows.std(ddof=1) / np.sqrt(len(rows)))


def row_losses(metric: Metric, y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """A loss a row, (n,): the metric's own, or how far off the prediction is."""
    if metric.per_row is not None:
        return np.asarray(metric.per_row(y, prediction), dtype=float)
    y = np.asarray(y)
    if prediction.shape[1] == 1:
        return np.asarray(np.abs(y - prediction[:, 0]))
    return np.asarray(1 - prediction[np.arange(len(y)), y])


def clustering(losses: np.ndarray, clusters: np.ndarray) -> float:
    """How many times larger a mean's standard error is for rows that err alike, 1 at least.

    losses (n,), clusters (n,) >= 0. The variance of the clusters' sums over that of the rows (Liang
    and Zeger 1986), with G / (G - 1) of G clusters; 1 for a single one, which shows nothing.
    """
    numbers = np.unique(clusters, return_inverse=True)[1]
    count, centred = int(numbers.max()) + 1, losses - losses.mean()
    rows = float((centred**2).sum())
    if count < 2 or rows == 0:
        return 1.0
    sums = np.bincount(numbers, weights=centred)
    return max(1.0, float(np.sqrt(count / (count - 1) * (sums**2).sum() / rows)))


def _wider(found: Estimate, times: float) -> Estimate:
    return replace(found, standard_error=times * found.standard_error)


def _bootstrap(
    metric: Metric, y: np.ndarray, predictions: tuple[np.ndarray, ...], score: float, seed: int
) -> tuple[np.ndarray, float]:
    """Scores on rows drawn with replacement, (draws, predictions), the same rows for each; and how
    many times larger the spread of scores on all rows is. `score` is the first one on all rows."""
    rng, draws = np.random.default_rng(seed), OWN_DRAWS if metric.is_own else DRAWS
    if metric.of_counts is not None:
        return bootstrapped(metric.of_counts, y, predictions, draws, rng), 1.0
    scores, size = np.empty((draws, len(predictions))), drawn_rows(metric, y)
    for draw in range(draws):
        rows = rng.integers(len(y), size=size)
        scores[draw] = [metric.score(y[rows], prediction[rows]) for prediction in predictions]
    scores, share = scores[~np.isnan(scores).any(axis=1)], math.sqrt(size / len(y))
    return scores, spread_on_all(scores[:, 0], score, share, metric.is_own)


def spread_on_all(drawn: np.ndarray, score: float, share: float, is_own: bool) -> float:
    """How many times larger the spread of a score on all rows is than that of the `drawn` (draws,),
    whose rows are share² of all. A user's own function may be a sum, which grows with the rows, and
    its error with their root."""
    is_sum = is_own and abs(drawn.mean()) < share * abs(score)
    return 1 / share if is_sum else share


def drawn_rows(metric: Metric, y: np.ndarray) -> int:
    """How many rows a draw of the bootstrap has: of many a part, larger where a class is rare."""
    if len(y) <= MANY_ROWS:
        return len(y)
    rarest = 1.0
    if "regression" not in metric.tasks:
        counts = np.bincount(np.asarray(y, dtype=int))
        rarest = counts[counts > 0].min() / len(y)
    return min(len(y), max(MANY_ROWS, min(MOST_DRAWN, math.ceil(RARE / rarest))))
