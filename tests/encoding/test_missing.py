import numpy as np
from numpy.testing import assert_array_equal
from sklearn.impute import SimpleImputer

from pipeline.encoding.columns import number_column
from pipeline.encoding.missing import Median, indicator


def test_the_median_of_the_training_rows_stands_in():
    rng = np.random.default_rng(0)
    train, new = rng.normal(9, 2, size=51), rng.normal(9, 2, size=20)
    train[::7], new[::3] = np.nan, np.nan
    oracle = SimpleImputer(strategy="median").fit(train.reshape(-1, 1))

    median = Median.fit(number_column("a", train).distribution())

    assert_array_equal(median.fill(new), oracle.transform(new.reshape(-1, 1))[:, 0])


def test_the_indicator_is_one_for_missing_alone():
    column = number_column("a", np.array([np.nan, 2.0, 1.0, np.nan]))
    assert_array_equal(indicator(len(column.values))[column.codes, 0], [1, 0, 0, 1])
