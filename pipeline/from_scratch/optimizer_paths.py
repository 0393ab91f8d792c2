"""The paths of optimizers across a long valley: f(x, y) = x²/20 + y².

The slope across the valley is twenty times that along it. SGD crosses from side to side; momentum
averages the crossing out; AdaGrad and RMSProp divide each direction by the size of its own
gradients, so that both move alike (AdaGrad by the sum of all so far, so that its steps shrink,
RMSProp by that of the recent ones); Adam does both.
"""

import numpy as np

from pipeline.from_scratch.optimizers import SGD, AdaGrad, Adam, Momentum, Optimizer, RMSProp

START = (-7.0, 2.0)


def valley(theta: np.ndarray) -> float:
    """x²/20 + y², theta (2,)."""
    return float(theta[0] ** 2 / 20 + theta[1] ** 2)


def valley_gradient(theta: np.ndarray) -> np.ndarray:
    """(x/10, 2y)."""
    return np.array([theta[0] / 10, 2 * theta[1]])


def compared() -> dict[str, Optimizer]:
    """A fresh optimizer of each kind, by name, with a learning rate that suits it here."""
    return {
        "SGD": SGD(0.95),
        "Momentum": Momentum(0.1),
        "AdaGrad": AdaGrad(1.5),
        "RMSProp": RMSProp(0.3, rho=0.9),
        "Adam": Adam(0.3),
    }


def path(optimizer: Optimizer, steps: int, start: tuple[float, float] = START) -> np.ndarray:
    """All points of a descent, (steps + 1, 2), the start first."""
    theta = np.array(start)
    points = [theta.copy()]
    for _ in range(steps):
        optimizer.update(theta, valley_gradient(theta))
        points.append(theta.copy())
    return np.array(points)
