"""Matrix products and inverses in blocks small enough for BLAS to compute in one thread.

Two threads make a large product up to twice as fast. But where another process keeps one of the
cores busy, the threads wait for each other, and the inverse of a 100 x 100 matrix takes 0.1 s
instead of 0.5 ms. Blocked products take the time of one thread whether or not the machine is busy.
"""

from collections.abc import Callable

import numpy as np

BLOCK = 64  # OpenBLAS starts a second thread at 64³ multiplications


def product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """A B: (m, n), (n, p) -> (m, p)."""
    (m, n), p = A.shape, B.shape[1]
    out = np.zeros((m, p))
    for i in range(0, m, BLOCK):
        for k in range(0, n, BLOCK):
            left = A[i : i + BLOCK, k : k + BLOCK]
            for j in range(0, p, BLOCK):
                out[i : i + BLOCK, j : j + BLOCK] += left @ B[k : k + BLOCK, j : j + BLOCK]
    return out


def gram(A: np.ndarray) -> np.ndarray:
    """AᵀA: (n, p) -> (p, p); only the upper triangle is computed, the lower one is its copy."""
    n, p = A.shape
    out = np.zeros((p, p))
    for i in range(0, p, BLOCK):
        for j in range(i, p, BLOCK):
            block = out[i : i + BLOCK, j : j + BLOCK]
            for k in range(0, n, BLOCK):
                rows = A[k : k + BLOCK]
                block += rows[:, i : i + BLOCK].T @ rows[:, j : j + BLOCK]
            out[j : j + BLOCK, i : i + BLOCK] = block.T
    return out


def inverse_cholesky(
    H: np.ndarray, multiply: Callable[[np.ndarray, np.ndarray], np.ndarray] = product
) -> np.ndarray:
    """T = L⁻¹, where H = L Lᵀ is symmetric and positive definite; so TᵀT = H⁻¹.

    Recursive: L⁻¹ of H = [[A, Bᵀ], [B, C]] follows from those of A and of the Schur complement
    C - B A⁻¹ Bᵀ, each half as large. `multiply` computes the matrix products: with a thousand rows
    or more, np.matmul is faster because of its threads.
    """
    half = len(H) // 2
    if len(H) <= BLOCK:
        return np.tril(np.linalg.inv(np.linalg.cholesky(H)))
    T = np.zeros(H.shape, H.dtype)
    upper, lower = T[:half, :half], T[half:, half:]
    upper[:] = inverse_cholesky(H[:half, :half], multiply)
    B = multiply(H[half:, :half], upper.T)
    lower[:] = inverse_cholesky(H[half:, half:] - multiply(B, B.T), multiply)
    T[half:, :half] = -multiply(lower, multiply(B, upper))
    return T


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
