"""Gradient descent as it is used: a safe step, momentum, a step for each direction, few rows."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pipeline.from_scratch.products import whitening

LossAndGradient = Callable[[np.ndarray], tuple[float, np.ndarray]]
Precondition = Callable[[np.ndarray], np.ndarray]
Step = tuple[np.ndarray, np.ndarray]  # by how much theta moved, by how much the gradient changed

REMEMBERED = 20  # steps


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
    precondition: Precondition = np.copy,
    *,
    lr: float,
    steps: int,
    tol: float,
) -> tuple[np.ndarray, np.ndarray]:
    """theta <- phi - lr P ∇L(phi), phi = theta + k / (k + 3) (theta - theta before).

    On a convex loss the error falls as 1 / k², where plain descent reaches 1 / k (Nesterov 1983).
    When the momentum points uphill it starts again from k = 0, which brings back the fast,
    geometric fall near the minimum (O'Donoghue and Candès 2015, section 3.2). `precondition` is
    g -> P g, the unit of each direction. Stops where no part of the gradient is above `tol` in
    these units. Returns theta and the loss at each step.
    """
    theta = look_ahead = start
    losses, k = [], 0
    for _ in range(steps):
        loss, gradient = loss_and_gradient(look_ahead)
        losses.append(loss)
        direction = precondition(gradient)
        after = look_ahead - lr * direction
        move = after - theta
        theta = after
        if np.abs(gradient * direction).max() <= tol**2:
            break
        k = 0 if np.vdot(gradient, move) > 0 else k + 1
        look_ahead = theta + k / (k + 3) * move
    return theta, np.array(losses)


def proximal_descent(
    loss_and_gradient: LossAndGradient,
    shrink: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    *,
    lr: float,
    steps: int,
    tol: float,
) -> tuple[np.ndarray, np.ndarray]:
    """theta <- shrink(phi - lr ∇L(phi)), phi = theta + k / (k + 3) (theta - theta before).

    For a sum of L and a penalty with corners, such as λ Σ |theta|, whose proximal step of length
    lr is `shrink` (FISTA; Beck and Teboulle 2009). When the momentum points uphill it starts again
    from k = 0 (O'Donoghue and Candès 2015). Stops where no part of theta moves by more than lr
    `tol` from phi. Returns theta and L at each step.
    """
    theta = look_ahead = start
    losses, k = [], 0
    for _ in range(steps):
        loss, gradient = loss_and_gradient(look_ahead)
        losses.append(loss)
        after = shrink(look_ahead - lr * gradient)
        back, move = look_ahead - after, after - theta
        theta = after
        if np.abs(back).max() <= lr * tol:
            break
        k = 0 if np.vdot(back, move) > 0 else k + 1
        look_ahead = theta + k / (k + 3) * move
    return theta, np.array(losses)


def preconditioned_descent(
    loss_and_gradient: LossAndGradient,
    guess: Callable[[np.ndarray, int], Precondition],
    start: np.ndarray,
    *,
    lr: float = 1.0,
    steps: int,
    tol: float,
) -> tuple[np.ndarray, np.ndarray]:
    """theta <- theta - lr P ∇L(theta): each direction has a step length of its own.

    The best P is the inverse of the loss's curvature, because it sends every direction to its
    minimum at once. `guess` is theta, i -> (g -> P g), the i-th rough P, for near theta (symmetric,
    positive definite). Every step improves it, see `learned`; after REMEMBERED steps there is a new
    one.

    The slope in units of the curvature is √(∇L · P∇L), whose square is twice the loss still to be
    won. The first step that should bring it down to `tol` is the last. Returns theta and the loss
    before each step.
    """
    theta, losses, fall_before = start, [], np.inf
    taken: list[Step] = []
    loss, gradient = loss_and_gradient(theta)
    for step in range(steps):
        losses.append(loss)
        if step % REMEMBERED == 0:
            precondition = guess(theta, step // REMEMBERED)
        direction = learned(_rescaled(precondition, taken), taken, gradient)
        fall = float(np.vdot(gradient, direction))
        rate = min(max(fall / fall_before, 0.01), 1.0) if taken else 1.0
        if fall * rate <= tol**2:
            theta = theta - lr * direction
            break
        found = _shorter_until_it_falls(loss_and_gradient, theta, direction, (loss, fall, lr))
        if found is None:
            break
        after, loss, gradient_after = found
        taken = [*taken[1 - REMEMBERED :], (after - theta, gradient_after - gradient)]
        theta, gradient, fall_before = after, gradient_after, fall
    return theta, np.array(losses)


def _shorter_until_it_falls(
    loss_and_gradient: LossAndGradient,
    theta: np.ndarray,
    direction: np.ndarray,
    expected: tuple[float, float, float],
) -> tuple[np.ndarray, float, np.ndarray] | None:
    """theta - lr direction, lr made shorter until the loss falls as it should (Armijo 1966).

    Each try ends where the parabola through what is known has its minimum, or at a tenth. Returns
    the new theta, its loss and its gradient; None where rounding hides the fall.
    """
    loss, fall, lr = expected
    while lr * fall > np.finfo(float).eps * abs(loss):
        after = theta - lr * direction
        loss_after, gradient_after = loss_and_gradient(after)
        if loss_after <= loss - 1e-4 * lr * fall:
            return after, loss_after, gradient_after
        lr *= max(lr * fall / (loss_after - loss + lr * fall) / 2, 0.1)
    return None


def _rescaled(precondition: Precondition, taken: Sequence[Step]) -> Precondition:
    """g -> c P g, c = s·y / y·Py from the last step, where P is wrong by more than a factor of 2.

    (Shanno and Phua 1978)
    """
    s, y = taken[-1] if taken else (np.zeros(1), np.zeros(1))
    curvature = float(np.vdot(s, y))
    if curvature <= 0:
        return precondition
    scale = curvature / float(np.vdot(y, precondition(y)))
    return precondition if 1 / 2 < scale < 2 else lambda g: scale * precondition(g)


def learned(precondition: Precondition, taken: Sequence[Step], gradient: np.ndarray) -> np.ndarray:
    """P g, P with P y = s for the last step: s is how theta moved, y how the gradient changed.

    P <- (1 - s yᵀ / s·y) P (1 - y sᵀ / s·y) + s sᵀ / s·y after each step, oldest first (Broyden,
    Fletcher, Goldfarb and Shanno 1970). P is never written down: each step is one call of this
    function inside the next one's (Nocedal 1980).
    """
    if not taken:
        return precondition(gradient)
    s, y = taken[-1]
    curvature = float(np.vdot(s, y))
    if curvature <= 0:  # rounding: the loss is convex
        return learned(precondition, taken[:-1], gradient)
    share = float(np.vdot(s, gradient)) / curvature
    direction = learned(precondition, taken[:-1], gradient - share * y)
    return direction + (share - float(np.vdot(y, direction)) / curvature) * s


def inverse_root(H: np.ndarray) -> np.ndarray:
    """T (p, p) with TᵀT = H⁻¹, H a curvature: no eigenvalue below 0, and a little more where flat.

    Every direction is measured in its own unit first, so that a little is little for each of them.
    """
    bend = np.diag(H)
    bend = np.where(bend > 0, bend, bend.mean() or 1)
    unit = 1 / np.sqrt(bend)
    H = unit[:, None] * H * unit
    np.fill_diagonal(H, 1 + 1e-10)
    return whitening(H) * unit


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
