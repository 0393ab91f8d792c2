"""Splits of each kind are seen, and honest random splits raise no verdict."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.problem import Feature
from pipeline.splitting.mirroring import find_mirror, unshared

SEEDS = 20


def table(rng: np.random.Generator, n: int) -> tuple[pd.DataFrame, list[Feature]]:
    """Columns of many kinds, in the order of time: dates, parts of them, groups, ids, numbers."""
    day = np.sort(rng.integers(0, 400, size=n))
    hour = rng.integers(0, 24, size=n)
    when = pd.Timestamp("2019-11-20") + pd.to_timedelta(day, "D") + pd.to_timedelta(hour, "h")
    user = rng.integers(0, max(4, n // 12), size=n)
    columns = {
        "when": (pd.Series(when).astype("datetime64[us]"), "date"),
        "born": (pd.Series(pd.Timestamp("1990-01-01")).repeat(n).reset_index(drop=True), "date"),
        "year": (pd.Series(pd.DatetimeIndex(when).year), "number"),
        "month": (pd.Series(pd.DatetimeIndex(when).month_name()), "category"),
        "day": (pd.Series(pd.DatetimeIndex(when).day), "number"),
        "week": (pd.Series(day // 7), "number"),
        "user_id": (pd.Series(user), "number"),
        "city": (pd.Series(rng.choice(["a", "b", "c", "d"], size=n)), "category"),
        "constant": (pd.Series(["x"] * n), "category"),
        "rare": (pd.Series([f"r{i}" for i in rng.integers(0, 3 * n, size=n)]), "category"),
        "part": (pd.Series([f"{u}_{i}" for i, u in enumerate(user)]), "text"),
        "years_in_time": (pd.Series(rng.normal(size=n)), "number"),
    }
    frame = pd.DataFrame({name: values for name, (values, _) in columns.items()})
    frame["id"] = [f"TRAIN_{i}" for i in range(n)]
    return frame, [Feature(name, kind) for name, (_, kind) in columns.items()]


def verdict(frame: pd.DataFrame, features: list[Feature], is_test: np.ndarray):
    """Ids are numbered as organisers do it: those of train first."""
    train, test = (frame[side].reset_index(drop=True) for side in (~is_test, is_test))
    test["id"] = [f"TEST_{len(train) + i}" for i in range(len(test))]
    return find_mirror(train, test, features, "id")


@pytest.mark.parametrize("n", [60, 300, 1500])
def test_random_splits_raise_no_verdict(n):
    for seed in range(SEEDS):
        rng = np.random.default_rng([n, seed])
        frame, features = table(rng, n)
        share = rng.choice([0.2, 0.5, 0.8])
        assert verdict(frame, features, rng.random(n) < share) is None


def test_later_rows_are_seen_with_their_distance():
    for seed in range(SEEDS):
        frame, features = table(np.random.default_rng(seed), 3000)
        when = frame["when"]
        kept = (when < "2020-09-10") | (when >= "2020-09-21")
        frame = frame[kept].reset_index(drop=True)
        found = verdict(frame, features, (frame["when"] >= "2020-09-21").to_numpy())
        assert (found.kind, found.columns) == ("time", ("when",))
        assert found.settings["gap"] in ("11 days", "12 days")  # the last day may have no late hour
        assert found.settings["folds"] == 1


def test_parts_of_a_date_are_joined():
    for seed in range(SEEDS):
        frame, features = table(np.random.default_rng(seed), 1000)
        is_test = (frame["when"] >= "2020-12-01").to_numpy()
        found = verdict(frame, [each for each in features if each.name != "when"], is_test)
        assert (found.kind, found.columns) == ("time", ("year", "month", "day"))
        assert found.settings["folds"] == 5


def test_whole_groups_are_seen_by_a_column_or_the_beginning_of_an_id():
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        frame, features = table(rng, 600)
        users = frame["user_id"].unique()
        is_test = frame["user_id"].isin(rng.permutation(users)[: len(users) // 3]).to_numpy()
        found = verdict(frame, features, is_test)
        assert found.settings == {"group": "user_id"}
        without = [each for each in features if each.name != "user_id"]
        found = verdict(frame, without, is_test)
        assert found.settings == {"group": "part", "group_before": "_"}


def test_the_same_days_of_every_month_are_seen():
    for seed in range(SEEDS):
        frame, features = table(np.random.default_rng(seed), 2000)
        found = verdict(frame, features, (frame["when"].dt.day >= 20).to_numpy())
        assert found.settings == {"time": "when", "within": "month", "folds": 3}
        assert "days 20 to 31 of every month" in found.description


@pytest.mark.parametrize(
    ("month", "day", "text"),
    [
        (6, None, "Test has month 6 of every year by column 'when', train has months 1 to 5;"),
        (None, 1, "Test has day 1 of every month by column 'when', train has days 2 to 31;"),
    ],
)
def test_one_month_or_day_is_named_alone(month, day, text):
    rng = np.random.default_rng(0)
    whole = pd.Series(pd.date_range("2018-01-01", "2020-12-31").astype("datetime64[us]"))
    when = whole[whole.dt.month <= (month or 12)].sample(900, replace=True, random_state=0)
    frame = pd.DataFrame({"when": when, "x": rng.normal(size=900)}).reset_index(drop=True)
    is_test = (frame["when"].dt.month == month) if month else (frame["when"].dt.day == day)
    found = verdict(frame, [Feature("when", "date"), Feature("x", "number")], is_test.to_numpy())
    assert found.description == text.removesuffix(";")


def test_one_year_is_named_alone():
    frame = pd.DataFrame({"year": np.repeat([2016, 2017, 2018, 2019], 100)})
    features = [Feature("year", "number")]
    found = verdict(frame, features, (frame["year"] == 2019).to_numpy())
    assert found.description.endswith("train is from 2016 to 2018, test 2019 alone")


def test_ids_that_grow_are_no_evidence():
    n = 400
    frame = pd.DataFrame({"row": np.arange(n), "x": np.random.default_rng(0).normal(size=n)})
    features = [Feature("row", "number"), Feature("x", "number")]
    assert verdict(frame, features, np.arange(n) >= 300) is None


def test_how_likely_chance_shares_no_value():
    """Two values of two rows each, half of the rows in test: (1/2)^2 that none is shared."""
    found = unshared(np.array(["a", "a"]), np.array(["b", "b"]))
    assert found == pytest.approx(2 * np.log(0.5))


@pytest.mark.parametrize("shared", [0, 1, 4])
def test_a_few_groups_on_both_sides_are_groups_still(shared):
    """Of 160 devices 40 are in test, and some more, of which test has ten rows each."""
    rng = np.random.default_rng(shared)
    rows = pd.DataFrame({"device": np.repeat(np.arange(160), 40), "x": rng.normal(size=6400)})
    is_test = rows["device"] >= 120
    is_test |= (rows["device"] < shared) & (np.arange(6400) % 4 == 0)
    train, test = (rows[mask].sample(frac=1, random_state=1) for mask in (~is_test, is_test))
    features = [Feature("device", "number"), Feature("x", "number")]
    found = find_mirror(train, test, features)
    assert found is not None and found.settings["group"] == "device"
    what = "no value" if not shared else "1 value" if shared == 1 else f"{shared} values"
    assert f"share {what} of 'device'" in found.description


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("most", [2, 3, 40])
def test_of_a_random_split_values_in_few_rows_are_no_groups(seed, most):
    """Of values in one row chance shares none, of those in two rows some."""
    rng = np.random.default_rng(seed)
    values = np.repeat(np.arange(4000), rng.integers(1, most, size=4000))[:4000]
    rows = pd.DataFrame({"code": rng.permutation(values), "x": rng.normal(size=4000)})
    is_test = rng.random(4000) < 0.4
    features = [Feature("code", "number"), Feature("x", "number")]
    assert find_mirror(rows[~is_test], rows[is_test], features) is None


def test_how_likely_few_shared_values_are_is_bounded():
    """By no less than a binomial's own tail, and not at all where chance shares as many."""
    train, test = np.repeat(np.arange(50), 2), np.repeat(np.arange(50, 60), 2)
    share = len(test) / (len(train) + len(test))
    p = 1 - share**2 - (1 - share) ** 2
    for shared in (1, 2, 5):
        exact = stats.binom.logcdf(shared, 60, p)
        assert exact <= unshared(train, test, shared) < exact + 4
    assert unshared(train, test, 17) == 0.0


@pytest.mark.parametrize("absent", [1, 40])
def test_a_few_rows_without_a_date_do_not_hide_that_test_lies_later(absent):
    when = pd.date_range("2023-01-01", periods=2000, freq="h").to_series().reset_index(drop=True)
    rows = pd.DataFrame({"when": when, "x": np.arange(2000.0)})
    train, test = rows[:1500].copy(), rows[1500:].copy()
    train.loc[:: 1500 // absent, "when"] = pd.NaT
    test.iloc[7, 0] = pd.NaT
    found = find_mirror(train, test, [Feature("when", "date"), Feature("x", "number")])
    assert (found is not None and found.kind == "time") == (absent == 1)
