import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.engines.neural_network import NeuralNetworkClassifier, NeuralNetworkRegressor
from pipeline.from_scratch.batch_ensemble import (
    PerSubmodelLoss,
    ScaleEnsemble,
    SubmodelsAsColumns,
)
from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.layers import Affine, SoftmaxWithLoss, SquaredErrorLoss, Tanh
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.numerical_embeddings import AffineByColumn

M = 4  # submodels


def test_a_submodel_is_a_network_with_scaled_weights(rng) -> None:
    """Submodel m is tanh((x r_m) W) V_m: a plain network with the weights diag(r_m) W."""
    x, W, V = rng.normal(size=(6, 3)), rng.normal(size=(3, 5)), rng.normal(size=(M, 5, 2))
    scale = ScaleEnsemble(3, M, rng)
    scale.r[:] = rng.normal(size=M * 3)
    pieces = [scale, Affine(W), Tanh(), SubmodelsAsColumns(M), AffineByColumn(V)]
    y = Network(pieces, SoftmaxWithLoss()).forward(x).reshape(6, M, 2)
    for m, r in enumerate(scale.r.reshape(M, 3)):
        assert_allclose(y[:, m], np.tanh(x @ (r[:, None] * W)) @ V[m])


def test_the_factors_are_initially_random_signs(rng) -> None:
    r = ScaleEnsemble(50, 40, rng).r
    assert_array_equal(np.abs(r), 1)
    assert np.mean(r) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [False, True])
def test_the_loss_is_the_mean_of_the_submodels_losses(rng, classes, weighted) -> None:
    loss, k = (SoftmaxWithLoss(0.1), 3) if classes else (SquaredErrorLoss(), 1)
    target = rng.integers(3, size=5) if classes else rng.normal(size=5)
    weight = rng.uniform(size=5) if weighted else None
    z, ensemble_loss = rng.normal(size=(5, M * k)), PerSubmodelLoss(loss, M)
    each = [loss.forward(part, target, weight) for part in np.split(z, M, axis=1)]
    assert ensemble_loss.forward(z, target, weight) == pytest.approx(np.mean(each))
    error = ensemble_loss.backward()
    expected = numerical_gradient(lambda z: ensemble_loss.forward(z, target, weight), z)
    assert_allclose(error, expected, rtol=1e-6, atol=1e-9)


def test_probabilities_of_all_submodels_are_averaged(rng) -> None:
    X, y = rng.normal(size=(60, 3)), rng.integers(3, size=60)
    model = NeuralNetworkClassifier(submodels=M, n_networks=2, epochs=3, hidden=(8,)).fit(X, y)
    mean = np.zeros((60, 3))
    for theta in model.theta_:
        network = model._network(np.random.default_rng(0), np.dtype(float))
        network.theta[:] = theta
        p = np.exp(network.predict(X).reshape(60, M, 3))
        mean += (p / p.sum(axis=2, keepdims=True)).mean(axis=1) / 2
    assert_allclose(model.predict_proba(X), mean)


def test_each_submodel_fits_the_target_and_they_differ(rng) -> None:
    X = rng.normal(size=(600, 6))
    y = X[:, 0] * X[:, 1] + 0.5 * rng.normal(size=600)
    model = NeuralNetworkRegressor(submodels=8, n_networks=1, weight_decay=0.1, lr=0.01)
    outputs = np.array(model.fit(X[:400], y[:400])._outputs(X[400:]))[:, :, 0]
    y = (y[400:] - model.target_mean_) / model.target_scale_
    assert np.mean((outputs - y) ** 2, axis=1).max() < 0.5 * np.mean(y**2)
    assert outputs.std(axis=0).mean() > 0.05
