"""Rows that the models of the exercises should be able to learn: X (n, d), y (n,) of 0 and 1."""

import numpy as np


def separable(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A line with a margin, which does not go through 0."""
    X = rng.normal(size=(900, 2)) + np.array([0.0, 0.7])
    X = X[abs(X[:, 0] - X[:, 1]) > 0.3][:600]
    return X, (X[:, 0] > X[:, 1]).astype(int)


def linear(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A logistic regression of five columns of mean 0, with a bias."""
    X = rng.normal(size=(800, 5))
    logit = X @ np.array([2.0, -1.5, 1.0, 0.0, 0.5]) + 1.0
    return X, (rng.random(800) < 1 / (1 + np.exp(-logit))).astype(int)


def circles(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Inside a circle or outside: no line separates the two."""
    X = rng.normal(size=(800, 2))
    return X, ((X**2).sum(axis=1) + rng.normal(0, 0.2, 800) > 1.4).astype(int)


def ordered(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Six marks, one after the other: does their sum exceed 0?"""
    X = rng.normal(size=(1000, 6))
    X = X[abs(X.sum(axis=1)) > 0.7][:800]
    return X, (X.sum(axis=1) > 0).astype(int)
