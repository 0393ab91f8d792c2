"""The loop that trains a network: epochs of mini-batches, and when to stop."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.from_scratch.descent import mini_batches
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import Optimizer
from pipeline.from_scratch.schedules import constant

Data = tuple[np.ndarray, np.ndarray, np.ndarray]  # X (n, d), target (n,), weight (n,)


def take(data: Data, rows: np.ndarray | slice) -> Data:
    """Some of the rows."""
    X, target, weight = data
    return X[rows], target[rows], weight[rows]


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
        x, target, weight = take(data, rows)
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

        Without rng the rows come in their own order. Errors: ValueError where the loss explodes.
        """
        n = len(data[0])
        rates = self._rates(n)
        losses: list[float] = []
        held_out: list[float] = []
        for _ in range(self.epochs):
            batches = mini_batches(n, self.batch_size, rng)
            losses.append(train_epoch(network, data, optimizer, batches, rates))
            if not np.isfinite(losses[-1]):
                raise ValueError(f"The loss is {losses[-1]} in epoch {len(losses)}: lower lr.")
            if validation is None:
                continue
            X, target, weight = validation
            held_out.append(network.loss.forward(network.predict(X), target, weight))
            since_best = len(held_out) - 1 - int(np.argmin(held_out))
            if since_best == 0:
                best = network.theta.copy()
            if since_best >= self.patience:
                break
        if validation is not None:
            network.theta[:] = best
        return losses, held_out

    def _rates(self, n: int) -> Iterator[float]:
        """The learning rate of each step."""
        steps = self.epochs * -(-n // self.batch_size)
        return (self.lr * self.schedule(step / steps) for step in range(steps))
