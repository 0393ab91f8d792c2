import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.from_scratch import activations
from pipeline.from_scratch.activations import mish, relu, selu, sigmoid, softmax, step, tanh

ALL = [
    activations.step,
    activations.identity,
    activations.sigmoid,
    activations.tanh,
    activations.relu,
    activations.selu,
    activations.softplus,
    activations.mish,
    activations.softmax,
    activations.log_softmax,
]


def test_published_values() -> None:
    assert_array_equal(step([-1.0, 1.0, 2.0]), [0, 1, 1])
    assert_allclose(sigmoid([-1.0, 1.0, 2.0]), [0.26894142, 0.73105858, 0.88079708], atol=1e-8)
    assert_allclose(softmax([0.3, 2.9, 4.0]), [0.01821127, 0.24519181, 0.73659691], atol=1e-8)
    assert_array_equal(relu([-3, 0, 2]), [0, 0, 2])
    assert_allclose(selu([-1.0, 1.0]), [-1.1113307, 1.0507010], atol=1e-7)
    assert_allclose(mish([-1.0, 1.0]), [-0.3034015, 0.8650984], atol=1e-7)


@pytest.mark.parametrize("activation", ALL, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_arguments_do_not_overflow(activation, dtype) -> None:
    x = np.array([-1e4, -88.0, 0.0, 88.0, 1e4], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y = activation(x)
    assert np.isfinite(y).all() and y.dtype == dtype and y.shape == x.shape


def test_sigmoid_is_accurate_for_very_negative_arguments() -> None:
    assert_allclose(sigmoid(-500.0), np.exp(-500.0), rtol=1e-15)
    assert_allclose(sigmoid(3.0) + sigmoid(-3.0), 1)


def test_softmax_is_invariant_to_shifts_and_sums_to_one(rng) -> None:
    x = rng.normal(size=(5, 4))
    assert_allclose(softmax(x + 1000), softmax(x), rtol=1e-12)
    assert_allclose(softmax(x).sum(axis=1), 1)
    assert_allclose(np.log(softmax(x)), activations.log_softmax(x))


def test_tanh_is_a_rescaled_sigmoid(rng) -> None:
    x = rng.normal(size=20)
    assert_allclose(tanh(x), 2 * sigmoid(2 * x) - 1, rtol=1e-10)
