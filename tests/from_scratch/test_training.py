"""Memory of training; and that a subset of rows without a copy trains like a copy."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.engines.neural_network import NeuralNetworkClassifier
from pipeline.from_scratch.initialisation import he
from pipeline.from_scratch.layers import Affine, Relu, SoftmaxWithLoss, SquaredErrorLoss
from pipeline.from_scratch.network import PREDICTION_BATCH, Network
from pipeline.from_scratch.optimizers import SGD, Adam
from pipeline.from_scratch.training import Data, Training, subset

N, BATCH, WIDTHS = 40_000, 256, (50, 64, 32, 3)


def network() -> Network:
    rng = np.random.default_rng(0)
    pieces = []
    for d_in, d_out in pairwise(WIDTHS):
        pieces += [Affine(he(rng, d_in, d_out)), Relu()]
    return Network(pieces[:-1], SoftmaxWithLoss(), np.float32)


def survey(n: int) -> Data:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, WIDTHS[0])).astype(np.float32)
    return X, rng.integers(WIDTHS[-1], size=n), np.ones(n, np.float32)


@pytest.mark.parametrize("validated", [False, True])
def test_training_needs_memory_for_the_parameters_and_one_batch(rng, validated) -> None:
    data, net, order = survey(N), network(), rng.permutation(N)
    p = net.theta.nbytes
    Training(1e-3, 1, BATCH).run(network(), survey(100), Adam(), rng)  # one-time allocations

    tracemalloc.start()
    if validated:
        train, validation = subset(data, order[N // 10 :]), subset(data, order[: N // 10])
        Training(1e-3, 2, BATCH).run(net, train, Adam(), rng, validation)
    else:
        Training(1e-3, 2, BATCH).run(net, data, Adam(), rng)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    units = WIDTHS[0] + 2 * sum(WIDTHS[1:])  # a row's values: X, before and after each activation
    rows = PREDICTION_BATCH if validated else BATCH
    numbers = N * 8  # the order of the rows
    labels = N * 12 if validated else 0  # subset copies the targets and the weights
    assert peak < 4 * p + 1.5 * rows * units * 4 + numbers + labels
    assert peak < data[0].nbytes / (2 if validated else 8)


def test_several_networks_need_the_activations_of_only_one() -> None:
    X, y, _ = survey(2 * BATCH)
    model = NeuralNetworkClassifier(hidden=(512,), epochs=1, batch_size=BATCH, n_networks=1)
    peaks = []
    for n_networks in (1, 1, 8):  # the first one includes one-time allocations
        tracemalloc.start()
        model.set_params(n_networks=n_networks).fit(X, y)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    thetas = 2 * model.theta_.nbytes  # each network's, and the stacked copy
    assert peaks[2] < peaks[1] + thetas + 50_000


def test_a_subset_without_a_copy_trains_like_a_copy(rng) -> None:
    data, rows = survey(500), rng.permutation(500)[:300]
    copy, lazy = tuple(each[rows] for each in data), subset(data, rows)
    thetas, curves = [], []
    for some in (copy, lazy):
        net = network()
        training = Training(1e-2, 3, 64)
        curves.append(training.run(net, some, Adam(), np.random.default_rng(0), some))
        thetas.append(net.theta)
    assert_array_equal(thetas[0], thetas[1])
    assert curves[0] == curves[1]


@pytest.mark.parametrize("batch", [100, 1000])
def test_a_loss_that_is_finite_but_far_from_where_it_began_has_diverged(rng, batch) -> None:
    """Values far below float64's largest, as an absurd learning rate reaches in a few steps."""
    net = Network(
        [Affine(rng.normal(size=(3, 4))), Relu(), Affine(rng.normal(size=(4, 1)))],
        SquaredErrorLoss(),
    )
    X = rng.normal(size=(1000, 3))
    data = X, X[:, 0], np.ones(1000)
    with pytest.raises(ValueError, match="decrease lr, which is 100"):
        Training(100.0, 3, batch).run(net, data, SGD(), rng)
