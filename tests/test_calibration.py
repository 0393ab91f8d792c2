"""Temperatures against SciPy's minimum and what the labels were made of."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from pipeline.calibration import (
    HIGHEST,
    LOWEST,
    MOST_ROWS,
    inverse_temperature,
    temperature_scale,
)


def drawn(rng, p):
    return (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("truth", [0.05, 0.4, 1.0, 2.5, 20.0])
def test_the_log_loss_is_least_where_scipy_finds_it_least(classes, truth):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2000, classes))
    p, y = softmax(z, axis=1), drawn(rng, softmax(truth * z, axis=1))

    def loss(s):
        return -np.log(temperature_scale(p, s)[np.arange(len(y)), y]).mean()

    oracle = minimize_scalar(loss, bounds=(LOWEST, HIGHEST), method="bounded")
    assert inverse_temperature(y, p) == pytest.approx(oracle.x, abs=1e-4)
    assert loss(inverse_temperature(y, p)) <= loss(1.0)


def test_of_very_many_rows_a_part_finds_the_same_temperature():
    """Within 3.5 standard errors, which are 1.15% of it in samples of so many rows."""
    rng = np.random.default_rng(2)
    z = rng.normal(size=(4 * MOST_ROWS, 3))
    y = drawn(rng, softmax(1.6 * z, axis=1))
    assert inverse_temperature(y, softmax(z, axis=1)) == pytest.approx(1.6, rel=0.04)


def test_a_certain_prediction_that_is_always_right_stays_within_bounds():
    p = np.tile([1.0, 0.0], (10, 1))
    for y in (np.zeros(10, int), np.ones(10, int)):
        s = inverse_temperature(y, p)
        assert LOWEST <= s <= HIGHEST
        assert np.isfinite(temperature_scale(p, s)).all()


def test_scaling_divides_the_log_odds_by_the_temperature():
    p = np.array([[0.2, 0.8]])
    (scaled,) = temperature_scale(p, 1 / 2.0)
    assert np.log(scaled[1] / scaled[0]) == pytest.approx(np.log(4) / 2)


def test_scaling_keeps_the_order_and_sums_to_one():
    p = softmax(np.random.default_rng(1).normal(size=(50, 4)), axis=1)
    for s in (0.3, 1.0, 4.0):
        q = temperature_scale(p, s)
        np.testing.assert_allclose(q.sum(axis=1), 1)
        np.testing.assert_array_equal(q.argsort(axis=1), p.argsort(axis=1))
    np.testing.assert_allclose(temperature_scale(p, 1.0), p)
