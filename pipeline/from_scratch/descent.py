"""Gradient descent as it is used: with a safe step, with momentum, or on a few rows at a time."""

from collections.abc import Callable, Iterator

import numpy as np

LossAndGradient = Callable[[np.ndarray], tuple[float, np.ndarray]]


def largest_eigenvalue(
    product: Callable[[np.ndarray], np.ndarray], size: int, *, rounds: int = 60, seed: int = 0
) -> float:
    """v <- A v / |A v| turns v towards the eigenvector of the largest eigenvalue: power iteration.

    `product` is v -> A v for a symmetric A (size, size) with no eigenvalue below 0. For the Hessian
    of a loss this is the Lipschitz constant L of its gradient: every step of 1 / L descends. The
    estimate comes from below, so that 5 per cent are added to stay on the safe side.
    """
    v = np.random.default_rng(seed).normal(size=size)
    length = np.linalg.norm(v)
    for _ in range(rounds):
        v = product(v / length)
        length = np.linalg.norm(v)
        if length == 0:
            return 0.0
    return float(1.05 * length)


def nesterov_descent(
    loss_and_gradient: LossAndGradient,
    start: np.ndarray,
    *,
    lr: float,
    steps: int,
    tol: float,
) -> tuple[np.ndarray, np.ndarray]:
    """theta <- phi - lr ∇L(phi), phi = theta + k / (k + 3) (theta - theta before).

    On a convex loss the error falls as 1 / k², where plain descent reaches 1 / k (Nesterov 1983).
    When the momentum points uphill it starts again from k = 0, which brings back the fast,
    geometric fall near the minimum (O'Donoghue and Candès 2015, section 3.2). Stops where no
    part of the gradient is above `tol`. Returns theta and the loss at each step.
    """
    theta = look_ahead = start
    losses, k = [], 0
    for _ in range(steps):
        loss, gradient = loss_and_gradient(look_ahead)
        losses.append(loss)
        after = look_ahead - lr * gradient
        move = after - theta
        theta = after
        if np.abs(gradient).max() <= tol:
            break
        k = 0 if np.vdot(gradient, move) > 0 else k + 1
        look_ahead = theta + k / (k + 3) * move
    return theta, np.array(losses)


def mini_batches(
    n: int, size: int | None, rng: np.random.Generator | None
) -> Iterator[np.ndarray | slice]:
    """The rows 0 to n - 1 in random order, `size` at a time; in their own order without rng.

    The last batch may be smaller. With no size, or n and above, one slice of all rows: no copies.
    """
    if size is None or size >= n:
        yield slice(0, n)
        return
    order = np.arange(n) if rng is None else rng.permutation(n)
    for start in range(0, n, size):
        yield order[start : start + size]
