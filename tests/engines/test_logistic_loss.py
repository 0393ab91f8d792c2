import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import log_loss

from pipeline.engines import logistic_loss
from pipeline.engines.logistic_loss import LogisticLoss, approximate_mean, loss_and_error
from pipeline.engines.matrix_products import inverse_square_root
from pipeline.from_scratch.activations import sigmoid, softmax
from pipeline.from_scratch.gradients import numerical_gradient

each_k = pytest.mark.parametrize("k", [1, 3])  # outputs: two classes, three classes


@pytest.fixture(autouse=True)
def many_blocks(monkeypatch) -> None:
    """150 rows are then three blocks, the last one not full."""
    monkeypatch.setattr(logistic_loss, "CACHED", 1)


def some_loss(rng, k: int, l2: float = 0.1) -> LogisticLoss:
    X = rng.normal(size=(150, 4)) * [1, 1, 5, 0.2] + [0, 3, 0, 0]
    codes = rng.integers(max(k, 2), size=150)
    w = rng.uniform(size=150)
    return LogisticLoss(X, codes, w / w.mean(), l2, approximate_mean(X))


@each_k
def test_loss_is_scikit_learns_plus_the_penalty(rng, k) -> None:
    loss, theta = some_loss(rng, k), 0.2 * rng.normal(size=(k, 5))
    coef, intercept = loss.coefficients(theta)
    logits = loss.X @ coef.T + intercept
    p = softmax(logits) if k > 1 else np.column_stack([sigmoid(-logits), sigmoid(logits)])
    expected = log_loss(loss.codes, p, sample_weight=loss.w) + 0.1 / 2 * np.sum(coef**2)
    assert_allclose(loss.loss_and_gradient(theta)[0], expected)


@each_k
def test_gradient_and_hessian_match_finite_differences(rng, k) -> None:
    loss, theta = some_loss(rng, k), rng.normal(size=(k, 5))
    theta -= theta.mean(axis=0) if k > 1 else 0
    gradient = loss.loss_and_gradient(theta)[1]
    expected = numerical_gradient(lambda t: loss.loss_and_gradient(t)[0], theta)
    assert_allclose(gradient, expected, atol=1e-8)
    v = rng.normal(size=(k, 5))
    v -= v.mean(axis=0) if k > 1 else 0
    expected = numerical_gradient(lambda t: np.vdot(loss.loss_and_gradient(t)[1], v), theta)
    assert_allclose(loss.hessian(theta) @ v.ravel(), expected.ravel(), atol=1e-7)


@pytest.mark.parametrize("k", [1, 3])
def test_error_is_the_derivative_of_the_loss(rng, k) -> None:
    logits, codes, w = rng.normal(size=(5, k)), np.array([0, 1, 1, 0, k - 1]), rng.uniform(size=5)
    expected = numerical_gradient(lambda z: loss_and_error(z, codes, w)[0], logits)
    assert_allclose(loss_and_error(logits, codes, w)[1], expected, atol=1e-9)


@each_k
def test_the_loss_does_not_depend_on_the_origin(rng, k) -> None:
    loss, theta = some_loss(rng, k), rng.normal(size=(k, 5))
    coef, intercept = loss.coefficients(theta)
    intercept -= intercept.mean() if k > 1 else 0  # to which softmax is invariant
    other = loss._replace(origin=np.zeros(4))
    same = np.column_stack([coef, intercept])
    assert_allclose(other.loss_and_gradient(same)[0], loss.loss_and_gradient(theta)[0])


@each_k
def test_float32_is_summed_in_float64(rng, k) -> None:
    loss, theta = some_loss(rng, k), rng.normal(size=(k, 5))
    single = loss._replace(X=loss.X.astype(np.float32))
    double = loss._replace(X=single.X.astype(np.float64))
    assert_allclose(single.loss_and_gradient(theta)[1], double.loss_and_gradient(theta)[1], 1e-13)
    assert_allclose(single.hessian(theta), double.hessian(theta), rtol=1e-13, atol=1e-16)


@each_k
def test_inverses_of_the_hessian(rng, k) -> None:
    loss, theta, g = some_loss(rng, k), rng.normal(size=(k, 5)), rng.normal(size=(k, 5))
    H = loss.hessian(theta)
    assert_allclose(loss.inverse_hessian_diagonal(theta)(g).ravel(), g.ravel() / np.diag(H))
    g -= g.mean(axis=0) if k > 1 else 0  # the loss is constant along equal changes of all classes
    expected = np.linalg.lstsq(H, g.ravel())[0]
    found = loss.inverse_hessian(theta)(g)
    assert_allclose(H @ found.ravel(), H @ expected, atol=1e-6)


@each_k
@pytest.mark.parametrize("size", [50, 1e4])
def test_large_logits_do_not_overflow(rng, k, size) -> None:
    loss = some_loss(rng, k, l2=0)
    theta = size * rng.normal(size=(k, 5))
    value, gradient = loss.loss_and_gradient(theta)
    assert np.isfinite(value) and np.isfinite(gradient).all()
    assert np.isfinite(inverse_square_root(loss.hessian(theta))).all()


def test_approximate_mean(rng) -> None:
    X = np.column_stack([rng.normal(size=5000), np.full(5000, 1e8 + 0.1)])
    mean = approximate_mean(X)
    assert abs(mean[0]) < 0.2
    assert mean[1] == 1e8 + 0.1, "that of a constant column is exact"


def test_a_sample_is_drawn_from_all_rows(rng) -> None:
    loss = some_loss(rng, 1)
    loss = loss._replace(codes=np.sort(loss.codes))
    some = loss.sample(60, rng)
    assert some.X.shape == (60, 4) and set(some.codes) == {0, 1}
    assert len(np.unique(some.X, axis=0)) == 60
    assert loss.sample(76, rng) is loss
