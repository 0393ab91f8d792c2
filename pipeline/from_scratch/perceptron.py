"""A threshold unit: logic gates, XOR with two layers, and Rosenblatt's learning rule."""

from typing import Any, Self

import numpy as np

from pipeline.from_scratch.activations import step
from pipeline.from_scratch.estimator import Classifier


def perceptron(x: np.ndarray, w: np.ndarray, b: float) -> np.ndarray:
    """1 where x · w + b > 0, else 0. Shapes: x (n, d), w (d,) -> (n,)."""
    return step(x @ w + b)


def AND(x: np.ndarray) -> np.ndarray:
    """1 where both inputs are 1: 0.5 + 0.5 is above 0.7, a single 0.5 is not. x (n, 2) -> (n,)."""
    return perceptron(x, np.array([0.5, 0.5]), -0.7)


def NAND(x: np.ndarray) -> np.ndarray:
    """AND with the sign of every parameter reversed."""
    return perceptron(x, np.array([-0.5, -0.5]), 0.7)


def OR(x: np.ndarray) -> np.ndarray:
    """The weights of AND with a lower threshold."""
    return perceptron(x, np.array([0.5, 0.5]), -0.2)


def XOR(x: np.ndarray) -> np.ndarray:
    """AND(NAND, OR): no straight line separates 01 and 10 from 00 and 11, but two layers do."""
    return AND(np.column_stack([NAND(x), OR(x)]))


class Perceptron(Classifier):
    """w <- w + (y - ŷ) x row by row, so only mistakes change w. (Rosenblatt 1958)

    If a hyperplane separates the two classes with margin gamma and no row has a norm above R, it
    makes at most (R / gamma)² mistakes and then none (Novikoff 1962). Otherwise it does not
    converge and stops after `epochs`. The bias is the weight of a constant 1.

    Learns classes_ (2,), coef_ (d,), intercept_ and mistakes_ (epochs,).
    """

    _multi_class = False

    def __init__(self, *, epochs: int = 100) -> None:
        self.epochs = epochs

    def fit(self, X: Any, y: Any) -> Self:
        """X (n, d), y (n,) of two classes -> self; stops after an epoch without mistakes."""
        self._require_integers(1, "epochs")
        X = self._fit_features(X).astype(np.float64, copy=False)
        labels = self._two_classes(y, len(X))
        for _ in range(self.epochs):
            if self._epoch(X, labels) == 0:
                break
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """One epoch on these rows; the first call needs both classes, in `classes` or y."""
        X = self._partial_fit_features(X).astype(np.float64, copy=False)
        self._epoch(X, self._two_classes(y, len(X), classes))
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """X (n, d) -> x · w + b (n,), above 0 for the second class."""
        self._require_fitted("coef_")
        return self._predict_features(X) @ self.coef_ + self.intercept_

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> classes, (n,)."""
        second = step(self.decision_function(X)).astype(int)
        return self.classes_[second]

    def _two_classes(self, y: Any, n: int, classes: Any = None) -> np.ndarray:
        labels = self._partial_fit_labels(y, n, classes)
        if len(self.classes_) > 2:
            raise ValueError(
                f"Only binary classification is supported. y has {len(self.classes_)} classes; "
                "a perceptron separates two."
            )
        return labels

    def _epoch(self, X: np.ndarray, labels: np.ndarray) -> int:
        """One pass over the rows, in the order given; returns the number of mistakes."""
        if not hasattr(self, "coef_"):
            self.coef_, self.intercept_ = np.zeros(X.shape[1]), 0.0
            self.mistakes_ = np.array([], dtype=int)
        w, b, mistakes = self.coef_.copy(), self.intercept_, 0
        for x, t in zip(X, labels.tolist(), strict=True):
            error = t - int(x @ w + b > 0)
            if error:
                w += error * x
                b += error
                mistakes += 1
        self.coef_, self.intercept_ = w, b
        self.mistakes_ = np.append(self.mistakes_, mistakes)
        return mistakes
