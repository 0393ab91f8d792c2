"""What columns hold, by hand."""

import numpy as np
import pandas as pd
import pytest

from pipeline.exploration.profile import missing_caption, missing_plot, profile
from pipeline.problem import Feature


def test_a_worked_example():
    train = pd.DataFrame({"x": [0.0, 2.0, np.nan, 0.0]})
    test = pd.DataFrame({"x": [np.nan, np.nan, 0.0]})

    found = profile(train, test, Feature("x", "number"))

    assert (found.missing_train, found.missing_test) == (1, 2)
    assert (found.zeros_train, found.zeros_test) == (2, 1)
    assert (found.minimum, found.median, found.maximum, found.distinct) == (0.0, 0.0, 2.0, 2)


def test_words_and_dates_have_no_zeros():
    frame = pd.DataFrame(
        {
            "word": pd.Series(["a", "a", "b"], dtype="str"),
            "day": pd.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"]),
        }
    )

    features = Feature("word", "category"), Feature("day", "date")
    word, day = (profile(frame, frame, feature) for feature in features)

    assert (word.zeros_train, word.commonest, word.minimum) == (None, "a", None)
    assert (day.zeros_train, day.minimum, day.maximum) == (None, "2020-01-01", "2022-01-01")


def test_missing_values_are_counted_and_the_worst_column_is_named():
    worst, other = ("cabin", (0.77, 0.78)), ("fare", (0.0, 0.002))

    both = missing_caption(dict([worst, other]), 11)
    one = missing_caption(dict([worst]), 11)

    assert both.startswith("2 columns of 11 have missing values, most of them 'cabin': 77.0% of")
    assert both.endswith("78.0% of test.")
    assert one.startswith("1 column of 11 has missing values")


@pytest.mark.parametrize("columns", [1, 5])
def test_the_legend_of_the_missing_values_lies_over_no_bar(columns):
    holes = pd.DataFrame({f"c{n}": [np.nan] * 9 + [1.0] for n in range(columns)})
    found = [profile(holes, holes, Feature(name, "number")) for name in holes]

    draft = missing_plot(found, 10, 10)

    assert draft is not None
    draft.figure.draw_without_rendering()
    (legend,), (axes,) = draft.figure.legends, draft.figure.axes
    assert axes.get_legend() is None
    assert not legend.get_window_extent().overlaps(axes.get_window_extent())
