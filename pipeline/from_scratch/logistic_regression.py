"""Logistic regression: a class from a linear function, by gradient descent on the cross-entropy.

Two classes: p = sigmoid(x W + b). More: p = softmax(x W + b), with a column of W for each class. In
both cases the loss is L = -1/n Σ log p(true class), and its gradient is as short as that of linear
regression, with the probability in place of the hypothesis and t the one-hot labels:

    ∂L/∂logits = (p - t) / n        ∂L/∂W = Xᵀ (p - t) / n        ∂L/∂b = 1/n Σ (p - t)
"""

from typing import Self

import numpy as np

from pipeline.from_scratch import losses
from pipeline.from_scratch.activations import sigmoid, softmax
from pipeline.from_scratch.gradient_descent import descended, finite


class LogisticRegression:
    """Two classes, 0 and 1: p = sigmoid(x W + b); the penalty l2/2 |W|² adds l2 W to ∂L/∂W."""

    def __init__(self, *, lr: float = 0.1, epochs: int = 1000, l2: float = 0.0) -> None:
        self.lr, self.epochs, self.l2 = lr, epochs, l2

    @np.errstate(over="ignore", invalid="ignore")  # an overflow ends in one error
    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """X (n, d), y (n,) of 0 and 1 -> self; learns coef_ (d,), intercept_, loss_curve_."""
        self.coef_, self.intercept_, curve = np.zeros(X.shape[1]), 0.0, []
        for _ in range(self.epochs):
            logit = X @ self.coef_ + self.intercept_
            loss = losses.binary_cross_entropy_from_logits(logit, y)
            curve.append(finite(loss + self.l2 / 2 * float(np.sum(self.coef_**2)), self.lr))
            error = sigmoid(logit) - y  # p - t, (n,)
            self.coef_ = self.coef_ - self.lr * (X.T @ error / len(y) + self.l2 * self.coef_)
            self.intercept_ -= self.lr * error.mean()
        self.loss_curve_ = descended(curve, self.lr)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """X (n, d) -> the probabilities of 0 and of 1, (n, 2)."""
        p = sigmoid(X @ self.coef_ + self.intercept_)
        return np.column_stack([1 - p, p])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """X (n, d) -> 0 or 1, (n,): 1 where x W + b > 0, which is where p > ½."""
        return self.predict_proba(X).argmax(axis=1)


class SoftmaxRegression:
    """Classes 0 to k - 1: p = softmax(x W + b), the same descent with a column for each class."""

    def __init__(self, *, lr: float = 0.1, epochs: int = 1000, l2: float = 0.0) -> None:
        self.lr, self.epochs, self.l2 = lr, epochs, l2

    @np.errstate(over="ignore", invalid="ignore")  # an overflow ends in one error
    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """X (n, d), y (n,) of 0 to k - 1 -> self; learns coef_ (k, d), intercept_ (k,)."""
        k = int(y.max()) + 1
        t, W, b = losses.label_distribution(y, (len(y), k)), np.zeros((X.shape[1], k)), np.zeros(k)
        curve = []
        for _ in range(self.epochs):
            logits = X @ W + b
            loss = losses.cross_entropy_from_logits(logits, y)
            curve.append(finite(loss + self.l2 / 2 * float(np.sum(W**2)), self.lr))
            error = softmax(logits) - t  # p - t, (n, k)
            W = W - self.lr * (X.T @ error / len(y) + self.l2 * W)
            b = b - self.lr * error.mean(axis=0)
        self.coef_, self.intercept_ = W.T, b
        self.loss_curve_ = descended(curve, self.lr)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """X (n, d) -> (n, k), each row summing to 1."""
        return softmax(X @ self.coef_.T + self.intercept_)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """X (n, d) -> the most probable class, (n,)."""
        return self.predict_proba(X).argmax(axis=1)
