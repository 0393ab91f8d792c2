"""Windows of time: what lies before is trained on, and what is validated is as long as asked."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from pipeline.errors import DataError, SettingsError
from pipeline.splitting.lengths import parse_length
from pipeline.splitting.windows import Windows, blocks


def windows(number: int, **lengths) -> Windows:
    return Windows(number, **{key: parse_length(each) for key, each in lengths.items()})


def days(first: str, last: str) -> np.ndarray:
    return pd.date_range(first, last).to_numpy("datetime64[us]")


def spans(times: np.ndarray, pairs) -> list[tuple[str, str, str, str]]:
    """First and last day of training and of validation."""
    return [
        tuple(str(each)[:10] for rows in pair for each in (times[rows].min(), times[rows].max()))
        for pair in pairs
    ]


def test_months_are_those_of_the_calendar():
    times = days("2023-01-01", "2023-12-31")
    found = windows(2, horizon="1 month", gap="1 month").pairs(times, "column 'date'")
    assert spans(times, found) == [
        ("2023-01-01", "2023-09-30", "2023-11-01", "2023-11-30"),
        ("2023-01-01", "2023-10-31", "2023-12-01", "2023-12-31"),
    ]


def test_a_history_makes_the_windows_roll():
    times = days("2023-01-01", "2023-01-31")
    found = windows(2, horizon="7 days", gap="2 days", history="10 days").pairs(times, "date")
    assert spans(times, found) == [
        ("2023-01-06", "2023-01-15", "2023-01-18", "2023-01-24"),
        ("2023-01-13", "2023-01-22", "2023-01-25", "2023-01-31"),
    ]


def test_a_number_counts_in_its_own_units():
    months = np.repeat(np.arange(34.0), 3)
    found = windows(2, horizon=1, gap=1).pairs(months, "column 'date_block_num'")
    assert [(set(months[a]), set(months[b])) for a, b in found] == [
        (set(range(31)), {32.0}),
        (set(range(32)), {33.0}),
    ]


def test_without_a_horizon_windows_are_those_of_scikit_learn():
    from sklearn.model_selection import TimeSeriesSplit

    times = np.random.default_rng(0).permutation(103).astype(float)
    order = np.argsort(times)
    for gap, history in ((None, None), ("3 rows", "20 rows")):
        given = {"gap": gap, "history": history} if gap else {}
        found = windows(4, **given).pairs(times, "t")
        oracle = TimeSeriesSplit(4, gap=3 if gap else 0, max_train_size=20 if gap else None)
        for (train, valid), (one, other) in zip(found, oracle.split(times), strict=True):
            assert_array_equal(np.sort(order[one]), train)
            assert_array_equal(np.sort(order[other]), valid)


def test_nothing_of_the_future_or_of_the_gap_is_trained_on_and_equal_times_stay_together():
    rng = np.random.default_rng(1)
    times = days("2020-01-01", "2021-12-31")[np.sort(rng.integers(0, 700, size=2000))]
    for given in (
        {},
        {"gap": "9 days"},
        {"horizon": "20 days", "gap": "36 hours"},
        {"gap": "50 rows"},
    ):
        for train, valid in windows(5, **given).pairs(times, "date"):
            assert times[train].max() < times[valid].min()
            assert not np.isin(times[train], times[valid]).any()
            if given.get("gap") == "9 days":
                assert times[valid].min() - times[train].max() > np.timedelta64(9, "D")


def test_more_windows_than_periods_are_refused():
    times = days("2023-01-01", "2023-06-30")
    with pytest.raises(DataError, match=r"6 windows of 1 month.*: 5 fit.*folds to 5"):
        windows(6, horizon="1 month").pairs(times, "column 'date'")


def test_an_empty_window_is_named():
    times = np.delete(days("2023-01-01", "2023-06-30"), np.arange(120, 151))
    with pytest.raises(DataError, match="from 2023-05-01 to 2023-06-01 holds no rows"):
        windows(3, horizon="1 month").pairs(times, "column 'date'")


def test_a_length_must_be_one_of_the_column():
    for times, given in ((np.arange(9.0), "2 days"), (days("2020-01-01", "2020-02-01"), 2)):
        with pytest.raises(SettingsError, match=r"\[split\] horizon: found 2"):
            windows(2, horizon=given).pairs(times, "column 't'")


@pytest.mark.parametrize("horizon", ["9999999999 years", "99999999999999999999 days", "5 rows"])
def test_a_horizon_beyond_all_rows_leaves_no_window(horizon):
    with pytest.raises(DataError, match="0 fit"):
        windows(1, horizon=horizon).pairs(days("2023-01-01", "2023-01-05"), "column 'date'")
    with pytest.raises(DataError, match="2 fit"):
        windows(5).pairs(np.arange(3.0), "column 't'")
    with pytest.raises(SettingsError, match="horizon: found 0 rows"):
        windows(5, horizon="0 rows").pairs(np.arange(3.0), "column 't'")


def test_blocks_are_the_same_days_of_every_month():
    times = days("2023-01-01", "2023-03-31")
    times = times[pd.DatetimeIndex(times).day <= 18]
    numbers = blocks(times, "month", 3, "column 'date'")
    assert_array_equal(numbers, (pd.DatetimeIndex(times).day - 1) // 6)
    with pytest.raises(DataError, match="18 different places"):
        blocks(times, "month", 19, "column 'date'")
