"""Exercises of regression_and_gradient_descent: gradients, ridge, own regressions."""

import numpy as np
import sklearn.linear_model

from pipeline.exercises.exercise import Arguments, Exercise
from pipeline.exercises.own_class import OwnClass
from pipeline.exercises.rows import linear
from pipeline.from_scratch import gradients


def _line(rng: np.random.Generator) -> list[Arguments]:
    x = rng.uniform(0, 3, 8)
    return [(x, 1.5 * x + rng.normal(0, 0.4, 8), 0.3, -0.2)]


def _line_gradient(x: np.ndarray, y: np.ndarray, W: float, b: float) -> tuple[float, float]:
    found = gradients.numerical_gradient(
        lambda v: float(np.mean((v[0] * x + v[1] - y) ** 2)), np.array([W, b])
    )
    return float(found[0]), float(found[1])


def _functions(rng: np.random.Generator) -> list[Arguments]:
    return [
        (lambda v: float(np.sum(v**3)), rng.normal(size=4)),
        (lambda v: float(np.prod(v)), rng.normal(size=(2, 3))),
    ]


def _forward_difference(f: object, x: np.ndarray) -> np.ndarray:
    """(f(x + h) - f(x)) / h, with an error of the order of h."""
    assert callable(f)
    units = np.eye(x.size).reshape(-1, *x.shape)
    return np.reshape([(f(x + 1e-4 * e) - f(x)) / 1e-4 for e in units], x.shape)


def _table(rng: np.random.Generator) -> list[Arguments]:
    X = rng.normal(size=(12, 3)) + 2
    return [(X, X @ np.array([1.0, -2.0, 0.5]) + 4 + rng.normal(0, 0.1, 12), 0.5)]


def _ridge(X: np.ndarray, y: np.ndarray, l2: float) -> tuple[np.ndarray, float]:
    model = sklearn.linear_model.Ridge(alpha=l2 * len(y)).fit(X, y)
    return model.coef_, float(model.intercept_)


def _ridge_of_all(X: np.ndarray, y: np.ndarray, l2: float) -> tuple[np.ndarray, float]:
    """The intercept penalised as well."""
    A = np.column_stack([X, np.ones(len(X))])
    w = np.linalg.solve(A.T @ A + l2 * len(y) * np.eye(4), A.T @ y)
    return w[:-1], float(w[-1])


def _ridge_of_the_sum(X: np.ndarray, y: np.ndarray, l2: float) -> tuple[np.ndarray, float]:
    return _ridge(X, y, l2 / len(y))


def _logistic_gradient(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    return gradients.numerical_gradient(
        lambda v: float(np.mean(np.logaddexp(0, X @ v) - y * (X @ v))), w.copy()
    )


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def _logistic(X: np.ndarray, y: np.ndarray, X_new: np.ndarray) -> np.ndarray:
    found: np.ndarray = sklearn.linear_model.LogisticRegression().fit(X, y).predict(X_new)
    return found


EXERCISES = (
    Exercise(
        "line_gradient",
        _line,
        _line_gradient,
        outputs=("dW", "db"),
        mistakes={
            "The gradient by b is 0: b is part of every prediction, so its derivative is 2 times "
            "the mean error.": lambda x, y, W, b: (_line_gradient(x, y, W, b)[0], 0.0),
            "dW lacks the factor x: the inner derivative "
            "of W x + b by W is x.": lambda x, y, W, b: (
                2 * np.mean(W * x + b - y),
                2 * np.mean(W * x + b - y),
            ),
        },
    ),
    Exercise(
        "numerical_gradient",
        _functions,
        gradients.numerical_gradient,
        mistakes={
            "That is the forward difference, (f(x + h) - f(x)) / h, whose error is of order h: "
            "go to both sides.": _forward_difference,
        },
        rows=lambda arguments: int(arguments[1].size),
    ),
    Exercise(
        "ridge",
        _table,
        _ridge,
        outputs=("w", "b"),
        mistakes={
            "The intercept is penalised too: subtract the means of X and y first, and compute b "
            "from them.": _ridge_of_all,
            "The penalty is too small by n: the loss is a mean, so that the equation has n "
            "l2.": _ridge_of_the_sum,
            "Without the penalty: add n l2 to the diagonal of XᵀX.": lambda X, y, l2: _ridge(
                X, y, 0.0
            ),
        },
    ),
    Exercise(
        "logistic_gradient",
        lambda rng: [(rng.normal(size=(9, 3)), rng.integers(0, 2, 9), rng.normal(size=3))],
        _logistic_gradient,
        mistakes={
            "That is the gradient of the squared error: with cross-entropy p (1 - p) cancels "
            "out.": lambda X, y, w: (
                2 * X.T @ ((_sigmoid(X @ w) - y) * _sigmoid(X @ w) * (1 - _sigmoid(X @ w))) / len(y)
            ),
            "Without the sigmoid: the error is p - y, and p = sigmoid(X w).": lambda X, y, w: (
                X.T @ (X @ w - y) / len(y)
            ),
        },
    ),
    OwnClass(
        "MyLinearRegression",
        linear,
        lambda X, y, X_new: (
            sklearn.linear_model.LinearRegression().fit(X, y).predict(X_new) > 0.5
        ).astype(int),
    ),
    OwnClass(
        "MyRidge",
        linear,
        lambda X, y, X_new: (sklearn.linear_model.Ridge().fit(X, y).predict(X_new) > 0.5).astype(
            int
        ),
    ),
    OwnClass(
        "MyLogisticRegression",
        linear,
        _logistic,
    ),
)
