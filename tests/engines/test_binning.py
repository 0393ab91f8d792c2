import numpy as np
from numpy.testing import assert_array_equal

from pipeline.engines.binning import bin_edges, bin_numbers


def test_bins_are_invariant_to_monotone_transformations_and_missing_values_have_their_own(rng):
    X = rng.normal(size=(501, 2))
    X[:, 1] = rng.integers(5, size=501)
    X[::7] = np.nan
    found = bin_numbers(X, bin_edges(X, 8))
    transformed = np.exp(3 * X)
    assert_array_equal(found, bin_numbers(transformed, bin_edges(transformed, 8)))
    assert_array_equal(found[1::7, 1], X[1::7, 1])
    assert (found[::7] == [8, 5]).all()
    assert not (found[1::7] == [8, 5]).any()
    counts = np.bincount(found[:, 0])[:-1]
    assert len(counts) == 8
    assert counts.max() - counts.min() <= 2


def test_there_is_a_bin_for_each_value_up_to_max_bins(rng) -> None:
    X = rng.permutation(np.arange(50.0))[:, np.newaxis]
    assert len(bin_edges(X, 8)[0]) == 7
    assert_array_equal(bin_numbers(X, bin_edges(X, 50)), X)


def test_a_very_frequent_value_has_its_own_bin_and_the_others_share_the_rest_evenly(rng) -> None:
    """As with delays: 0 in nineteen rows out of twenty, and forty other values."""
    late = np.arange(1.0, 41.0)
    X = np.concatenate([np.zeros(760), late])[:, np.newaxis]
    edges = bin_edges(X, 8)[0]
    assert edges[0] == 0.5
    counts = np.bincount(bin_numbers(X, [edges])[760:, 0])[1:]
    assert len(counts) == 7
    assert set(counts) == {5, 6}


def test_adjacent_floats_and_extreme_values_are_separated() -> None:
    pairs = [[1, np.nextafter(1, 2)], [0, 5e-324], [1.2e308, 1.7e308], [-1.7e308, 1.7e308]]
    for pair in pairs:
        X = np.array(pair)[:, None]
        assert_array_equal(bin_numbers(X, bin_edges(X, 8)), [[0], [1]])
