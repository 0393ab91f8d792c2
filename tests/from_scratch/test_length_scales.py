from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.gaussian_process.kernels import RBF, Matern

from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.length_scales import (
    Kernel,
    inverse,
    leave_one_out,
    loss_and_gradient,
    squared_error,
    surprise,
)


@pytest.fixture
def rows(rng):
    """Two columns of numbers and two of yes and no."""
    return np.hstack([rng.normal(size=(20, 2)), rng.integers(2, size=(20, 2))])


@pytest.mark.parametrize(("exponent", "oracle"), [(1.0, Matern(nu=0.5)), (2.0, RBF())])
def test_likeness_is_that_of_scikit_learns_kernels(rows, exponent, oracle) -> None:
    scales = np.array([0.5, 3.0, 1.0, 20.0])
    oracle.length_scale = scales / np.sqrt(exponent)  # RBF halves the square of the distance
    kernel = Kernel(scales, 2.0, 0.3, 0.1, exponent)
    expected = 2 * oracle(rows, rows[:5]) + 0.3
    assert_allclose(kernel.between(rows, rows[:5]), expected, atol=1e-5)


@pytest.mark.parametrize("n", [1, 64, 65, 131, 300])
def test_the_inverse_by_halves_is_the_inverse(n, rng) -> None:
    """Of what a kernel makes of rows that lie close together: the condition is about 1e6."""
    rows = rng.normal(size=(n, 2))
    A = Kernel(np.ones(2), 1.0, 0.0, 0.0, 2.0).between(rows, rows) + 1e-4 * np.eye(n)
    assert_allclose(inverse(A) @ A, np.eye(n), atol=1e-7)


@pytest.mark.parametrize("columns", [1, 40, 2000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_rows_are_exactly_as_alike_in_any_company(rng, dtype, columns) -> None:
    """Products of other shapes round otherwise, and r^0.6 would make 1e-5 of 1e-16."""
    rows = (3 + rng.normal(size=(300, columns))).astype(dtype)
    kernel = Kernel(np.full(columns, 5.0), 2.0, 0.3, 0.1, 0.6)
    together = kernel.between(rows, rows)
    assert len(set(np.diag(together))) == 1
    for i in (0, 7, 299):
        assert kernel.between(rows[i : i + 1], rows)[0, i] == together[i, i]


def test_up_to_an_exponent_of_2_it_is_a_kernel() -> None:
    """K of rows on a line has no eigenvalue below 0; with an exponent of 3 it has some."""
    line = np.arange(20.0)[:, None] / 5

    def least(exponent: float) -> float:
        likeness = Kernel(np.ones(1), 1.0, 0.0, 0.0, exponent).between(line, line)
        return float(np.linalg.eigvalsh(likeness).min())

    assert min(least(0.3), least(0.6), least(1.5)) > 0 > least(3.0) + 1e-3


def test_leave_one_out_is_what_leaving_each_row_out_gives(rows, rng) -> None:
    Y = rng.normal(size=(20, 2))
    kernel = Kernel(np.ones(4), signal=2.0, constant=0.3, noise=0.1, exponent=0.6)
    found = leave_one_out(kernel.inverse(kernel.between(rows, rows)), Y)
    for i in range(20):
        X, others = np.delete(rows, i, axis=0), np.delete(Y, i, axis=0)
        weights = kernel.inverse(kernel.between(X, X)) @ others
        assert_allclose(found[i], (kernel.between(rows[[i]], X) @ weights)[0])


@pytest.mark.parametrize("exponent", [0.5, 2.0])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("judge", [squared_error, partial(surprise, steepness=3.0)])
def test_the_slope_is_that_of_finite_differences(rows, rng, judge, outputs, exponent) -> None:
    Y = rng.choice([-1.0, 1.0], size=(20, outputs))
    theta = rng.normal(size=7)
    _, slope = loss_and_gradient(theta, rows, Y, judge, exponent)
    expected = numerical_gradient(
        lambda t: loss_and_gradient(t, rows, Y, judge, exponent)[0], theta
    )
    assert_allclose(slope, expected, rtol=1e-5, atol=1e-7)


def test_equal_rows_slope_as_nearly_equal_ones_do(rows, rng) -> None:
    """At distance 0 the kernel has a kink, but no length scale can move two equal rows apart."""
    Y, theta, apart = rng.normal(size=(20, 1)), rng.normal(size=7), np.zeros((20, 4))
    rows[7], apart[7] = rows[3], 1e-5
    _, equal = loss_and_gradient(theta, rows, Y, squared_error, 0.6)
    _, nearly = loss_and_gradient(theta, rows + apart, Y, squared_error, 0.6)
    assert_allclose(equal, nearly, atol=1e-3 * np.abs(nearly).max())


def test_a_row_far_on_its_right_side_costs_nothing() -> None:
    loss, slope = surprise(np.array([[9.0], [-9.0]]), np.array([[1.0], [-1.0]]), steepness=3.0)
    assert loss < 1e-11
    assert_allclose(slope, 0, atol=1e-11)
    assert surprise(np.zeros((2, 1)), np.ones((2, 1)), steepness=3.0)[0] == pytest.approx(np.log(2))
