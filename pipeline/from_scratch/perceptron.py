"""One unit that says yes or no, what it can do, what two layers of it can, and how it learns."""

from typing import Any, Self

import numpy as np

from pipeline.from_scratch.activations import step
from pipeline.from_scratch.estimator import Classifier


def perceptron(x: np.ndarray, w: np.ndarray, b: float) -> np.ndarray:
    """1 where x · w + b > 0, else 0. Shapes: x (n, d), w (d,) -> (n,)."""
    return step(x @ w + b)


def AND(x: np.ndarray) -> np.ndarray:
    """1 where both are: 0.5 + 0.5 is above 0.7, one alone is not. x (n, 2) -> (n,)."""
    return perceptron(x, np.array([0.5, 0.5]), -0.7)


def NAND(x: np.ndarray) -> np.ndarray:
    """AND with every sign turned."""
    return perceptron(x, np.array([-0.5, -0.5]), 0.7)


def OR(x: np.ndarray) -> np.ndarray:
    """The weights of AND; a lower threshold is all the difference."""
    return perceptron(x, np.array([0.5, 0.5]), -0.2)


def XOR(x: np.ndarray) -> np.ndarray:
    """AND(NAND, OR): no straight line parts 01 and 10 from 00 and 11; two layers do."""
    return AND(np.column_stack([NAND(x), OR(x)]))


class Perceptron(Classifier):
    """w <- w + (y - ŷ) x for one row after another: only a mistake teaches. (Rosenblatt 1958)

    Where some plane parts the two classes with margin gamma and no row is longer than R, it is
    wrong at most (R / gamma)² times and then never again (Novikoff 1962); otherwise it never
    settles, and `epochs` ends it. The bias is the weight of a constant 1.

    Learns classes_ (2,), coef_ (d,), intercept_ and mistakes_ (epochs,).
    """

    _multi_class = False

    def __init__(self, *, epochs: int = 100) -> None:
        self.epochs = epochs

    def fit(self, X: Any, y: Any) -> Self:
        """X (n, d), y (n,) of two classes -> self; ends early after an epoch of no mistakes."""
        self._require_whole(1, "epochs")
        X = self._learn_features(X).astype(np.float64, copy=False)
        truth = self._two_classes(y, len(X))
        for _ in range(self.epochs):
            if self._epoch(X, truth) == 0:
                break
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """One epoch on these rows; the first call names both classes, or its y holds them."""
        X = self._more_features(X).astype(np.float64, copy=False)
        self._epoch(X, self._two_classes(y, len(X), classes))
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """X (n, d) -> x · w + b (n,), above 0 for the second class."""
        self._require_fit("coef_")
        return self._known_features(X) @ self.coef_ + self.intercept_

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> classes, (n,)."""
        second = step(self.decision_function(X)).astype(int)
        return self.classes_[second]

    def _two_classes(self, y: Any, n: int, classes: Any = None) -> np.ndarray:
        truth = self._more_labels(y, n, classes)
        if len(self.classes_) > 2:
            raise ValueError(
                f"Only binary classification is supported. y has {len(self.classes_)} classes; "
                "a perceptron parts two."
            )
        return truth

    def _epoch(self, X: np.ndarray, truth: np.ndarray) -> int:
        """Every row once, in the order given; returns how many were mistaken."""
        if not hasattr(self, "coef_"):
            self.coef_, self.intercept_ = np.zeros(X.shape[1]), 0.0
            self.mistakes_ = np.array([], dtype=int)
        w, b, mistakes = self.coef_.copy(), self.intercept_, 0
        for x, t in zip(X, truth.tolist(), strict=True):
            error = t - int(x @ w + b > 0)
            if error:
                w += error * x
                b += error
                mistakes += 1
        self.coef_, self.intercept_ = w, b
        self.mistakes_ = np.append(self.mistakes_, mistakes)
        return mistakes
