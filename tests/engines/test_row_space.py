"""A fit in the row space gives the same result as a fit on all columns."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import linear_model

from pipeline.engines.linear_regression import LinearRegression
from pipeline.engines.logistic_regression import LogisticRegression
from pipeline.engines.row_space import MIN_COLUMNS, is_faster, row_space

N, D, L2 = 60, MIN_COLUMNS + 100, 0.3


@pytest.fixture
def wide(rng):
    """X (n, d > n), of which two columns are equal and one is constant; y (n,)."""
    X = 100 + rng.normal(size=(N, D))
    X[:, 1], X[:, 2] = X[:, 0], 7.0
    return X, X[:, :5].sum(axis=1) - 407 + rng.normal(size=N)


def test_the_rows_are_reconstructed_from_the_row_space(wide):
    space = row_space(wide[0])
    assert space.Z.shape == (N, N - 1)
    assert_allclose(space.mean + space.Z @ space.V.T, wide[0], atol=1e-9)
    assert_allclose(space.V.T @ space.V, np.eye(N - 1), atol=1e-9)


@pytest.mark.parametrize("solver", ["nesterov", "closed_form"])
def test_linear_regression_with_more_columns_than_rows(wide, solver):
    X, y = wide
    assert is_faster(X, L2)
    ours = LinearRegression(l2=L2, solver=solver).fit(X, y)
    theirs = linear_model.Ridge(alpha=N * L2, solver="svd").fit(X, y)
    assert_allclose(ours.coef_, theirs.coef_, atol=1e-7)
    assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression_with_more_columns_than_rows(wide, classes):
    X, y = wide
    y = np.digitize(y, [0.0] if classes == 2 else [-1.0, 1.0])
    ours = LogisticRegression(l2=L2).fit(X, y)
    theirs = linear_model.LogisticRegression(C=1 / (N * L2), tol=1e-10, max_iter=10_000)
    theirs.fit(X - X.mean(axis=0), y)
    expected = theirs.predict_proba(X - X.mean(axis=0))
    assert_allclose(ours.predict_proba(X), expected, atol=1e-5)
    assert ours.coef_.shape == (1 if classes == 2 else 3, D)


def test_few_columns_and_no_penalty_are_fitted_as_they_are():
    assert not is_faster(np.empty((10, MIN_COLUMNS)), L2)
    assert not is_faster(np.empty((D + 1, D)), L2)
    assert not is_faster(np.empty((N, D)), 0.0)
