import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.from_scratch.gradient_descent import gradient_descent, mini_batches
from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.step_size import largest_eigenvalue


def round_quadratic(x: np.ndarray) -> float:
    return float(x[0] ** 2 + x[1] ** 2)


def elongated_quadratic(x: np.ndarray) -> float:
    return float(x[0] ** 2 / 20 + x[1] ** 2)


def test_numerical_gradient_of_known_functions(rng) -> None:
    assert_allclose(numerical_gradient(round_quadratic, np.array([3.0, 4.0])), [6, 8], rtol=1e-9)
    assert_allclose(
        numerical_gradient(elongated_quadratic, np.array([-7.0, 2.0])), [-0.7, 4], rtol=1e-9
    )
    A, x = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    assert_allclose(
        numerical_gradient(lambda x: np.sum(A * np.sin(x)), x), A * np.cos(x), rtol=1e-8
    )


def test_numerical_gradient_restores_x(rng) -> None:
    x = rng.normal(size=5)
    before = x.copy()
    numerical_gradient(np.sum, x)
    assert (x == before).all()
    with pytest.raises(ValueError, match="int"):
        numerical_gradient(np.sum, np.arange(3))


def test_numerical_gradient_of_large_numbers_and_of_float32() -> None:
    """A step of 1e-5 is lost beside 1e12, and in the digits of float32."""
    x = np.array([3, 100], np.float32)
    gradient = numerical_gradient(lambda x: np.sum(x**2), x)
    assert gradient.dtype == np.float32 and x.tolist() == [3, 100]
    assert_allclose(gradient, [6, 200], rtol=1e-6)
    for size in (1e-30, 1.0, 1e12, 1e300):
        assert_allclose(numerical_gradient(np.sum, np.array([size, -size])), [1, 1], rtol=1e-6)
    parameters = np.ones(2, np.float32)
    with pytest.raises(ValueError, match="f reads x itself, of dtype float32"):
        numerical_gradient(lambda _: float(np.sum(parameters**2)), parameters)
    assert (numerical_gradient(lambda _: 7.0, parameters) == 0).all()


def test_gradient_descent_on_a_round_quadratic() -> None:
    """On x² every step multiplies x by 1 - 2 lr."""
    path = gradient_descent(round_quadratic, [-3.0, 4.0], lr=0.1, steps=100)
    assert path.shape == (101, 2)
    assert_allclose(path, np.outer(0.8 ** np.arange(101), [-3.0, 4.0]), rtol=1e-6, atol=1e-9)


def test_gradient_descent_is_slow_along_the_direction_of_low_curvature() -> None:
    end = gradient_descent(elongated_quadratic, [-7.0, 2.0], lr=0.9, steps=30)[-1]
    assert_allclose(end, [-7 * 0.91**30, 2 * 0.8**30], rtol=1e-5)


def test_power_iteration_finds_the_largest_eigenvalue(rng) -> None:
    A = rng.normal(size=(20, 20))
    A = A @ A.T
    expected = np.linalg.eigvalsh(A)[-1]
    found = largest_eigenvalue(lambda v: A @ v, 20)
    assert expected < found < 1.06 * expected
    assert largest_eigenvalue(lambda v: 0 * v, 3) == 0


def test_mini_batches_contain_every_row_once(rng) -> None:
    batches = list(mini_batches(10, 4, rng))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(np.concatenate(batches)) == list(range(10))
    assert np.concatenate(list(mini_batches(10, 4, None))).tolist() == list(range(10))
