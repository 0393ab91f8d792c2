import numpy as np
from numpy.testing import assert_array_equal
from sklearn.impute import SimpleImputer

from pipeline.encoding.columns import number_column
from pipeline.encoding.numbers import NumberEncoder
from pipeline.settings import Encode


def test_the_median_of_the_training_rows_stands_in():
    numbers = np.random.default_rng(0).normal(9, 2, size=51)
    numbers[::7] = np.nan
    column = number_column("a", numbers)
    encoder = NumberEncoder.fit(column, Encode())
    (median,) = SimpleImputer(strategy="median").fit(numbers.reshape(-1, 1)).statistics_
    assert encoder.median == median
    scaled = encoder.by_value(column, "dense")[-1, 0]
    assert scaled == np.float32(encoder.scaling.transform(median))


def test_the_indicator_is_one_for_missing_alone():
    column = number_column("a", np.array([np.nan, 2.0, 1.0, np.nan]))
    assert_array_equal(column.missing_indicator()[column.codes, 0], [1, 0, 0, 1])
