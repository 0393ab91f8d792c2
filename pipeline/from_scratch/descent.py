"""Gradient descent in practice: safe step size, momentum, proximal steps, L-BFGS, mini-batches."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pipeline.from_scratch.matrix_products import inverse_cholesky

LossAndGradient = Callable[[np.ndarray], tuple[float, np.ndarray]]
Preconditioner = Callable[[np.ndarray], np.ndarray]  # g -> P g
Update = tuple[np.ndarray, np.ndarray]  # s, the change of theta, and y, that of the gradient

MEMORY = 20  # updates that the L-BFGS approximation is built from


def largest_eigenvalue(
    product: Callable[[np.ndarray], np.ndarray], size: int, *, iterations: int = 60, seed: int = 0
) -> float:
    """Power iteration: v <- A v / |A v| converges to the eigenvector of the largest eigenvalue.

    `product` is v -> A v for a symmetric, positive semi-definite A (size, size). For the Hessian of
    a loss the largest eigenvalue is the Lipschitz constant L of its gradient, and a step of 1 / L
    never increases the loss. Power iteration underestimates it, so that 5 per cent are added.
    """
    v = np.random.default_rng(seed).normal(size=size)
    norm = np.linalg.norm(v)
    for _ in range(iterations):
        v = product(v / norm)
        norm = np.linalg.norm(v)
        if norm == 0:
            return 0.0
    return float(1.05 * norm)


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
        losses.append(loss)
        direction = preconditioner(gradient)
        new_theta = look_ahead - lr * direction
        move = new_theta - theta
        theta = new_theta
        if np.abs(gradient * direction).max() <= tol**2:
            break
        k = 0 if np.vdot(gradient, move) > 0 else k + 1
        look_ahead = theta + k / (k + 3) * move
    return theta, np.array(losses)


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
        losses.append(loss)
        new_theta = proximal_operator(look_ahead - lr * gradient)
        step, move = look_ahead - new_theta, new_theta - theta
        theta = new_theta
        if np.abs(step).max() <= lr * tol:
            break
        k = 0 if np.vdot(step, move) > 0 else k + 1
        look_ahead = theta + k / (k + 3) * move
    return theta, np.array(losses)


def preconditioned_descent(
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
    minimum. The first step that is expected to bring it below `tol` is the last one. Returns theta
    and the loss before each step.
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
            theta = theta - lr * direction
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


def inverse_square_root(H: np.ndarray) -> np.ndarray:
    """T (p, p) with TᵀT = (H + δ)⁻¹, H a Hessian, positive semi-definite, δ a tiny diagonal.

    H is first scaled to a unit diagonal, so that δ is tiny relative to every diagonal element.
    """
    diagonal = np.diag(H)
    diagonal = np.where(diagonal > 0, diagonal, diagonal.mean() or 1)
    scale = 1 / np.sqrt(diagonal)
    H = scale[:, None] * H * scale
    np.fill_diagonal(H, 1 + 1e-10)
    return inverse_cholesky(H) * scale


def mini_batches(
    n: int, size: int | None, rng: np.random.Generator | None
) -> Iterator[np.ndarray | slice]:
    """The row numbers 0 to n - 1 in batches of `size`, shuffled by rng unless it is None.

    The last batch may be smaller. If size is None or at least n, there is one batch, a slice, which
    needs no copy.
    """
    if size is None or size >= n:
        yield slice(0, n)
        return
    order = np.arange(n) if rng is None else rng.permutation(n)
    for start in range(0, n, size):
        yield order[start : start + size]
