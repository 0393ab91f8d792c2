"""Matrix products and inverses in tiles so small that BLAS doesn't share them between threads.

Two threads make a large product up to twice as fast. Where another process keeps one of the cores
busy they wait for each other instead, and the inverse of a 100 x 100 matrix takes 0.1 s rather than
0.5 ms. Tiles take what one thread takes, on a quiet machine and on a busy one.
"""

from collections.abc import Callable

import numpy as np

TILE = 64  # OpenBLAS wakes a second thread from 64³ multiplications on


def product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """A B: (m, n), (n, p) -> (m, p)."""
    (m, n), p = A.shape, B.shape[1]
    out = np.zeros((m, p))
    for i in range(0, m, TILE):
        for k in range(0, n, TILE):
            left = A[i : i + TILE, k : k + TILE]
            for j in range(0, p, TILE):
                out[i : i + TILE, j : j + TILE] += left @ B[k : k + TILE, j : j + TILE]
    return out


def gram(A: np.ndarray) -> np.ndarray:
    """AᵀA: (n, p) -> (p, p), whose lower half is the upper one's mirror image."""
    n, p = A.shape
    out = np.zeros((p, p))
    for i in range(0, p, TILE):
        for j in range(i, p, TILE):
            tile = out[i : i + TILE, j : j + TILE]
            for k in range(0, n, TILE):
                rows = A[k : k + TILE]
                tile += rows[:, i : i + TILE].T @ rows[:, j : j + TILE]
            out[j : j + TILE, i : i + TILE] = tile.T
    return out


def whitening(
    H: np.ndarray, times: Callable[[np.ndarray, np.ndarray], np.ndarray] = product
) -> np.ndarray:
    """T with T H Tᵀ = I, hence TᵀT = H⁻¹, of a symmetric, positive definite H; lower triangular.

    T is the inverse of Cholesky's triangle. That of H = [[A, Bᵀ], [B, C]] comes from those of A and
    of Schur's complement C - B A⁻¹ Bᵀ, which are half its size. `times` multiplies: where H has a
    thousand rows, np.matmul is worth its threads.
    """
    half = len(H) // 2
    if len(H) <= TILE:
        return np.tril(np.linalg.inv(np.linalg.cholesky(H)))
    upper = whitening(H[:half, :half], times)
    B = times(H[half:, :half], upper.T)
    lower = whitening(H[half:, half:] - times(B, B.T), times)
    corner = -times(lower, times(B, upper))
    return np.block([[upper, np.zeros_like(B.T)], [corner, lower]])
