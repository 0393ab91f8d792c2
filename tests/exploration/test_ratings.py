"""The target at each value of each rating column."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.config import load_configuration
from pipeline.errors import SettingsError
from pipeline.exploration.ratings import caption, find_ratings, in_order, rating_columns
from pipeline.exploration.target import Target
from pipeline.problem import Feature


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def numbers(frame: pd.DataFrame) -> list[Feature]:
    return [Feature(name, "number") for name in frame]


def test_ratings_are_whole_few_and_small(rng):
    frame = pd.DataFrame(
        {
            "rating": rng.integers(0, 6, 100),
            "with holes": np.where(rng.random(100) < 0.1, np.nan, rng.integers(1, 4, 100)),
            "flag": rng.integers(0, 2, 100),
            "year": rng.integers(2001, 2006, 100),
            "half": rng.integers(0, 5, 100) / 2,
            "many": rng.integers(0, 50, 100),
        }
    )

    assert rating_columns(frame, numbers(frame)) == ["rating", "with holes"]


def test_rating_means_and_the_columns_that_turn_round(rng):
    values = np.repeat(np.arange(5), 400)
    frame = pd.DataFrame({"x": values})
    noise = rng.normal(scale=0.1, size=2000)

    curved, straight, flat = (
        find_ratings(frame, y + noise, numbers(frame), None)
        for y in ((values - 2) ** 2, values, np.zeros(2000))
    )

    assert_allclose(curved.means, [[4, 1, 0, 1, 4]], atol=0.02)
    assert_allclose(curved.errors, 0.1 / 20, rtol=0.15)
    assert (curved.turning, straight.turning, flat.turning) == (["x"], [], [])


def test_too_few_rows_are_no_mean():
    frame = pd.DataFrame({"x": [1] * 5 + [2] * 5 + [3] * 5})

    assert find_ratings(frame, np.ones(15), numbers(frame), None) is None


def test_whole_numbers_are_only_called_ratings_where_the_settings_name_them(rng):
    frame = pd.DataFrame(rng.integers(0, 3, (400, 2)), columns=["a", "b"])

    found = find_ratings(frame, np.ones(400), numbers(frame), None)
    named = find_ratings(frame, np.ones(400), numbers(frame), None, ordered=("b",))

    assert (found.columns, found.heading) == (("a", "b"), "Whole numbers")
    assert (named.columns, named.heading) == (("b",), "Ratings")


def test_every_rating_is_counted_and_few_rows_have_no_mean(rng):
    frame = pd.DataFrame({"x": rng.choice([0, 1, 2], 400, p=[0.02, 0.5, 0.48]), "y": [1, 2] * 200})
    y = rng.integers(0, 2, 400).astype(float)

    found = find_ratings(frame, y, numbers(frame), None, ordered=("y", "x"))

    assert found.columns == ("y", "x")
    counts = pd.Series(frame["x"]).value_counts()
    assert found.rows.tolist() == [[200, 200], [counts[1], counts[2]]]
    assert found.values.tolist() == [1, 2]  # of 0 there are too few rows in either column


def test_the_share_of_a_class_is_shown_of_classes(rng):
    frame = pd.DataFrame({"x": np.repeat([1, 2, 3], 100)})
    y = np.repeat([0, 1, 2], 100)

    found = find_ratings(frame, y, numbers(frame), 2)

    assert found.code == 2 and found.means.tolist() == [[0, 0, 1]]


def test_the_order_that_was_asked_for_is_kept(rng):
    frame = pd.DataFrame(rng.integers(0, 6, (90, 3)), columns=["seat", "gate", "bag"])
    frame["age"] = np.arange(90)

    assert in_order(("bag", "seat"), frame, numbers(frame)) == ["bag", "seat"]
    for name in ("age", "bags"):
        with pytest.raises(SettingsError, match=rf"ratings: '{name}' .* 'seat', 'gate', 'bag'"):
            in_order(("seat", name), frame, numbers(frame))


@pytest.mark.parametrize("competition", ["airline", "passenger"])
def test_the_page_and_the_recurrent_network_have_the_same_order(competition):
    experiment = load_configuration(competition)

    assert experiment.explore.ratings == experiment.models["rnn"].sequence


def test_the_steepest_rating_is_named():
    values = np.tile(np.repeat([1, 2, 3], 50), 2)
    y = (np.arange(300) % 50 < values * 15).astype(int)
    frame = pd.DataFrame({"steep": values, "flat": np.tile([1, 2, 3], 100)})

    found = find_ratings(frame, y, numbers(frame), 1)
    text = caption(found, Target("t", y, ("no", "yes")))

    assert "share of 'yes'" in text
    assert "along 'steep': 30% at 1, 90% at 3" in text
    assert "No column both rises and falls" in text
