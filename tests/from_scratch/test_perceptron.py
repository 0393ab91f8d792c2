import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.from_scratch.perceptron import AND, NAND, OR, XOR, Perceptron

CORNERS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])


@pytest.mark.parametrize(
    ("gate", "truth"),
    [(AND, [0, 0, 0, 1]), (NAND, [1, 1, 1, 0]), (OR, [0, 1, 1, 1]), (XOR, [0, 1, 1, 0])],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_truth_tables(gate, truth) -> None:
    assert_array_equal(gate(CORNERS), truth)


def test_mistakes_are_within_novikoffs_bound(rng) -> None:
    X = rng.uniform(-1, 1, size=(500, 2))
    normal, offset = np.array([0.6, 0.8]), 0.1
    distance = X @ normal + offset
    X, distance = X[np.abs(distance) > 0.05], distance[np.abs(distance) > 0.05]
    y = np.where(distance > 0, "yes", "no")
    model = Perceptron(epochs=1000).fit(X, y)

    hyperplane = np.append(normal, offset)
    margin = np.abs(distance).min() / np.linalg.norm(hyperplane)
    R = np.linalg.norm(np.column_stack([X, np.ones(len(X))]), axis=1).max()
    assert model.mistakes_[-1] == 0 and (model.predict(X) == y).all()
    assert (model.mistakes_[:-1] > 0).all(), "it stops after an epoch without mistakes"
    assert 0 < model.mistakes_.sum() <= (R / margin) ** 2


def test_it_does_not_converge_on_xor() -> None:
    model = Perceptron(epochs=50).fit(CORNERS, XOR(CORNERS))
    assert len(model.mistakes_) == 50 and (model.mistakes_ > 0).all()


def test_only_a_mistake_changes_the_weights() -> None:
    """By hand: 0 predicts no for (1, 2), a yes; (1, 2) and bias 1 predict yes for (1, 0), a no."""
    model = Perceptron().partial_fit([[1.0, 2.0]], ["yes"], classes=["no", "yes"])
    assert (*model.coef_, model.intercept_) == (1, 2, 1)
    model.partial_fit([[1.0, 0.0], [-3.0, 0.0]], ["no", "no"])
    assert (*model.coef_, model.intercept_) == (0, 2, 0)
    assert model.mistakes_.tolist() == [1, 1]
    assert_array_equal(model.decision_function([[5.0, 1.0], [5.0, 0.0]]), [2, 0])
    assert model.predict([[5.0, 1.0], [5.0, 0.0]]).tolist() == ["yes", "no"]


def test_partial_fit_on_all_rows_is_an_epoch(rng) -> None:
    X, y = rng.normal(size=(40, 3)), rng.integers(2, size=40)
    at_once, parts = Perceptron(epochs=7).fit(X, y), Perceptron()
    for _ in range(7):
        parts.partial_fit(X, y)
    assert_array_equal(parts.coef_, at_once.coef_)
    assert parts.intercept_ == at_once.intercept_ and len(at_once.mistakes_) == 7
    assert_array_equal(parts.mistakes_, at_once.mistakes_)


def test_three_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="3 classes"):
        Perceptron().fit(CORNERS, [0, 1, 2, 0])
