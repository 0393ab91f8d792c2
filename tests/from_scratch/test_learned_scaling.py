import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.from_scratch.layers import SquaredErrorLoss, Tanh
from pipeline.from_scratch.learned_scaling import LearnedScaling, ParametricActivation
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import Adam


def test_learned_scaling_is_initially_the_identity(rng) -> None:
    x = rng.normal(size=(5, 3))
    assert_allclose(LearnedScaling(3, lr_factor=6.0).forward(x), x, rtol=1e-15)


@pytest.mark.parametrize("lr_factor", [1.0, 6.0, 50.0])
def test_adam_moves_the_factors_lr_factor_times_as_fast(lr_factor) -> None:
    """Adam's first step is lr for every parameter, so that s moves by lr times lr_factor."""
    layer = LearnedScaling(1, lr_factor)
    network = Network([layer], SquaredErrorLoss())
    network.loss_and_gradient(np.array([[2.0], [1.0]]), np.zeros(2))
    Adam(lr=1e-3).update(network.theta, network.gradient)
    layer.forward(np.ones((1, 1)))
    assert layer.s == pytest.approx(1 - 1e-3 * lr_factor, rel=1e-6)


def test_alpha_interpolates_between_the_identity_and_the_activation(rng) -> None:
    x, layer = rng.normal(size=(5, 3)), ParametricActivation(3, Tanh())
    assert_array_equal(layer.forward(x), x + (np.tanh(x) - x))
    layer.alpha[:] = 0.0, 0.5, 1.0
    expected = np.stack([x[:, 0], (x[:, 1] + np.tanh(x[:, 1])) / 2, np.tanh(x[:, 2])], axis=1)
    assert_allclose(layer.forward(x), expected, rtol=1e-14)
