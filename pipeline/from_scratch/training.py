"""The loop that trains a network: epochs of mini-batches, and when to stop."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.from_scratch.averaging import holding, learned
from pipeline.from_scratch.descent import mini_batches
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import Optimizer
from pipeline.from_scratch.schedules import constant


class Rows:
    """Some rows of X, of which none is copied before it is asked for: `Rows(X, rows)[batch]`."""

    def __init__(self, X: "np.ndarray | Rows", rows: np.ndarray) -> None:
        self.X, self.rows = X, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: np.ndarray | slice) -> np.ndarray:
        return pick(self.X, self.rows[which])


Data = tuple[np.ndarray | Rows, np.ndarray, np.ndarray]  # X (n, d), target (n,), weight (n,)


def pick(array: np.ndarray | Rows, which: np.ndarray | slice) -> np.ndarray:
    """array[which], by the method that is fastest for row numbers."""
    if isinstance(array, Rows) or isinstance(which, slice):
        return array[which]
    return array.take(which, axis=0)


def take(data: Data, rows: np.ndarray) -> Data:
    """Some of the rows, without a copy of X."""
    X, target, weight = data
    return Rows(X, rows), target[rows], weight[rows]


def train_epoch(
    network: Network,
    data: Data,
    optimizer: Optimizer,
    batches: Iterable[np.ndarray | slice],
    rates: Iterator[float],
) -> float:
    """Every batch once: a gradient, the next learning rate, a step. Returns the rows' mean loss."""
    total, n = 0.0, 0
    for rows in batches:
        x, target, weight = (pick(each, rows) for each in data)
        total += len(x) * network.loss_and_gradient(x, target, weight)
        n += len(x)
        optimizer.lr = next(rates)
        optimizer.update(network.theta, network.gradient)
    return total / n


@dataclass(frozen=True)
class Training:
    """How long, in what batches and with which learning rates: lr · schedule(progress).

    With validation rows it stops when their loss has not fallen for `patience` epochs, and leaves
    the network as it was at its best.
    """

    lr: float
    epochs: int
    batch_size: int
    schedule: Callable[[float], float] = constant
    patience: int = 10

    def run(
        self,
        network: Network,
        data: Data,
        optimizer: Optimizer,
        rng: np.random.Generator | None,
        validation: Data | None = None,
    ) -> tuple[list[float], list[float]]:
        """Train in place; returns the training and the validation loss of each epoch.

        An optimizer that averages has its average judged, and left in the network at the end.
        Without rng the rows come in their own order. Errors: ValueError where the loss explodes.
        """
        n = len(data[0])
        rates = self._rates(n)
        judged = learned(network.theta, optimizer)
        losses: list[float] = []
        held_out: list[float] = []
        for _ in range(self.epochs):
            batches = mini_batches(n, self.batch_size, rng)
            losses.append(train_epoch(network, data, optimizer, batches, rates))
            if not np.isfinite(losses[-1]):
                raise ValueError(
                    f"The loss is {losses[-1]} in epoch {len(losses)}: scale X, or lower lr."
                )
            if validation is None:
                continue
            X, target, weight = validation
            with holding(network.theta, judged):
                held_out.append(network.loss.forward(network.predict(X), target, weight))
            since_best = len(held_out) - 1 - int(np.argmin(held_out))
            if since_best == 0:
                best = judged.copy()
            if since_best >= self.patience:
                break
        network.theta[:] = judged if validation is None else best
        return losses, held_out

    def _rates(self, n: int) -> Iterator[float]:
        """The learning rate of each step."""
        steps = self.epochs * -(-n // self.batch_size)
        return (float(self.lr * self.schedule(step / steps)) for step in range(steps))
