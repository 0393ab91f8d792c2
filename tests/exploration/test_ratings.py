"""The journey: the target at each value of each rating."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.config import load_experiment
from pipeline.errors import SettingsError
from pipeline.exploration import ratings


@pytest.fixture
def rng():
    return np.random.default_rng(0)


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
    columns = [(name, "number") for name in frame]

    assert ratings.rating_columns(frame, columns) == ["rating", "with holes"]


def test_rating_means_and_the_columns_that_turn_round(rng):
    values = np.repeat(np.arange(5), 400)
    frame = pd.DataFrame({"bent": values, "straight": values})
    noise = rng.normal(scale=0.1, size=2000)

    bent = ratings.ratings(frame, ["bent"], (values - 2) ** 2 + noise)
    straight = ratings.ratings(frame, ["straight"], values + noise)
    flat = ratings.ratings(frame, ["straight"], noise)

    assert_allclose(bent.means, [[4, 1, 0, 1, 4]], atol=0.02)
    assert_allclose(bent.errors, 0.1 / 20, rtol=0.15)
    assert (bent.bent, straight.bent, flat.bent) == (["bent"], [], [])


def test_too_few_rows_are_no_mean():
    frame = pd.DataFrame({"x": [1] * 5 + [2] * 5})

    assert ratings.ratings(frame, ["x"], np.ones(10)) is None


@pytest.mark.parametrize(("columns", "heading"), [(14, "Ratings"), (64, "Whole-number columns")])
def test_pixels_are_not_called_ratings(rng, columns, heading):
    frame = pd.DataFrame(rng.integers(0, 17, (400, columns)), columns=map(str, range(columns)))
    frame[["a", "b"]] = rng.integers(0, 3, (400, 2))
    rated = ratings.rating_columns(frame, [(name, "number") for name in frame])

    assert rated == ["a", "b"]
    assert ratings.ratings(frame, rated, np.ones(400)).heading == heading


def test_every_rating_is_counted_and_few_rows_have_no_mean(rng):
    frame = pd.DataFrame({"x": rng.choice([0, 1, 2], 400, p=[0.02, 0.5, 0.48]), "y": [1, 2] * 200})
    y = rng.integers(0, 2, 400).astype(float)

    found = ratings.ratings(frame, ["y", "x"], y)

    assert found.columns == ("y", "x")
    counts = pd.Series(frame["x"]).value_counts()
    assert found.rows.tolist() == [[200, 200], [counts[1], counts[2]]]
    assert found.values.tolist() == [1, 2]  # of 0 there are too few rows in either column


def test_a_journey_has_its_own_order(rng):
    frame = pd.DataFrame(rng.integers(0, 6, (90, 3)), columns=["seat", "gate", "bag"])
    frame["age"] = np.arange(90)
    columns = [(name, "number") for name in frame]

    assert ratings.in_order(("bag", "seat"), frame, columns) == ["bag", "seat"]
    for name in ("age", "bags"):
        with pytest.raises(SettingsError, match=rf"journey: '{name}' .* 'seat', 'gate', 'bag'"):
            ratings.in_order(("seat", name), frame, columns)


@pytest.mark.parametrize("competition", ["airline", "passenger"])
def test_the_network_and_the_page_travel_the_same_way(competition):
    experiment = load_experiment(competition)

    assert experiment.explore.journey == experiment.models["rnn"].sequence
