"""Least squares by gradient descent: on 0/1 for classes, on the value itself for regression.

Absolute errors and quantiles are learned by least squares whose rows are weighted anew, some times
over. Brings the simplest baseline and costs milliseconds.
"""

from typing import Self

import numpy as np
from pydantic import Field

from pipeline.engines.estimator import check_state_array
from pipeline.engines.linear_regression import LinearRegression
from pipeline.models import FromScratch, ModelProblem, State, Trial
from pipeline.settings import ModelSettings

VIEW = "dense"
ROUNDS = 15  # of least squares, at most, for medians and quantiles
DELTA = 0.3  # of 0.01, 0.1, 0.3 and 1 the best over 14 tables
TOLERANCE = 1e-4  # of the loss: what a round must bring for there to be another


class Settings(ModelSettings):
    l2: float = Field(0.01, ge=0, description="ridge penalty")


def suggest(trial: Trial) -> None:
    trial.suggest_float("l2", 1e-5, 1.0, log=True)


def build(settings: Settings, problem: ModelProblem) -> FromScratch:
    if problem.task == "regression" and problem.loss in ("absolute_error", "quantile"):
        return FromScratch(QuantileRegression(settings.l2, problem.loss_parameter or 0.5), problem)
    if problem.task == "regression":
        return FromScratch(LinearRegression(l2=settings.l2), problem)
    return FromScratch(OneAgainstRest(settings.l2, problem.outputs), problem)


class QuantileRegression:
    """The line that makes the mean of q (y - f) above it and (1 - q) (f - y) below it small.

    |e| <= ½ (e² / |e'| + |e'|) with equality at e = e', so that each round of least squares on rows
    of weight 1 / |e'|, e' the errors of the round before, lowers the loss; (2q - 1) |e'| is added
    to the targets  (Hunter and Lange 2000). Errors below DELTA standard deviations of y count as
    that, as in Huber's loss.
    """

    def __init__(self, l2: float, quantile: float) -> None:
        self.l2, self.quantile = l2, quantile

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """X (n, d), y (n,)."""
        q, origin, unit = self.quantile, float(np.quantile(y, self.quantile)), float(np.std(y))
        target = (y - origin) / unit
        error, losses = target, [np.inf]
        for _ in range(ROUNDS):
            size = np.maximum(np.abs(error), DELTA)
            mean = float(np.mean(1 / size))  # weights have mean 1, and the penalty falls instead
            line = LinearRegression(l2=self.l2 / mean, solver="closed_form")
            line.fit(X, target + (2 * q - 1) * size, 1 / size / mean)
            error = target - line.predict(X)
            losses.append(float(np.maximum(q * error, (q - 1) * error).mean()))
            if losses[-2] - losses[-1] < TOLERANCE * losses[-1]:
                break
        self.coef_, self.intercept_ = line.coef_ * unit, np.array(line.intercept_ * unit + origin)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """X (n, d) -> (n,)."""
        return np.asarray(X @ self.coef_ + self.intercept_, dtype=float)

    def state(self) -> State:
        return {"coef_": self.coef_, "intercept_": self.intercept_}

    def set_state(self, state: State) -> Self:
        for name, value in state.items():
            check_state_array(name, value)
        self.coef_, self.intercept_ = state["coef_"], state["intercept_"]
        return self


class OneAgainstRest:
    """One least-squares fit a class on its 0/1 indicator; clipped to [0, 1] and normalised."""

    def __init__(self, l2: float, outputs: int) -> None:
        self.l2, self.outputs = l2, outputs

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """X (n, d), y (n,) class codes."""
        # of two classes the second one's fit is enough
        codes = [1] if self.outputs == 2 else range(self.outputs)
        targets = ((y == code).astype(X.dtype) for code in codes)
        fits = [LinearRegression(l2=self.l2).fit(X, target) for target in targets]
        self.classes_ = np.arange(self.outputs)
        self.coef_ = np.stack([fit.coef_.ravel() for fit in fits])
        self.intercept_ = np.array([float(np.ravel(fit.intercept_)[0]) for fit in fits])
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """X (n, d) -> (n, k)."""
        values = np.clip(X @ self.coef_.T + self.intercept_, 0.0, 1.0).astype(float)
        if self.outputs == 2:
            return np.hstack([1 - values, values])
        total = values.sum(axis=1, keepdims=True)
        return np.where(total > 0, values / np.where(total > 0, total, 1.0), 1 / self.outputs)

    def state(self) -> State:
        return {"coef_": self.coef_, "intercept_": self.intercept_, "classes_": self.classes_}

    def set_state(self, state: State) -> Self:
        for name, value in state.items():
            check_state_array(name, value)
        self.coef_, self.intercept_ = state["coef_"], state["intercept_"]
        self.classes_ = state["classes_"]
        return self
