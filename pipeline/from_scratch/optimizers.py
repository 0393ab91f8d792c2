"""From a gradient to a step: one equation on one flat vector, in place.

theta and grad are the network's flat vectors (p,). An optimizer allocates its state at the first
update; `lr` may be changed between updates, as a schedule does.
"""

from typing import Protocol

import numpy as np

from pipeline.from_scratch.weight_decay import decay


class Optimizer(Protocol):
    """The interface that the training loop expects."""

    lr: float

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        """One step, in place, on the network's flat parameter vector."""


class SGD:
    """theta <- theta - lr g.  (Robbins and Monro 1951)"""

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        theta -= self.lr * grad


class Momentum:
    """v <- beta v - lr g;  theta <- theta + v.  (Polyak 1964)

    After a change of lr, v keeps the steps taken at the previous lr; in PyTorch's momentum v does
    not contain lr, so that all of v is scaled by the new one. With a constant lr both are the same.
    """

    def __init__(self, lr: float = 0.01, beta: float = 0.9) -> None:
        self.lr, self.beta = lr, beta

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        if not hasattr(self, "v"):
            self.v = np.zeros_like(theta)
        self.v *= self.beta
        self.v -= self.lr * grad
        theta += self.v


class Nesterov:
    """v <- beta v - lr g;  theta <- theta + beta v - lr g.

    The gradient is that of the look-ahead point theta + beta v, and theta here is that point.
    (Sutskever 2013, equation 4; Bengio, Boulanger-Lewandowski and Pascanu 2012, equation 7)
    """

    def __init__(self, lr: float = 0.01, beta: float = 0.9) -> None:
        self.lr, self.beta = lr, beta

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        if not hasattr(self, "v"):
            self.v = np.zeros_like(theta)
        step = self.lr * grad
        self.v *= self.beta
        self.v -= step
        theta += self.beta * self.v
        theta -= step


class AdaGrad:
    """h <- h + g²;  theta <- theta - lr g / (√h + ε).  (Duchi 2011)"""

    def __init__(self, lr: float = 0.01, epsilon: float = 1e-8) -> None:
        self.lr, self.epsilon = lr, epsilon

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        if not hasattr(self, "h"):
            self.h = np.zeros_like(theta)
        self.h += grad * grad
        theta -= self.lr * grad / (np.sqrt(self.h) + self.epsilon)


class RMSProp:
    """h <- rho h + (1 - rho) g²;  theta <- theta - lr g / (√h + ε).  (Tieleman and Hinton 2012)"""

    def __init__(self, lr: float = 0.01, rho: float = 0.99, epsilon: float = 1e-8) -> None:
        self.lr, self.rho, self.epsilon = lr, rho, epsilon

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        if not hasattr(self, "h"):
            self.h = np.zeros_like(theta)
        self.h *= self.rho
        self.h += (1 - self.rho) * grad * grad
        theta -= self.lr * grad / (np.sqrt(self.h) + self.epsilon)


class Adam:
    """m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g²;  theta <- theta - lr m̂ / (√v̂ + ε).

    m̂ = m / (1 - b1ᵗ) and v̂ = v / (1 - b2ᵗ) correct the bias of the start at 0. (Kingma and Ba
    2015, algorithm 1)
    """

    def __init__(
        self, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), epsilon: float = 1e-8
    ) -> None:
        self.lr, self.betas, self.epsilon = lr, betas, epsilon
        self.t = 0

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        if self.t == 0:
            self.m, self.v = np.zeros_like(theta), np.zeros_like(theta)
        self.t += 1
        b1, b2 = self.betas
        self.m = b1 * self.m + (1 - b1) * grad
        self.v = b2 * self.v + (1 - b2) * grad**2
        m_hat, v_hat = self.m / (1 - b1**self.t), self.v / (1 - b2**self.t)
        theta -= self.lr * m_hat / (np.sqrt(v_hat) + self.epsilon)


class AdamW(Adam):
    """theta <- (1 - lr λ) theta, then Adam's step.  (Loshchilov and Hutter 2019, algorithm 2)

    λ = weight_decay applies to the first `n_decayed` parameters, a network's weight matrices, or to
    all of them if None.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        *,
        weight_decay: float = 0.01,
        n_decayed: int | None = None,
    ) -> None:
        super().__init__(lr, betas, epsilon)
        self.weight_decay, self.n_decayed = weight_decay, n_decayed

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        decay(theta[: self.n_decayed], self.lr * self.weight_decay)
        super().update(theta, grad)


class OptimizerWrapper:
    """An optimizer that adds something to the steps of another one and shares its learning rate."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer

    @property
    def lr(self) -> float:
        return self.optimizer.lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self.optimizer.lr = lr


def clip_norm(grad: np.ndarray, max_norm: float) -> float:
    """grad <- grad min(1, max_norm / |grad|), in place; returns |grad| before. (Pascanu 2013)"""
    with np.errstate(over="ignore"):
        norm = float(np.linalg.norm(grad))
    if np.isinf(norm):  # the squares left the dtype's range, which the numbers did not
        largest = np.abs(grad).max()
        norm = float(largest) * float(np.linalg.norm(grad / largest))
    if norm > max_norm:
        grad *= max_norm / norm
    return norm
