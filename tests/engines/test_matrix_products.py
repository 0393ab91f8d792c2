import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.engines.matrix_products import gram, inverse_cholesky, product


@pytest.mark.parametrize(("m", "n", "p"), [(1, 1, 1), (64, 64, 64), (65, 130, 3), (5, 200, 129)])
def test_blocked_products_equal_numpys(rng, m, n, p) -> None:
    A, B = rng.normal(size=(m, n)), rng.normal(size=(n, p))
    assert_allclose(product(A, B), A @ B, atol=1e-12)
    assert_allclose(gram(A), A.T @ A, atol=1e-12)


@pytest.mark.parametrize("p", [1, 2, 64, 65, 200])
def test_inverse_cholesky(rng, p) -> None:
    Q, _ = np.linalg.qr(rng.normal(size=(p, p)))
    H = (Q * np.geomspace(1, 1e-6, p)) @ Q.T
    T = inverse_cholesky(H)
    assert_allclose(T @ H @ T.T, np.eye(p), atol=1e-8)
    assert_allclose(T.T @ T @ H, np.eye(p), atol=1e-8)
    assert (np.triu(T, 1) == 0).all()
