import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.gaussian_process import GaussianProcessRegressor as Oracle
from sklearn.gaussian_process.kernels import ConstantKernel, Matern
from sklearn.metrics import log_loss

from pipeline.engines import gaussian_process, length_scales
from pipeline.engines.gaussian_process import (
    GaussianProcessClassifier,
    GaussianProcessRegressor,
    platt_scaling,
    stratified_sample,
)


@pytest.fixture
def sine_and_step(rng):
    """X (400, 6) and y, a sine of column 0 plus a step of column 1."""
    X = rng.normal(size=(400, 6))
    return X, np.sin(3 * X[:, 0]) + (X[:, 1] > 0) + 0.1 * rng.normal(size=400)


def test_scikit_learn_predicts_the_same_with_the_fitted_kernel(sine_and_step) -> None:
    X, y = sine_and_step
    model = GaussianProcessRegressor(steps=20, exponent=1.0).fit(X[:300], y[:300])
    matern = Matern(model.length_scale_, nu=0.5)
    kernel = ConstantKernel(model.signal_) * matern + ConstantKernel(model.constant_)
    oracle = Oracle(kernel, alpha=model.noise_, optimizer=None, normalize_y=True)
    expected = oracle.fit(X[:300], y[:300]).predict(X[300:])
    assert_allclose(model.predict(X[300:]), expected, atol=1e-4)


def test_uninformative_columns_get_long_length_scales(sine_and_step) -> None:
    X, y = sine_and_step
    scales = GaussianProcessRegressor().fit(X, y).length_scale_
    assert scales[2:].min() > 3 * scales[:2].max()


def test_fitted_length_scales_predict_unseen_rows_better_than_equal_ones(sine_and_step) -> None:
    X, y = sine_and_step
    equal, fitted = (
        GaussianProcessRegressor(steps=steps).fit(X[:250], y[:250]).score(X[250:], y[250:])
        for steps in (0, 60)
    )
    assert fitted > 0.85 > equal + 0.2


def test_predictions_are_invariant_to_a_shift_of_the_columns(sine_and_step) -> None:
    X, y = sine_and_step
    centred = GaussianProcessRegressor(steps=10).fit(X, y).predict(X[:50])
    shifted = GaussianProcessRegressor(steps=10).fit(X + 1e5, y).predict(X[:50] + 1e5)
    assert_allclose(shifted, centred, atol=1e-5)


@pytest.mark.parametrize("edges", [[0.5], [0.0, 1.0]])
def test_probabilities_are_calibrated(sine_and_step, rng, edges) -> None:
    X, y = sine_and_step
    y = np.digitize(y + 0.5 * rng.normal(size=400), edges)
    model = GaussianProcessClassifier().fit(X[:250], y[:250])
    p = model.predict_proba(X[250:])
    assert_allclose(p.sum(axis=1), 1)
    frequencies = np.bincount(y[:250]) / 250
    assert log_loss(y[250:], p) < 0.8 * log_loss(y[250:], np.tile(frequencies, (150, 1)))
    correct = model.predict(X[250:]) == y[250:]
    assert abs(p.max(axis=1).mean() - correct.mean()) < 0.08  # two standard errors of 150 rows


def test_random_labels_give_every_row_the_class_frequency(rng) -> None:
    X, y = rng.normal(size=(200, 3)), rng.permutation(np.repeat([0, 1], [160, 40]))
    p = GaussianProcessClassifier(steps=0).fit(X, y).predict_proba(rng.normal(size=(100, 3)))
    assert_allclose(p[:, 1], 0.2, atol=0.15)


def test_platt_scaling_with_a_negative_slope_gives_the_frequency() -> None:
    label = np.repeat([True, False], [30, 70])
    slope, intercept = platt_scaling(np.where(label, -1.0, 1.0), label)
    assert slope == 0
    assert 1 / (1 + np.exp(-intercept)) == pytest.approx(31 / 102)
    assert platt_scaling(np.ones(8), np.ones(8, dtype=bool))[1] == pytest.approx(np.log(9))


def test_a_stratified_sample_has_the_distribution_of_all_rows(rng) -> None:
    codes = rng.permutation(np.repeat([0, 1, 2], [9990, 3000, 10]))
    sample = stratified_sample(codes, 1300, rng)
    assert len(set(sample)) == 1300
    assert_allclose(np.bincount(codes[sample]), [999, 300, 1], atol=1)
    assert_array_equal(stratified_sample(codes, 13000, rng), np.arange(13000))
    rare = rng.permutation(np.repeat([0, 1, 2], [1, 5000, 1]))
    assert_array_equal(np.unique(rare[stratified_sample(rare, 50, rng)]), [0, 1, 2])


def test_float64_is_used_where_the_float32_kernel_matrix_is_singular(rng) -> None:
    X = rng.normal(size=(500, 1))
    theta = np.log([1.0, 1e4, 1e-4, 1e-6])  # smooth, a strong signal, hardly any noise
    arguments = X, X**2, length_scales.squared_error, 2.0
    with pytest.raises(np.linalg.LinAlgError):
        length_scales.loss_and_gradient(theta, X.astype(np.float32), *arguments[1:])
    fast = gaussian_process.fast_loss_and_gradient(theta, *arguments)
    exact = length_scales.loss_and_gradient(theta, *arguments)
    assert fast[0] == exact[0]
    assert_array_equal(fast[1], exact[1])


def test_the_float32_gradient_is_close_to_the_float64_one(rng) -> None:
    X = np.hstack([rng.normal(size=(300, 3)), rng.integers(2, size=(300, 9))])
    Y = np.where(X[:, :1] + rng.normal(size=(300, 1)) > 0, 1.0, -1.0)
    theta = np.append(np.full(12, -2.0), [1.0, -2.0, -4.0])
    loss_function = length_scales.squared_error
    fast = gaussian_process.fast_loss_and_gradient(theta, X, Y, loss_function, 0.6)
    exact = length_scales.loss_and_gradient(theta, X, Y, loss_function, 0.6)
    assert fast[0] == pytest.approx(exact[0], rel=1e-4)
    assert_allclose(fast[1], exact[1], rtol=1e-3, atol=1e-4 * np.abs(exact[1]).max())


def test_at_most_most_rows_are_sampled_by_seed(sine_and_step) -> None:
    X, y = sine_and_step
    one, same, other = (
        GaussianProcessRegressor(steps=2, most_rows=100, seed=seed).fit(X, y) for seed in (0, 0, 1)
    )
    assert one.rows_.shape == (100, 6)
    assert_array_equal(one.weights_, same.weights_)
    assert not np.array_equal(one.rows_, other.rows_)


def test_constant_target_and_constant_columns() -> None:
    model = GaussianProcessRegressor(steps=3).fit(np.ones((5, 2)), np.full(5, 7.0))
    assert_allclose(model.predict(np.zeros((2, 2))), 7.0)


@pytest.mark.parametrize(
    "parameter",
    [
        {"steps": -1},
        {"lr": 0.0},
        {"steps": 1.5},
        {"batch_size": 1},
        {"exponent": 2.5},
        {"most_rows": 1},
        {"steepness": 0.0},
    ],
)
def test_invalid_parameters_are_named(sine_and_step, parameter) -> None:
    X, y = sine_and_step
    with pytest.raises(ValueError, match=f"{next(iter(parameter))} is .*; allowed are"):
        GaussianProcessClassifier(**parameter).fit(X, y > 0)
