"""How large the learning rate may be: less than 2 / L, L the largest curvature of the loss."""

from collections.abc import Callable

import numpy as np


def largest_eigenvalue(
    product: Callable[[np.ndarray], np.ndarray], size: int, *, iterations: int = 60, seed: int = 0
) -> float:
    """Power iteration: v <- A v / |A v| converges to the eigenvector of the largest eigenvalue.

    `product` is v -> A v for a symmetric, positive semi-definite A (size, size). For the Hessian of
    a loss the largest eigenvalue is the Lipschitz constant L of its gradient, and a step of 1 / L
    never increases the loss. Power iteration underestimates it, so that 5 per cent are added.
    Errors: ValueError where it is infinite or NaN.
    """
    v = np.random.default_rng(seed).normal(size=size)
    norm = np.linalg.norm(v)
    for _ in range(iterations):
        with np.errstate(over="ignore", invalid="ignore"):
            v = product(v / norm)
            norm = np.linalg.norm(v)
            if np.isinf(norm):  # of the squares
                largest = np.abs(v).max()
                norm = largest * np.linalg.norm(v / largest)
        if norm == 0:
            return 0.0
        if not np.isfinite(norm):
            raise ValueError(
                f"The curvature of the loss is {norm}: scale the columns of X to about -1 to 1."
            )
    return float(1.05 * norm)
