import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression as Oracle

from pipeline.from_scratch.activations import softmax
from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.logistic_regression import LogisticRegression, loss_and_error


def survey(rng, classes: int, n: int = 300):
    """Correlated columns, one of large scale; classes drawn from a softmax."""
    X = rng.normal(size=(n, 6))
    X[:, 5] = X[:, 4] + 0.2 * X[:, 5]
    logits = X @ rng.normal(size=(6, classes))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return X * [1, 1, 50, 1, 1, 1] + [0, 0, 200, 0, 0, 0], y


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("l2", [1e-3, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_scikit_learn_finds_the_same_coefficients(rng, classes, l2, weighted) -> None:
    X, y = survey(rng, classes)
    w = rng.uniform(size=len(X)) if weighted else np.ones(len(X))
    model = LogisticRegression(l2=l2).fit(X, y, w)
    oracle = Oracle(C=1 / (w.sum() * l2), solver="newton-cholesky", tol=1e-12).fit(X, y, w)
    assert_allclose(model.coef_, oracle.coef_, atol=1e-4)
    assert_allclose(model.intercept_, oracle.intercept_, atol=1e-3)  # 200 columns' units away
    assert_allclose(model.predict_proba(X), oracle.predict_proba(X), atol=1e-4)
    assert (model.predict(X) == oracle.predict(X)).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_plain_descent_comes_to_the_same_place(rng, classes) -> None:
    X, y = survey(rng, classes)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    fast = LogisticRegression(l2=0.01).fit(X, y)
    plain = LogisticRegression(l2=0.01, solver="plain", epochs=5000).fit(X, y)
    assert_allclose(plain.coef_, fast.coef_, atol=1e-4)
    assert_allclose(plain.loss_curve_[-1], fast.loss_curve_[-1], atol=1e-8)
    assert (np.diff(plain.loss_curve_) <= 1e-12).all(), "a safe step never climbs"
    batches = LogisticRegression(l2=0.01, solver="plain", batch_size=32, epochs=100).fit(X, y)
    assert batches.loss_curve_[-1] < fast.loss_curve_[-1] + 0.01


@pytest.mark.parametrize("k", [1, 3])
def test_error_is_the_derivative_of_the_loss(rng, k) -> None:
    logits, codes, w = rng.normal(size=(5, k)), np.array([0, 1, 1, 0, k - 1]), rng.uniform(size=5)
    expected = numerical_gradient(lambda z: loss_and_error(z, codes, w)[0], logits)
    assert_allclose(loss_and_error(logits, codes, w)[1], expected, atol=1e-9)


def test_probabilities_are_n_by_k_and_sum_to_one(rng) -> None:
    X, y = survey(rng, 2)
    names = np.array(["dissatisfied", "satisfied"], dtype=object)[y]
    model = LogisticRegression().fit(X.astype(np.float32), names)
    p = model.predict_proba(X)
    assert p.shape == (300, 2) and model.coef_.shape == (1, 6)
    assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    assert set(model.predict(X)) == set(names)


def test_separable_data_and_no_penalty_stay_finite() -> None:
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    model = LogisticRegression(l2=0.0, epochs=200).fit(X, [0, 0, 1, 1])
    assert np.isfinite(model.coef_).all() and model.predict(X).tolist() == [0, 0, 1, 1]


def test_partial_fit_is_one_step_of_plain_descent(rng) -> None:
    X, y = survey(rng, 3)
    steps = LogisticRegression(lr=1e-3, l2=0.1)
    for _ in range(5):
        steps.partial_fit(X, y, classes=[0, 1, 2])
    whole = LogisticRegression(lr=1e-3, l2=0.1, solver="plain", epochs=5).fit(X, y)
    assert_allclose(steps.coef_, whole.coef_)
    assert_allclose(steps.loss_curve_, whole.loss_curve_)
    one = LogisticRegression(lr=1e-3, l2=0.0).partial_fit(X, y, classes=[0, 1, 2])
    by_hand = -1e-3 * (softmax(np.zeros((300, 3))) - np.eye(3)[y]).T @ X / 300
    assert_allclose(one.coef_, by_hand)
