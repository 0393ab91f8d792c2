import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.initialisation import lecun, orthogonal
from pipeline.from_scratch.layers import Affine, Layer, SigmoidWithLoss
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import Adam, clip_norm
from pipeline.from_scratch.recurrent import LastStep, Recurrent, Repeat, StepsAsRows


def cell(rng, d_in: int, d: int, **settings) -> Recurrent:
    return Recurrent(lecun(rng, d_in, d), orthogonal(rng, d), **settings)


def many_to_many(rng) -> list[Layer]:
    return [cell(rng, 2, 4), StepsAsRows(), Affine(lecun(rng, 4, 1))]


def many_to_one(rng) -> list[Layer]:
    return [cell(rng, 2, 4), LastStep(), Affine(lecun(rng, 4, 1))]


def one_to_many(rng) -> list[Layer]:
    return [Affine(lecun(rng, 10, 2)), Repeat(5), *many_to_many(rng)]


@pytest.mark.parametrize("build", [many_to_many, many_to_one, one_to_many])
def test_finite_differences_through_time(build, rng) -> None:
    network = Network(build(rng), SigmoidWithLoss())
    x = rng.normal(size=(3, 10)) if build is one_to_many else rng.normal(size=(3, 5, 2))
    target = rng.integers(2, size=3 if build is many_to_one else 15)
    network.loss_and_gradient(x, target)
    expected = numerical_gradient(
        lambda _: network.loss.forward(network.forward(x), target), network.theta
    )
    assert_allclose(network.gradient, expected, rtol=1e-6, atol=1e-9)


def test_gradient_with_respect_to_the_sequence(rng) -> None:
    layer, x, dy = cell(rng, 2, 4), rng.normal(size=(3, 5, 2)), rng.normal(size=(3, 5, 4))
    layer.forward(x)
    dx = layer.backward(dy)
    expected = numerical_gradient(lambda x: float(np.sum(layer.forward(x) * dy)), x)
    assert_allclose(dx, expected, rtol=1e-6, atol=1e-9)


def test_truncated_is_the_full_way_back_on_pieces_with_the_state_carried(rng) -> None:
    whole = cell(rng, 2, 4, truncate=3)
    pieces = Recurrent(whole.Wx, whole.Wh, stateful=True)
    x, dy = rng.normal(size=(2, 6, 2)), rng.normal(size=(2, 6, 4))
    h = whole.forward(x)
    dx = whole.backward(dy)
    total = 0.0
    for start in (0, 3):
        steps = slice(start, start + 3)
        assert_allclose(pieces.forward(x[:, steps]), h[:, steps])
        assert_allclose(pieces.backward(dy[:, steps]), dx[:, steps])
        total = total + pieces.dWh
    assert_allclose(whole.dWh, total)


def test_state_is_carried_only_where_asked_and_until_reset(rng) -> None:
    x = rng.normal(size=(2, 3, 2))
    forgetful, stateful = cell(rng, 2, 4), cell(rng, 2, 4, stateful=True)
    assert_array_equal(forgetful.forward(x), forgetful.forward(x))
    first = stateful.forward(x)
    assert not np.allclose(stateful.forward(x), first)
    stateful.reset()
    assert_array_equal(stateful.forward(x), first)


def learn(rng, task, steps: int, updates: int) -> float:
    """Accuracy on fresh sequences of bits after training with clipped gradients."""
    layers = [cell(rng, 1, 16), StepsAsRows(), Affine(lecun(rng, 16, 1))]
    network, optimizer = Network(layers, SigmoidWithLoss()), Adam(0.01)

    def bits():
        x = rng.integers(2, size=(64, steps))
        return 2.0 * x[:, :, None] - 1, task(x).ravel()

    for _ in range(updates):
        network.loss_and_gradient(*bits())
        clip_norm(network.gradient, 1.0)
        optimizer.update(network.theta, network.gradient)
    x, target = bits()
    return float(np.mean((network.predict(x)[:, 0] > 0) == target))


def test_it_learns_to_echo_what_it_heard_two_steps_before(rng) -> None:
    def echo(x):
        return np.hstack([np.zeros((len(x), 2), int), x[:, :-2]])

    assert learn(rng, echo, steps=8, updates=300) > 0.99


def test_it_learns_the_parity_of_what_it_has_heard(rng) -> None:
    assert learn(rng, lambda x: x.cumsum(axis=1) % 2, steps=6, updates=600) > 0.99
