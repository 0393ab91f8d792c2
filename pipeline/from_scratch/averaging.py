"""The mean of the weights that training passes through, steadier than the last of them.

Steps of a mini-batch jump around the bottom of the valley; the mean of the places lies nearer to
it. (Polyak and Juditsky 1992; Izmailov 2018, arXiv:1803.05407; for networks usually, as here, with
old places slowly forgotten)
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from pipeline.from_scratch.optimizers import Around, Optimizer


class MovingAverage(Around):
    """average <- decay average + (1 - decay) theta, after every step of another optimizer.

    As in Adam the start from nothing is made up for: the t-th theta enters with the share
    (1 - decay) / (1 - decayᵗ), which is 1 at first. About the last 1 / (1 - decay) steps count.
    """

    def __init__(self, optimizer: Optimizer, theta: np.ndarray, decay: float) -> None:
        super().__init__(optimizer)
        self.decay = decay
        self.average, self.t = theta.copy(), 0
        self.work = np.empty_like(theta)

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        self.optimizer.update(theta, grad)
        self.t += 1
        np.subtract(theta, self.average, out=self.work)
        self.work *= (1 - self.decay) / (1 - self.decay**self.t)
        self.average += self.work


def learned(theta: np.ndarray, optimizer: Optimizer) -> np.ndarray:
    """What training hands over: the optimizer's average if it keeps one, else theta itself."""
    return optimizer.average if isinstance(optimizer, MovingAverage) else theta


@contextmanager
def holding(theta: np.ndarray, other: np.ndarray) -> Iterator[None]:
    """Within the block theta has the numbers of `other`; afterwards its own again."""
    if other is theta:
        yield
        return
    before = theta.copy()
    theta[:] = other
    try:
        yield
    finally:
        theta[:] = before
