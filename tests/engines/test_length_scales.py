from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.gaussian_process.kernels import RBF, Matern

from pipeline.engines.length_scales import (
    Kernel,
    leave_one_out,
    log_loss,
    loss_and_gradient,
    squared_error,
)
from pipeline.from_scratch.gradients import numerical_gradient


@pytest.fixture
def rows(rng):
    """Two numerical columns and two binary ones."""
    return np.hstack([rng.normal(size=(20, 2)), rng.integers(2, size=(20, 2))])


@pytest.mark.parametrize(("exponent", "oracle"), [(1.0, Matern(nu=0.5)), (2.0, RBF())])
def test_kernel_matrix_is_that_of_scikit_learn(rows, exponent, oracle) -> None:
    scales = np.array([0.5, 3.0, 1.0, 20.0])
    oracle.length_scale = scales / np.sqrt(exponent)  # RBF halves the squared distance
    kernel = Kernel(scales, 2.0, 0.3, 0.1, exponent)
    expected = 2 * oracle(rows, rows[:5]) + 0.3
    assert_allclose(kernel.matrix(rows, rows[:5]), expected, atol=1e-5)


@pytest.mark.parametrize("n", [1, 64, 65, 131, 300])
def test_inverse_of_an_ill_conditioned_kernel_matrix(n, rng) -> None:
    """For rows that are close together the condition number is about 1e6."""
    rows = rng.normal(size=(n, 2))
    kernel = Kernel(np.ones(2), 1.0, 0.0, 1e-4, 2.0)
    K = kernel.matrix(rows, rows)
    before = K.copy()
    Q = kernel.precision(K)
    assert_array_equal(K, before)
    assert_allclose(Q @ (K + 1e-4 * np.eye(n)), np.eye(n), atol=1e-7)


@pytest.mark.parametrize("columns", [1, 40, 2000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_kernel_of_equal_rows_does_not_depend_on_the_other_rows(rng, dtype, columns) -> None:
    """Products of different shapes round differently, and r^0.6 would turn 1e-16 into 1e-5."""
    rows = (3 + rng.normal(size=(300, columns))).astype(dtype)
    kernel = Kernel(np.full(columns, 5.0), 2.0, 0.3, 0.1, 0.6)
    all_rows = kernel.matrix(rows, rows)
    assert len(set(np.diag(all_rows))) == 1
    for i in (0, 7, 299):
        assert kernel.matrix(rows[i : i + 1], rows)[0, i] == all_rows[i, i]


def test_the_kernel_is_positive_definite_up_to_an_exponent_of_2() -> None:
    """With an exponent of 3, K of rows on a line has negative eigenvalues."""
    line = np.arange(20.0)[:, None] / 5

    def smallest_eigenvalue(exponent: float) -> float:
        K = Kernel(np.ones(1), 1.0, 0.0, 0.0, exponent).matrix(line, line)
        return float(np.linalg.eigvalsh(K).min())

    assert min(smallest_eigenvalue(exponent) for exponent in (0.3, 0.6, 1.5)) > 0
    assert smallest_eigenvalue(3.0) < -1e-3


def test_leave_one_out_equals_fits_without_each_row(rows, rng) -> None:
    Y = rng.normal(size=(20, 2))
    kernel = Kernel(np.ones(4), signal=2.0, constant=0.3, noise=0.1, exponent=0.6)
    found = leave_one_out(kernel.precision(kernel.matrix(rows, rows)), Y)
    for i in range(20):
        X, others = np.delete(rows, i, axis=0), np.delete(Y, i, axis=0)
        weights = kernel.precision(kernel.matrix(X, X)) @ others
        assert_allclose(found[i], (kernel.matrix(rows[[i]], X) @ weights)[0])


@pytest.mark.parametrize("exponent", [0.5, 2.0])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("loss_function", [squared_error, partial(log_loss, steepness=3.0)])
def test_gradient_matches_finite_differences(rows, rng, loss_function, outputs, exponent) -> None:
    Y = rng.choice([-1.0, 1.0], size=(20, outputs))
    theta = rng.normal(size=7)
    _, gradient = loss_and_gradient(theta, rows, Y, loss_function, exponent)
    expected = numerical_gradient(
        lambda t: loss_and_gradient(t, rows, Y, loss_function, exponent)[0], theta
    )
    assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


def test_gradient_for_equal_rows_is_the_limit_of_nearly_equal_ones(rows, rng) -> None:
    """At distance 0 the kernel is not differentiable, but does not depend on the length scales."""
    Y, theta, apart = rng.normal(size=(20, 1)), rng.normal(size=7), np.zeros((20, 4))
    rows[7], apart[7] = rows[3], 1e-5
    _, equal = loss_and_gradient(theta, rows, Y, squared_error, 0.6)
    _, nearly = loss_and_gradient(theta, rows + apart, Y, squared_error, 0.6)
    assert_allclose(equal, nearly, atol=1e-3 * np.abs(nearly).max())


def test_log_loss_of_a_correct_and_certain_prediction_is_0() -> None:
    loss, gradient = log_loss(np.array([[9.0], [-9.0]]), np.array([[1.0], [-1.0]]), steepness=3.0)
    assert loss < 1e-11
    assert_allclose(gradient, 0, atol=1e-11)
    assert log_loss(np.zeros((2, 1)), np.ones((2, 1)), steepness=3.0)[0] == pytest.approx(np.log(2))
