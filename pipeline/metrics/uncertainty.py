"""How far a score may be off: standard errors by formula or bootstrap, and paired differences."""

import math
from dataclasses import dataclass

import numpy as np

from pipeline.errors import SettingsError
from pipeline.metrics.metric import Metric

DRAWS, OWN_DRAWS = 200, 100  # of the bootstrap; a function of the user's may take its time


@dataclass(frozen=True)
class Estimate:
    """A score with its standard error over rows."""

    score: float
    standard_error: float


def estimate(metric: Metric, y: np.ndarray, prediction: np.ndarray, seed: int = 0) -> Estimate:
    """Score and standard error: by formula where the metric is a mean over rows, else bootstrap."""
    score = metric.score(y, prediction)
    if metric.is_own and math.isnan(score):
        raise SettingsError(
            f"{metric.formula} returns nan for all {len(y):,} rows; allowed is a number. Correct "
            "it for these targets and predictions."
        )
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
    metric: Metric, y: np.ndarray, predictions: tuple[np.ndarray, ...], seed: int
) -> np.ndarray:
    """Scores on rows drawn with replacement, (draws, predictions); the same rows for each."""
    rng, draws = np.random.default_rng(seed), OWN_DRAWS if metric.is_own else DRAWS
    scores = np.empty((draws, len(predictions)))
    for draw in range(draws):
        rows = rng.integers(len(y), size=len(y))
        scores[draw] = [metric.score(y[rows], prediction[rows]) for prediction in predictions]
    return scores[~np.isnan(scores).any(axis=1)]
