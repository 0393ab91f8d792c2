import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.from_scratch.embedding import Embedding
from pipeline.from_scratch.gradients import numerical_gradient

TABLE = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def test_a_code_gets_its_row_and_an_unknown_code_the_zero_vector() -> None:
    codes = np.array([[2.0], [0.0], [-1.0], [3.0], [1e30], [-1e30]])
    expected = [[5, 6], [1, 2], [0, 0], [0, 0], [0, 0], [0, 0]]
    assert_array_equal(Embedding(TABLE).forward(codes), expected)


def test_it_equals_a_one_hot_vector_times_the_table(rng) -> None:
    codes, dy = rng.integers(-1, 4, size=(50, 1)), rng.normal(size=(50, 2))
    one_hot = (codes == np.arange(3)).astype(float)
    layer = Embedding(TABLE.copy())
    assert_array_equal(layer.forward(codes.astype(float)), one_hot @ TABLE)
    layer.backward(dy)
    assert_allclose(layer.dT, one_hot.T @ dy, rtol=1e-12)


def test_backward_matches_finite_differences(rng) -> None:
    codes, dy = rng.integers(-1, 4, size=(9, 1)).astype(float), rng.normal(size=(9, 2))
    layer = Embedding(TABLE.copy())

    def loss(_: np.ndarray) -> float:
        return float(np.sum(layer.forward(codes) * dy))

    layer.forward(codes)
    dx, dT = layer.backward(dy), layer.dT.copy()
    assert_allclose(dT, numerical_gradient(loss, layer.T), rtol=1e-6, atol=1e-9)
    assert_array_equal(dx, numerical_gradient(loss, codes))


def test_float32_stays_float32() -> None:
    layer = Embedding(TABLE.astype(np.float32))
    y = layer.forward(np.zeros((4, 1), np.float32))
    assert y.dtype == layer.backward(y).dtype == layer.dT.dtype == np.float32
