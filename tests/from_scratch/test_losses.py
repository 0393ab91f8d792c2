import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import log_loss, mean_squared_error

from pipeline.from_scratch import losses
from pipeline.from_scratch.activations import sigmoid, softmax
from pipeline.from_scratch.layers import SigmoidWithLoss
from pipeline.from_scratch.logistic_regression import LogisticRegression
from pipeline.from_scratch.perceptron import Perceptron

DIGIT = np.array(
    [0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0]
)  # ten classes, the true one is 2


def test_losses_by_hand() -> None:
    assert losses.sum_of_squared_errors(DIGIT, np.eye(10)[2]) == pytest.approx(0.0975)
    assert losses.cross_entropy(DIGIT, np.eye(10)[2]) == pytest.approx(0.510825624)
    assert losses.cross_entropy(DIGIT, 2) == pytest.approx(0.510825624)


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_equal_scikit_learns(rng, weighted) -> None:
    z, y = rng.normal(size=(30, 4)), rng.integers(4, size=30)
    w = rng.uniform(size=30) if weighted else None
    expected = log_loss(y, softmax(z), sample_weight=w, labels=range(4))
    assert losses.cross_entropy(softmax(z), y, w) == pytest.approx(expected)
    assert losses.cross_entropy_from_logits(z, np.eye(4)[y], w) == pytest.approx(expected)

    t = y % 2
    expected = log_loss(t, sigmoid(z[:, 0]), sample_weight=w)
    assert losses.binary_cross_entropy(sigmoid(z[:, 0]), t, w) == pytest.approx(expected)
    assert losses.binary_cross_entropy_from_logits(z[:, 0], t, w) == pytest.approx(expected)

    expected = mean_squared_error(z, 2 * z, sample_weight=w)
    assert losses.mean_squared_error(z, 2 * z, w) == pytest.approx(expected)


def test_logits_of_any_size_have_a_finite_loss() -> None:
    assert losses.binary_cross_entropy_from_logits([1e4], [0]) == 1e4
    assert losses.cross_entropy_from_logits([[1e4, -1e4]], [1]) == 2e4
    assert losses.binary_cross_entropy([0.0], [1]) == pytest.approx(-np.log(np.finfo(float).eps))


def test_label_smoothing() -> None:
    assert_allclose(losses.label_distribution([1], (1, 4), 0.2), [[0.05, 0.85, 0.05, 0.05]])
    p = np.array([[0.05, 0.85, 0.05, 0.05]])
    entropy = -np.sum(p * np.log(p))  # the minimum of the smoothed loss
    assert losses.cross_entropy(p, [1], smoothing=0.2) == pytest.approx(entropy)


def test_invalid_shapes_and_labels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3,\).*\(3, 1\)"):
        losses.mean_squared_error(np.zeros(3), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="0 to 1"):
        losses.cross_entropy([[0.5, 0.5]], [2])
    for label in ([0, 1, 0], [[0, 1, 0]], [-1], [[0.5, 0.6]], [[1.5, -0.5]]):
        with pytest.raises(ValueError, match="labels"):
            losses.cross_entropy([[0.5, 0.5]], label)


def test_nothing_is_broadcast() -> None:
    """Three logits as a column: every loss is 3.4e-4 row by row, and 3.6 over all pairs."""
    column, t, p = np.array([[8.0], [-8.0], [8.0]]), [1, 0, 1], np.full(3, 0.5)
    assert losses.binary_cross_entropy_from_logits(column[:, 0], t) == pytest.approx(
        3.354e-4, rel=1e-3
    )
    for loss in (losses.binary_cross_entropy_from_logits, losses.binary_cross_entropy):
        with pytest.raises(ValueError, match=r"\(3, 1\), the target \(3,\)"):
            loss(column, t)
        for weight in ([1.0], [1, 1], [[1], [1], [1]], [0, 0, 0]):
            with pytest.raises(ValueError, match="sample_weight has shape"):
                loss(p, t, weight)


@pytest.mark.parametrize("labels", [[-1, 1, 1], [1, 2, 1], [0, np.nan, 1]])
def test_two_classes_are_0_and_1(labels) -> None:
    """-1 and 1, or 1 and 2, have a loss without a minimum, and give another model in silence."""
    p, y, X = np.full(3, 0.5), np.array(labels), np.eye(3)
    for refuses in (
        lambda: losses.binary_cross_entropy(p, y),
        lambda: losses.binary_cross_entropy_from_logits(p, y),
        lambda: SigmoidWithLoss().forward(p[:, None], y),
        lambda: LogisticRegression().fit(X, y),
        lambda: Perceptron().fit(X, y),
    ):
        with pytest.raises(ValueError, match=r"labels contain .*; allowed are numbers from 0 to 1"):
            refuses()
