"""The networks that a beginner writes first: three matrices, two layers, and the paths downhill."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits

from pipeline.from_scratch import activations, initialisation
from pipeline.from_scratch.forward_pass import EXAMPLE, OUTPUT_LAYERS, forward
from pipeline.from_scratch.initial_scales import SCALES, loss_curve
from pipeline.from_scratch.optimizer_paths import (
    START,
    compared,
    path,
    valley,
    valley_gradient,
)
from pipeline.from_scratch.two_layer_network import TwoLayerNetwork, train


def test_the_forward_pass_of_the_example() -> None:
    """As in Saito, Deep Learning from Scratch, section 3.4: x = (1, 0.5)."""
    y = forward(EXAMPLE, np.array([[1.0, 0.5]]), "regression")
    assert_allclose(y, [[0.31682708, 0.69627909]], atol=1e-8)


def test_the_output_layer_suits_the_task() -> None:
    x = np.array([[1.0, 0.5], [-3.0, 9.0]])
    logits = forward(EXAMPLE, x, "regression")
    p = forward(EXAMPLE, x, "several classes")
    assert_allclose(p.sum(axis=1), 1)
    assert_allclose(np.log(p[:, 0] / p[:, 1]), logits[:, 0] - logits[:, 1])
    assert_allclose(forward(EXAMPLE, x, "two classes"), 1 / (1 + np.exp(-logits)))
    assert all(layer.loss(np.array([0.3, 0.7]), np.array([0, 1])) > 0
               for layer in OUTPUT_LAYERS.values())  # fmt: skip


def test_without_activations_the_three_matrices_are_one() -> None:
    x = np.array([[1.0, 0.5], [-3.0, 9.0], [0.0, 0.0]])
    y = forward(EXAMPLE, x, "regression", activations.identity)
    W = EXAMPLE.W1 @ EXAMPLE.W2 @ EXAMPLE.W3
    assert_allclose(y - y[2], x @ W)


@pytest.fixture(scope="module")
def digits():
    X, t = load_digits(return_X_y=True)
    return X[:100] / 16, t[:100]


def test_both_gradients_are_the_same_and_both_train(digits) -> None:
    X, t = digits
    networks = [TwoLayerNetwork(64, 3, 10, np.random.default_rng(0)) for _ in range(2)]
    numerical, backward = networks[0].numerical_gradient(X, t), networks[0].gradient(X, t)
    for name in numerical:
        assert_allclose(numerical[name], backward[name], rtol=1e-5, atol=1e-9)

    curves = [
        train(network, X, t, gradient, lr=0.5, epochs=2, batch_size=50,
              rng=np.random.default_rng(1))
        for network, gradient in zip(
            networks, (networks[0].numerical_gradient, networks[1].gradient), strict=True
        )
    ]  # fmt: skip
    assert_allclose(curves[0], curves[1], rtol=1e-6)


def test_backpropagation_learns_the_digits(digits) -> None:
    X, t = digits
    network = TwoLayerNetwork(64, 30, 10, np.random.default_rng(0))
    curve = train(
        network, X, t, network.gradient, lr=0.5, epochs=150, batch_size=20,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert network.accuracy(X, t) == 1 and curve[-1] < 0.1 < 1 < curve[0]


def test_every_optimizer_reaches_the_valleys_floor() -> None:
    """SGD by its formula: x (1 - lr/10)ᵗ, y (1 - 2 lr)ᵗ."""
    paths = {name: path(optimizer, 60) for name, optimizer in compared().items()}
    assert_allclose(paths["SGD"][:, 0], -7 * (1 - 0.095) ** np.arange(61))
    assert_allclose(paths["SGD"][:, 1], 2 * (1 - 1.9) ** np.arange(61.0))
    for points in paths.values():
        assert tuple(points[0]) == START and valley(points[-1]) < valley(points[0]) / 20
    crossings = {n: np.count_nonzero(np.diff(np.sign(p[:30, 1]))) for n, p in paths.items()}
    assert crossings["SGD"] == 29 and crossings["AdaGrad"] < 3
    assert_allclose(valley_gradient(np.array([-7.0, 2.0])), [-0.7, 4])


def test_initial_values_and_what_is_left_of_the_input(rng) -> None:
    """Five layers: std 1 saturates the sigmoid, 0.01 makes all units alike, Xavier does neither."""

    def last(initialise, activation):
        return initialisation.hidden_activations(rng, initialise, activation)[-1]

    def std(value):
        return lambda *shape: initialisation.fixed_std(*shape, std=value)

    saturated = last(std(1.0), activations.sigmoid)
    assert np.mean((saturated < 0.01) | (saturated > 0.99)) > 0.5
    assert last(std(0.01), activations.sigmoid).std(axis=0).mean() < 1e-6
    spread = last(initialisation.xavier, activations.tanh)
    assert 0.3 < spread.std() < 0.8
    he, xavier = (
        initialisation.hidden_activations(np.random.default_rng(0), kind, activations.relu)[-1]
        for kind in (initialisation.he, initialisation.xavier)
    )
    assert_allclose(he, xavier * 2**2.5)  # ReLU halves the second moment at each of five layers


def test_batch_normalisation_learns_from_more_initial_scales(digits) -> None:
    learnt = {}
    for normalised in (False, True):
        curves = [loss_curve(*digits, s, normalised=normalised) for s in SCALES[:12:3]]
        learnt[normalised] = [len(c) == 10 and c[-1] < 1.5 for c in curves]
    assert len(SCALES) == 16 and all(learnt[True]) and sum(learnt[False]) <= 2
