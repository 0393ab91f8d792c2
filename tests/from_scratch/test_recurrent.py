import copy
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.gru import GRU
from pipeline.from_scratch.initialisation import lecun, orthogonal
from pipeline.from_scratch.layers import Affine, Layer, SigmoidWithLoss, Tanh
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import Adam, clip_norm
from pipeline.from_scratch.recurrent import (
    ClippedNetwork,
    LastStep,
    MaxPooling,
    MeanPooling,
    PerStepLoss,
    Recurrent,
    Repeat,
    StepsAsRows,
)
from pipeline.from_scratch.sequences import echo, parity, windows
from pipeline.from_scratch.training import Training
from pipeline.from_scratch.vanishing_gradients import gradient_by_step, memory

PYTORCH = json.loads((Path(__file__).parent / "pytorch_rnn.json").read_text())


def recurrent(rng, d_in: int, d: int, **settings) -> Recurrent:
    return Recurrent(lecun(rng, d_in, d), orthogonal(rng, d), **settings)


@pytest.mark.parametrize(("truncate", "expected"), [(None, "full"), (3, "truncated")])
def test_states_and_gradients_equal_pytorchs(truncate, expected) -> None:
    table = {name: np.array(PYTORCH[name]) for name in ("Wx", "Wh", "b", "x", "dy", "h")}
    layer = Recurrent(table["Wx"], table["Wh"], truncate=truncate)
    layer.b[:] = table["b"]
    assert_allclose(layer.forward(table["x"]), table["h"], rtol=1e-9)
    assert_allclose(layer.backward(table["dy"]), PYTORCH[expected]["dx"], rtol=1e-9)
    for name in ("dWx", "dWh", "db"):
        assert_allclose(getattr(layer, name), PYTORCH[expected][name], rtol=1e-9)


def test_the_gru_equals_pytorchs() -> None:
    case = PYTORCH["gru"]
    layer = GRU(np.array(case["Wx"]), np.array(case["Wh"]))
    layer.b[:], layer.c[:] = case["b"], case["c"]
    assert_allclose(layer.forward(np.array(PYTORCH["x"])), case["h"], rtol=1e-9)
    assert_allclose(layer.backward(np.array(PYTORCH["dy"])), case["dx"], rtol=1e-9, atol=1e-12)
    for name in ("dWx", "dWh", "db", "dc"):
        assert_allclose(getattr(layer, name), case[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_gates_that_keep_the_state_keep_its_gradient(rng) -> None:
    """With z = sigmoid(4), each step passes on about 0.98 of the gradient; Elman's tanh half."""
    x = rng.normal(size=(5, 30, 4))
    elman = Recurrent(0.1 * np.eye(4), 0.5 * orthogonal(rng, 4))
    gated = GRU(0.1 * rng.normal(size=(4, 12)), 0.1 * rng.normal(size=(4, 12)))
    gated.b[4:8] = 4
    for layer, least, most in ((elman, 0, 1e-6), (gated, 0.1, 2)):
        norms = gradient_by_step(layer, x)
        assert norms.shape == (30,) and least < norms[0] / norms[-1] < most


def test_one_unit_remembers_above_a_weight_of_1() -> None:
    assert_allclose(memory(0.0, 3), [np.tanh(1), 0, 0])
    assert memory(0.5, 40)[-1] < 1e-9 and memory(0.5, 2)[1] == np.tanh(0.5 * np.tanh(1))
    kept = memory(1.5, 200)[-1]
    assert kept == pytest.approx(np.tanh(1.5 * kept)) and kept > 0.8


def one_to_one(rng) -> list[Layer]:
    return [Affine(lecun(rng, 2, 4)), Tanh(), Affine(lecun(rng, 4, 1))]


def many_to_many(rng) -> list[Layer]:
    return [recurrent(rng, 2, 4), StepsAsRows(), Affine(lecun(rng, 4, 1))]


def many_to_one(rng) -> list[Layer]:
    return [recurrent(rng, 2, 4), LastStep(), Affine(lecun(rng, 4, 1))]


def many_to_one_by_mean_pooling(rng) -> list[Layer]:
    return [recurrent(rng, 2, 4), MeanPooling(), Affine(lecun(rng, 4, 1))]


def many_to_one_by_max_pooling(rng) -> list[Layer]:
    return [recurrent(rng, 2, 4), MaxPooling(), Affine(lecun(rng, 4, 1))]


def one_to_many(rng) -> list[Layer]:
    return [Affine(lecun(rng, 10, 2)), Repeat(5), *many_to_many(rng)]


def two_recurrent_layers(rng) -> list[Layer]:
    return [recurrent(rng, 2, 3), recurrent(rng, 3, 4), LastStep(), Affine(lecun(rng, 4, 1))]


SHAPES = {  # x and target
    one_to_one: ((3, 2), (3,)),
    many_to_many: ((3, 5, 2), (3, 5)),
    many_to_one: ((3, 5, 2), (3,)),
    many_to_one_by_mean_pooling: ((3, 5, 2), (3,)),
    many_to_one_by_max_pooling: ((3, 5, 2), (3,)),
    one_to_many: ((3, 10), (3, 5)),
    two_recurrent_layers: ((3, 5, 2), (3,)),
}


@pytest.mark.parametrize("build", SHAPES)
def test_gradient_matches_finite_differences(build, rng) -> None:
    x_shape, target_shape = SHAPES[build]
    loss = SigmoidWithLoss() if len(target_shape) == 1 else PerStepLoss(SigmoidWithLoss())
    network = Network(build(rng), loss)
    x, target = rng.normal(size=x_shape), rng.integers(2, size=target_shape)
    weight = rng.uniform(size=3)
    network.loss_and_gradient(x, target, weight)
    expected = numerical_gradient(
        lambda _: network.loss.forward(network.forward(x), target, weight), network.theta
    )
    assert_allclose(network.gradient, expected, rtol=1e-6, atol=1e-9)


def test_the_weight_of_a_sequence_applies_to_each_of_its_steps(rng) -> None:
    output, target = rng.normal(size=(6, 1)), rng.integers(2, size=(2, 3))
    weighted = PerStepLoss(SigmoidWithLoss()).forward(output, target, np.array([2.0, 0.0]))
    assert_allclose(weighted, SigmoidWithLoss().forward(output[:3], target[0]))


@pytest.mark.parametrize(
    "build", [Repeat, LastStep, MeanPooling, MaxPooling, StepsAsRows, recurrent]
)
def test_gradient_with_respect_to_the_input(build, rng) -> None:
    layer = (
        recurrent(rng, 2, 4) if build is recurrent else Repeat(3) if build is Repeat else build()
    )
    x = rng.normal(size=(3, 2) if build is Repeat else (3, 5, 2))
    dy = rng.normal(size=layer.forward(x).shape)
    dx = layer.backward(dy)
    expected = numerical_gradient(lambda x: float(np.sum(layer.forward(x) * dy)), x)
    assert_allclose(dx, expected, rtol=1e-6, atol=1e-9)


def test_truncated_gradient_treats_the_initial_state_of_a_window_as_constant(rng) -> None:
    """By finite differences: Wh affects what happens in a window, but not the state before it."""
    layer, x, dy = (
        recurrent(rng, 2, 4, truncate=3),
        rng.normal(size=(2, 7, 2)),
        rng.normal(size=(2, 7, 4)),
    )
    h = layer.forward(x)
    states = [np.zeros((2, 4)), h[:, 2].copy(), h[:, 5].copy()]
    layer.backward(dy)

    def loss(Wh) -> float:
        windowed, total = Recurrent(layer.Wx, Wh, stateful=True), 0.0
        for state, start in zip(states, (0, 3, 6), strict=True):
            windowed.state = state
            steps = slice(start, start + 3)
            total += float(np.sum(windowed.forward(x[:, steps]) * dy[:, steps]))
        return total

    assert_allclose(layer.dWh, numerical_gradient(loss, layer.Wh), rtol=1e-6, atol=1e-9)


def test_truncated_equals_full_backpropagation_in_windows_with_a_carried_state(rng) -> None:
    truncated = recurrent(rng, 2, 4, truncate=3)
    windowed = Recurrent(truncated.Wx, truncated.Wh, stateful=True)
    x, dy = rng.normal(size=(2, 6, 2)), rng.normal(size=(2, 6, 4))
    h = truncated.forward(x)
    dx = truncated.backward(dy)
    total = 0.0
    for start in (0, 3):
        steps = slice(start, start + 3)
        assert_allclose(windowed.forward(x[:, steps]), h[:, steps])
        assert_allclose(windowed.backward(dy[:, steps]), dx[:, steps])
        total = total + windowed.dWh
    assert_allclose(truncated.dWh, total)


def test_only_a_stateful_layer_carries_its_state_until_reset(rng) -> None:
    x = rng.normal(size=(2, 3, 2))
    stateless, stateful = recurrent(rng, 2, 4), recurrent(rng, 2, 4, stateful=True)
    assert_array_equal(stateless.forward(x), stateless.forward(x))
    first = stateful.forward(x)
    assert not np.allclose(stateful.forward(x), first)
    with pytest.raises(ValueError, match="that of 2 sequences, but the batch has 1"):
        stateful.forward(x[:1])
    stateful.reset_state()
    assert_array_equal(stateful.forward(x), first)


def test_windows_continue_the_same_sequences(rng) -> None:
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
    again = [copy.deepcopy(layers) for _ in range(2)]
    unclipped = Network(layers, SigmoidWithLoss())
    unclipped.loss_and_gradient(x, target)
    gradient = unclipped.gradient.copy()
    for max_norm, parts in zip((0.1, 100.0), again, strict=True):
        clipped = ClippedNetwork(parts, SigmoidWithLoss(), np.float64, max_norm)
        clipped.loss_and_gradient(x, target)
        norm = np.linalg.norm(gradient)
        assert_allclose(clipped.gradient, gradient * min(1, max_norm / norm), rtol=1e-12)


def test_clipping_is_not_bound_by_the_range_of_float32() -> None:
    """A norm of 5e20, whose square is no float32."""
    gradient = np.array([3e20, 4e20], np.float32)
    assert clip_norm(gradient, 1.0) == pytest.approx(5e20, rel=1e-6)
    assert_allclose(gradient, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("gain", [0.5, 1.0, 1.5])
def test_gradients_vanish_or_explode_as_powers_of_the_weights(rng, gain) -> None:
    """With a state of 0, tanh has the slope 1, and an orthogonal Wh preserves norms."""
    layer = Recurrent(np.eye(5), gain * orthogonal(rng, 5))
    layer.forward(np.zeros((1, 20, 5)))
    dy = np.zeros((1, 20, 5))
    dy[0, -1] = rng.normal(size=5)
    dx = layer.backward(dy)
    norms = np.linalg.norm(dx[0], axis=1) / np.linalg.norm(dy)
    assert_allclose(norms, gain ** np.arange(19.0, -1, -1))


def accuracy(rng, task, *, batch_size: int, epochs: int, shuffle: bool = True, **settings) -> float:
    """Of a recurrent layer of 16 units, trained with clipped gradients, on new sequences."""
    layers = [recurrent(rng, 1, 16, **settings), StepsAsRows(), Affine(lecun(rng, 16, 1))]
    network = ClippedNetwork(layers, PerStepLoss(SigmoidWithLoss()), np.float64, 1.0)
    x, target = task()
    data = x, target, np.ones(len(x))
    training = Training(0.01, epochs, batch_size)
    training.run(network, data, Adam(0.01), rng if shuffle else None)
    layers[0].reset_state()
    x, target = task()
    batches = [network.forward(batch) for batch in np.split(x, len(x) // batch_size)]
    return float(np.mean((np.concatenate(batches)[:, 0] > 0) == target.ravel()))


def test_it_learns_to_echo_the_input_of_two_steps_before(rng) -> None:
    assert accuracy(rng, lambda: echo(rng, 1000, 8), batch_size=50, epochs=15) > 0.99


def test_it_learns_parity(rng) -> None:
    assert accuracy(rng, lambda: parity(rng, 1000, 6), batch_size=50, epochs=40) > 0.99


def test_it_learns_with_truncated_backpropagation(rng) -> None:
    assert accuracy(rng, lambda: echo(rng, 1000, 8), batch_size=50, epochs=15, truncate=4) > 0.99


@pytest.mark.parametrize("stateful", [True, False])
def test_only_a_stateful_layer_learns_across_windows(rng, stateful) -> None:
    """In a window of 4 steps a stateless layer can only guess the first two targets."""

    def task():
        x, target = echo(rng, 50, 80)
        return windows(x, 4), windows(target, 4)

    found = accuracy(rng, task, batch_size=50, epochs=15, shuffle=False, stateful=stateful)
    assert found > 0.99 if stateful else 0.7 < found < 0.8
