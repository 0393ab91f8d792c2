"""Exercises of boosting_and_kernels: a split, a leaf, a kernel, and models out of them."""

import numpy as np

from pipeline.exercises.exercise import Arguments, Exercise
from pipeline.exercises.own_class import OwnClass
from pipeline.exercises.rows import circles


def _residuals(rng: np.random.Generator) -> list[Arguments]:
    x = np.round(rng.uniform(0, 10, 15), 2)
    return [(x, np.where(x > 6, 1.0, -0.5) + rng.normal(0, 0.1, 15))]


def _split(x: np.ndarray, r: np.ndarray) -> float:
    return _best(x, r, lambda part: part.sum() ** 2 / len(part))


def _best(x: np.ndarray, r: np.ndarray, score: object) -> float:
    """The midpoint of two neighbouring values with the best score of left and right together."""
    assert callable(score)
    values = np.unique(x)
    middles = (values[:-1] + values[1:]) / 2
    return float(middles[np.argmax([score(r[x < c]) + score(r[x >= c]) for c in middles])])


def _leaf(rng: np.random.Generator) -> list[Arguments]:
    return [(rng.integers(0, 2, 9), rng.uniform(0.1, 0.9, 9), 3.0)]


def _points(rng: np.random.Generator) -> list[Arguments]:
    return [(rng.normal(size=(4, 2)), rng.normal(size=(3, 2)), 0.8)]


def _distances(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    found: np.ndarray = ((A[:, None] - B[None]) ** 2).sum(axis=-1)
    return found


def _inside(X: np.ndarray, y: np.ndarray, X_new: np.ndarray) -> np.ndarray:
    return ((X_new**2).sum(axis=1) > 1.4).astype(int)


EXERCISES = (
    Exercise(
        "best_split",
        _residuals,
        _split,
        mistakes={
            "That is one of the values: take the middle "
            "between it and its neighbour.": lambda x, r: float(
                np.unique(x)[np.unique(x) > _split(x, r)][0]
            ),
            "That is the worst split: the gain is to be largest.": lambda x, r: _best(
                x, r, lambda part: -(part.sum() ** 2) / len(part)
            ),
        },
    ),
    Exercise(
        "newton_leaf",
        _leaf,
        lambda t, p, l2: np.sum(t - p) / (np.sum(p * (1 - p)) + l2),
        mistakes={
            "That is the mean residual: divide by the sum "
            "of p (1 - p), and add l2 to it.": lambda t, p, l2: np.mean(t - p),
            "The penalty l2 is missing in the denominator.": lambda t, p, l2: (
                np.sum(t - p) / np.sum(p * (1 - p))
            ),
        },
    ),
    Exercise(
        "rbf_kernel",
        _points,
        lambda A, B, scale: np.exp(-_distances(A, B) / (2 * scale**2)),
        mistakes={
            "The factor 2 in the exponent is missing.": lambda A, B, scale: np.exp(
                -_distances(A, B) / scale**2
            ),
            "The length scale is not squared.": lambda A, B, scale: np.exp(
                -_distances(A, B) / (2 * scale)
            ),
            "The distance is not squared.": lambda A, B, scale: np.exp(
                -np.sqrt(_distances(A, B)) / (2 * scale**2)
            ),
        },
    ),
    OwnClass(
        "MyBoosting",
        circles,
        _inside,
    ),
    OwnClass(
        "MyKernel",
        circles,
        _inside,
    ),
    OwnClass(
        "MyEnsemble",
        circles,
        _inside,
    ),
)
