import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression as Oracle

from pipeline.engines.logistic_regression import LogisticRegression
from pipeline.from_scratch.activations import softmax


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
    assert_allclose(
        model.intercept_, oracle.intercept_, atol=1e-3
    )  # extrapolates by 200 units of a column
    assert_allclose(model.predict_proba(X), oracle.predict_proba(X), atol=1e-4)
    assert (model.predict(X) == oracle.predict(X)).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_plain_descent_converges_to_the_same_coefficients(rng, classes) -> None:
    X, y = survey(rng, classes)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    fast = LogisticRegression(l2=0.01).fit(X, y)
    plain = LogisticRegression(l2=0.01, solver="plain", epochs=5000).fit(X, y)
    assert_allclose(plain.coef_, fast.coef_, atol=1e-4)
    assert_allclose(plain.loss_curve_[-1], fast.loss_curve_[-1], atol=1e-8)
    assert (np.diff(plain.loss_curve_) <= 1e-12).all(), "a safe step never increases the loss"
    batches = LogisticRegression(l2=0.01, solver="plain", batch_size=32, epochs=100).fit(X, y)
    assert batches.loss_curve_[-1] < fast.loss_curve_[-1] + 0.01


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("solver", ["nesterov", "lbfgs"])
def test_scales_collinearity_and_shifts_do_not_slow_convergence(rng, classes, solver) -> None:
    """Collinear one-hot columns, scaled by 1e-4 to 1e4, give the same as independent ones."""
    answers = rng.integers(4, size=(500, 5))
    X = np.column_stack([(answers[:, :, None] == np.arange(4)).reshape(500, 20), rng.random(500)])
    logits = X @ rng.normal(scale=0.5, size=(21, classes))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    scale, shift = 10 ** rng.uniform(-4, 4, size=21), rng.uniform(-10, 10, size=21)
    hard, easy = (X + shift) * scale, np.delete(X, [0, 4, 8, 12, 16], axis=1)
    oracle = Oracle(C=np.inf, solver="newton-cholesky", tol=1e-12).fit(easy, y)
    model = LogisticRegression(l2=0.0, solver=solver).fit(hard, y)
    assert_allclose(model.predict_proba(hard), oracle.predict_proba(easy), atol=1e-6)
    assert len(model.loss_curve_) < (16 if solver == "lbfgs" else 150)


def many_rows(rng, classes: int = 2, n: int = 12_000):
    """More rows than the Hessian's sample, sorted by class; some columns are rarely 1."""
    X = rng.normal(size=(n, 8))
    X[:, 4:] = rng.random((n, 4)) < [0.5, 0.05, 5e-4, 2e-4]
    logits = X @ rng.normal(size=(8, classes)) * [3, 1, 1][:classes]
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    order = np.argsort(y, kind="stable")
    return X[order], y[order]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("l2", [1e-3, 1e-6])
def test_the_sample_does_not_affect_the_result(rng, dtype, classes, l2) -> None:
    X, y = many_rows(rng, classes)
    X = X.astype(dtype)
    oracle = Oracle(C=1 / (len(X) * l2), solver="newton-cholesky", tol=1e-12)
    oracle.fit(X.astype(np.float64), y)
    for seed in (0, 1):
        model = LogisticRegression(l2=l2, seed=seed).fit(X, y)
        assert model.coef_.dtype == dtype
        assert_allclose(model.coef_, oracle.coef_, atol=1e-4)
        assert_allclose(model.intercept_, oracle.intercept_, atol=1e-4)
        assert (np.diff(model.loss_curve_) <= 0).all(), "no step increases the loss"
        assert len(model.loss_curve_) < 60


def test_the_result_does_not_depend_on_row_order_and_memory_layout(rng) -> None:
    X, y = many_rows(rng)
    order, w = rng.permutation(len(X)), rng.uniform(size=len(X))
    once = LogisticRegression().fit(X, y, w)
    for rows in (np.asfortranarray(X[order]), np.repeat(X[order], 2, axis=1)[:, ::2]):
        assert_allclose(
            LogisticRegression().fit(rows, y[order], w[order]).coef_, once.coef_, atol=1e-6
        )
    again = LogisticRegression().fit(X, y, w)
    assert again.coef_.tobytes() == once.coef_.tobytes()


def test_strong_signals_converge_in_few_steps(rng) -> None:
    """Where p is close to 0 or 1 for most rows, an upper bound on the Hessian is far from it."""
    X, y = many_rows(rng)
    X = X * 10
    oracle = Oracle(C=1 / (len(X) * 1e-4), solver="newton-cholesky", tol=1e-12).fit(X, y)
    model = LogisticRegression(l2=1e-4).fit(X, y)
    assert_allclose(model.coef_, oracle.coef_, atol=1e-4)
    assert len(model.loss_curve_) < 18


def test_many_parameters_start_from_the_diagonal_of_the_hessian(rng) -> None:
    """120 columns, 6 classes, 200 rows: the whole Hessian would be too expensive at first."""
    X = rng.normal(size=(200, 120))
    y = (X[:, :6] + rng.gumbel(size=(200, 6))).argmax(axis=1)
    oracle = Oracle(C=1 / (200 * 1e-2), tol=1e-10, max_iter=1000).fit(X, y)
    model = LogisticRegression(l2=1e-2).fit(X, y)
    assert_allclose(model.coef_, oracle.coef_, atol=1e-4)
    assert len(model.loss_curve_) < 100


def test_probabilities_are_n_by_k_and_sum_to_one(rng) -> None:
    X, y = survey(rng, 2)
    names = np.array(["dissatisfied", "satisfied"], dtype=object)[y]
    model = LogisticRegression().fit(X.astype(np.float32), names)
    p = model.predict_proba(X)
    assert p.shape == (300, 2) and model.coef_.shape == (1, 6)
    assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    assert set(model.predict(X)) == set(names)


@pytest.mark.parametrize("n", [4, 5000])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("solver", ["nesterov", "plain", "lbfgs"])
def test_separable_data_without_penalty_gives_finite_coefficients(n, classes, solver) -> None:
    X = np.linspace(-1, 1, n)[:, None]
    y = np.floor((X[:, 0] + 1) / 2 * (classes - 1e-9)).astype(int)
    model = LogisticRegression(l2=0.0, epochs=100, solver=solver).fit(X, y)
    assert np.isfinite(model.coef_).all() and len(model.loss_curve_) <= 100
    assert model.score(X, y) == 1 or solver != "lbfgs"
    assert np.isfinite(model.predict_proba(1e4 * X)).all()


def test_invalid_parameters_are_named(rng) -> None:
    X, y = survey(rng, 2)
    for params, message in [
        ({"l2": -1.0}, "l2 is -1.0; allowed are numbers >= 0"),
        ({"lr": 0.0}, "lr is 0.0; allowed are None or numbers > 0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"solver": "magic"}, "allowed are nesterov, plain, lbfgs"),
    ]:
        for method in ("fit", "partial_fit"):
            with pytest.raises(ValueError, match=message):
                getattr(LogisticRegression(**params), method)(X, y)


def test_partial_fit_is_one_step_of_plain_descent(rng) -> None:
    X, y = survey(rng, 3)
    steps = LogisticRegression(lr=1e-6, l2=0.1)
    for _ in range(5):
        steps.partial_fit(X, y, classes=[0, 1, 2])
    at_once = LogisticRegression(lr=1e-6, l2=0.1, solver="plain", epochs=5).fit(X, y)
    assert_allclose(steps.coef_, at_once.coef_)
    assert_allclose(steps.loss_curve_, at_once.loss_curve_)
    one = LogisticRegression(lr=1e-3, l2=0.0).partial_fit(X, y, classes=[0, 1, 2])
    by_hand = -1e-3 * (softmax(np.zeros((300, 3))) - np.eye(3)[y]).T @ X / 300
    assert_allclose(one.coef_, by_hand)


@pytest.mark.parametrize("l1", [0.2, 0.5])
def test_l1_selects_the_same_columns_as_scikit_learn(rng, l1) -> None:
    X, y = rng.normal(size=(60, 200)), np.arange(60) % 3 > 0
    X[:, 0] += y
    penalty = l1 * np.abs(X.T @ (y - y.mean())).max() / 60
    model = LogisticRegression(l1=l1).fit(X, y)
    # saga, because liblinear would penalise the intercept
    oracle = Oracle(l1_ratio=1, C=1 / (60 * penalty), solver="saga", tol=1e-6, max_iter=5000)
    assert_allclose(model.coef_, oracle.fit(X, y).coef_, atol=2e-3)
    assert 0 < np.count_nonzero(model.coef_) < 60


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_l1_optimum_satisfies_the_karush_kuhn_tucker_conditions(rng, classes, weighted) -> None:
    """∂L/∂coef is -λ sign(coef), and between -λ and λ where coef is 0."""
    X = rng.normal(size=(90, 300)) + 5
    y = np.arange(90) % classes
    w = rng.uniform(0.5, 1.5, size=90) if weighted else np.ones(90)
    w /= w.mean()
    errors = np.eye(classes)[y] - np.bincount(y, w, classes) / 90
    penalty = 0.5 * np.abs((w[:, None] * errors).T @ X).max() / 90
    model = LogisticRegression(l1=0.5).fit(X, y, w)
    errors = (np.eye(classes)[y] - model.predict_proba(X))[:, -len(model.coef_) :]
    gradient = (w[:, None] * errors).T @ X / 90  # negative
    nonzero = model.coef_ != 0
    assert 0 < nonzero.sum() < 0.2 * nonzero.size
    assert_allclose(gradient[nonzero], penalty * np.sign(model.coef_[nonzero]), rtol=0.01)
    assert np.abs(gradient[~nonzero]).max() <= 1.01 * penalty


def test_partial_fit_refuses_l1(rng) -> None:
    X, y = survey(rng, 2)
    with pytest.raises(ValueError, match="l1"):
        LogisticRegression(l1=0.3).partial_fit(X, y)
