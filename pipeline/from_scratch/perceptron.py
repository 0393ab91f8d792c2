"""Rosenblatt's perceptron: a unit that learns from its mistakes alone. (1958)"""

from typing import Self

import numpy as np

from pipeline.from_scratch.activations import step
from pipeline.from_scratch.losses import binary_labels


class Perceptron:
    """ŷ = 1 if x · w + b > 0 else 0;  after each row: w <- w + (y - ŷ) x, b <- b + (y - ŷ).

    If a hyperplane separates the two classes with margin gamma and no row (with a 1 for the bias)
    has a norm above R, it makes at most (R / gamma)² mistakes and then none (Novikoff 1962).
    Otherwise it never stops making mistakes, and gives up after `epochs`.
    """

    def __init__(self, *, epochs: int = 100) -> None:
        self.epochs = epochs

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """X (n, d), y (n,) of 0 and 1 -> self; learns w_ (d,), b_ and mistakes_ (of each epoch)."""
        self.w_, self.b_, mistakes = np.zeros(X.shape[1]), 0.0, []
        for _ in range(self.epochs):
            mistakes.append(0)
            for x, target in zip(X, binary_labels(y, (len(X),)), strict=True):
                error = target - step(x @ self.w_ + self.b_)
                self.w_ += error * x
                self.b_ += error
                mistakes[-1] += int(error != 0)
            if mistakes[-1] == 0:
                break
        self.mistakes_ = np.array(mistakes)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """X (n, d) -> classes 0 and 1, (n,)."""
        return step(X @ self.w_ + self.b_).astype(int)
