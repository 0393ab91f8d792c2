"""What Arrow answers about words is what Python's sets answer."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.reading import distinct

WORDS = st.lists(st.none() | st.sampled_from(["1", "01", "2", "3", "a", "-1", " 2", "é"]))


def column(words) -> pd.Series:
    return pd.Series(words, dtype="str")


@settings(max_examples=150, deadline=None)
@given(one=WORDS, other=WORDS)
def test_words_are_compared_as_sets_are(one, other):
    assert distinct.are_in(column(one), column(other)).tolist() == [word in other for word in one]
    assert distinct.share_any(column(one), column(other)) == bool({*one} & {*other})
    assert distinct.are_same(column(one), column(other)) == ({*one} == {*other})
    assert distinct.is_unique(column(one)) == (len({*one}) == len(one))
    assert distinct.known(column(one)).tolist() == [word for word in one if word is not None]


@pytest.mark.parametrize("last", ["3001", "2999", "03000", "x", None])
def test_ids_that_count_up_are_unique_unless_one_is_there_twice(last):
    ids = [*map(str, range(3000)), last]

    assert distinct.is_unique(column(ids)) == (last != "2999")
