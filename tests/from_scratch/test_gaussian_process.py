import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.gaussian_process import GaussianProcessRegressor as Oracle
from sklearn.gaussian_process.kernels import ConstantKernel, Matern
from sklearn.metrics import log_loss

from pipeline.from_scratch import gaussian_process, length_scales
from pipeline.from_scratch.gaussian_process import (
    GaussianProcessClassifier,
    GaussianProcessRegressor,
    fitted_sigmoid,
    spread_sample,
)


@pytest.fixture
def waves(rng):
    """X (400, 6) and what a wave along column 0 and a step along column 1 make of it."""
    X = rng.normal(size=(400, 6))
    return X, np.sin(3 * X[:, 0]) + (X[:, 1] > 0) + 0.1 * rng.normal(size=400)


def test_scikit_learn_predicts_the_same_with_the_learned_kernel(waves) -> None:
    X, y = waves
    model = GaussianProcessRegressor(steps=20, exponent=1.0).fit(X[:300], y[:300])
    matern = Matern(model.length_scale_, nu=0.5)
    kernel = ConstantKernel(model.signal_) * matern + ConstantKernel(model.constant_)
    oracle = Oracle(kernel, alpha=model.noise_, optimizer=None, normalize_y=True)
    expected = oracle.fit(X[:300], y[:300]).predict(X[300:])
    assert_allclose(model.predict(X[300:]), expected, atol=1e-4)


def test_columns_that_tell_nothing_get_long_length_scales(waves) -> None:
    X, y = waves
    scales = GaussianProcessRegressor().fit(X, y).length_scale_
    assert scales[2:].min() > 3 * scales[:2].max()


def test_learned_length_scales_predict_fresh_rows_better_than_equal_ones(waves) -> None:
    X, y = waves
    equal, learned = (
        GaussianProcessRegressor(steps=steps).fit(X[:250], y[:250]).score(X[250:], y[250:])
        for steps in (0, 60)
    )
    assert learned > 0.85 > equal + 0.2


def test_where_the_columns_start_does_not_matter(waves) -> None:
    X, y = waves
    near = GaussianProcessRegressor(steps=10).fit(X, y).predict(X[:50])
    far = GaussianProcessRegressor(steps=10).fit(X + 1e5, y).predict(X[:50] + 1e5)
    assert_allclose(far, near, atol=1e-5)


@pytest.mark.parametrize("edges", [[0.5], [0.0, 1.0]])
def test_probabilities_are_right_as_often_as_they_say(waves, rng, edges) -> None:
    X, y = waves
    y = np.digitize(y + 0.5 * rng.normal(size=400), edges)
    model = GaussianProcessClassifier().fit(X[:250], y[:250])
    p = model.predict_proba(X[250:])
    assert_allclose(p.sum(axis=1), 1)
    shares = np.bincount(y[:250]) / 250
    assert log_loss(y[250:], p) < 0.8 * log_loss(y[250:], np.tile(shares, (150, 1)))
    right = model.predict(X[250:]) == y[250:]
    assert abs(p.max(axis=1).mean() - right.mean()) < 0.08  # two standard errors of 150 rows


def test_labels_by_chance_give_each_row_the_share(rng) -> None:
    X, y = rng.normal(size=(200, 3)), rng.permutation(np.repeat([0, 1], [160, 40]))
    p = GaussianProcessClassifier(steps=0).fit(X, y).predict_proba(rng.normal(size=(100, 3)))
    assert_allclose(p[:, 1], 0.2, atol=0.15)


def test_a_sigmoid_that_would_fall_is_replaced_by_the_share() -> None:
    label = np.repeat([True, False], [30, 70])
    slope, intercept = fitted_sigmoid(np.where(label, -1.0, 1.0), label)
    assert slope == 0
    assert 1 / (1 + np.exp(-intercept)) == pytest.approx(31 / 102)
    assert fitted_sigmoid(np.ones(8), np.ones(8, dtype=bool))[1] == pytest.approx(np.log(9))


def test_a_sample_is_spread_as_all_rows_are(rng) -> None:
    codes = rng.permutation(np.repeat([0, 1, 2], [9990, 3000, 10]))
    sample = spread_sample(codes, 1300, rng)
    assert len(set(sample)) == 1300
    assert_allclose(np.bincount(codes[sample]), [999, 300, 1], atol=1)
    assert_array_equal(spread_sample(codes, 13000, rng), np.arange(13000))
    rare = rng.permutation(np.repeat([0, 1, 2], [1, 5000, 1]))
    assert_array_equal(np.unique(rare[spread_sample(rare, 50, rng)]), [0, 1, 2])


def test_a_step_is_taken_in_float64_where_float32_leaves_no_inverse(rng) -> None:
    X = rng.normal(size=(500, 1))
    theta = np.log([1.0, 1e4, 1e-4, 1e-6])  # smooth, a strong signal, next to no noise
    others = X, X**2, length_scales.squared_error, 2.0
    with pytest.raises(np.linalg.LinAlgError):
        length_scales.loss_and_gradient(theta, X.astype(np.float32), *others[1:])
    quick = gaussian_process.quick_slope(theta, *others)
    exact = length_scales.loss_and_gradient(theta, *others)
    assert quick[0] == exact[0]
    assert_array_equal(quick[1], exact[1])


def test_a_quick_slope_is_nearly_the_exact_one(rng) -> None:
    X = np.hstack([rng.normal(size=(300, 3)), rng.integers(2, size=(300, 9))])
    Y = np.where(X[:, :1] + rng.normal(size=(300, 1)) > 0, 1.0, -1.0)
    theta = np.append(np.full(12, -2.0), [1.0, -2.0, -4.0])
    judge = length_scales.squared_error
    quick = gaussian_process.quick_slope(theta, X, Y, judge, 0.6)
    exact = length_scales.loss_and_gradient(theta, X, Y, judge, 0.6)
    assert quick[0] == pytest.approx(exact[0], rel=1e-4)
    assert_allclose(quick[1], exact[1], rtol=1e-3, atol=1e-4 * np.abs(exact[1]).max())


def test_of_many_rows_a_seeded_sample_is_fitted(waves) -> None:
    X, y = waves
    one, same, other = (
        GaussianProcessRegressor(steps=2, most_rows=100, seed=seed).fit(X, y) for seed in (0, 0, 1)
    )
    assert one.rows_.shape == (100, 6)
    assert_array_equal(one.weights_, same.weights_)
    assert not np.array_equal(one.rows_, other.rows_)


def test_a_constant_target_and_constant_columns_are_no_trouble() -> None:
    model = GaussianProcessRegressor(steps=3).fit(np.ones((5, 2)), np.full(5, 7.0))
    assert_allclose(model.predict(np.zeros((2, 2))), 7.0)


@pytest.mark.parametrize(
    "wrong",
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
def test_what_is_not_allowed_is_named(waves, wrong) -> None:
    X, y = waves
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*; allowed are"):
        GaussianProcessClassifier(**wrong).fit(X, y > 0)
