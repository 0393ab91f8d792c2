import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.from_scratch.logic_gates import (
    AND,
    GATES,
    NAND,
    OR,
    XOR,
    perceptron,
    threshold_unit,
)
from pipeline.from_scratch.perceptron import Perceptron

CORNERS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])


@pytest.mark.parametrize(
    ("gate", "truth"),
    [(AND, [0, 0, 0, 1]), (NAND, [1, 1, 1, 0]), (OR, [0, 1, 1, 1]), (XOR, [0, 1, 1, 0])],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_truth_tables(gate, truth) -> None:
    assert_array_equal(gate(CORNERS), truth)


def test_a_threshold_is_a_negative_bias(rng) -> None:
    for gate in (AND, NAND, OR):
        w, theta = GATES[gate.__name__]
        assert_array_equal(threshold_unit(CORNERS, np.array(w), theta), gate(CORNERS))
    x, w = rng.normal(size=(100, 3)), rng.normal(size=3)
    for theta in (-0.7, 0.0, 0.5):
        assert_array_equal(threshold_unit(x, w, theta), perceptron(x, w, -theta))


def test_mistakes_are_within_novikoffs_bound(rng) -> None:
    X = rng.uniform(-1, 1, size=(500, 2))
    normal, offset = np.array([0.6, 0.8]), 0.1
    distance = X @ normal + offset
    X, distance = X[np.abs(distance) > 0.05], distance[np.abs(distance) > 0.05]
    model = Perceptron(epochs=1000).fit(X, distance > 0)

    hyperplane = np.append(normal, offset)
    margin = np.abs(distance).min() / np.linalg.norm(hyperplane)
    R = np.linalg.norm(np.column_stack([X, np.ones(len(X))]), axis=1).max()
    assert model.mistakes_[-1] == 0 and (model.predict(X) == (distance > 0)).all()
    assert (model.mistakes_[:-1] > 0).all(), "it stops after an epoch without mistakes"
    assert 0 < model.mistakes_.sum() <= (R / margin) ** 2


def test_it_does_not_converge_on_xor() -> None:
    model = Perceptron(epochs=50).fit(CORNERS, XOR(CORNERS))
    assert len(model.mistakes_) == 50 and (model.mistakes_ > 0).all()


def test_only_a_mistake_changes_the_weights() -> None:
    """By hand: 0 predicts no for (1, 2), a yes; (1, 2) and bias 1 predict yes for (1, 0), a no."""
    X = np.array([[1.0, 2.0], [1.0, 0.0], [-3.0, 0.0]])
    one = Perceptron(epochs=1).fit(X[:1], np.array([1]))
    assert (*one.w_, one.b_) == (1, 2, 1)
    model = Perceptron(epochs=1).fit(X, np.array([1, 0, 0]))
    assert (*model.w_, model.b_) == (0, 2, 0)
    assert model.mistakes_.tolist() == [2]
    assert model.predict(np.array([[5.0, 1.0], [5.0, 0.0]])).tolist() == [1, 0]
