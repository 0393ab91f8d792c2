import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.engines.descent import nesterov_descent
from pipeline.engines.lbfgs import inverse_hessian_product, lbfgs
from pipeline.engines.matrix_products import inverse_square_root
from pipeline.from_scratch.gradient_descent import gradient_descent


def test_momentum_is_faster_for_a_large_condition_number() -> None:
    """Condition number 1e4: Nesterov needs hundreds of steps, plain descent tens of thousands."""
    H = np.array([1.0, 1e-4])

    def loss_and_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        return float(x @ (H * x) / 2), H * x

    x, losses = nesterov_descent(loss_and_gradient, np.ones(2), lr=1.0, steps=5000, tol=1e-10)
    assert np.abs(H * x).max() <= 1e-10
    assert len(losses) < 2000
    plain = gradient_descent(lambda x: 0.0, np.ones(2), lr=1, steps=2000, gradient=lambda x: H * x)
    assert np.abs(H * plain[-1]).max() > 1e-5


def convex_loss(n: int = 30):
    """½ x·Ax + Σ log cosh x_i - Σ x_i: convex, not quadratic, condition number near 400."""
    A = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)

    def loss_and_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        loss = x @ A @ x / 2 + np.sum(np.logaddexp(x, -x) - np.log(2) - x)
        return float(loss), A @ x + np.tanh(x) - 1

    return A, loss_and_gradient


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e4], ids=["identity", "too short", "too long"])
def test_updates_improve_a_poor_preconditioner(scale) -> None:
    _, loss_and_gradient = convex_loss()
    x, losses = lbfgs(
        loss_and_gradient, lambda x, i: lambda g: scale * g, np.zeros(30), steps=200, tol=1e-8
    )
    assert np.abs(loss_and_gradient(x)[1]).max() < 1e-6
    assert (np.diff(losses) < 0).all(), "no step increases the loss"
    assert len(losses) < 60


def test_the_exact_inverse_hessian_needs_one_step() -> None:
    A, _ = convex_loss()
    P = np.linalg.inv(A)
    x, losses = lbfgs(
        lambda x: (float(x @ A @ x / 2 - x.sum()), A @ x - 1),
        lambda x, i: lambda g: P @ g,
        np.zeros(30),
        steps=50,
        tol=1e-6,
    )
    assert_allclose(x, P.sum(axis=0), atol=1e-9)
    assert len(losses) == 2


def test_a_last_step_that_raises_the_loss_is_not_taken() -> None:
    """By a P far from the inverse Hessian, 1, a minute gradient promises little and moves far."""
    start = np.full(1, 1e-12)
    x, losses = lbfgs(
        lambda x: (float(x @ x) / 2, x), lambda x, i: lambda g: 1e20 * g, start, steps=9, tol=1.0
    )
    assert x == start and losses == [start @ start / 2]


def test_a_new_preconditioner_is_requested() -> None:
    _, loss_and_gradient = convex_loss()
    requested = []

    def make_preconditioner(x: np.ndarray, i: int):
        requested.append(i)
        return lambda g: 1e-9 * g if i < 2 else g

    lbfgs(loss_and_gradient, make_preconditioner, np.zeros(30), steps=60, tol=1e-8)
    assert requested[:2] == [0, 1]


def test_inverse_hessian_product_is_the_formula_of_bfgs(rng) -> None:
    """P <- (1 - s yᵀ / s·y) P (1 - y sᵀ / s·y) + s sᵀ / s·y, as a matrix; and P y = s."""
    A = rng.normal(size=(6, 6))
    H, P = A @ A.T, np.diag(rng.uniform(1, 2, size=6))
    first = P.copy()
    updates = [(s, H @ s) for s in rng.normal(size=(3, 6))]
    for s, y in updates:
        V = np.eye(6) - np.outer(y, s) / (s @ y)
        P = V.T @ P @ V + np.outer(s, s) / (s @ y)
    g = rng.normal(size=6)
    assert_allclose(inverse_hessian_product(lambda g: first @ g, updates, g), P @ g)
    s, y = updates[-1]
    assert_allclose(inverse_hessian_product(lambda g: first @ g, updates, y), s)
    negative = (s, -y)  # of negative curvature, which is skipped
    assert_allclose(inverse_hessian_product(lambda g: first @ g, [*updates, negative], g), P @ g)


def test_inverse_square_root_of_badly_scaled_and_singular_matrices(rng) -> None:
    A, scale = rng.normal(size=(50, 4)), np.array([1e6, 1e-6, 1, 1e3])
    H = A.T @ A
    T = inverse_square_root(H * np.outer(scale, scale))
    assert_allclose(T.T @ T * np.outer(scale, scale), np.linalg.inv(H), rtol=1e-6)
    singular = np.zeros((5, 5))
    singular[:4, :4] = H
    T = inverse_square_root(singular)
    assert_allclose((T.T @ T)[:4, :4], np.linalg.inv(H), rtol=1e-6)
    assert np.isfinite(T).all() and np.isfinite(inverse_square_root(np.zeros((2, 2)))).all()
