import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network import MLPClassifier, MLPRegressor

from pipeline.from_scratch.batch_normalisation import BatchNormalisation
from pipeline.from_scratch.branches import Branches
from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.initialisation import he
from pipeline.from_scratch.layers import (
    AbsoluteErrorLoss,
    Affine,
    Loss,
    Relu,
    SigmoidWithLoss,
    SoftmaxWithLoss,
    SquaredErrorLoss,
    Tanh,
)
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import SGD, Adam, Momentum, Nesterov
from pipeline.from_scratch.training import Training


def small(rng, loss: Loss, k: int, dtype=np.float64) -> Network:
    pieces = [Affine(he(rng, 4, 5)), BatchNormalisation(5), Tanh(), Affine(he(rng, 5, k))]
    return Network(pieces, loss, dtype)


def test_gradient_matches_finite_differences(rng) -> None:
    network = small(rng, SoftmaxWithLoss(smoothing=0.1), 3)
    x, y, w = rng.normal(size=(6, 4)), rng.integers(3, size=6), rng.uniform(size=6)
    network.loss_and_gradient(x, y, w)
    expected = numerical_gradient(
        lambda _: network.loss.forward(network.forward(x), y, w), network.theta
    )
    assert_allclose(network.gradient, expected, rtol=1e-6, atol=1e-9)


def test_layers_hold_views_and_weights_come_first(rng) -> None:
    network = small(rng, SoftmaxWithLoss(), 3, np.float32)
    first, normalisation, _, last = network.layers
    assert network.n_weights == 4 * 5 + 5 * 3
    assert len(network.theta) == network.n_weights + 5 + 5 + 5 + 3 + 2 * 5
    network.theta[: network.n_weights] = 7
    network.theta[network.n_weights :] = 8
    assert (first.W == 7).all() and (last.W == 7).all()
    assert all((p == 8).all() for p in (first.b, last.b, normalisation.gamma, normalisation.beta))
    assert network.theta.dtype == first.dW.dtype == np.float32


@pytest.mark.parametrize(
    ("loss", "k"),
    [
        (SoftmaxWithLoss(smoothing=0.1), 3),
        (SigmoidWithLoss(), 1),
        (SquaredErrorLoss(), 1),
        (AbsoluteErrorLoss(), 1),
    ],
)
@pytest.mark.parametrize("weight", [None, np.ones(6), np.ones(6, np.float32)])
def test_float32_stays_float32(rng, loss, k, weight) -> None:
    network = small(rng, loss, k, np.float32)
    x = rng.normal(size=(6, 4)).astype(np.float32)
    assert network.forward(x).dtype == network.predict(x).dtype == np.float32
    network.loss_and_gradient(x, np.arange(6.0) % 2 if k == 1 else np.arange(6) % k, weight)
    assert network.loss.backward().dtype == np.float32


def test_prediction_does_not_depend_on_the_other_rows(rng) -> None:
    network = small(rng, SoftmaxWithLoss(), 3)
    x = rng.normal(size=(5000, 4))
    prediction = network.predict(x)
    assert prediction.shape == (5000, 3)
    assert_allclose(network.predict(x[4500:4501]), prediction[4500:4501], rtol=1e-9)


def test_an_output_is_not_overwritten_later(rng) -> None:
    network = small(rng, SoftmaxWithLoss(), 3)
    for training in (True, False):
        output = network.forward(rng.normal(size=(6, 4)), training=training)
        before = output.copy()
        network.loss_and_gradient(rng.normal(size=(6, 4)), np.arange(6) % 3)
        network.predict(rng.normal(size=(6, 4)))
        assert_array_equal(output, before)


def test_a_layer_stands_in_one_place_of_one_network(rng) -> None:
    """Its gradient would be that of one of the places alone."""
    W, tanh = rng.normal(size=(3, 3)), Tanh()
    with pytest.raises(ValueError, match="The layer Tanh is in this network twice"):
        Network([Affine(W), tanh, Affine(W), tanh], SoftmaxWithLoss())
    with pytest.raises(ValueError, match="twice"):
        Network([Branches([([0, 1, 2], [tanh]), ([0, 1, 2], [tanh])])], SoftmaxWithLoss())
    first = Affine(W)
    network = Network([first, tanh], SoftmaxWithLoss())
    with pytest.raises(ValueError, match="The layer Affine is in another network"):
        Network([first, Tanh()], SoftmaxWithLoss())
    copied = copy.deepcopy(network)
    assert not np.shares_memory(copied.layers[0].W, network.theta)
    del network
    Network([first, copy.deepcopy(first)], SoftmaxWithLoss())


def with_weights_of(oracle) -> Network:
    """A network with scikit-learn's weights."""
    last = len(oracle.coefs_) - 1
    pieces = []
    for i, (W, b) in enumerate(zip(oracle.coefs_, oracle.intercepts_, strict=True)):
        pieces += [Affine(W.copy(), b.copy()), *([Relu()] if i < last else [])]
    regression = isinstance(oracle, MLPRegressor)
    return Network(pieces, SquaredErrorLoss() if regression else SoftmaxWithLoss())


@pytest.mark.parametrize("solver", [Adam, SGD, Momentum, Nesterov])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_weights_equal_scikit_learns_after_the_same_steps(rng, kind, solver) -> None:
    X, y = rng.normal(size=(90, 6)), rng.integers(3, size=90)
    settings = {
        "solver": "adam" if solver is Adam else "sgd",
        "momentum": 0.0 if solver is SGD else 0.9,
        "nesterovs_momentum": solver is Nesterov,
        "learning_rate_init": 1e-300,  # the first fit only draws the weights
    }
    oracle = kind(
        hidden_layer_sizes=(8, 5),
        alpha=0.0,
        epsilon=1e-14,
        batch_size=40,
        shuffle=False,
        max_iter=1,
        **settings,
    )
    oracle.set_params(warm_start=True, random_state=0).fit(X, y)
    network = with_weights_of(oracle)
    oracle.set_params(learning_rate_init=0.01, max_iter=4, n_iter_no_change=99).fit(X, y)

    lr = (
        0.01 if kind is MLPClassifier or solver is Adam else 0.005
    )  # its squared error is half of ours
    optimizer = Adam(epsilon=1e-14) if solver is Adam else solver()
    data = X, y if kind is MLPClassifier else y.astype(float), np.ones(90)
    Training(lr=lr, epochs=4, batch_size=40).run(network, data, optimizer, rng=None)

    for layer, W, b in zip(network.layers[::2], oracle.coefs_, oracle.intercepts_, strict=True):
        assert_allclose(layer.W, W, atol=1e-5)
        assert_allclose(layer.b, b, atol=1e-5)


def test_early_stopping_restores_the_best_weights(rng) -> None:
    X, y = (
        rng.normal(size=(40, 4)),
        rng.integers(3, size=40),
    )  # noise: more training can only overfit
    train, validation = (X[:20], y[:20], np.ones(20)), (X[20:], y[20:], np.ones(20))
    network = small(rng, SoftmaxWithLoss(), 3)
    training = Training(lr=0.05, epochs=500, batch_size=10, patience=5)
    losses, validation_losses = training.run(network, train, Adam(), rng, validation)
    assert len(losses) == len(validation_losses) < 500
    assert len(losses) == np.argmin(validation_losses) + 1 + 5
    loss = network.loss.forward(network.predict(validation[0]), validation[1])
    assert loss == min(validation_losses)


def test_validation_rows_of_weight_0_are_refused(rng) -> None:
    """Their loss is 0 in every epoch, so that the first would be the best."""
    data = rng.normal(size=(20, 4)), rng.integers(3, size=20), np.ones(20)
    validation = (*data[:2], np.zeros(20))
    with pytest.raises(ValueError, match="All validation rows have weight 0"):
        Training(0.01, 5, 10).run(small(rng, SoftmaxWithLoss(), 3), data, Adam(), rng, validation)


def test_a_diverging_loss_raises_one_error_and_no_warning(rng) -> None:
    network = small(rng, SquaredErrorLoss(), 1)
    data = rng.normal(size=(20, 4)), rng.normal(size=20), np.ones(20)
    with pytest.raises(
        ValueError, match=r"The loss is (inf|nan): scale X, or decrease lr, which is 1e\+09"
    ):
        Training(lr=1e9, epochs=50, batch_size=5).run(network, data, SGD(), rng)


class RecordingOptimizer:
    """An optimizer that changes nothing and records its learning rates."""

    lr = 0.0

    def __init__(self) -> None:
        self.learning_rates: list[float] = []

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        self.learning_rates.append(self.lr)


def test_an_epoch_without_steps_returns_the_loss_of_all_rows(rng) -> None:
    network = small(rng, SquaredErrorLoss(), 1)
    network.layers.pop(1)
    X, y = rng.normal(size=(23, 4)), rng.normal(size=23)
    optimizer = RecordingOptimizer()
    training = Training(lr=2.0, epochs=2, batch_size=10, schedule=lambda t: t)
    losses, _ = training.run(network, (X, y, np.ones(23)), optimizer, rng)
    assert losses == pytest.approx([network.loss.forward(network.predict(X), y)] * 2)
    assert optimizer.learning_rates == pytest.approx([2 * step / 6 for step in range(6)])
