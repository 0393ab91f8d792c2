"""Descent with momentum, for a smooth loss and for one with a non-smooth penalty."""

from collections.abc import Callable

import numpy as np

from pipeline.from_scratch.gradient_descent import finite

LossAndGradient = Callable[[np.ndarray], tuple[float, np.ndarray]]
Preconditioner = Callable[[np.ndarray], np.ndarray]  # g -> P g


@np.errstate(over="ignore", invalid="ignore")  # an overflow ends in one error
def nesterov_descent(
    loss_and_gradient: LossAndGradient,
    start: np.ndarray,
    preconditioner: Preconditioner = np.copy,
    *,
    lr: float,
    steps: int,
    tol: float,
) -> tuple[np.ndarray, np.ndarray]:
    """theta <- phi - lr P ∇L(phi), phi = theta + k / (k + 3) (theta - previous theta).

    On a convex loss the error decreases as 1 / k², where plain descent reaches 1 / k (Nesterov
    1983). When the momentum points uphill, k restarts from 0, which restores linear convergence
    near the minimum (O'Donoghue and Candès 2015, section 3.2). `preconditioner` is g -> P g, P a
    diagonal scaling or another approximation of the inverse Hessian. Stops when all |g_i (P g)_i|
    are at most `tol`². Returns theta and the loss at each step.
    """
    theta = look_ahead = start
    losses, k = [], 0
    for _ in range(steps):
        loss, gradient = loss_and_gradient(look_ahead)
        losses.append(finite(loss, lr))
        direction = preconditioner(gradient)
        new_theta = look_ahead - lr * direction
        move = new_theta - theta
        theta = new_theta
        if np.abs(gradient * direction).max() <= tol**2:
            break
        k = 0 if np.vdot(gradient, move) > 0 else k + 1
        look_ahead = theta + k / (k + 3) * move
    return theta, np.array(losses)


@np.errstate(over="ignore", invalid="ignore")
def proximal_descent(
    loss_and_gradient: LossAndGradient,
    proximal_operator: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    *,
    lr: float,
    steps: int,
    tol: float,
) -> tuple[np.ndarray, np.ndarray]:
    """theta <- prox(phi - lr ∇L(phi)), phi = theta + k / (k + 3) (theta - previous theta).

    Minimises the sum of L and a non-smooth penalty, such as λ Σ |theta|; prox, `proximal_operator`,
    is that of lr times the penalty (FISTA; Beck and Teboulle 2009). When the momentum points
    uphill, k restarts from 0 (O'Donoghue and Candès 2015). Stops when no element of theta is
    further than lr `tol` from phi. Returns theta and L at each step.
    """
    theta = look_ahead = start
    losses, k = [], 0
    for _ in range(steps):
        loss, gradient = loss_and_gradient(look_ahead)
        losses.append(finite(loss, lr))
        new_theta = proximal_operator(look_ahead - lr * gradient)
        step, move = look_ahead - new_theta, new_theta - theta
        theta = new_theta
        if np.abs(step).max() <= lr * tol:
            break
        k = 0 if np.vdot(step, move) > 0 else k + 1
        look_ahead = theta + k / (k + 3) * move
    return theta, np.array(losses)
