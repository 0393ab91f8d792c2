"""One number for how sure a model is, against SciPy's minimum and what the labels were made of."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from pipeline.calibration import HIGHEST, LOWEST, sharpened, sharpness


def softmax(z):
    p = np.exp(z)
    return p / p.sum(axis=1, keepdims=True)


def drawn(rng, p):
    return (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("truth", [0.05, 0.4, 1.0, 2.5, 20.0])
def test_the_log_loss_is_least_where_scipy_finds_it_least(classes, truth):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2000, classes))
    p, y = softmax(z), drawn(rng, softmax(truth * z))

    def loss(s):
        return -np.log(sharpened(p, s)[np.arange(len(y)), y]).mean()

    oracle = minimize_scalar(loss, bounds=(LOWEST, HIGHEST), method="bounded")
    assert sharpness(y, p) == pytest.approx(oracle.x, abs=1e-4)
    assert loss(sharpness(y, p)) <= loss(1.0)


def test_a_sure_answer_that_is_always_right_stays_within_bounds():
    p = np.tile([1.0, 0.0], (10, 1))
    for y in (np.zeros(10, int), np.ones(10, int)):
        s = sharpness(y, p)
        assert LOWEST <= s <= HIGHEST
        assert np.isfinite(sharpened(p, s)).all()


def test_sharpening_keeps_the_order_and_sums_to_one():
    p = softmax(np.random.default_rng(1).normal(size=(50, 4)))
    for s in (0.3, 1.0, 4.0):
        q = sharpened(p, s)
        np.testing.assert_allclose(q.sum(axis=1), 1)
        np.testing.assert_array_equal(q.argsort(axis=1), p.argsort(axis=1))
    np.testing.assert_allclose(sharpened(p, 1.0), p)
