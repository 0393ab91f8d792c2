import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.from_scratch.activations import sigmoid
from pipeline.from_scratch.computational_graph import (
    Divide,
    Exp,
    Log,
    Multiply,
    Purchase,
    SigmoidGraph,
)


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_graph_far_from_0(dtype) -> None:
    """Without overflow, and with the derivative 0 of a sigmoid that is 0 or 1."""
    x, graph = np.array([-1e4, -1000, 1000], dtype), SigmoidGraph()
    assert_allclose(graph.forward(x), [0, 0, 1], atol=1e-37)
    assert_allclose(graph.backward(np.ones(3, dtype)), 0, atol=1e-37)


def test_a_node_may_be_used_twice() -> None:
    """d(2 · 3 · 5)/d2 = 15 and /d3 = 10; d exp(exp(x))/dx = exp(x) exp(exp(x))."""
    times = Multiply()
    assert times.forward(times.forward(2.0, 3.0), 5.0) == 30
    inner, five = times.backward(1.0)
    assert (*times.backward(inner), five) == (15, 10, 6)
    e = Exp()
    e.forward(e.forward(0.5))
    assert e.backward(e.backward(1.0)) == pytest.approx(np.exp(0.5) * np.exp(np.exp(0.5)))
    with pytest.raises(ValueError, match="call forward before backward"):
        Log().backward(1.0)
