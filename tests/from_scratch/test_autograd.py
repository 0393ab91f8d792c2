import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.from_scratch.autograd import Value, topological_order
from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.graph_drawing import drawing
from pipeline.from_scratch.layers import Affine, Relu, SoftmaxWithLoss, Tanh
from pipeline.from_scratch.network import Network


def test_a_unit_by_hand() -> None:
    """tanh(2 · -3 + 0 · 1 + 6.8813735870195432) = √½, whose slope is ½ (Karpathy's micrograd)."""
    x1, x2, w1, w2 = Value(2), Value(0), Value(-3), Value(1)
    out = (x1 * w1 + x2 * w2 + 6.8813735870195432).tanh()
    out.backward()
    assert out.data == pytest.approx(math.sqrt(0.5))
    assert [each.grad for each in (x1, x2, w1, w2)] == pytest.approx([-1.5, 0.5, 1, 0])


def test_a_value_used_twice_gets_the_sum() -> None:
    """d(x + x)/dx = 2, d(x² + x)/dx = 2x + 1; and d(xy · (x + y)) = 2xy + y², x² + 2xy."""
    x, y = Value(3), Value(-2)
    (x + x).backward()
    assert x.grad == 2
    (x * x + x).backward()
    assert x.grad == 7, "backward sets the gradients anew"
    ((x * y) * (x + y)).backward()
    assert (x.grad, y.grad) == (-12 + 4, 9 - 12)


def test_every_operation_matches_finite_differences(rng) -> None:
    def formula(x, y, z):
        return (x / y - 2) ** 3 * (z + 1).log() - 1 / (x * z) + (y - x).relu() + (-y).exp() + 3 - z

    point = rng.uniform(1, 2, size=3)
    values = [Value(each) for each in point]
    formula(*values).backward()
    expected = numerical_gradient(lambda p: formula(*map(Value, p)).data, point)
    assert_allclose([each.grad for each in values], expected, rtol=1e-7)


def test_each_value_comes_after_its_inputs_and_depth_is_no_limit() -> None:
    x = result = Value(1.0)
    for _ in range(3000):
        result = result + x
    order = topological_order(result)
    place = {id(value): number for number, value in enumerate(order)}
    assert all(place[id(each)] < place[id(v)] for v in order for each, _ in v.slopes)
    result.backward()
    assert x.grad == 3001


@pytest.mark.parametrize("activation", [Tanh, Relu])
def test_the_layers_have_the_same_gradient(rng, activation) -> None:
    """A network of two layers, its loss computed number by number with Values."""
    x, t = rng.normal(size=(3, 2)), np.array([0, 2, 1])
    network = Network(
        [Affine(rng.normal(size=(2, 4))), activation(), Affine(rng.normal(size=(4, 3)))],
        SoftmaxWithLoss(),
    )
    loss = network.loss_and_gradient(x, t)

    W1, b1, W2, b2 = (
        np.vectorize(Value, otypes=[object])(getattr(layer, name))
        for layer in network.layers[::2]
        for name in ("W", "b")
    )
    hidden = x.astype(object) @ W1 + b1
    name = activation.__name__.lower()
    logits = np.vectorize(lambda v: getattr(v, name)(), otypes=[object])(hidden) @ W2 + b2
    total = Value(0)
    for row, label in zip(logits, t, strict=True):
        total = total + sum((each.exp() for each in row), Value(0)).log() - row[label]
    mean = total / len(t)
    mean.backward()

    assert mean.data == pytest.approx(loss, rel=1e-12)
    for values, gradient in zip(
        (W1, b1, W2, b2),
        (getattr(layer, "d" + n) for layer in network.layers[::2] for n in ("W", "b")),
        strict=True,
    ):
        found = np.vectorize(lambda v: v.grad, otypes=[float])(values)
        assert_allclose(found, gradient, rtol=1e-12, atol=1e-15)


def test_the_drawing_has_every_value_once_and_every_edge() -> None:
    x, w = Value(2, name="x<1>"), Value(3, name="w")
    result = (x * w + x).tanh()
    result.backward()
    root = ET.fromstring(drawing(result))
    tags = [child.tag.rpartition("}")[2] for child in root]
    assert (tags.count("rect"), tags.count("path")) == (5, 5)
    texts = [child.text for child in root if child.tag.endswith("text")]
    assert {"x<1>", "w", "×", "+", "tanh", "2", "3", "6", "8"} <= {*texts}
    assert f"grad {x.grad:.4g}" in texts
    boxes = [(r.get("x"), r.get("y")) for r in root if r.tag.endswith("rect")]
    assert len(set(boxes)) == 5, "no box on another"
