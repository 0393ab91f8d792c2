import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.layers import Affine, SoftmaxWithLoss, SquaredErrorLoss, Tanh
from pipeline.from_scratch.members import EachMember, Members, SideBySide
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.neural_network import NeuralNetworkClassifier, NeuralNetworkRegressor
from pipeline.from_scratch.numerical_embeddings import AffineByColumn

MEMBERS = 4


def test_members_are_networks_apart_that_share_weights(rng) -> None:
    """Member m is tanh((x r_m) W) V_m: the same as a plain network with the weights diag(r_m) W."""
    x, W, V = rng.normal(size=(6, 3)), rng.normal(size=(3, 5)), rng.normal(size=(MEMBERS, 5, 2))
    members = Members(3, MEMBERS, rng)
    members.r[:] = rng.normal(size=MEMBERS * 3)
    pieces = [members, Affine(W), Tanh(), SideBySide(MEMBERS), AffineByColumn(V)]
    y = Network(pieces, SoftmaxWithLoss()).forward(x).reshape(6, MEMBERS, 2)
    for m, r in enumerate(members.r.reshape(MEMBERS, 3)):
        assert_allclose(y[:, m], np.tanh(x @ (r[:, None] * W)) @ V[m])


def test_the_factors_start_as_random_signs(rng) -> None:
    r = Members(50, 40, rng).r
    assert_array_equal(np.abs(r), 1)
    assert np.mean(r) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [False, True])
def test_the_loss_is_the_mean_of_the_members_losses(rng, classes, weighted) -> None:
    loss, k = (SoftmaxWithLoss(0.1), 3) if classes else (SquaredErrorLoss(), 1)
    target = rng.integers(3, size=5) if classes else rng.normal(size=5)
    weight = rng.uniform(size=5) if weighted else None
    z, together = rng.normal(size=(5, MEMBERS * k)), EachMember(loss, MEMBERS)
    each = [loss.forward(part, target, weight) for part in np.split(z, MEMBERS, axis=1)]
    assert together.forward(z, target, weight) == pytest.approx(np.mean(each))
    error = together.backward()
    expected = numerical_gradient(lambda z: together.forward(z, target, weight), z)
    assert_allclose(error, expected, rtol=1e-6, atol=1e-9)


def test_probabilities_of_all_members_are_averaged(rng) -> None:
    X, y = rng.normal(size=(60, 3)), rng.integers(3, size=60)
    model = NeuralNetworkClassifier(members=MEMBERS, n_networks=2, epochs=3, hidden=(8,)).fit(X, y)
    mean = np.zeros((60, 3))
    for theta in model.theta_:
        network = model._network(np.random.default_rng(0), np.dtype(float))
        network.theta[:] = theta
        p = np.exp(network.predict(X).reshape(60, MEMBERS, 3))
        mean += (p / p.sum(axis=2, keepdims=True)).mean(axis=1) / 2
    assert_allclose(model.predict_proba(X), mean)


def test_each_member_learns_for_itself_and_they_disagree(rng) -> None:
    X = rng.normal(size=(600, 6))
    y = X[:, 0] * X[:, 1] + 0.5 * rng.normal(size=600)
    model = NeuralNetworkRegressor(members=8, n_networks=1, weight_decay=0.1, lr=0.01)
    outputs = np.array(model.fit(X[:400], y[:400])._outputs(X[400:]))[:, :, 0]
    y = (y[400:] - model.target_mean_) / model.target_scale_
    assert np.mean((outputs - y) ** 2, axis=1).max() < 0.5 * np.mean(y**2)
    assert outputs.std(axis=0).mean() > 0.05
