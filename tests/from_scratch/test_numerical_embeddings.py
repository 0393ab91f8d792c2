import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.from_scratch import numerical_embeddings as embeddings


def test_frequencies_of_a_column_are_adjacent(rng) -> None:
    """Against equation 2 of Gorishniy 2022: [sin 2πcx, cos 2πcx], column by column."""
    x, layer = rng.normal(size=(6, 2)), embeddings.Frequencies(2, 3, 0.7, rng)
    c = 0.7 * layer.u.reshape(2, 3)
    y = embeddings.CosineAndSine().forward(layer.forward(x)).reshape(6, 2, 3, 2)
    for j in range(2):
        for i in range(3):
            angle = 2 * np.pi * c[j, i] * x[:, j]
            assert_allclose(y[:, j, i], np.stack([np.cos(angle), np.sin(angle)], axis=1))


def test_frequencies_have_the_given_standard_deviation(rng) -> None:
    layer = embeddings.Frequencies(100, 100, 0.1, rng, phases=True)
    angle = layer.forward(np.ones((1, 100))) - layer.b
    assert np.std(angle / (2 * np.pi)) == pytest.approx(0.1, rel=0.02)
    assert np.abs(layer.b).max() <= np.pi
    assert np.std(layer.b) == pytest.approx(np.pi / np.sqrt(3), rel=0.02)


def test_every_column_has_its_own_affine_layer(rng) -> None:
    x, W = rng.normal(size=(5, 6)), rng.normal(size=(2, 3, 4))
    layer = embeddings.AffineByColumn(W)
    layer.b[:] = rng.normal(size=8)
    expected = np.hstack([x[:, :3] @ W[0], x[:, 3:] @ W[1]]) + layer.b
    assert_allclose(layer.forward(x), expected)


def test_piecewise_linear_by_hand() -> None:
    """Bins [0, 1), [1, 3), [3, 7), and [0, 10) for the second column (equation 1 of the paper)."""
    layer = embeddings.PiecewiseLinear([np.array([0, 1, 3, 7]), np.array([0, 10])])
    x = np.array([[0.0, 5.0], [0.5, -5.0], [2.0, 20.0], [6.0, 0.0], [-2.0, 1.0], [11.0, 2.0]])
    expected = [
        [0, 0, 0, 0.5],
        [0.5, 0, 0, -0.5],
        [1, 0.5, 0, 2],
        [1, 1, 0.75, 0],
        [-2, 0, 0, 0.1],
        [1, 1, 2, 0.2],
    ]
    assert_allclose(layer.forward(x), expected)


def test_quantile_edges_divide_the_rows_evenly(rng) -> None:
    x = rng.normal(size=1000)
    edges = embeddings.quantile_edges(x, 4)
    assert_array_equal(np.histogram(x, edges)[0], [250] * 4)
    assert_array_equal(embeddings.quantile_edges(np.repeat([0.0, 1.0, 9.0], [90, 5, 5]), 4), [0, 9])


@pytest.mark.parametrize("bins", range(2, 13))
@pytest.mark.parametrize("n", [6, 26, 61, 76])
def test_no_bin_is_narrower_than_the_gaps_between_the_numbers(bins, n) -> None:
    """0.6 · 5 rounds to slightly above 3: interpolation would give an edge close to 0."""
    x = np.repeat([0.0, 1.0, 2.0], [n - n // 3, n // 3 - 1, 1])
    assert np.diff(embeddings.quantile_edges(x, bins)).min() >= 1


@pytest.mark.parametrize(
    "layer",
    [
        embeddings.Frequencies(4, 3, 0.1, np.random.default_rng(0), phases=True),
        embeddings.Cosine(),
        embeddings.CosineAndSine(),
        embeddings.AffineByColumn(np.ones((2, 2, 3))),
        embeddings.PiecewiseLinear([np.array([0.0, 1, 2])] * 4),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_float32_stays_float32(layer) -> None:
    for name in layer.parameters:
        setattr(layer, name, getattr(layer, name).astype(np.float32))
        setattr(layer, "d" + name, getattr(layer, "d" + name).astype(np.float32))
    y = layer.forward(np.ones((5, 4), np.float32))
    assert y.dtype == layer.backward(y).dtype == np.float32
