"""L-BFGS: descent along P ∇L, P an inverse Hessian that the steps themselves improve."""

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.engines.descent import LossAndGradient, Preconditioner

Update = tuple[np.ndarray, np.ndarray]  # s, the change of theta, and y, that of the gradient

MEMORY = 20  # updates that the approximation is built from
ROUNDING = 1e-12  # of a loss, relative to it


def lbfgs(
    loss_and_gradient: LossAndGradient,
    make_preconditioner: Callable[[np.ndarray, int], Preconditioner],
    start: np.ndarray,
    *,
    lr: float = 1.0,
    steps: int,
    tol: float,
) -> tuple[np.ndarray, np.ndarray]:
    """theta <- theta - lr P ∇L(theta), P an approximation of the inverse Hessian: L-BFGS.

    `make_preconditioner` is theta, i -> (g -> P g): the i-th initial P, symmetric and positive
    definite, valid near theta. Every step improves it by a BFGS update, see
    `inverse_hessian_product`; after MEMORY steps a new initial P is made.

    √(∇L · P∇L) is the Newton decrement; its square is about twice the distance of the loss from its
    minimum. The first step that is expected to bring it below `tol` is the last one, and is not
    taken where it raises the loss by more than it was to lower it, as it may where P is far from
    the inverse Hessian: of separable classes all curvature vanishes. Returns theta and the loss
    before each step.
    """
    theta, losses, previous_decrease = start, [], np.inf
    updates: list[Update] = []
    loss, gradient = loss_and_gradient(theta)
    for step in range(steps):
        losses.append(loss)
        if step % MEMORY == 0:
            preconditioner = make_preconditioner(theta, step // MEMORY)
        scaled = _rescaled(preconditioner, updates)
        direction = inverse_hessian_product(scaled, updates, gradient)
        decrease = float(np.vdot(gradient, direction))  # for a step of lr = 1, to first order
        rate = min(max(decrease / previous_decrease, 0.01), 1.0) if updates else 1.0
        if decrease * rate <= tol**2:
            last = theta - lr * direction
            raised = loss_and_gradient(last)[0] - loss
            theta = last if raised <= decrease + ROUNDING * abs(loss) else theta
            break
        found = _line_search(loss_and_gradient, theta, direction, (loss, decrease, lr))
        if found is None:
            break
        new_theta, loss, new_gradient = found
        updates = [*updates[1 - MEMORY :], (new_theta - theta, new_gradient - gradient)]
        theta, gradient, previous_decrease = new_theta, new_gradient, decrease
    return theta, np.array(losses)


def _line_search(
    loss_and_gradient: LossAndGradient,
    theta: np.ndarray,
    direction: np.ndarray,
    expected: tuple[float, float, float],
) -> tuple[np.ndarray, float, np.ndarray] | None:
    """theta - lr direction, lr decreased until the loss decreases enough (Armijo 1966).

    `expected` is the loss at theta, its decrease for lr = 1 to first order, and the first lr. Each
    next lr minimises the parabola through the known values, but is at least a tenth of the one
    before. Returns the new theta, its loss and gradient; None where the decrease is below rounding.
    """
    loss, decrease, lr = expected
    while lr * decrease > np.finfo(float).eps * abs(loss):
        new_theta = theta - lr * direction
        new_loss, new_gradient = loss_and_gradient(new_theta)
        if new_loss <= loss - 1e-4 * lr * decrease:
            return new_theta, new_loss, new_gradient
        lr *= max(lr * decrease / (new_loss - loss + lr * decrease) / 2, 0.1)
    return None


def _rescaled(preconditioner: Preconditioner, updates: Sequence[Update]) -> Preconditioner:
    """g -> c P g, c = s·y / y·Py from the last update, if P is off by more than a factor of 2.

    (Shanno and Phua 1978)
    """
    s, y = updates[-1] if updates else (np.zeros(1), np.zeros(1))
    curvature = float(np.vdot(s, y))
    if curvature <= 0:
        return preconditioner
    scale = curvature / float(np.vdot(y, preconditioner(y)))
    return preconditioner if 1 / 2 < scale < 2 else lambda g: scale * preconditioner(g)


def inverse_hessian_product(
    preconditioner: Preconditioner, updates: Sequence[Update], gradient: np.ndarray
) -> np.ndarray:
    """P g, P the BFGS approximation of the inverse Hessian; P y = s for the last update.

    P <- (1 - s yᵀ / s·y) P (1 - y sᵀ / s·y) + s sᵀ / s·y for each update, oldest first, from the
    initial P of `preconditioner` (Broyden, Fletcher, Goldfarb and Shanno 1970). P is never formed:
    the recursion applies one update per call (L-BFGS; Nocedal 1980).
    """
    if not updates:
        return preconditioner(gradient)
    s, y = updates[-1]
    curvature = float(np.vdot(s, y))
    if curvature <= 0:  # only by rounding, because the loss is convex
        return inverse_hessian_product(preconditioner, updates[:-1], gradient)
    alpha = float(np.vdot(s, gradient)) / curvature
    direction = inverse_hessian_product(preconditioner, updates[:-1], gradient - alpha * y)
    return direction + (alpha - float(np.vdot(y, direction)) / curvature) * s
