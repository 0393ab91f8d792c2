import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.from_scratch.descent import largest_eigenvalue, mini_batches, nesterov_descent
from pipeline.from_scratch.gradients import gradient_descent, numerical_gradient


def bowl(x: np.ndarray) -> float:
    return float(x[0] ** 2 + x[1] ** 2)


def valley(x: np.ndarray) -> float:
    return float(x[0] ** 2 / 20 + x[1] ** 2)


def test_numerical_gradient_of_known_functions(rng) -> None:
    assert_allclose(numerical_gradient(bowl, np.array([3.0, 4.0])), [6, 8], rtol=1e-9)
    assert_allclose(numerical_gradient(valley, np.array([-7.0, 2.0])), [-0.7, 4], rtol=1e-9)
    A, x = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    assert_allclose(
        numerical_gradient(lambda x: np.sum(A * np.sin(x)), x), A * np.cos(x), rtol=1e-8
    )


def test_numerical_gradient_puts_x_back(rng) -> None:
    x = rng.normal(size=5)
    before = x.copy()
    numerical_gradient(np.sum, x)
    assert (x == before).all()
    with pytest.raises(ValueError, match="int"):
        numerical_gradient(np.sum, np.arange(3))


def test_gradient_descent_follows_the_closed_form() -> None:
    """On x² every step multiplies x by 1 - 2 lr."""
    path = gradient_descent(bowl, [-3.0, 4.0], lr=0.1, steps=100)
    assert path.shape == (101, 2)
    assert_allclose(path, np.outer(0.8 ** np.arange(101), [-3.0, 4.0]), rtol=1e-6, atol=1e-9)


def test_the_valley_is_slow_along_its_floor() -> None:
    end = gradient_descent(valley, [-7.0, 2.0], lr=0.9, steps=30)[-1]
    assert_allclose(end, [-7 * 0.91**30, 2 * 0.8**30], rtol=1e-5)


def test_power_iteration_finds_the_largest_eigenvalue(rng) -> None:
    A = rng.normal(size=(20, 20))
    A = A @ A.T
    expected = np.linalg.eigvalsh(A)[-1]
    found = largest_eigenvalue(lambda v: A @ v, 20)
    assert expected < found < 1.06 * expected
    assert largest_eigenvalue(lambda v: 0 * v, 3) == 0


def test_momentum_wins_in_a_long_valley() -> None:
    """Condition number 1e4: Nesterov needs hundreds of steps, plain descent tens of thousands."""
    H = np.array([1.0, 1e-4])

    def loss_and_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        return float(x @ (H * x) / 2), H * x

    x, losses = nesterov_descent(loss_and_gradient, np.ones(2), lr=1.0, steps=5000, tol=1e-10)
    assert np.abs(H * x).max() <= 1e-10
    assert len(losses) < 2000
    plain = gradient_descent(lambda x: 0.0, np.ones(2), lr=1, steps=2000, gradient=lambda x: H * x)
    assert np.abs(H * plain[-1]).max() > 1e-5


def test_mini_batches_visit_every_row_once(rng) -> None:
    batches = list(mini_batches(10, 4, rng))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(np.concatenate(batches)) == list(range(10))
    assert np.concatenate(list(mini_batches(10, 4, None))).tolist() == list(range(10))
