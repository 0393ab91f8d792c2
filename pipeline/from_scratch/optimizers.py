"""How a step follows from a gradient: one equation on one flat vector, in place.

theta and grad are the network's flat vectors (p,). An optimizer makes its memory at the first
update; `lr` may be changed between updates, as a schedule does.
"""

from typing import Protocol

import numpy as np

from pipeline.from_scratch.weight_decay import decay

CACHED = 2**15  # numbers: Adam reads five arrays ten times, and as long as this they stay in cache


class Optimizer(Protocol):
    """What the training loop asks of an optimizer."""

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

    A step that was taken at another learning rate rolls on at that one; PyTorch's momentum, which
    leaves lr out of v, brings all of v to the newest. While lr stays the same they are one.
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

    The step that looks ahead, written in the parameters looked from. (Sutskever 2013, equation 4;
    Bengio, Boulanger-Lewandowski and Pascanu 2012, equation 7)
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

    m̂ = m / (1 - b1ᵗ) and v̂ = v / (1 - b2ᵗ) make up for the start at 0. (Kingma and Ba 2015,
    algorithm 1) The time goes into passes over memory. So all constant factors become two, lr and
    ε of this step: m and v here are sums, m / (1 - b1) and v / (1 - b2) in the equations' terms.
    """

    def __init__(
        self, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), epsilon: float = 1e-8
    ) -> None:
        self.lr, self.betas, self.epsilon = lr, betas, epsilon
        self.t = 0

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        if self.t == 0:
            self.m, self.v = np.zeros_like(theta), np.zeros_like(theta)
            self.work = np.empty_like(theta[:CACHED])
        self.t += 1
        b1, b2 = self.betas
        scale = ((1 - b2**self.t) / (1 - b2)) ** 0.5  # √v̂ = √v / scale
        lr = self.lr * (1 - b1) / (1 - b1**self.t) * scale
        for start in range(0, len(theta), CACHED):
            part = slice(start, start + CACHED)
            self._step(theta[part], grad[part], part, lr, self.epsilon * scale)

    def _step(
        self, theta: np.ndarray, grad: np.ndarray, part: slice, lr: float, epsilon: float
    ) -> None:
        """m <- b1 m + g;  v <- b2 v + g²;  theta <- theta - lr m / (√v + ε), on a part of each."""
        m, v, work = self.m[part], self.v[part], self.work[: len(theta)]
        m *= self.betas[0]
        m += grad
        np.square(grad, out=work)
        v *= self.betas[1]
        v += work
        np.sqrt(v, out=work)
        work += epsilon
        np.divide(m, work, out=work)
        work *= lr
        theta -= work


class AdamW(Adam):
    """theta <- (1 - lr λ) theta, then Adam's step.  (Loshchilov and Hutter 2019, algorithm 2)

    λ = weight_decay is taken off the first `decayed` parameters, a network's weight matrices; None
    takes it off all.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        *,
        weight_decay: float = 0.01,
        decayed: int | None = None,
    ) -> None:
        super().__init__(lr, betas, epsilon)
        self.weight_decay, self.decayed = weight_decay, decayed

    def update(self, theta: np.ndarray, grad: np.ndarray) -> None:
        decay(theta[: self.decayed], self.lr * self.weight_decay)
        super().update(theta, grad)


class Around:
    """What adds something to the steps of another optimizer, and shares its learning rate."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer

    @property
    def lr(self) -> float:
        return self.optimizer.lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self.optimizer.lr = lr


def clip_norm(grad: np.ndarray, largest: float) -> float:
    """grad <- grad min(1, largest / |grad|), in place; returns |grad| before. (Pascanu 2013)"""
    norm = float(np.linalg.norm(grad))
    if norm > largest:
        grad *= largest / norm
    return norm
