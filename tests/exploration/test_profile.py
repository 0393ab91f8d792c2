"""What columns hold, and how numbers move together."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.exploration import profile


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_worked_example():
    train = pd.DataFrame({"x": [0.0, 2.0, np.nan, 0.0]})
    test = pd.DataFrame({"x": [np.nan, np.nan, 0.0]})

    (found,) = profile.profiles(train, test, [("x", "number")])

    assert (found.missing_train, found.missing_test) == (1, 2)
    assert (found.zeros_train, found.zeros_test) == (2, 1)
    assert (found.smallest, found.median, found.greatest, found.distinct) == (0.0, 0.0, 2.0, 2)


def test_words_and_dates_have_no_zeros():
    frame = pd.DataFrame(
        {
            "word": pd.Series(["a", "a", "b"], dtype="str"),
            "day": pd.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"]),
        }
    )

    word, day = profile.profiles(frame, frame, [("word", "category"), ("day", "date")])

    assert (word.zeros_train, word.commonest, word.smallest) == (None, "a", None)
    assert (day.zeros_train, day.smallest, day.greatest) == (None, "2020-01-01", "2022-01-01")


def test_spearman_matches_pandas(rng):
    matrix = rng.normal(size=(200, 4))
    matrix[:, 1] += matrix[:, 0]
    matrix[:, 2] = matrix[:, 2].round()

    assert_allclose(profile.correlations(matrix), pd.DataFrame(matrix).corr("spearman"))


def test_with_holes_ranks_are_correlated_over_the_rows_that_both_know(rng):
    matrix = rng.normal(size=(200, 4))
    matrix[rng.random(matrix.shape) < 0.2] = np.nan

    assert_allclose(profile.correlations(matrix), pd.DataFrame(matrix).rank().corr())


def test_a_column_that_does_not_vary_correlates_with_nothing(rng):
    matrix = np.column_stack([rng.normal(size=50), np.full(50, 3.0), np.full(50, np.nan)])

    found = profile.correlations(matrix)

    assert found[0, 0] == 1.0
    assert np.isnan(found[1:]).all()
