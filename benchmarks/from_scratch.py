"""How fast do the networks of pipeline/engines learn, beside scikit-learn and PyTorch?

    python benchmarks/from_scratch.py                    all parts, on a quiet machine
    python benchmarks/from_scratch.py network --rounds 15

All that is compared takes turns. Printed are ratios of times within a round, the other's by ours
(above 1 ours is faster): the median and, in brackets, the quartiles. Once with as many threads as
each library chooses, once with one. PyTorch is compared where it is installed.
"""

import argparse
import platform
import sys
import tracemalloc
import warnings
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import sklearn
import threadpoolctl
from race import Work, race, spread, threads, torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from pipeline.engines import fast_layers as layers
from pipeline.engines.fast_adam import Adam
from pipeline.engines.neural_network import NeuralNetworkClassifier
from pipeline.from_scratch import initialisation
from pipeline.from_scratch.layers import Layer
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.training import Data, Training

LR, BATCH, COLUMNS = 1e-3, 256, 100


@dataclass(frozen=True)
class Problem:
    """A network and the rows that it learns."""

    hidden: tuple[int, ...]
    classes: int
    rows: int = 25_600
    epochs: int = 2

    @property
    def widths(self) -> tuple[int, ...]:
        """Two classes have one output, as scikit-learn's networks do."""
        return COLUMNS, *self.hidden, 1 if self.classes == 2 else self.classes

    def data(self) -> Data:
        rng = np.random.default_rng(0)
        X = rng.normal(size=(self.rows, COLUMNS)).astype(np.float32)
        y = (X @ rng.normal(size=(COLUMNS, self.classes))).argmax(axis=1)
        return X, y, np.ones(len(X), np.float32)


PROBLEMS = [Problem(hidden, k) for hidden in ((128, 64), (64, 32)) for k in (2, 10)]
PROBLEMS += [Problem((1024, 1024), k, rows=5120, epochs=1) for k in (2, 10)]


def own_network(problem: Problem, rng: np.random.Generator) -> Network:
    pieces: list[Layer] = []
    for d_in, d_out in pairwise(problem.widths):
        pieces += [layers.Affine(initialisation.he(rng, d_in, d_out)), layers.Relu()]
    loss = layers.SigmoidWithLoss() if problem.classes == 2 else layers.SoftmaxWithLoss()
    return Network(pieces[:-1], loss, np.float32)


def own_loop(problem: Problem, data: Data) -> Work:
    rng = np.random.default_rng(0)
    training = Training(LR, problem.epochs, BATCH)
    return partial(training.run, own_network(problem, rng), data, Adam(), rng)


def own_estimator(problem: Problem, data: Data) -> Work:
    """It has an output for each class, also where there are two."""
    model = NeuralNetworkClassifier(
        hidden=problem.hidden,
        lr=LR,
        schedule="constant",
        epochs=problem.epochs,
        batch_size=BATCH,
        betas=(0.9, 0.999),
        dropout=0.0,
        weight_decay=0.0,
        label_smoothing=0.0,
        n_networks=1,
    )
    return partial(model.fit, *data[:2])


def scikit_learn(problem: Problem, data: Data) -> Work:
    model = MLPClassifier(
        problem.hidden,
        learning_rate_init=LR,
        alpha=0.0,
        batch_size=BATCH,
        max_iter=problem.epochs,
        n_iter_no_change=problem.epochs,
    )
    return partial(model.fit, *data[:2])


def pytorch(problem: Problem, data: Data, **kind: bool) -> Work:
    """The ordinary loop over batches of shuffled rows, all in memory; `kind` of Adam's inside."""
    pieces: list[torch.nn.Module] = []
    for d_in, d_out in pairwise(problem.widths):
        pieces += [torch.nn.Linear(d_in, d_out), torch.nn.ReLU()]
    net = torch.nn.Sequential(*pieces[:-1])
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, **kind)
    X, y, loss = torch.from_numpy(data[0]), torch.from_numpy(data[1]), torch.nn.CrossEntropyLoss()
    if problem.classes == 2:
        y, loss = y.float()[:, None], torch.nn.BCEWithLogitsLoss()

    def train() -> None:
        for _ in range(problem.epochs):
            for rows in torch.randperm(len(X)).split(BATCH):
                optimizer.zero_grad()
                loss(net(X[rows]), y[rows]).backward()
                optimizer.step()

    return train


def products(problem: Problem, _: Data) -> Work:
    """The training's matrix products and nothing else, written where others already were."""
    todo = []
    for i, (d_in, d_out) in enumerate(pairwise(problem.widths)):
        x, W, dy = (np.ones(shape, "f") for shape in ((BATCH, d_in), (d_in, d_out), (BATCH, d_out)))
        todo += [(x, W, dy.copy()), (x.T, dy, W.copy())]
        if i > 0:  # nobody asks for the gradient of the data
            todo.append((dy, W.T, x.copy()))

    def multiply() -> None:
        for _ in range(problem.epochs * -(-problem.rows // BATCH)):
            for a, b, out in todo:
                np.matmul(a, b, out=out)

    return multiply


def network(rounds: int) -> None:
    """Training a network: batches of 256 shuffled rows, ReLU, Adam, float32, no regularisation."""
    own = {"training loop": own_loop, "estimator": own_estimator}
    rivals = {"scikit-learn": scikit_learn}
    if torch:
        rivals["torch"] = pytorch
        rivals["torch, foreach"] = partial(pytorch, foreach=True)
        rivals["torch, fused"] = partial(pytorch, fused=True)
    makers = {**own, **rivals, "products": products}
    for number in (None, 1):
        print(f"\nThreads: {number or 'as each library chooses'}")
        for problem in PROBLEMS:
            data = problem.data()
            contenders = {name: partial(make, problem, data) for name, make in makers.items()}
            with threads(number), warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                seconds = race(contenders, rounds)
            report(problem, seconds, list(own), list(rivals))


def report(
    problem: Problem, seconds: dict[str, np.ndarray], own: list[str], rivals: list[str]
) -> None:
    widths = "-".join(map(str, problem.widths))
    print(f"\n{widths:<20}{'rows a second':>14}" + "".join(f"{f'by {name}':>24}" for name in own))
    for name in (*own, *rivals):
        speed = problem.rows * problem.epochs / np.median(seconds[name])
        ratios = [spread(seconds[name] / seconds[ours]) for ours in own if name in rivals]
        print(f"{name:<20}{speed:>14,.0f}" + "".join(f"{ratio:>24}" for ratio in ratios))
    shares = [spread(seconds["products"] / seconds[ours]) for ours in own]
    print(f"{'matrix products alone, share':<34}" + "".join(f"{share:>24}" for share in shares))


def memory(_: int) -> None:
    """The most that training allocates beside the data, in MB, and what it needs to hold."""
    for hidden in ((128, 64), (1024, 1024)):
        problem = Problem(hidden, 10, rows=100_000)
        data, rng = problem.data(), np.random.default_rng(0)
        net = own_network(problem, rng)
        tracemalloc.start()
        Training(LR, 1, BATCH).run(net, data, Adam(), rng)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        needed = {
            "Adam's two moments": 2 * net.theta.nbytes,
            "a batch, its activations and their gradients": 4
            * BATCH
            * (problem.widths[0] + 3 * sum(problem.widths[1:])),
            "the rows' order": 8 * problem.rows,
        }
        print(f"\n{'-'.join(map(str, problem.widths))}: data {data[0].nbytes / 1e6:.1f}, ", end="")
        print(f"training adds {peak / 1e6:.1f}: ", end="")
        print(", ".join(f"{name} {size / 1e6:.1f}" for name, size in needed.items()))


PARTS = {"network": network, "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part is called {', '.join(unknown)}; allowed are {', '.join(PARTS)}")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}", end=", ")
    print(f"scikit-learn {sklearn.__version__}", end=", ")
    print(f"torch {torch.__version__}" if torch else "PyTorch is not installed and left out")
    for pool in threadpoolctl.threadpool_info():
        name = f"{pool['internal_api']} {pool['version'] or ''}".strip()
        print(f"  {name}: {pool['num_threads']} threads, {Path(pool['filepath']).name}")
    for name in options.parts or PARTS:
        print(f"\n{PARTS[name].__doc__}")
        PARTS[name](options.rounds)


if __name__ == "__main__":
    main()
