"""Bins hold every row once, in order, under labels that name what is inside."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.exploration.bins import as_numbers, cut, fine_codes


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("levels", [3, 12, 13, 5000])
def test_bins_of_numbers_are_in_order_and_hold_every_row(rng, levels):
    values = rng.integers(levels, size=2000).astype(float)
    values[::50] = np.nan

    bins = cut(pd.Series(values), "number")

    rows = np.bincount(bins.codes, minlength=len(bins.labels))
    assert rows.sum() == 2000 and (rows > 0).all()
    assert bins.labels[-1] == "missing" and rows[-1] == 40
    known = ~np.isnan(values)
    order = np.argsort(values[known], kind="stable")
    assert (np.diff(bins.codes[known][order]) >= 0).all()
    assert bins.levels == (levels <= 12)


def test_labels_name_the_values_inside():
    bins = cut(pd.Series([0.0] * 90 + [float(n) for n in range(1, 41)]), "number")

    assert bins.labels[0] == "0"
    assert bins.codes[:90].max() == 0
    assert bins.labels[-1].endswith("to 40")


def test_rare_levels_are_pooled_and_missing_has_a_bin():
    words = ["a"] * 30 + ["b"] * 20 + ["c", "d", "e"] + [None] * 7

    bins = cut(pd.Series(words, dtype="str"), "category")

    assert bins.labels == ("a", "b", "3 other levels", "missing")
    assert np.bincount(bins.codes).tolist() == [30, 20, 3, 7]


def test_fine_bins_have_a_place_for_every_level_that_is_not_rare_and_one_for_missing():
    words = ["a"] * 5 + ["b"] * 7 + ["c", "d"] + [None] * 3
    codes = fine_codes(pd.Series(words, dtype="str"), "category")
    assert np.bincount(codes).tolist() == [7, 5, 2, 3]  # c and d together
    numbers = fine_codes(pd.Series([1.0, np.nan, 2.0, np.nan, 1.0]), "number")
    assert numbers.tolist() == [0, 2, 1, 2, 0]
    assert fine_codes(pd.Series([None, None], dtype="str"), "category").tolist() == [0, 0]
    assert fine_codes(pd.Series([np.nan, np.nan]), "number").tolist() == [0, 0]


@pytest.mark.parametrize(("rows", "bins"), [(300, 10), (3000, 100), (30_000, 200)])
def test_fine_bins_of_a_number_grow_with_the_rows(rng, rows, bins):
    codes = fine_codes(pd.Series(rng.normal(size=rows)), "number")
    assert len(np.unique(codes)) == bins
    assert np.bincount(codes).min() >= rows // bins - 1


def test_dates_are_days_and_text_is_its_length():
    dates = pd.Series(pd.to_datetime(["1970-01-02 00:00", None, "1970-01-03 12:00"]))

    assert_allclose(as_numbers(dates, "date"), [1.0, np.nan, 2.5])
    assert_allclose(as_numbers(pd.Series(["ab", None], dtype="str"), "text"), [2.0, np.nan])
