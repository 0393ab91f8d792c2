import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.preprocessing import OneHotEncoder

from pipeline.encoding.categories import Levels
from pipeline.encoding.columns import code_column, number_column
from pipeline.problem import Feature


def column(labels):
    (found,) = code_column(Feature("a", "category"), pd.Series(labels, dtype="str"))
    return found


@pytest.mark.parametrize("rare", [1, 5, 30])
@pytest.mark.parametrize("seed", range(3))
def test_one_hot_is_scikit_learns(rare, seed):
    rng = np.random.default_rng(seed)
    train = rng.choice(list("abcdefghij"), size=200, p=rng.dirichlet(np.full(10, 0.4)))
    new = np.append(rng.choice(list("abcdefghijxyz"), size=60), list("xyz"))
    oracle = OneHotEncoder(
        min_frequency=rare, handle_unknown="infrequent_if_exist", sparse_output=False
    ).fit(train.reshape(-1, 1))

    levels = Levels.fit(column(train).distribution(), rare)

    for rows in (train, new):
        found = column(rows)
        assert_array_equal(
            levels.one_hot(found.values)[found.codes], oracle.transform(rows.reshape(-1, 1))
        )


def test_of_too_many_levels_the_most_common_are_kept():
    train = np.repeat(list("abcdef"), [9, 3, 8, 2, 7, 4])
    levels = Levels.fit(column(train).distribution(), rare=1, most=3)
    assert (levels.levels, levels.rare) == (["a", "c", "e"], True)
    assert levels.names("x") == ["x=a", "x=c", "x=e", "x=rare"]


def test_codes_of_rare_unseen_and_missing_levels():
    train = ["b", "b", "a", "a", "c", None]
    with_rare = Levels.fit(column(train).distribution(), rare=2)
    without = Levels.fit(column(train).distribution(), rare=1)
    new = column(["a", "b", "c", "unseen", None])
    assert_array_equal(with_rare.ordinal(new.values)[new.codes, 0], [0, 1, 2, 2, np.nan])
    assert_array_equal(without.ordinal(new.values)[new.codes, 0], [0, 1, 2, np.nan, np.nan])
    assert_array_equal(without.one_hot(new.values)[new.codes][3:], np.zeros((2, 3)))


def test_numbers_are_levels_too():
    ratings = number_column("a", np.array([5.0, 1, 3, 3, np.nan]))
    levels = Levels.fit(ratings.distribution(), rare=1)
    assert levels.levels == [1, 3, 5]
    assert_array_equal(
        levels.one_hot(ratings.values)[ratings.codes],
        [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]],
    )
