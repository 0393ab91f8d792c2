"""Linear and logistic regression on unscaled, singular or oddly typed data, against oracles."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression as Oracle

from pipeline.engines.linear_regression import LinearRegression
from pipeline.engines.logistic_regression import LogisticRegression

N = 120


def read_only(X: np.ndarray) -> np.ndarray:
    X.setflags(write=False)
    return X


ORDINARY = {
    "one feature": lambda rng: rng.normal(size=(N, 1)),
    "boolean": lambda rng: rng.random((N, 4)) < 0.4,
    "8-bit integers": lambda rng: rng.integers(-100, 100, size=(N, 4)).astype(np.int8),
    "64-bit integers": lambda rng: rng.integers(0, 50, size=(N, 4)),
    "a list": lambda rng: rng.normal(size=(N, 2)).tolist(),
    "Fortran order": lambda rng: np.asfortranarray(rng.normal(size=(N, 4))),
    "every other row, backwards": lambda rng: rng.normal(size=(2 * N, 8))[::-2, ::-2],
    "read-only": lambda rng: read_only(rng.normal(size=(N, 4))),
    "nearly equal columns": lambda rng: rng.normal(size=(N, 1)) + 0.01 * rng.normal(size=(N, 2)),
}
SCALES = {
    "huge": lambda rng: 1e8 * rng.normal(size=(N, 4)),
    "tiny": lambda rng: 1e-8 * rng.normal(size=(N, 4)),
    "huge beside tiny": lambda rng: rng.normal(size=(N, 4)) * [1e8, 1, 1e-8, 1],
    "far from zero": lambda rng: rng.normal(loc=[1e6, 1e8, -1e7, 0], size=(N, 4)),
}
SINGULAR = {
    "constant": lambda rng: np.column_stack([rng.normal(size=(N, 3)), np.full(N, 0.1)]),
    "huge constant": lambda rng: np.column_stack([rng.normal(size=(N, 3)), np.full(N, 1e8 + 0.1)]),
    "all zero": lambda rng: np.zeros((N, 2)),
    "duplicated columns": lambda rng: np.repeat(rng.normal(size=(N, 2)), 2, axis=1),
    "fewer rows than columns": lambda rng: rng.normal(size=(10, 30)),
    "one row": lambda rng: rng.normal(size=(1, 3)),
}
ALL = ORDINARY | SCALES | SINGULAR


def standardised(X) -> tuple[np.ndarray, np.ndarray]:
    """X (n, d) -> its columns with mean 0 and variance 1 (constant ones 0), and their scales."""
    X = np.asarray(X, float)
    varies = np.ptp(X, axis=0) > 0
    scale = np.where(varies, X.std(axis=0), 1)
    return np.where(varies, (X - X.mean(axis=0)) / scale, 0), scale


def linear_target(rng, Z: np.ndarray) -> np.ndarray:
    return 3 + Z @ rng.normal(size=Z.shape[1]) + rng.normal(size=len(Z))


@pytest.mark.parametrize("solver", ["nesterov", "closed_form"])
@pytest.mark.parametrize("data", ALL)
def test_least_squares(rng, data, solver) -> None:
    X = ALL[data](rng)
    Z, scale = standardised(X)
    y = linear_target(rng, Z)
    expected = np.linalg.lstsq(np.column_stack([Z, np.ones(len(Z))]), y)[0]
    model = LinearRegression(solver=solver).fit(X, y)
    assert_allclose(model.predict(X), Z @ expected[:-1] + expected[-1], atol=1e-6)
    if data not in SINGULAR:
        assert_allclose(model.coef_ * scale, expected[:-1], atol=1e-6)


@pytest.mark.parametrize("data", SINGULAR)
def test_the_closed_form_has_minimum_norm(rng, data) -> None:
    X = SINGULAR[data](rng)
    Z, scale = standardised(X)
    y = linear_target(rng, Z)
    expected = np.linalg.lstsq(Z * scale, y - y.mean())[0]
    model = LinearRegression(solver="closed_form").fit(X, y)
    assert_allclose(model.coef_, expected, atol=1e-9)


@pytest.mark.parametrize("degree", [3, 6, 9])
def test_the_closed_form_is_accurate_for_nearly_collinear_columns(rng, degree) -> None:
    """Powers of t on [0, 1]: the condition number is up to 1e7, too large when squared."""
    X = np.linspace(0, 1, N)[:, None] ** np.arange(1, degree + 1)
    Z, scale = standardised(X)
    y = linear_target(rng, Z)
    expected = np.linalg.lstsq(np.column_stack([Z, np.ones(N)]), y)[0]
    model = LinearRegression(solver="closed_form").fit(X, y)
    assert_allclose(model.coef_ * scale, expected[:-1], rtol=1e-6)


def classes(rng, Z: np.ndarray, k: int, *, rare: bool) -> np.ndarray:
    """Names of k classes (n,); if `rare`, the last class has a single row."""
    logits = Z @ rng.normal(size=(Z.shape[1], k))
    codes = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    if rare:
        codes[codes == k - 1] = 0
    codes[:k] = np.arange(k)
    return np.array(["pear", "apple", "fig"])[codes]


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("rare", [False, True], ids=["", "a class of one row"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize(
    "data", [*ORDINARY, "constant", "duplicated columns", "fewer rows than columns"]
)
def test_logistic_regression(rng, data, weighted, rare, k) -> None:
    X = ALL[data](rng)
    Z, scale = standardised(X)
    y, l2 = classes(rng, Z, k, rare=rare), 0.01 * np.mean(scale**2)
    w = rng.uniform(0.5, 2, size=len(y)) if weighted else np.ones(len(y))
    oracle = Oracle(C=1 / (l2 * w.sum()), solver="newton-cholesky", tol=1e-10).fit(X, y, w)
    model = LogisticRegression(l2=l2).fit(X, y, w)
    assert_allclose(model.coef_, oracle.coef_, atol=1e-4)
    assert_allclose(model.predict_proba(X), oracle.predict_proba(X), atol=1e-4)
    assert (model.predict(X) == oracle.predict(X)).all()


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("data", SCALES)
def test_logistic_regression_ends_where_the_gradient_is_0(rng, data, k) -> None:
    """The loss is convex, so that this is the optimum, which other solvers miss on such columns."""
    X = SCALES[data](rng)
    Z, scale = standardised(X)
    y = classes(rng, Z, k, rare=False)
    model = LogisticRegression(l2=0.01).fit(X, y)
    error = model.predict_proba(X) - (y[:, None] == model.classes_)
    gradient = (Z.T @ error / N).T[-len(model.coef_) :] + 0.01 * model.coef_ / scale
    # 1e8 away from 0, half of the sixteen digits are lost to the offset
    tolerance = 1e-5 if data == "far from zero" else 1e-6
    assert np.abs(gradient).max() < tolerance and np.abs(error.mean(axis=0)).max() < tolerance
