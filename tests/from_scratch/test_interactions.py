import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.from_scratch.interactions import cells, gain, learn_edges, levels


def column(values: np.ndarray) -> np.ndarray:
    return values[:, np.newaxis].astype(float)


def test_the_score_test_foretells_the_likelihood_ratio(rng) -> None:
    """Of cells that differ a little; the best weight of a cell is the logit of its mean."""
    number = rng.integers(6, size=60_000)
    t = rng.random(60_000) < 0.3 + 0.02 * (number - 2.5)
    p = np.full(60_000, 0.3)
    share = np.array([t[number == cell].mean() for cell in range(6)])[number]
    ratio = 2 * np.sum(np.where(t, np.log(share / p), np.log((1 - share) / (1 - p))))
    found = gain(number, column(t - p), column(p * (1 - p)), ridge=0.0)
    assert ratio > 300
    assert_allclose(found + 6, ratio, rtol=0.02)  # 6: what chance brings, one a cell


def test_chance_alone_brings_nothing_however_many_the_cells(rng) -> None:
    h = np.full((1000, 1), 0.25)
    for many in (2, 200):
        number = rng.integers(many, size=1000)
        found = [gain(number, rng.integers(2, size=(1000, 1)) - 0.5, h, 20.0) for _ in range(400)]
        assert abs(np.mean(found)) < 4 * np.std(found) / 20


def test_levels_do_not_depend_on_the_scale_and_missing_is_one_of_its_own(rng) -> None:
    X = rng.normal(size=(501, 2))
    X[:, 1] = rng.integers(5, size=501)
    X[::7] = np.nan
    found = levels(X, learn_edges(X, 8))
    stretched = np.exp(3 * X)
    assert_array_equal(found, levels(stretched, learn_edges(stretched, 8)))
    assert_array_equal(found[1::7, 1], X[1::7, 1])
    assert (found[::7] == [8, 5]).all()
    assert not (found[1::7] == [8, 5]).any()
    rows = np.bincount(found[:, 0])[:-1]
    assert len(rows) == 8
    assert rows.max() - rows.min() <= 2


def test_what_is_a_category_is_not_cut(rng) -> None:
    X = column(rng.permutation(np.arange(50.0)))
    assert len(learn_edges(X, 8)[0]) == 7
    assert_array_equal(levels(X, learn_edges(X, 8, {0})), X)


def test_a_value_that_most_rows_have_is_a_level_and_the_others_share_the_rest(rng) -> None:
    """As with delays: 0 in nineteen rows of twenty, and forty other values."""
    late = np.arange(1.0, 41.0)
    X = column(np.concatenate([np.zeros(760), late]))
    edges = learn_edges(X, 8)[0]
    assert edges[0] == 0.5
    shares = np.bincount(levels(X, [edges])[760:, 0])[1:]
    assert len(shares) == 7
    assert set(shares) == {5, 6}


def test_edges_part_numbers_that_nothing_lies_between() -> None:
    pairs = [[1, np.nextafter(1, 2)], [0, 5e-324], [1.2e308, 1.7e308], [-1.7e308, 1.7e308]]
    for pair in pairs:
        X = np.array(pair)[:, None]
        assert_array_equal(levels(X, learn_edges(X, 8)), [[0], [1]])


def test_rows_share_a_cell_where_they_share_every_level(rng) -> None:
    X = rng.integers(4, size=(300, 4)).astype(float)
    X[rng.random(X.shape) < 0.2] = np.nan
    edges = learn_edges(X, 8)
    number = cells(levels(X, edges), edges, (0, 2, 3))
    _, expected = np.unique(np.nan_to_num(X[:, [0, 2, 3]], nan=9), axis=0, return_inverse=True)
    assert len(np.unique(number)) == expected.max() + 1
    assert_array_equal(np.unique(number, return_inverse=True)[1], expected.ravel())
