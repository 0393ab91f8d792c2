import numpy as np
import pandas as pd
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.encoding.columns import CodedColumn, label_codes, number_column
from pipeline.encoding.counts import Counts
from pipeline.encoding.digits import Digits


def category(labels) -> CodedColumn:
    return CodedColumn("x", *label_codes(pd.Series(labels, dtype=object)), "category")


def test_counts_are_those_of_the_training_rows():
    fitted = Counts.fit(category(["a", "b", "a", None, "a"]))
    new = category(["a", "b", "c", None])
    found = fitted.by_value(new, "tree")[new.codes, 0]
    assert_allclose(np.expm1(found), [3, 1, 0, 1])
    own = fitted.by_value(new, "tree", own=1)[new.codes, 0]
    assert_allclose(np.expm1(own), [2, 0, 0, 0])
    dense = fitted.by_value(new, "dense")[new.codes, 0]
    assert np.isfinite(dense).all() and (np.argsort(dense) == np.argsort(found)).all()


def test_digits_of_prices():
    prices = number_column("price", np.array([12.99, 3.5, 107.0, -12.29, np.nan]))
    fitted = Digits.fit(prices)
    assert fitted.places == [-2, -1, 0, 1, 2]
    found = fitted.by_value(prices, "tree")[prices.codes]
    expected = [[9, 9, 2, 1, 0], [0, 5, 3, 0, 0], [0, 0, 7, 0, 1], [9, 2, 2, 1, 0], [np.nan] * 5]
    assert_array_equal(found, expected)
    dense = fitted.by_value(prices, "dense")[prices.codes]
    assert_array_equal(dense.sum(axis=1), [5, 5, 5, 5, 0])
    assert fitted.names("price", "tree")[0] == "price digit of 0.01"
    assert len(fitted.names("price", "dense")) == dense.shape[1]


def test_digits_that_never_differ_are_left_out():
    assert Digits.fit(number_column("x", np.array([100.0, 200.0, 900.0]))).places == [2]
    assert Digits.fit(number_column("x", np.array([np.nan, 1e300]))).places == []
