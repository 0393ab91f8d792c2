"""An exponential moving average of the weights, less noisy than the last weights.

Mini-batch steps fluctuate about a minimum; the average of the weights is closer to it. (Polyak and
Juditsky 1992; Izmailov 2018, arXiv:1803.05407; for networks usually, as here, with exponentially
decreasing shares of older weights)
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from pipeline.from_scratch.optimizers import Optimizer, OptimizerWrapper


class MovingAverage(OptimizerWrapper):
    """average <- decay average + (1 - decay) theta, after every step of another optimizer.

    As in Adam, the start at zero is corrected for: the t-th theta enters with the share
    (1 - decay) / (1 - decayᵗ), which is 1 at first. The average covers about 1 / (1 - decay) steps.
    """

    def __init__(self, optimizer: Optimizer, theta: np.ndarray, decay: float) -> None:
        super().__init__(optimizer)
        self.decay = decay
        self.average, self.t = theta.copy(), 0
        self.scratch = np.empty_like(theta)

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        self.optimizer.update(theta, grad)
        self.t += 1
        np.subtract(theta, self.average, out=self.scratch)
        self.scratch *= (1 - self.decay) / (1 - self.decay**self.t)
        self.average += self.scratch


def trained_weights(theta: np.ndarray, optimizer: Optimizer) -> np.ndarray:
    """The result of training: the optimizer's average if it keeps one, else theta itself."""
    return optimizer.average if isinstance(optimizer, MovingAverage) else theta


@contextmanager
def temporarily(theta: np.ndarray, values: np.ndarray) -> Iterator[None]:
    """Within the block theta holds `values`; afterwards its own values again."""
    if values is theta:
        yield
        return
    before = theta.copy()
    theta[:] = values
    try:
        yield
    finally:
        theta[:] = before
