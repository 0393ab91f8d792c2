"""Weights of a blend by least squares, and which of very many models are worth a closer look.

Both follow from one matrix: G = E Eᵀ / n, the mean products of the models' errors E (m, n k), where
the error of class probabilities is their distance from 0 and 1.
"""

import hashlib
from collections.abc import Sequence

import numpy as np


def repeated(*predictions: Sequence[np.ndarray]) -> list[int]:
    """For each model the first one that predicts the same: itself, if none before it does.

    Each of predictions has an array a model.
    """
    seen: dict[bytes, int] = {}
    found = []
    for model, arrays in enumerate(zip(*predictions, strict=True)):
        content = hashlib.sha256()
        for each in arrays:
            content.update(np.ascontiguousarray(each).tobytes())
        found.append(seen.setdefault(content.digest(), model))
    return found


def ridge_weights(y: np.ndarray, predictions: np.ndarray, l2: float) -> np.ndarray:
    """The w >= 0 that sum to 1 with the least wᵀ(G + l2 tr(G)/m I) w, (m,).

    The penalty pulls them towards equal weights. y (n,), predictions (m, n, k).
    """
    return simplex_minimum(penalised(error_products(y, predictions), l2))


def shortlist(y: np.ndarray, predictions: np.ndarray, most: int, l2: float) -> np.ndarray:
    """So many models at most, ascending: those that `ridge_weights` would take, the heaviest first,
    then the best by themselves."""
    products = error_products(y, predictions)
    weights = simplex_minimum(penalised(products, l2))
    order = np.lexsort((np.diag(products), -weights))
    return np.sort(order[:most])


def error_products(y: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """G (m, m)."""
    models, rows, outputs = predictions.shape
    if outputs == 2:  # the errors of both classes are the same but for the sign
        errors = predictions[:, :, 1] - y
    else:
        truth = y[:, np.newaxis] if outputs == 1 else np.eye(outputs)[y]
        errors = (predictions - truth).reshape(models, rows * outputs)
    return np.asarray(errors @ errors.T / rows)


def penalised(products: np.ndarray, l2: float) -> np.ndarray:
    """G + l2 tr(G)/m I; never singular."""
    scale = np.trace(products) / len(products) or 1.0
    return np.asarray(products + max(l2, 1e-9) * scale * np.eye(len(products)))


def simplex_minimum(matrix: np.ndarray) -> np.ndarray:
    """The w >= 0 that sum to 1 with the least wᵀ H w, H (m, m) positive definite.

    Where it is, H w is the same for all models of weight above 0, and no less for the others. That
    is so for w / Σw, too, where w solves H w = 1 so: non-negative least squares with H = L Lᵀ
    (Lawson and Hanson 1974).
    """
    from scipy.linalg import solve_triangular
    from scipy.optimize import nnls

    lower = np.linalg.cholesky(matrix)
    ones = solve_triangular(lower, np.ones(len(matrix)), lower=True)
    weights, _ = nnls(lower.T, ones, maxiter=30 * len(matrix))
    return np.asarray(weights / weights.sum())
