"""A column against the target: strength, p-value and bins."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from pipeline.exploration import association as a


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_cramers_v_by_hand():
    """Bergsma (2013) on a 2 x 2 table: phi2 = 0.36 - 1/99, divided by min(k) - 1 = 1 - 1/99."""
    table = np.array([[40, 10], [10, 40]])

    assert a.cramers_v(table) == pytest.approx(np.sqrt((0.36 - 1 / 99) / (1 - 1 / 99)))
    assert a.cramers_v(np.array([[50, 0], [0, 50]])) == pytest.approx(1.0)
    assert a.cramers_v(np.array([[50, 50]])) == 0.0


def test_cramers_v_of_noise_is_near_nothing(rng):
    """Uncorrected it would be near √(9 · 4 / 500 / 4) = 0.13."""
    found = [
        a.cramers_v(a.contingency(rng.integers(10, size=500), rng.integers(5, size=500), 10, 5))
        for _ in range(40)
    ]

    assert np.mean(found) < 0.04


def test_kruskal_wallis_matches_scipy(rng):
    codes = rng.integers(4, size=300)
    y = rng.normal(size=300).round(1) + 0.2 * codes

    _, p = a.correlation_ratio(codes, y)

    assert p == pytest.approx(stats.kruskal(*(y[codes == code] for code in range(4))).pvalue)


def test_correlation_ratio_is_one_for_a_function_and_monotone_invariant(rng):
    codes = rng.integers(4, size=300)
    y = rng.normal(size=300) + codes

    assert a.correlation_ratio(codes, codes.astype(float))[0] == pytest.approx(1.0)
    assert_allclose(a.correlation_ratio(codes, np.exp(y)), a.correlation_ratio(codes, y))


def test_middle_ranks_match_scipy(rng):
    values = rng.integers(9, size=100)

    assert_allclose(a.middle_ranks(values), stats.rankdata(values))


@pytest.mark.parametrize("levels", [3, 12, 13, 5000])
def test_bins_of_numbers_are_in_order_and_hold_every_row(rng, levels):
    values = rng.integers(levels, size=2000).astype(float)
    values[::50] = np.nan

    bins = a.cut(pd.Series(values), "number")

    rows = np.bincount(bins.codes, minlength=len(bins.labels))
    assert rows.sum() == 2000 and (rows > 0).all()
    assert bins.labels[-1] == "missing" and rows[-1] == 40
    known = ~np.isnan(values)
    order = np.argsort(values[known], kind="stable")
    assert (np.diff(bins.codes[known][order]) >= 0).all()
    assert bins.levels == (levels <= 12)


def test_labels_name_the_values_inside():
    bins = a.cut(pd.Series([0.0] * 90 + [float(n) for n in range(1, 41)]), "number")

    assert bins.labels[0] == "0"
    assert bins.codes[:90].max() == 0
    assert bins.labels[-1].endswith("to 40")


def test_rare_levels_are_pooled_and_missing_has_a_bin():
    words = ["a"] * 30 + ["b"] * 20 + ["c", "d", "e"] + [None] * 7

    bins = a.cut(pd.Series(words, dtype="str"), "category")

    assert bins.labels == ("a", "b", "3 other levels", "missing")
    assert np.bincount(bins.codes).tolist() == [30, 20, 3, 7]


@pytest.mark.parametrize("kind", ["number", "category", "text", "date"])
def test_an_empty_column_is_one_bin_and_no_relation(kind):
    dtype = {"number": "float64", "date": "datetime64[us]"}.get(kind, "str")
    frame = pd.DataFrame({"x": pd.Series([None] * 40, dtype=dtype)})

    (found,) = a.relations(frame, np.arange(40) % 2, [("x", kind)], 2)

    assert (found.labels, found.strength, found.p) == (("missing",), 0.0, 1.0)


def test_the_strongest_column_comes_first_and_names_its_ends(rng):
    y = rng.integers(2, size=400)
    frame = pd.DataFrame(
        {"noise": rng.normal(size=400), "word": pd.Series(np.where(y, "yes", "no"), dtype="str")}
    )

    first, second = a.relations(frame, y, [("noise", "number"), ("word", "category")], 2)

    assert (first.column, second.column) == ("word", "noise")
    assert (first.labels[first.lowest], first.labels[first.highest]) == ("no", "yes")
    assert not first.is_noise and second.is_noise


def test_means_and_standard_errors_match_numpy(rng):
    codes = np.repeat([0, 1, 2], 30)
    y = rng.normal(size=90) + codes

    (found,) = a.relations(pd.DataFrame({"x": codes}), y, [("x", "number")], 0)

    groups = y.reshape(3, 30)
    assert_allclose(found.means, groups.mean(axis=1))
    assert_allclose(found.errors, groups.std(axis=1, ddof=1) / np.sqrt(30))
