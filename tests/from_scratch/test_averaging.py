import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.from_scratch.averaging import MovingAverage, temporarily, trained_weights
from pipeline.from_scratch.layers import Affine, SquaredErrorLoss
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import SGD, Adam
from pipeline.from_scratch.training import Training


def test_the_average_by_hand() -> None:
    """theta is 1, 2, 4; with decay ½ the weights are 1 : 2 : 4, so (1 + 4 + 16) / 7 = 3."""
    theta = np.array([2.0])
    optimizer = MovingAverage(SGD(1.0), theta, decay=0.5)
    for gradient, average in [(1.0, 1.0), (-1.0, (1 + 2 * 2) / 3), (-2.0, 3.0)]:
        optimizer.update(theta, np.array([gradient]))
        assert_allclose(optimizer.average, [average])
    assert theta == 4


def test_a_decay_close_to_1_gives_the_plain_mean(rng) -> None:
    theta, path = np.zeros(3), []
    optimizer = MovingAverage(SGD(0.1), theta, decay=1 - 1e-9)
    for _ in range(50):
        optimizer.update(theta, rng.normal(size=3))
        path.append(theta.copy())
    assert_allclose(optimizer.average, np.mean(path, axis=0), rtol=1e-6)


def test_the_steps_are_those_of_the_wrapped_optimizer(rng) -> None:
    one, two = np.zeros(3), np.zeros(3)
    plain, averaged = Adam(0.1), MovingAverage(Adam(0.5), two, decay=0.9)
    averaged.lr = 0.1
    assert averaged.lr == averaged.optimizer.lr == 0.1
    for _ in range(5):
        gradient = rng.normal(size=3)
        plain.update(one, gradient)
        averaged.update(two, gradient)
    assert_array_equal(one, two)
    assert trained_weights(one, plain) is one
    assert trained_weights(two, averaged) is averaged.average


def test_the_average_is_less_noisy_than_the_last_weights(rng) -> None:
    """With a constant learning rate theta fluctuates about 0, its average much less so."""
    last, mean = [], []
    for _ in range(200):
        theta = np.array([1.0])
        optimizer = MovingAverage(SGD(0.5), theta, decay=0.98)
        for _ in range(200):
            optimizer.update(theta, theta + rng.normal(size=1))
        last.append(theta[0])
        mean.append(optimizer.average[0])
    assert np.std(mean) < np.std(last) / 3


def test_theta_is_restored_even_after_an_error() -> None:
    theta = np.zeros(2)
    with pytest.raises(KeyError), temporarily(theta, np.ones(2)):
        assert_array_equal(theta, 1)
        raise KeyError
    assert_array_equal(theta, 0)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_training_validates_and_keeps_the_average(rng, early_stopping) -> None:
    X, y = rng.normal(size=(60, 3)), rng.normal(size=60)
    train, validation = (X[:40], y[:40], np.ones(40)), (X[40:], y[40:], np.ones(20))
    network = Network([Affine(np.zeros((3, 1)))], SquaredErrorLoss())
    optimizer = MovingAverage(SGD(0.1), network.theta, decay=0.95)
    training = Training(lr=0.1, epochs=30, batch_size=4, patience=4)
    _, losses = training.run(network, train, optimizer, rng, validation if early_stopping else None)
    if early_stopping:
        loss = network.loss.forward(network.predict(validation[0]), validation[1])
        assert loss == min(losses)
    else:
        assert_array_equal(network.theta, optimizer.average)
