"""Counts and lists, as one would write them by hand."""

import pytest

from pipeline.wording import FRAMES, count, duration, run_again, some, spelled_alike


def test_counts_agree_with_their_noun():
    assert [count(n, "row") for n in (0, 1, 3000)] == ["0 rows", "1 row", "3,000 rows"]
    assert [count(n, "category", "categories") for n in (1, 2)] == ["1 category", "2 categories"]
    assert count(3000) == "3,000"


@pytest.mark.parametrize(
    ("items", "left"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a, b"),
        (["a", "b", "c"], "a, b and 1 more"),
        (["a"] * 2002, "a, a and 2,000 more"),
    ],
)
def test_a_list_too_long_names_how_many_are_left(items, left):
    assert some(items, 2) == left


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 seconds"),
        (0.42, "0.4 seconds"),
        (1.0, "1 second"),
        (59.6, "60 seconds"),
        (118.0, "2 minutes"),
        (150.0, "2.5 minutes"),
        (720.0, "12 minutes"),
        (7200.0, "2 hours"),
        (3.6e7, "10,000 hours"),
    ],
)
def test_a_duration_is_given_in_one_unit(seconds, text):
    assert duration(seconds) == text


def test_labels_that_differ_only_in_case_or_blanks_are_grouped():
    assert spelled_alike(["No", "Yes", "yes", "YES "]) == [("Yes", "yes", "YES ")]
    assert spelled_alike(["No", "Yes", "no way"]) == []


def test_running_again_is_a_call_where_there_is_no_competition_to_make():
    assert run_again("airline") == "run `make all`"
    assert run_again("titanic") == "run `make C=titanic all`"
    assert run_again(FRAMES) == "call pipeline.fit again"
