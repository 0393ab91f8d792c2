import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.initialisation import lecun, orthogonal
from pipeline.from_scratch.layers import Affine, Layer, SigmoidWithLoss, Tanh
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import Adam
from pipeline.from_scratch.recurrent import (
    ClippedNetwork,
    EachStep,
    LastStep,
    MaxStep,
    MeanStep,
    Recurrent,
    Repeat,
    StepsAsRows,
)
from pipeline.from_scratch.sequences import echo, parity, windows
from pipeline.from_scratch.training import Training

PYTORCH = json.loads((Path(__file__).parent / "pytorch_rnn.json").read_text())


def cell(rng, d_in: int, d: int, **settings) -> Recurrent:
    return Recurrent(lecun(rng, d_in, d), orthogonal(rng, d), **settings)


@pytest.mark.parametrize(("truncate", "expected"), [(None, "full"), (3, "truncated")])
def test_states_and_gradients_are_pytorchs(truncate, expected) -> None:
    table = {name: np.array(PYTORCH[name]) for name in ("Wx", "Wh", "b", "x", "dy", "h")}
    layer = Recurrent(table["Wx"], table["Wh"], truncate=truncate)
    layer.b[:] = table["b"]
    assert_allclose(layer.forward(table["x"]), table["h"], rtol=1e-9)
    assert_allclose(layer.backward(table["dy"]), PYTORCH[expected]["dx"], rtol=1e-9)
    for name in ("dWx", "dWh", "db"):
        assert_allclose(getattr(layer, name), PYTORCH[expected][name], rtol=1e-9)


def one_to_one(rng) -> list[Layer]:
    return [Affine(lecun(rng, 2, 4)), Tanh(), Affine(lecun(rng, 4, 1))]


def many_to_many(rng) -> list[Layer]:
    return [cell(rng, 2, 4), StepsAsRows(), Affine(lecun(rng, 4, 1))]


def many_to_one(rng) -> list[Layer]:
    return [cell(rng, 2, 4), LastStep(), Affine(lecun(rng, 4, 1))]


def many_to_one_by_mean(rng) -> list[Layer]:
    return [cell(rng, 2, 4), MeanStep(), Affine(lecun(rng, 4, 1))]


def many_to_one_by_maximum(rng) -> list[Layer]:
    return [cell(rng, 2, 4), MaxStep(), Affine(lecun(rng, 4, 1))]


def one_to_many(rng) -> list[Layer]:
    return [Affine(lecun(rng, 10, 2)), Repeat(5), *many_to_many(rng)]


def two_cells(rng) -> list[Layer]:
    return [cell(rng, 2, 3), cell(rng, 3, 4), LastStep(), Affine(lecun(rng, 4, 1))]


SHAPES = {  # x and target
    one_to_one: ((3, 2), (3,)),
    many_to_many: ((3, 5, 2), (3, 5)),
    many_to_one: ((3, 5, 2), (3,)),
    many_to_one_by_mean: ((3, 5, 2), (3,)),
    many_to_one_by_maximum: ((3, 5, 2), (3,)),
    one_to_many: ((3, 10), (3, 5)),
    two_cells: ((3, 5, 2), (3,)),
}


@pytest.mark.parametrize("build", SHAPES)
def test_finite_differences_through_time(build, rng) -> None:
    x_shape, target_shape = SHAPES[build]
    loss = SigmoidWithLoss() if len(target_shape) == 1 else EachStep(SigmoidWithLoss())
    network = Network(build(rng), loss)
    x, target = rng.normal(size=x_shape), rng.integers(2, size=target_shape)
    weight = rng.uniform(size=3)
    network.loss_and_gradient(x, target, weight)
    expected = numerical_gradient(
        lambda _: network.loss.forward(network.forward(x), target, weight), network.theta
    )
    assert_allclose(network.gradient, expected, rtol=1e-6, atol=1e-9)


def test_the_weight_of_a_sequence_is_that_of_each_of_its_steps(rng) -> None:
    output, target = rng.normal(size=(6, 1)), rng.integers(2, size=(2, 3))
    weighted = EachStep(SigmoidWithLoss()).forward(output, target, np.array([2.0, 0.0]))
    assert_allclose(weighted, SigmoidWithLoss().forward(output[:3], target[0]))


@pytest.mark.parametrize("build", [Repeat, LastStep, MeanStep, MaxStep, StepsAsRows, cell])
def test_gradient_with_respect_to_the_input(build, rng) -> None:
    layer = cell(rng, 2, 4) if build is cell else Repeat(3) if build is Repeat else build()
    x = rng.normal(size=(3, 2) if build is Repeat else (3, 5, 2))
    dy = rng.normal(size=layer.forward(x).shape)
    dx = layer.backward(dy)
    expected = numerical_gradient(lambda x: float(np.sum(layer.forward(x) * dy)), x)
    assert_allclose(dx, expected, rtol=1e-6, atol=1e-9)


def test_truncated_is_the_gradient_of_windows_whose_first_states_are_given(rng) -> None:
    """By finite differences: Wh may change what happens in a window, not the state before it."""
    layer, x, dy = (
        cell(rng, 2, 4, truncate=3),
        rng.normal(size=(2, 7, 2)),
        rng.normal(size=(2, 7, 4)),
    )
    h = layer.forward(x)
    states = [np.zeros((2, 4)), h[:, 2].copy(), h[:, 5].copy()]
    layer.backward(dy)

    def loss(Wh) -> float:
        pieces, total = Recurrent(layer.Wx, Wh, stateful=True), 0.0
        for state, start in zip(states, (0, 3, 6), strict=True):
            pieces.state = state
            steps = slice(start, start + 3)
            total += float(np.sum(pieces.forward(x[:, steps]) * dy[:, steps]))
        return total

    assert_allclose(layer.dWh, numerical_gradient(loss, layer.Wh), rtol=1e-6, atol=1e-9)


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
    with pytest.raises(ValueError, match="that of 2 sequences, the batch has 1"):
        stateful.forward(x[:1])
    stateful.reset()
    assert_array_equal(stateful.forward(x), first)


def test_windows_keep_every_sequence_together(rng) -> None:
    """Row i of the second batch of n begins where row i of the first one ends."""
    sequences = np.arange(24).reshape(2, 12)
    assert_array_equal(
        windows(sequences, 4),
        [
            [0, 1, 2, 3],
            [12, 13, 14, 15],
            [4, 5, 6, 7],
            [16, 17, 18, 19],
            [8, 9, 10, 11],
            [20, 21, 22, 23],
        ],
    )
    with pytest.raises(ValueError, match="12 steps cannot be cut into windows of 5"):
        windows(sequences, 5)


def test_a_clipped_gradient_keeps_its_direction(rng) -> None:
    layers, x, target = many_to_one(rng), 9 * rng.normal(size=(3, 5, 2)), np.array([0, 1, 1])
    free = Network(layers, SigmoidWithLoss())
    free.loss_and_gradient(x, target)
    long = free.gradient.copy()
    for longest in (0.1, 100.0):
        clipped = ClippedNetwork(layers, SigmoidWithLoss(), np.float64, longest)
        clipped.loss_and_gradient(x, target)
        norm = np.linalg.norm(long)
        assert_allclose(clipped.gradient, long * min(1, longest / norm), rtol=1e-12)


@pytest.mark.parametrize("gain", [0.5, 1.0, 1.5])
def test_gradients_vanish_stay_or_explode_as_the_powers_of_the_weights(rng, gain) -> None:
    """While the state is 0 every slope is 1, and an orthogonal Wh keeps lengths as they are."""
    layer = Recurrent(np.eye(5), gain * orthogonal(rng, 5))
    layer.forward(np.zeros((1, 20, 5)))
    dy = np.zeros((1, 20, 5))
    dy[0, -1] = rng.normal(size=5)
    dx = layer.backward(dy)
    lengths = np.linalg.norm(dx[0], axis=1) / np.linalg.norm(dy)
    assert_allclose(lengths, gain ** np.arange(19.0, -1, -1))


def accuracy(rng, task, *, batch_size: int, epochs: int, shuffle: bool = True, **settings) -> float:
    """On fresh sequences of bits, of a cell of 16 units trained with clipped gradients."""
    layers = [cell(rng, 1, 16, **settings), StepsAsRows(), Affine(lecun(rng, 16, 1))]
    network = ClippedNetwork(layers, EachStep(SigmoidWithLoss()), np.float64, 1.0)
    x, target = task()
    data = x, target, np.ones(len(x))
    training = Training(0.01, epochs, batch_size)
    training.run(network, data, Adam(0.01), rng if shuffle else None)
    layers[0].reset()
    x, target = task()
    batches = [network.forward(batch) for batch in np.split(x, len(x) // batch_size)]
    return float(np.mean((np.concatenate(batches)[:, 0] > 0) == target.ravel()))


def test_it_learns_to_echo_what_it_heard_two_steps_before(rng) -> None:
    assert accuracy(rng, lambda: echo(rng, 1000, 8), batch_size=50, epochs=15) > 0.99


def test_it_learns_the_parity_of_what_it_has_heard(rng) -> None:
    assert accuracy(rng, lambda: parity(rng, 1000, 6), batch_size=50, epochs=40) > 0.99


def test_it_learns_with_the_way_back_cut_after_four_steps(rng) -> None:
    assert accuracy(rng, lambda: echo(rng, 1000, 8), batch_size=50, epochs=15, truncate=4) > 0.99


@pytest.mark.parametrize("stateful", [True, False])
def test_windows_too_short_for_the_task_are_enough_for_a_cell_that_keeps_its_state(
    rng, stateful
) -> None:
    """Of a window of 4 steps the first two can only be guessed by a cell that begins with 0."""

    def task():
        x, target = echo(rng, 50, 80)
        return windows(x, 4), windows(target, 4)

    right = accuracy(rng, task, batch_size=50, epochs=15, shuffle=False, stateful=stateful)
    assert right > 0.99 if stateful else 0.7 < right < 0.8
