"""One unit that says yes or no, what it can do, what two layers of it can, and how it learns."""

from typing import Any, Self

import numpy as np

from pipeline.from_scratch import inputs
from pipeline.from_scratch.activations import step
from pipeline.from_scratch.estimator import Estimator


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


class Perceptron(Estimator):
    """w <- w + (y - ŷ) x for one row after another: only a mistake teaches. (Rosenblatt 1958)

    Where some plane parts the two classes with margin gamma and no row is longer than R, it is
    wrong at most (R / gamma)² times and then never again (Novikoff 1962); otherwise it never
    settles, and `epochs` ends it.

    Learns classes_ (2,), coef_ (d,), intercept_ and mistakes_ (epochs,).
    """

    def __init__(self, *, epochs: int = 100) -> None:
        self.epochs = epochs

    def fit(self, X: Any, y: Any) -> Self:
        """X (n, d), y (n,) of two classes -> self."""
        X = inputs.features(X, estimator="Perceptron").astype(np.float64)
        self.classes_, truth = inputs.labels(y, len(X))
        if len(self.classes_) > 2:
            raise ValueError(f"y has {len(self.classes_)} classes; a perceptron parts two.")
        rows = np.column_stack([X, np.ones(len(X))])  # the bias is the weight of a constant 1
        w = np.zeros(rows.shape[1])
        mistakes = []
        for _ in range(self.epochs):
            mistakes.append(0)
            for x, t in zip(rows, truth, strict=True):
                error = t - (x @ w > 0)
                w += error * x
                mistakes[-1] += int(error != 0)
            if mistakes[-1] == 0:
                break
        self.coef_, self.intercept_ = w[:-1], float(w[-1])
        self.mistakes_, self.n_features_in_ = np.array(mistakes), X.shape[1]
        return self

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> classes, (n,)."""
        self._require_fit("coef_")
        X = inputs.features(X, estimator="Perceptron", width=self.n_features_in_)
        return self.classes_[perceptron(X, self.coef_, self.intercept_).astype(int)]
