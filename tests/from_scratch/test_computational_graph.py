import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.from_scratch.activations import sigmoid
from pipeline.from_scratch.computational_graph import Divide, Log, Purchase, SigmoidGraph


def test_purchase_of_apples_and_oranges() -> None:
    """By hand: (100 · 2 + 150 · 3) · 1.1 = 715."""
    graph = Purchase()
    assert graph.forward((100.0, 2.0), (150.0, 3.0), 1.1) == pytest.approx(715)
    apple, orange, tax = graph.backward()
    assert apple == pytest.approx((2.2, 110))
    assert orange == pytest.approx((3.3, 165))
    assert tax == pytest.approx(650)


def test_purchase_of_apples_only() -> None:
    graph = Purchase()
    assert graph.forward((100.0, 2.0), (0.0, 0.0), 1.1) == pytest.approx(220)
    assert graph.backward()[0] == pytest.approx((2.2, 110)) and graph.backward()[2] == 200


def test_sigmoid_graph_equals_the_closed_form(rng) -> None:
    x, dy, graph = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), SigmoidGraph()
    y = graph.forward(x)
    assert_allclose(y, sigmoid(x))
    assert_allclose(graph.backward(dy), dy * y * (1 - y))


def test_log_of_a_quotient(rng) -> None:
    """d log(x / y) = dx / x - dy / y."""
    x, y = rng.uniform(1, 2, size=(2, 5))
    divide, log = Divide(), Log()
    assert_allclose(log.forward(divide.forward(x, y)), np.log(x) - np.log(y))
    dx, dy = divide.backward(log.backward(np.ones(5)))
    assert_allclose(dx, 1 / x)
    assert_allclose(dy, -1 / y)
