"""What training holds in memory, and that rows taken without a copy train like copied ones."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.from_scratch.initialisation import he
from pipeline.from_scratch.layers import Affine, Relu, SoftmaxWithLoss
from pipeline.from_scratch.network import ROWS_AT_A_TIME, Network
from pipeline.from_scratch.neural_network import NeuralNetworkClassifier
from pipeline.from_scratch.optimizers import Adam
from pipeline.from_scratch.training import Data, Training, take

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
def test_training_holds_the_data_the_parameters_and_one_batch(rng, validated) -> None:
    data, net, order = survey(N), network(), rng.permutation(N)
    p = net.theta.nbytes
    Training(1e-3, 1, BATCH).run(network(), survey(100), Adam(), rng)  # imports and the like

    tracemalloc.start()
    if validated:
        kept, aside = take(data, order[N // 10 :]), take(data, order[: N // 10])
        Training(1e-3, 2, BATCH).run(net, kept, Adam(), rng, aside)
    else:
        Training(1e-3, 2, BATCH).run(net, data, Adam(), rng)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    units = WIDTHS[0] + 2 * sum(WIDTHS[1:])  # a row's values: X, before and after each activation
    rows = ROWS_AT_A_TIME if validated else BATCH
    numbers = N * 8  # the order of the rows, a number each
    labels = N * 12 if validated else 0  # take copies the targets and the weights
    assert peak < 4 * p + 1.5 * rows * units * 4 + numbers + labels
    assert peak < data[0].nbytes / (2 if validated else 8)


def test_many_networks_hold_the_activations_of_one() -> None:
    X, y, _ = survey(2 * BATCH)
    model = NeuralNetworkClassifier(hidden=(512,), epochs=1, batch_size=BATCH, n_networks=1)
    peaks = []
    for n_networks in (1, 1, 8):  # the first one pays for imports and the like
        tracemalloc.start()
        model.set_params(n_networks=n_networks).fit(X, y)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    thetas = 2 * model.theta_.nbytes  # those of each network, and stacked
    assert peaks[2] < peaks[1] + thetas + 50_000


def test_rows_that_are_not_copied_train_like_a_copy(rng) -> None:
    data, rows = survey(500), rng.permutation(500)[:300]
    copy, lazy = tuple(each[rows] for each in data), take(data, rows)
    thetas, curves = [], []
    for some in (copy, lazy):
        net = network()
        training = Training(1e-2, 3, 64)
        curves.append(training.run(net, some, Adam(), np.random.default_rng(0), some))
        thetas.append(net.theta)
    assert_array_equal(thetas[0], thetas[1])
    assert curves[0] == curves[1]
