"""Least squares by gradient descent: on 0/1 for classes, on the value itself for regression.

Brings the simplest baseline and costs milliseconds.
"""

from typing import Self

import numpy as np
from pydantic import Field

from pipeline.engines.estimator import check_state_array
from pipeline.engines.linear_regression import LinearRegression
from pipeline.models import FromScratch, ModelProblem, State, Trial
from pipeline.settings import ModelSettings

VIEW = "dense"


class Settings(ModelSettings):
    l2: float = Field(0.01, ge=0, description="ridge penalty")


def suggest(trial: Trial) -> None:
    trial.suggest_float("l2", 1e-5, 1.0, log=True)


def build(settings: Settings, problem: ModelProblem) -> FromScratch:
    if problem.task == "regression":
        return FromScratch(LinearRegression(l2=settings.l2), problem)
    return FromScratch(OneAgainstRest(settings.l2, problem.outputs), problem)


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
