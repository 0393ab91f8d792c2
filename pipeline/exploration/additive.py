"""A generalised additive model of all columns, each row predicted by a fit on other folds.

A column's bins each have an effect, on the logit scale for classes and on the mean of the ranks for
values. What the sum of the effects leaves over is where interactions show.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.engines.linear_regression import LinearRegression
from pipeline.engines.logistic_regression import LogisticRegression
from pipeline.exploration.bins import Bins

LARGEST_SHARE = 0.995  # a row may be no surer than that: its information is never 0
ROUNDS, TOLERANCE = 200, 1e-6


def predict_out_of_fold(
    columns: Sequence[Bins], y: np.ndarray, fold: np.ndarray, classes: int
) -> np.ndarray:
    """Shares of the classes (n, classes), or means (n, 1) of values, from the sum of all columns.

    y (n,) class codes or values; fold (n,) from 0.
    """
    X = np.hstack([np.eye(len(bins.labels))[bins.codes] for bins in columns])
    result = np.zeros((len(y), classes or 1))
    for number in range(int(fold.max()) + 1):
        train, valid = fold != number, fold == number
        l2 = 1.0 / train.sum()
        if not classes:
            line = LinearRegression(l2=l2).fit(X[train], y[train])
            result[valid, 0] = line.predict(X[valid])
        elif len(np.unique(y[train])) > 1:
            logistic = LogisticRegression(l2=l2, tol=1e-5).fit(X[train], y[train])
            result[np.ix_(valid, logistic.classes_)] = logistic.predict_proba(X[valid])
    return result


def information(shares: np.ndarray) -> np.ndarray:
    """p (1 - p), by which a step on the logit scale moves a share. (n,) -> (n,)."""
    bounded = np.clip(shares, 1 - LARGEST_SHARE, LARGEST_SHARE)
    return bounded * (1 - bounded)


def sums_of_two(weights: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """u(a) + v(b) that fit totals / weights best by least squares, each cell by its weight.

    weights and totals (..., a, b) -> (..., a, b); every table is fitted alone. One column's effects
    are fitted to what the other leaves, in turn (backfitting); a bin without weight has effect 0.
    """
    one, other = np.zeros_like(weights[..., :1]), np.zeros_like(weights[..., :1, :])
    of_one, of_other = (weights.sum(axis=axis, keepdims=True) for axis in (-1, -2))
    of_one, of_other = (np.where(part > 0, part, 1.0) for part in (of_one, of_other))
    for _ in range(ROUNDS):
        one = (totals - weights * other).sum(axis=-1, keepdims=True) / of_one
        before = other
        other = (totals - weights * one).sum(axis=-2, keepdims=True) / of_other
        if np.abs(other - before).max() <= TOLERANCE * (1e-3 + np.abs(other).max()):
            break
    return one + other
