import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.from_scratch.branches import Branches
from pipeline.from_scratch.dropout import Dropout
from pipeline.from_scratch.embedding import Embedding
from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.layers import Affine, SoftmaxWithLoss, Tanh
from pipeline.from_scratch.network import Network


def mixed(rng) -> Branches:
    """Column 0 is in two branches, column 3 holds codes, column 1 in none."""
    numbers = [Affine(rng.normal(size=(2, 3))), Tanh()]
    return Branches([([0, 2], numbers), ([3], [Embedding(rng.normal(size=(4, 2)))]), ([4, 0], [])])


def rows(rng, n=6) -> np.ndarray:
    x = rng.normal(size=(n, 5))
    x[:, 3] = rng.integers(-1, 5, size=n)
    return x


def test_outputs_are_concatenated(rng) -> None:
    layer, x = mixed(rng), rows(rng)
    affine, _, embedding = layer.layers
    expected = [np.tanh(x[:, [0, 2]] @ affine.W), embedding.forward(x[:, [3]]), x[:, [4, 0]]]
    assert_array_equal(layer.forward(x), np.hstack(expected))


def test_gradients_of_a_column_in_two_branches_are_summed(rng) -> None:
    layer, x = mixed(rng), rows(rng)
    dy = rng.normal(size=layer.forward(x).shape)
    dx = layer.backward(dy)
    expected = numerical_gradient(lambda _: float(np.sum(layer.forward(x) * dy)), x)
    assert_allclose(dx, expected, rtol=1e-6, atol=1e-9)
    assert_array_equal(dx[:, [1, 3]], 0)


def test_a_network_includes_the_parameters_of_the_branches(rng) -> None:
    layer, x, y = mixed(rng), rows(rng), rng.integers(3, size=6)
    network = Network([layer, Affine(rng.normal(size=(7, 3)))], SoftmaxWithLoss())
    assert len(network.theta) == (2 * 3 + 3) + 4 * 2 + (7 * 3 + 3)
    assert network.n_weights == 2 * 3 + 4 * 2 + 7 * 3
    network.loss_and_gradient(x, y)
    expected = numerical_gradient(
        lambda _: network.loss.forward(network.forward(x), y), network.theta
    )
    assert_allclose(network.gradient, expected, rtol=1e-6, atol=1e-9)


def test_the_training_flag_reaches_the_layers_of_the_branches(rng) -> None:
    layer = Branches([([0, 1], [Dropout(0.5, rng)])])
    network = Network([layer, Affine(np.eye(2))], SoftmaxWithLoss())
    x = np.ones((50, 2))
    assert not np.array_equal(network.forward(x), x)
    assert_array_equal(network.predict(x), x)
