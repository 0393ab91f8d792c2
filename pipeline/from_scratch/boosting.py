"""Gradient boosting: trees, each fitted to what the sum of the trees before it left over.

f starts as a constant, and f <- f + lr · tree repeats. The tree is fitted to the residuals: y - f
in a regression, t - p with p = sigmoid(f) for two classes. Both are minus the gradient of the loss
by f, so that this is gradient descent whose steps are trees. (Friedman 2001)

The trees here are symmetric: all nodes of a level ask the same question, x_j >= c. Then d questions
number the 2^d leaves by their answers, one binary digit each, and a row finds its leaf without a
walk. A shared question must suit all nodes of its level, which keeps a tree from overfitting.
"""

from typing import NamedTuple, Self

import numpy as np

from pipeline.from_scratch.activations import sigmoid


class Tree(NamedTuple):
    """Its questions, x[column] >= threshold, and the value of each leaf."""

    columns: list[int]  # (depth,)
    thresholds: list[float]  # (depth,)
    values: np.ndarray  # (2^depth,)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """X (n, d) -> the value of each row's leaf, (n,)."""
        leaf = np.zeros(len(X), int)
        for column, threshold in zip(self.columns, self.thresholds, strict=True):
            leaf = 2 * leaf + (X[:, column] >= threshold)
        return self.values[leaf]


def gain(leaf: np.ndarray, residual: np.ndarray, l2: float) -> float:
    """Σ (Σ r)² / (rows + l2) over the leaves: with l2 = 0, by how much leaf means lower Σ r²."""
    sums, rows = np.bincount(leaf, residual), np.bincount(leaf)
    return float(np.sum(sums**2 / (rows + l2)))


def best_question(
    X: np.ndarray, leaf: np.ndarray, residual: np.ndarray, l2: float
) -> tuple[int, float]:
    """The column and threshold of the largest gain; thresholds lie halfway between two values."""
    best, largest = (0, np.inf), -np.inf
    for column, x in enumerate(X.T):
        values = np.unique(x)
        for threshold in (values[:-1] + values[1:]) / 2:
            found = gain(2 * leaf + (x >= threshold), residual, l2)
            if found > largest:
                best, largest = (column, float(threshold)), found
    return best


class SymmetricTrees:
    """Regression: a leaf's value is lr Σ (y - f) / (rows + l2), the mean residual shrunk by l2."""

    def __init__(
        self, *, n_trees: int = 100, lr: float = 0.1, depth: int = 3, l2: float = 3.0
    ) -> None:
        self.n_trees, self.lr, self.depth, self.l2 = n_trees, lr, depth, l2

    def fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        """X (n, d), y (n,) -> self; learns baseline_ and trees_."""
        self.baseline_ = self.baseline(y)
        f = np.full(len(X), self.baseline_)
        self.trees_: list[Tree] = []
        for _ in range(self.n_trees):
            residual, hessian = self.residual_and_hessian(y, f)
            leaf, columns, thresholds = np.zeros(len(X), int), [], []
            for _ in range(self.depth):
                column, threshold = best_question(X, leaf, residual, self.l2)
                leaf = 2 * leaf + (X[:, column] >= threshold)
                columns.append(column)
                thresholds.append(threshold)
            sums = np.bincount(leaf, residual, 2**self.depth)
            values = self.lr * sums / (np.bincount(leaf, hessian, 2**self.depth) + self.l2)
            self.trees_.append(Tree(columns, thresholds, values))
            f = f + values[leaf]
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """X (m, d) -> f, (m,): the baseline plus the leaf's value of each tree."""
        f = np.full(len(X), self.baseline_)
        for tree in self.trees_:
            f += tree.predict(X)
        return f

    def baseline(self, y: np.ndarray) -> float:
        """The constant that f starts as."""
        return float(y.mean())

    def residual_and_hessian(self, y: np.ndarray, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Minus the first derivative of the loss by each f, and the second: of ½ (y - f)²."""
        return y - f, np.ones(len(y))


class SymmetricTreesClassifier(SymmetricTrees):
    """Classes 0 and 1: f is a logit, and a leaf's value lr Σ (t - p) / (Σ p (1 - p) + l2).

    That is lr times a Newton step: p (1 - p), the second derivative, is small where f is sure.
    """

    def baseline(self, y: np.ndarray) -> float:
        return float(np.log(y.mean() / (1 - y.mean())))

    def residual_and_hessian(self, y: np.ndarray, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p = sigmoid(f)
        return y - p, p * (1 - p)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """X (m, d) -> the probabilities of 0 and of 1, (m, 2)."""
        p = sigmoid(self.predict(X))
        return np.column_stack([1 - p, p])
