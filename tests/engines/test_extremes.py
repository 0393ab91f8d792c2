"""Numbers at the ends of float32 and float64, steps that are too long, weights of 0."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.engines.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from pipeline.engines.gradient_boosting import SymmetricTreesRegressor
from pipeline.engines.linear_regression import LinearRegression
from pipeline.engines.logistic_regression import LogisticRegression
from pipeline.engines.neural_network import NeuralNetworkClassifier, NeuralNetworkRegressor
from pipeline.engines.recurrent_network import RecurrentRegressor

SMALL = {"hidden": (8,), "epochs": 3, "n_networks": 1}


@pytest.fixture
def rows(rng):
    X = rng.normal(size=(60, 3)).astype(np.float32)
    return X, X[:, 0] * X[:, 1] + X[:, 2] + 0.1 * rng.normal(size=60)


@pytest.mark.parametrize("scale", [1e19, 1e-22, 1e40, 1e-300])
def test_a_gaussian_process_does_not_depend_on_the_scale_of_x(rows, scale) -> None:
    """A factor of all columns multiplies the length scales and changes no prediction."""
    X, y = rows
    dtype = np.float32 if 1e-38 < scale < 1e38 else np.float64
    scaled = (X.astype(float) * scale).astype(dtype)
    one, two = (GaussianProcessRegressor(steps=20).fit(each, y) for each in (X, scaled))
    assert_allclose(two.predict(scaled), one.predict(X), atol=1e-3)
    assert_allclose(two.length_scale_, one.length_scale_ * scale, rtol=1e-2)
    assert np.ptp(np.log(two.length_scale_)) > 0.1, "the length scales are fitted"
    probability = GaussianProcessClassifier(steps=5).fit(scaled, y > 0).predict_proba(scaled)
    expected = GaussianProcessClassifier(steps=5).fit(X, y > 0).predict_proba(X)
    assert_allclose(probability, expected, atol=1e-3)


@pytest.mark.parametrize("solver", ["nesterov", "closed_form"])
@pytest.mark.parametrize("scale", [1e155, 1e-200, (1e155, 1, 1e-200)], ids=str)
def test_least_squares_at_the_ends_of_float64(rows, solver, scale) -> None:
    X, y = rows[0].astype(float), rows[1]
    expected = LinearRegression(solver=solver).fit(X, y)
    model = LinearRegression(solver=solver).fit(X * scale, y)
    assert_allclose(model.predict(X * scale), expected.predict(X), atol=1e-6)
    assert_allclose(model.coef_ * scale, expected.coef_, atol=1e-6)


@pytest.mark.parametrize("scale", [1e155, 1e-200, 1e100])
@pytest.mark.parametrize("how", [{"l2": 0.0}, {"l1": 0.1}], ids=str)
def test_logistic_regression_at_the_ends_of_float64(rows, scale, how) -> None:
    """Units do not matter without a penalty, nor with the L1 one, which is relative to the data."""
    X = rows[0].astype(float)
    y = rows[1] + np.sin(9 * X[:, 1]) > 0
    expected = LogisticRegression(**how).fit(X, y)
    model = LogisticRegression(**how).fit(X * scale, y)
    assert_allclose(model.predict_proba(X * scale), expected.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("kind", [LinearRegression, LogisticRegression])
def test_a_safe_step_that_is_no_number_is_refused(rows, kind) -> None:
    X, y = rows[0].astype(float), rows[1] > 0
    with pytest.raises(ValueError, match=r"curvature of the loss is .*: scale the columns of X"):
        kind(solver="plain").fit(X * 1e155, y)


@pytest.mark.parametrize("kind", [LinearRegression, LogisticRegression])
@pytest.mark.parametrize(("dtype", "scale"), [(float, 1e-200), (float, 1e-20), (np.float32, 1e-25)])
def test_plain_descent_refuses_columns_that_it_would_not_see(rows, kind, dtype, scale) -> None:
    X, y = rows[0].astype(float), rows[1] > 0
    X[:, 1] *= scale
    with pytest.raises(ValueError, match=r"largest value is .*: scale the columns of X"):
        kind(solver="plain").fit(X.astype(dtype), y)


@pytest.mark.parametrize("size", [1e160, 1e-200])
@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        LinearRegression(solver="closed_form", l2=0.1),
        NeuralNetworkRegressor(**SMALL),
        RecurrentRegressor(**SMALL),
        GaussianProcessRegressor(steps=3),
        SymmetricTreesRegressor(n_trees=20),
    ],
    ids=lambda model: type(model).__name__,
)
def test_targets_of_any_size(rows, model, size) -> None:
    X, y = rows[0].astype(float), rows[1]
    expected = model.fit(X, y).predict(X)
    assert_allclose(model.fit(X, size * y).predict(X) / size, expected, atol=1e-6)
    assert model.score(X, size * y) == pytest.approx(model.fit(X, y).score(X, y), abs=1e-6)


def test_coefficients_that_are_no_numbers_are_refused(rows) -> None:
    X, y = rows[0].astype(float), rows[1]
    with pytest.raises(ValueError, match="coefficients leave the range of float64: scale X and y"):
        LinearRegression().fit(X * 1e-200, y * 1e160)


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(solver="plain", lr=0.1),
        LinearRegression(solver="plain", lr=0.1, batch_size=8),
        LinearRegression(lr=1e9, epochs=10_000),
        LogisticRegression(solver="plain", lr=1e9, l2=1.0),
        LogisticRegression(solver="nesterov", lr=1e9, l2=1.0),
        LogisticRegression(l1=0.1, lr=1e200),
        NeuralNetworkRegressor(lr=1e30, hidden=(8,), epochs=40, weight_decay=0.0),
    ],
    ids=str,
)
def test_divergence_is_one_error_that_names_the_learning_rate(rows, model) -> None:
    """Without a warning: pytest would raise it."""
    X, y = 30 * rows[0], rows[1]
    y = y > 0 if isinstance(model, LogisticRegression) else y
    with pytest.raises(ValueError, match=r"The loss is .*: scale X, or decrease lr, which is"):
        model.fit(X, y)
    if not getattr(model, "l1", 0):
        with pytest.raises(ValueError, match="decrease lr, which is"):
            for _ in range(1000):
                model.partial_fit(X, y)


def test_a_loss_that_rises_is_divergence_before_it_overflows(rows) -> None:
    model = LinearRegression(solver="plain", lr=0.1, epochs=5)
    with pytest.raises(
        ValueError, match=r"The loss rose from .* to .*: .*decrease lr, which is 0.1"
    ):
        model.fit(30 * rows[0], rows[1])


@pytest.mark.parametrize(
    ("model", "parameter"),
    [
        (LinearRegression(l2=np.inf), "l2"),
        (LinearRegression(lr=np.inf), "lr"),
        (LogisticRegression(l2=np.inf), "l2"),
        (NeuralNetworkRegressor(weight_decay=np.inf), "weight_decay"),
        (SymmetricTreesRegressor(l2=np.inf), "l2"),
        (LinearRegression(seed=None), "seed"),
        (LogisticRegression(seed=None), "seed"),
        (NeuralNetworkRegressor(seed=None), "seed"),
        (GaussianProcessRegressor(seed=-1), "seed"),
    ],
    ids=str,
)
def test_parameters_that_no_fit_can_use_are_named(rows, model, parameter) -> None:
    X, y = rows
    with pytest.raises(ValueError, match=f"^{parameter} is (inf|None|-1); allowed are"):
        model.fit(X, y > 0 if isinstance(model, LogisticRegression) else y)


@pytest.mark.parametrize("dtype", ["datetime64[ns]", "timedelta64[s]"])
def test_dates_are_refused(dtype) -> None:
    dates = np.arange(6).astype(dtype)
    for X, y in ((dates[:, None], np.arange(6)), (np.arange(6)[:, None], dates)):
        with pytest.raises(ValueError, match=r"[Xy] has dtype .*64.*; allowed are numbers"):
            LinearRegression().fit(X, y)


def test_rows_of_weight_0_are_not_held_out(rng) -> None:
    """Whatever half of the rows is held out: those of weight 0 are as if they were not there."""
    X, y = rng.normal(size=(80, 3)), rng.integers(2, size=80)
    weight = np.repeat([0.0, 1.0], 40)
    how = {"hidden": (8,), "n_networks": 1, "early_stopping": True, "epochs": 8, "dropout": 0.0}
    weighted = NeuralNetworkClassifier(**how).fit(X, y, weight)
    assert len(set(weighted.validation_curve_)) > 1
    alone = NeuralNetworkClassifier(**how).fit(X[40:], y[40:])
    assert_allclose(weighted.validation_curve_ / 2, alone.validation_curve_, rtol=1e-7)
    assert_array_equal(weighted.predict(X), alone.predict(X))
