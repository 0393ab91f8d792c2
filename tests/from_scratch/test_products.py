import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.from_scratch.products import gram, product, whitening


@pytest.mark.parametrize(("m", "n", "p"), [(1, 1, 1), (64, 64, 64), (65, 130, 3), (5, 200, 129)])
def test_tiles_give_numpys_product(rng, m, n, p) -> None:
    A, B = rng.normal(size=(m, n)), rng.normal(size=(n, p))
    assert_allclose(product(A, B), A @ B, atol=1e-12)
    assert_allclose(gram(A), A.T @ A, atol=1e-12)


@pytest.mark.parametrize("p", [1, 2, 64, 65, 200])
def test_whitening_leaves_the_identity(rng, p) -> None:
    turn, _ = np.linalg.qr(rng.normal(size=(p, p)))
    H = (turn * np.geomspace(1, 1e-6, p)) @ turn.T
    T = whitening(H)
    assert_allclose(T @ H @ T.T, np.eye(p), atol=1e-8)
    assert_allclose(T.T @ T @ H, np.eye(p), atol=1e-8)
    assert (np.triu(T, 1) == 0).all()
