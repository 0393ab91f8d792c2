"""The short estimators by hand and against scikit-learn; tests/engines compares the engines."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression as Oracle
from sklearn.linear_model import Ridge

from pipeline.from_scratch import linear_regression as linear
from pipeline.from_scratch.boosting import SymmetricTrees
from pipeline.from_scratch.gaussian_process import GaussianProcess
from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.logistic_regression import LogisticRegression, SoftmaxRegression


def test_simple_regression_by_hand() -> None:
    """x̄ = 2, ȳ = 4: W = (2 + 0 + 4) / 2 = 3, b = 4 - 3 · 2; the errors are -1, 2 and -1."""
    x, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 8.0])
    assert linear.simple_regression(x, y) == pytest.approx((3, -2))
    assert linear.cost(x[:, None], y, np.array([3.0]), -2.0) == pytest.approx((1 + 4 + 1) / 6)
    surface = linear.cost_surface(x, y, np.array([2.0, 3.0, 4.0]), np.array([-3.0, -2.0]))
    assert surface.shape == (2, 3) and np.unravel_index(surface.argmin(), (2, 3)) == (1, 1)
    assert surface[1, 1] == pytest.approx(1)


@pytest.mark.parametrize("kind", [linear.LinearRegression, LogisticRegression, SoftmaxRegression])
def test_a_column_of_targets_is_refused(kind) -> None:
    """NumPy would subtract every target from every prediction."""
    with pytest.raises(ValueError, match=r"\(4, 1\)"):
        kind().fit(np.ones((4, 2)), np.array([[0], [1], [0], [1]]))


def test_the_gradient_of_the_cost(rng) -> None:
    X, y, W, b = rng.normal(size=(9, 3)), rng.normal(size=9), rng.normal(size=3), 0.7
    dW, db = linear.cost_gradient(X, y, W, b)
    assert_allclose(dW, numerical_gradient(lambda v: linear.cost(X, y, v, b), W), rtol=1e-7)
    expected = numerical_gradient(lambda v: linear.cost(X, y, W, v[0]), np.array([b]))
    assert_allclose(db, expected[0], rtol=1e-7)


def test_descent_and_the_normal_equation_are_ridge(rng) -> None:
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    oracle = Ridge(alpha=40 * 0.1).fit(X, y)
    model = linear.LinearRegression(lr=0.3, epochs=400, l2=0.1).fit(X, y)
    assert_allclose([*model.coef_, model.intercept_], [*oracle.coef_, oracle.intercept_], rtol=1e-6)
    W, b = linear.normal_equation(X, y, 0.1)
    assert_allclose([*W, b], [*oracle.coef_, oracle.intercept_], rtol=1e-9)
    assert (np.diff(model.loss_curve_) < 1e-15).all()


@pytest.mark.parametrize("k", [2, 3])
def test_logistic_regression(rng, k) -> None:
    X, y = rng.normal(size=(50, 3)), rng.integers(k, size=50)
    kind = LogisticRegression if k == 2 else SoftmaxRegression
    model = kind(lr=1.0, epochs=1500, l2=0.1).fit(X, y)
    oracle = Oracle(C=1 / (50 * 0.1), tol=1e-10).fit(X, y)
    assert_allclose(model.predict_proba(X), oracle.predict_proba(X), atol=1e-6)
    assert (model.predict(X) == oracle.predict(X)).all()


@pytest.mark.parametrize("kind", [linear.LinearRegression, LogisticRegression, SoftmaxRegression])
def test_divergence_names_the_learning_rate(rng, kind) -> None:
    X, y = 30 * rng.normal(size=(40, 3)), rng.integers(2, size=40)
    with pytest.raises(ValueError, match=r"The loss is .*: scale X, or decrease lr, which is 1"):
        kind(lr=1e3 if kind is linear.LinearRegression else 1e160, l2=1.0).fit(X, y)


def test_a_gaussian_process(rng) -> None:
    """scikit-learn's kernel has exp(-|a - b|² / 2l²)."""
    X, y, new = rng.normal(size=(30, 2)), rng.normal(size=30), 2 * rng.normal(size=(20, 2))
    oracle = GaussianProcessRegressor(RBF(1.5), alpha=0.1, optimizer=None).fit(X, y)
    model = GaussianProcess(length_scale=1.5 * np.sqrt(2), noise=0.1).fit(X, y)
    mean, std = oracle.predict(new, return_std=True)
    assert_allclose(model.predict(new), mean, atol=1e-9)
    assert_allclose(model.variance(new), std**2, atol=1e-9)
    assert_allclose(model.variance(np.array([[1e3, 0.0]])), 1)


def test_a_tree_by_hand() -> None:
    """Residuals -3, -2, -1, 6: the gains are 2 · 5²/3 and 2 · 4²/3; leaf values are r / 2."""
    X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([1, 2, 3, 10])
    model = SymmetricTrees(n_trees=1, lr=1.0, depth=2, l2=1.0).fit(X, y)
    tree = model.trees_[0]
    assert (tree.columns, tree.thresholds) == ([0, 1], [0.5, 0.5])
    assert_allclose(tree.values, [-1.5, -1, -0.5, 3])
    assert_allclose(model.predict(X), [2.5, 3, 3.5, 7])
