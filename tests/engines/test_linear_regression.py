import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge

from pipeline.engines.linear_regression import LinearRegression


@pytest.fixture
def line(rng):
    """Columns of very different scale, two of them nearly collinear, and noise."""
    X = rng.normal(size=(200, 5)) * [1, 1000, 0.01, 1, 1] + [0, 5000, 0, 3, 0]
    X[:, 4] = X[:, 3] + 0.1 * X[:, 4]
    return X, X @ [1.0, 0.002, 30, -1, 2] + 7 + rng.normal(size=200)


def test_one_variable_by_hand() -> None:
    model = LinearRegression().fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 3.0])
    assert_allclose(model.predict([[4.0]]), [4.0])
    assert_allclose([model.coef_[0], model.intercept_], [1, 0], atol=1e-9)


@pytest.mark.parametrize("solver", ["nesterov", "closed_form"])
def test_least_squares(line, solver) -> None:
    X, y = line
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y)[0]
    model = LinearRegression(solver=solver).fit(X, y)
    assert_allclose(model.coef_, expected[:-1], atol=1e-6)
    assert_allclose(model.intercept_, expected[-1], atol=1e-6)
    assert_allclose(model.loss_curve_[-1], np.mean((model.predict(X) - y) ** 2) / 2)


@pytest.mark.parametrize("solver", ["nesterov", "closed_form"])
def test_ridge(line, rng, solver) -> None:
    X, y = line
    w = rng.uniform(size=len(X))
    model = LinearRegression(l2=0.3, solver=solver).fit(X, y, w)
    expected = Ridge(alpha=0.3 * w.sum(), tol=1e-12).fit(X, y, w)
    assert_allclose(model.coef_, expected.coef_, atol=1e-6)
    assert_allclose(model.intercept_, expected.intercept_, atol=1e-6)


@pytest.mark.parametrize(("batch_size", "epochs"), [(None, 2000), (20, 1000), (1, 200)])
def test_plain_descent_converges_to_the_least_squares_solution(rng, batch_size, epochs) -> None:
    """Without noise all rows have the same optimum, so that even single rows converge to it."""
    X = rng.normal(size=(60, 3))
    y = X @ [1.0, -2.0, 0.5] + 4
    model = LinearRegression(solver="plain", batch_size=batch_size, epochs=epochs).fit(X, y)
    assert_allclose(model.coef_, [1.0, -2.0, 0.5], atol=1e-6)
    assert_allclose(model.intercept_, 4, atol=1e-6)
    assert model.loss_curve_[-1] < 1e-9 < model.loss_curve_[0]


def test_a_weight_of_two_equals_a_repeated_row(line) -> None:
    X, y = line
    twice = LinearRegression(l2=0.1).fit(np.vstack([X, X[:50]]), np.append(y, y[:50]))
    weighted = LinearRegression(l2=0.1).fit(X, y, np.repeat([2.0, 1.0], [50, 150]))
    assert_allclose(weighted.coef_, twice.coef_, atol=1e-8)

    X = (X - X.mean(axis=0)) / X.std(axis=0)
    w = np.repeat([5.0, 1.0], [50, 150])
    plain, fast = (
        LinearRegression(l2=0.1, solver=solver).fit(X, y, w) for solver in ("plain", "nesterov")
    )
    assert_allclose(plain.coef_, fast.coef_, atol=1e-8)
    assert_allclose(plain.loss_curve_[-1], fast.loss_curve_[-1])


@pytest.mark.parametrize("lr", [None, 1e-3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_partial_fit_on_all_rows_is_an_epoch_of_plain_descent(rng, lr, dtype) -> None:
    X, y = rng.normal(size=(50, 3)).astype(dtype), rng.normal(size=50)
    w = rng.uniform(size=50)
    at_once = LinearRegression(solver="plain", lr=lr, l2=0.1, epochs=9).fit(X, y, w)
    parts = LinearRegression(lr=lr, l2=0.1)
    for _ in range(9):
        parts.partial_fit(X, y, w)
    assert_array_equal(parts.coef_, at_once.coef_)
    assert parts.intercept_ == at_once.intercept_ and parts.coef_.dtype == dtype
    assert_array_equal(parts.loss_curve_, at_once.loss_curve_)
    assert (np.diff(at_once.loss_curve_) < 0).all(), "a safe step never increases the loss"


def test_partial_fit_by_hand() -> None:
    """H = 0 has the errors -2 and -4; the gradient is -(2 + 12) / 2 and -(2 + 4) / 2."""
    model = LinearRegression(lr=0.1).partial_fit([[1.0], [3.0]], [2.0, 4.0])
    assert_allclose([model.coef_[0], model.intercept_], [0.7, 0.3])
    assert_allclose(model.loss_curve_, [(4 + 16) / 4])


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("lr", 0.0), ("l2", -1.0), ("epochs", 0), ("batch_size", 0.5), ("solver", "magic")],
)
def test_invalid_parameters_are_named(line, parameter, value) -> None:
    model = LinearRegression(**{parameter: value})
    for fit in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=f"{parameter} is {value!r}; allowed are"):
            fit(*line)


def test_predictions_do_not_depend_on_the_units_of_columns(line) -> None:
    X, y = line
    inches = X * [1 / 2.54, 1, 1, 1, 1]
    assert_allclose(
        LinearRegression().fit(inches, y).predict(inches),
        LinearRegression().fit(X, y).predict(X),
        atol=1e-6,
    )


def test_duplicated_and_constant_columns_do_not_change_predictions(rng) -> None:
    X = rng.normal(size=(50, 2))
    y = X @ [1.0, 2.0] + 3
    for more in (X, np.ones((50, 1)), np.zeros((50, 1))):
        wide = np.hstack([X, more])
        assert_allclose(LinearRegression().fit(wide, y).predict(wide), y, atol=1e-6)


def test_float32_stays_float32(line) -> None:
    X, y = line
    model = LinearRegression().fit(X.astype(np.float32), y)
    assert model.coef_.dtype == model.predict(X[:3].astype(np.float32)).dtype == np.float32
    assert_allclose(model.predict(X), LinearRegression().fit(X, y).predict(X), atol=1e-2)
