import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Lasso

from pipeline.engines.neural_network import NeuralNetworkClassifier, NeuralNetworkRegressor
from pipeline.from_scratch.layers import Affine
from pipeline.from_scratch.optimizers import SGD
from pipeline.from_scratch.sparsity import ProximalL1, soft_threshold


def test_soft_threshold_by_hand() -> None:
    W = np.array([[3.0, -3.0], [0.5, -0.5], [1.0, 0.0]])
    soft_threshold(W, 1.0)
    assert_allclose(W, [[2.0, -2.0], [0.0, 0.0], [0.0, 0.0]])


def test_with_sgd_on_the_squared_error_it_is_the_lasso(rng) -> None:
    """Proximal gradient descent converges to the minimum that scikit-learn finds."""
    X = rng.normal(size=(80, 6))
    y = X @ np.array([2.0, 0.0, -1.0, 0.0, 0.3, 0.0]) + 0.1 * rng.normal(size=80)
    theta = np.zeros(6)
    optimizer = ProximalL1(SGD(lr=0.1), theta.reshape(6, 1), l1=0.2)
    for _ in range(2000):
        optimizer.update(theta, X.T @ (X @ theta - y) / 80)
    expected = Lasso(alpha=0.2, fit_intercept=False, tol=1e-12).fit(X, y).coef_
    assert_allclose(theta, expected, atol=1e-8)
    assert 0 < np.sum(theta == 0) < 6


def test_the_learning_rate_applies_to_step_and_threshold() -> None:
    theta = np.array([1.0, 1.0])
    optimizer = ProximalL1(SGD(lr=1.0), theta[:1], l1=1.0)
    optimizer.lr = 0.25
    optimizer.update(theta, np.ones(2))
    assert_allclose(theta, [0.5, 0.75])


def first_weights(model: NeuralNetworkClassifier) -> np.ndarray:
    """The weights of the first hidden layer of the first network, (d_in, d_out)."""
    network = model._network(np.random.default_rng(0), model.theta_.dtype)
    network.theta[:] = model.theta_[0]
    return next(layer for layer in network.layers if isinstance(layer, Affine)).W


@pytest.mark.parametrize("more", [{}, {"averaging": 0.9}, {"scaling": 1.0}], ids=str)
def test_only_the_weights_of_noise_columns_become_0(rng, more) -> None:
    X = rng.normal(size=(1000, 12))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    settings = {"hidden": (32,), "n_networks": 1, "batch_size": 32, "weight_decay": 0.0, **more}
    ratio, tiny = {}, {}
    for sparsity in (0.0, 0.15):
        W = first_weights(NeuralNetworkClassifier(**settings, sparsity=sparsity).fit(X, y))
        size = np.abs(W).sum(axis=1)
        ratio[sparsity], tiny[sparsity] = size[:2].min() / size[2:].max(), np.mean(abs(W) < 0.01)
    assert ratio[0.15] > 1.5 * ratio[0.0]
    assert tiny[0.15] > 3 * tiny[0.0]


def test_sparsity_of_a_regressor_without_hidden_layers(rng) -> None:
    X = rng.normal(size=(1000, 8))
    y = 3 * X[:, 0] + rng.normal(size=1000)
    settings = {"hidden": (), "weight_decay": 0.0, "n_networks": 1, "batch_size": 32}
    model = NeuralNetworkRegressor(sparsity=0.3, **settings).fit(X, y)
    assert np.abs(model.theta_[0][1:8]).max() < 0.01
    assert model.theta_[0][0] > 0.5


def test_a_negative_sparsity_is_refused(rng) -> None:
    with pytest.raises(ValueError, match="sparsity is -1; allowed are numbers >= 0"):
        NeuralNetworkClassifier(sparsity=-1).fit(rng.normal(size=(4, 2)), [0, 1, 0, 1])
