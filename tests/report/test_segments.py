"""Segments against theory: their intervals, and how seldom one stands out by chance."""

import math

import numpy as np
import pandas as pd
import pytest

from pipeline.problem import Feature
from pipeline.report import segments
from pipeline.report.segments import Segments, find_segments, table
from tests.report.values import evidence


def survey(rng, n=3000, columns=20):
    names = [f"q{i}" for i in range(columns)]
    frame = pd.DataFrame({name: rng.integers(0, 6, size=n) for name in names})
    return frame, [Feature(name, "number") for name in names]


def test_a_group_with_more_errors_is_found_and_stands_out():
    rng = np.random.default_rng(0)
    frame, columns = survey(rng)
    bad = frame["q3"] == 4
    errors = (rng.random(len(frame)) < np.where(bad, 0.3, 0.05)).astype(float)
    found = find_segments(frame, columns, errors)
    assert (found[0].column, found[0].value, found[0].rows) == ("q3", "4", bad.sum())
    assert found[0].low < 0.3 < found[0].high
    assert [segment.column for segment in found if segment.stands_out] == ["q3"]
    assert "q3 = 4" in Segments(found, True).conclusion()


def test_of_many_groups_without_a_difference_one_stands_out_in_a_run_of_twenty():
    rng = np.random.default_rng(1)
    runs, alarms = 60, 0
    for _ in range(runs):
        frame, columns = survey(rng, 1000, 10)
        errors = (rng.random(1000) < 0.2).astype(float)
        alarms += any(segment.stands_out for segment in find_segments(frame, columns, errors))
    # Bonferroni, and only the worse side counts: at most one in twenty
    assert alarms / runs < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_missing_values_are_a_group_and_small_groups_are_none():
    frame = pd.DataFrame({"city": ["A"] * 50 + ["B"] * 29 + [None] * 40})
    errors = np.arange(119) % 2 * 1.0
    found = find_segments(frame, [Feature("city", "category")], errors)
    assert {(segment.value, segment.rows) for segment in found} == {("A", 50), ("missing", 40)}


def test_an_interval_of_absolute_errors_is_that_of_their_mean():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"size": np.arange(400) % 2 * 1.0})
    errors = rng.exponential(size=400)
    (segment,) = [
        s for s in find_segments(frame, [Feature("size", "number")], errors) if s.value == "1"
    ]
    own = errors[1::2]
    half = 1.959964 * own.std(ddof=1) / np.sqrt(200)
    assert (segment.low, segment.high) == pytest.approx((own.mean() - half, own.mean() + half))


def test_without_any_group_nothing_is_said_of_their_errors():
    frame = pd.DataFrame({"size": np.arange(200.0)})
    found = find_segments(frame, [Feature("size", "number")], np.zeros(200))
    assert found == ()
    assert Segments(found, False).conclusion().startswith("There is no segment of at least 30 rows")


def test_the_errors_of_a_row_have_one_number_of_decimals():
    errors = np.where(np.arange(400) % 2, 45.0, 43.4)
    frame = pd.DataFrame({"size": np.arange(400) % 2 * 1.0})
    found = find_segments(frame, [Feature("size", "number")], errors)
    (_, _, error, interval, rest, _), _ = table(Segments(found, False), "price").rows
    assert (error.text, interval.text, rest.text) == ("45.0", "45.0 to 45.0", "43.4")


def test_a_segment_without_any_error_among_rows_without_any_does_not_stand_out():
    frame = pd.DataFrame({"size": np.arange(400) % 2 * 1.0})
    found = find_segments(frame, [Feature("size", "number")], np.zeros(400))
    assert not any(segment.stands_out for segment in found)


def test_errors_are_wrong_classes_or_absolute_errors():
    found = segments.compute(evidence("binary"))
    assert found.is_share
    assert all(0 <= segment.error <= 1 for segment in found.found)
    assert not segments.compute(evidence("regression")).is_share
