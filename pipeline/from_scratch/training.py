"""The training loop: epochs of mini-batches, and early stopping."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.from_scratch.averaging import temporarily, trained_weights
from pipeline.from_scratch.gradient_descent import finite, mini_batches
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import Optimizer
from pipeline.from_scratch.schedules import constant

MOST_GROWTH = 1e6  # of the loss; beyond, training has diverged, if still finite


class RowSubset:
    """Some rows of X, copied only when they are indexed: `RowSubset(X, rows)[batch]`."""

    def __init__(self, X: "np.ndarray | RowSubset", rows: np.ndarray) -> None:
        self.X, self.rows = X, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, batch: np.ndarray | slice) -> np.ndarray:
        return select(self.X, self.rows[batch])


Data = tuple[np.ndarray | RowSubset, np.ndarray, np.ndarray]  # X (n, d), target (n,), weight (n,)


def select(array: np.ndarray | RowSubset, rows: np.ndarray | slice) -> np.ndarray:
    """array[rows], by the fastest method for row numbers."""
    if isinstance(array, RowSubset) or isinstance(rows, slice):
        return array[rows]
    return array.take(rows, axis=0)


def subset(data: Data, rows: np.ndarray) -> Data:
    """Some of the rows, without a copy of X."""
    X, target, weight = data
    return RowSubset(X, rows), target[rows], weight[rows]


# not by warnings: BLAS raises a false one now and then, from bytes beyond the end of a matrix
@np.errstate(over="ignore", invalid="ignore")
def train_epoch(
    network: Network,
    data: Data,
    optimizer: Optimizer,
    batches: Iterable[np.ndarray | slice],
    learning_rates: Iterator[float],
) -> float:
    """One optimizer step per batch, each with the next learning rate; returns the mean loss.

    Errors: ValueError where the loss diverges.
    """
    total, n, first = 0.0, 0, None
    for rows in batches:
        x, target, weight = (select(array, rows) for array in data)
        loss = network.loss_and_gradient(x, target, weight)
        first = loss if first is None else first
        total += len(x) * loss
        n += len(x)
        optimizer.lr = next(learning_rates)
        optimizer.update(network.theta, network.gradient)
    assert first is not None  # there is a batch
    return converging(total / n, first, optimizer.lr)


def converging(loss: float, first: float, lr: float) -> float:
    """The loss itself; ValueError where it is infinite, NaN or far above the first one."""
    most = MOST_GROWTH * max(first, 1.0)
    return finite(np.inf if loss > most else loss, lr)


@dataclass(frozen=True)
class Training:
    """Mini-batch training with the learning rate lr · schedule(progress).

    With validation rows it stops when their loss has not improved for `patience` epochs, and
    restores the weights of the best epoch.
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

        If the optimizer keeps a moving average, it is the average that is validated and that the
        network holds at the end. Without rng the rows are not shuffled. Errors: ValueError where
        the loss diverges, or all validation rows have weight 0.
        """
        if validation is not None and not np.any(validation[2]):
            raise ValueError("All validation rows have weight 0: no loss shows when to stop.")
        n = len(data[0])
        learning_rates = self._learning_rates(n)
        weights = trained_weights(network.theta, optimizer)
        losses: list[float] = []
        validation_losses: list[float] = []
        for _ in range(self.epochs):
            batches = mini_batches(n, self.batch_size, rng)
            losses.append(train_epoch(network, data, optimizer, batches, learning_rates))
            converging(losses[-1], losses[0], optimizer.lr)
            if validation is None:
                continue
            X, target, weight = validation
            with temporarily(network.theta, weights):
                validation_losses.append(network.loss.forward(network.predict(X), target, weight))
            since_best = len(validation_losses) - 1 - int(np.argmin(validation_losses))
            if since_best == 0:
                best = weights.copy()
            if since_best >= self.patience:
                break
        network.theta[:] = weights if validation is None else best
        return losses, validation_losses

    def _learning_rates(self, n: int) -> Iterator[float]:
        """The learning rate of each step."""
        steps = self.epochs * -(-n // self.batch_size)
        return (float(self.lr * self.schedule(step / steps)) for step in range(steps))
