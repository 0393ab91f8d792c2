"""Folds keep what they promise: shares of classes, whole groups, and the same draw every time."""

import sys
import types
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from pipeline.config import Split
from pipeline.errors import DataError, SettingsError, UserError
from pipeline.folds import Folds
from pipeline.problem import Feature
from pipeline.progress import Progress
from pipeline.stages.split import split
from tests.small_loaded import loaded as small_loaded


def loaded(y, task="binary", **columns):
    """These labels and columns."""
    return small_loaded(y, task, train=columns)


def drawn(load, **settings) -> Folds:
    """scikit-learn's warnings count as errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return split(Split(**settings), load, Progress(live=False))


def run(load, **settings) -> list[np.ndarray]:
    """Fold numbers per repeat."""
    folds = drawn(load, **settings)
    return [folds.numbers(repeat) for repeat in range(folds.repeats)]


def test_of_many_rows_the_numbers_take_four_bytes_and_are_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    load = loaded(rng.integers(2, size=60), group=rng.integers(9, size=60))
    wide = drawn(load, group="group", folds=3)
    monkeypatch.setattr("pipeline.stages.split.MANY_ROWS", 59)
    narrow = drawn(load, group="group", folds=3)
    for one, other in zip(wide.folds, narrow.folds, strict=True):
        for name in ("train", "valid", "clusters"):
            dtypes = getattr(one, name).dtype, getattr(other, name).dtype
            assert dtypes == (np.int64, np.int32)
            assert_array_equal(getattr(one, name), getattr(other, name))
    assert_array_equal(wide.kept, narrow.kept)


def test_each_fold_has_its_share_of_each_class():
    y = np.random.default_rng(0).choice(3, size=307, p=[0.7, 0.2, 0.1])
    for numbers in run(loaded(y, "multiclass"), folds=5, repeats=3):
        counts = np.array([np.bincount(numbers[y == label], minlength=5) for label in range(3)])
        assert (np.ptp(counts, axis=1) <= 1).all()
        assert np.ptp(np.bincount(numbers)) <= 3


def test_repeats_and_seeds_differ_and_a_rerun_does_not():
    load = loaded(np.arange(200) % 2)
    first, second = run(load, repeats=2, seed=1)
    assert (first != second).mean() > 0.5
    assert (run(load, seed=2)[0] != second).mean() > 0.5
    assert_array_equal(run(load, repeats=2, seed=1), [first, second])


def test_auto_takes_what_fits_the_task():
    three = np.arange(60) // 3
    for task, columns, settings, scheme in [
        ("binary", {}, {}, "stratified"),
        ("multiclass", {}, {}, "stratified"),
        ("regression", {}, {}, "plain"),
        ("binary", {"g": three}, {"group": "g"}, "group"),
        ("regression", {"g": three}, {"group": "g"}, "group"),
    ]:
        folds = drawn(loaded(np.arange(60) % 2, task, **columns), **settings)
        assert (folds.scheme, folds.group) == (scheme, settings.get("group"))
        assert (folds.rows, len(folds.folds), folds.repeats) == (60, 5, 1)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_rows_of_a_group_stay_together(task):
    rng = np.random.default_rng(0)
    group = rng.choice([f"g{i}" for i in range(40)], size=300)
    load = loaded(rng.integers(2, size=300), task, g=group)
    one, other = run(load, group="g", repeats=2)
    for numbers in (one, other):
        assert pd.Series(numbers).groupby(group).nunique().max() == 1
        assert np.bincount(numbers).min() > 30
    assert (one != other).any()


def test_early_stopping_is_given_the_groups_or_times_of_a_folds_training_rows():
    rng = np.random.default_rng(0)
    group, hours = rng.integers(10, size=90), rng.permutation(np.arange(90) // 2)
    load = loaded(rng.integers(2, size=90), g=group, hour=hours)
    for settings, numbers in (({"group": "g"}, group), ({"time": "hour", "folds": 3}, hours)):
        folds = drawn(load, **settings)
        for fold in (*folds.folds, folds.whole):
            assert fold.by_time == ("time" in settings)
            pairs = set(zip(numbers[fold.train], fold.clusters, strict=True))
            assert len(pairs) == len(set(numbers[fold.train]))
            if fold.by_time:
                assert [cluster for _, cluster in sorted(pairs)] == sorted(set(fold.clusters))
    assert drawn(load).folds[0].clusters is None


def test_rows_without_a_group_are_not_held_together():
    group = [None] * 100 + ["a"] * 10
    numbers = run(loaded(np.arange(110) % 2, g=group), group="g")[0]
    assert len(set(numbers[:100])) == 5
    assert len(set(numbers[100:])) == 1


def test_regression_folds_are_even():
    y = np.random.default_rng(0).normal(size=103)
    numbers = run(loaded(y, "regression"))[0]
    assert sorted(np.bincount(numbers)) == [20, 20, 21, 21, 21]


@pytest.mark.parametrize(
    ("y", "task", "settings", "sentence"),
    [
        ([1.0, 2, 3], "regression", {}, "3 training rows.*2 to 3"),
        ([0, 1], "binary", {}, r"are 2 training rows.*\[split\] folds to 2\."),
        ([0, 1] * 20, "binary", {"group": "few"}, "3 groups in column 'few'.*2 to 3"),
        ([0, 1] * 20, "binary", {"group": "one"}, r"is 1 group in column.*remove \[split\] group"),
        ([0] * 20 + [1] * 10, "binary", {"group": "by_label"}, "2 groups in column 'by_label'"),
    ],
)
def test_too_many_folds_are_refused(y, task, settings, sentence):
    rows = np.arange(len(y))
    columns = {"g": rows, "few": rows % 3, "by_label": y, "one": rows * 0}
    with pytest.raises(DataError, match=sentence) as error:
        run(loaded(y, task, **columns), **settings)
    assert "[split] folds" in str(error.value)


@pytest.mark.parametrize("counts", [[96, 3, 1], [9, 1], [4, 4, 4], [10] * 12, [2, 2], [1, 1]])
def test_rare_classes_cut_no_folds_and_are_spread_over_as_many_as_they_have_rows(counts):
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    folds = min(10, len(y))
    load = loaded(y, "multiclass")
    for numbers in run(load, folds=folds, repeats=2):
        assert set(numbers) == set(range(folds))
        assert np.ptp(np.bincount(numbers)) <= len(counts)
        for code, rows in enumerate(counts):
            assert len(set(numbers[y == code])) == min(rows, folds)


@pytest.mark.parametrize(
    ("counts", "settings"),
    [([9, 1], {}), ([9, 1], {"scheme": "plain"}), ([20, 10], {"group": "by_class"})],
)
def test_a_class_that_a_fold_cannot_learn_is_named(capsys, counts, settings):
    y = np.repeat([0, 1], counts)
    by_class = np.where(y == 1, -1, np.arange(len(y)))
    (numbers,) = run(loaded(y, by_class=by_class), **settings)
    (fold,) = set(numbers[y == 1])
    rows = "1 row" if counts[1] == 1 else "10 rows"
    assert f"probability 0: class 'c1' ({rows}) from r0-f{fold}'s" in capsys.readouterr().out


def test_groups_of_classes_that_are_all_rare_stay_together():
    y, group = np.repeat(np.arange(4), 4), np.arange(16) // 2
    (numbers,) = run(loaded(y, "multiclass", g=group), group="g", folds=5)
    assert pd.Series(numbers).groupby(group).nunique().max() == 1
    assert len(set(numbers)) == 5


@pytest.mark.parametrize(
    ("task", "settings", "sentence"),
    [
        ("binary", {"group": "nowhere"}, "no such column; allowed are 'y', 'g'"),
        ("binary", {"group": "y"}, "found the target 'y'"),
        ("binary", {"scheme": "group"}, "names no column"),
        ("binary", {"scheme": "plain", "group": "g"}, "would ignore"),
        ("regression", {"scheme": "stratified"}, "has no classes"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(task, settings, sentence):
    load = loaded(np.arange(40) % 2, task, g=np.arange(40))
    with pytest.raises(SettingsError, match=sentence):
        run(load, **settings)


# -- numbers of scikit-learn -----------------------------------------------------------------------


def numbers_of(splitter, y, groups=None) -> np.ndarray:
    numbers = np.empty(len(y), dtype=int)
    for fold, (_, valid) in enumerate(splitter.split(np.zeros((len(y), 1)), y, groups)):
        numbers[valid] = fold
    return numbers


def test_on_request_folds_have_the_numbers_of_scikit_learn():
    from sklearn import model_selection as oracle

    rng = np.random.default_rng(0)
    codes, values = rng.choice(3, size=203, p=[0.7, 0.2, 0.1]), rng.normal(size=203)
    group, same = rng.integers(0, 40, size=203), {"numbering": "scikit-learn"}
    labels = np.array(["c0", "c1", "c2"])[codes]
    first, second = run(loaded(codes, "multiclass"), repeats=2, seed=42, **same)
    for state, numbers in ((42, first), (43, second)):
        splitter = oracle.StratifiedKFold(5, shuffle=True, random_state=state)
        assert_array_equal(numbers, numbers_of(splitter, labels))
    splitter = oracle.KFold(5, shuffle=True, random_state=7)
    (numbers,) = run(loaded(values, "regression"), seed=7, **same)
    assert_array_equal(numbers, numbers_of(splitter, values))
    (numbers,) = run(loaded(codes, "multiclass", g=group), group="g", **same)
    assert_array_equal(numbers, numbers_of(oracle.GroupKFold(5), codes, group))
    splitter = oracle.StratifiedGroupKFold(5, shuffle=True, random_state=3)
    settings = {"scheme": "stratified_group", "group": "g", "seed": 3, **same}
    (numbers,) = run(loaded(codes, "multiclass", g=group), **settings)
    assert_array_equal(numbers, numbers_of(splitter, codes, group))


def test_a_regression_target_is_stratified_by_bins():
    y = np.random.default_rng(0).lognormal(size=200)
    folds = drawn(loaded(y, "regression"), bins=10)
    assert folds.scheme == "stratified"
    bins = np.argsort(np.argsort(y)) * 10 // 200
    for numbers in (folds.numbers(),):
        assert all(np.bincount(numbers[bins == each]).tolist() == [4] * 5 for each in range(10))


# -- folds that are the same every time ------------------------------------------------------------

DAYS = pd.date_range("2023-01-01", periods=60).astype("datetime64[us]")


def test_windows_of_time_leave_the_first_rows_unvalidated(capsys):
    load = loaded(np.arange(60) % 2, date=DAYS.astype("str"))
    folds = drawn(load, time="date", horizon="10 days", gap="5 days", folds=2)
    assert (folds.scheme, folds.time) == ("time", ("date",))
    assert [fold.valid.tolist() for fold in folds.folds] == [[*range(40, 50)], [*range(50, 60)]]
    assert [fold.train.tolist() for fold in folds.folds] == [[*range(35)], [*range(45)]]
    assert "60 rows: 2 windows by column 'date'; 40 rows never validated" in capsys.readouterr().out


def test_an_id_that_is_a_date_may_be_the_time():
    load = loaded(np.arange(60) % 2, datetime=DAYS.astype("str"), **{"datetime (date)": DAYS})
    features = (Feature("datetime (date)", "date", source="datetime"),)
    load = replace(load, problem=replace(load.problem, id="datetime", features=features))
    (fold,) = drawn(load, time="datetime", folds=1, horizon="1 week").folds
    assert fold.valid.tolist() == [*range(53, 60)]


def test_the_year_month_and_day_may_be_columns_of_their_own():
    parts = {"y1": DAYS.year, "m": DAYS.month_name(), "d": DAYS.day}
    load = loaded(np.arange(60) % 2, **{name: list(values) for name, values in parts.items()})
    (fold,) = drawn(load, time=("y1", "m", "d"), folds=1, horizon="20 days").folds
    assert fold.valid.tolist() == [*range(40, 60)]


def test_a_group_in_the_window_is_not_trained_on():
    user = np.arange(60) % 7
    load = loaded(np.arange(60) % 2, date=DAYS.astype("str"), user=user)
    (fold,) = drawn(load, time="date", group="user", folds=1, horizon="3 days").folds
    assert not {*user[fold.train]} & {*user[fold.valid]}


def test_a_group_may_be_the_beginning_of_an_id():
    id = [f"{number // 4}_{number}" for number in range(60)]
    (numbers,) = run(loaded(np.arange(60) % 2, id2=id), group="id2", group_before="_")
    assert (numbers.reshape(15, 4) == numbers[::4, np.newaxis]).all()


def test_a_column_numbers_the_folds():
    column = [1, 2, None, -1, 1, 2]
    folds = drawn(loaded([0, 1, 0, 1, 0, 1], fold=column), column="fold")
    assert_array_equal(folds.numbers(), [0, 1, -1, -1, 0, 1])
    assert_array_equal(folds.validated, [0, 1, 4, 5])
    assert [fold.train.tolist() for fold in folds.folds] == [[1, 2, 3, 5], [0, 2, 3, 4]]


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ([0, 1, 3, 0, 1, 3], r"folds 0 to 3, but no row has 2"),
        (["a", "1", "0", "1", "0", "1"], r"row 2: column 'fold'.* holds 'a'; allowed are whole"),
        ([0.5, 1, 0, 1, 0, 1], "holds .*0.5"),
        ([-1] * 6, "0 different numbers"),
        ([7, 8] * 3, "from 7 on"),
    ],
)
def test_a_column_that_numbers_no_folds_is_refused(column, sentence):
    with pytest.raises(DataError, match=sentence):
        run(loaded([0, 1, 0, 1, 0, 1], fold=column), column="fold")


def own(monkeypatch, function) -> None:
    """pipeline/competitions/mine.py with this split(frame)."""
    module = types.ModuleType("pipeline.competitions.mine")
    module.split = function
    monkeypatch.setitem(sys.modules, module.__name__, module)


def test_an_own_split_is_taken_as_it_is(monkeypatch):
    def split(frame):
        for day in (40, 50):
            yield (
                np.flatnonzero(frame["day"] < day),
                np.flatnonzero(frame["day"] // 10 == day // 10),
            )

    own(monkeypatch, split)
    folds = drawn(loaded(np.arange(60) % 2, day=np.arange(60)), own="mine", time="day")
    assert folds.scheme == "own"
    assert [len(fold.train) for fold in folds.folds] == [40, 50]
    assert_array_equal(folds.validated, np.arange(40, 60))


@pytest.mark.parametrize(
    ("y", "task", "classes", "expected"),
    [
        ([0, 1, 1, 0], "binary", ("0", "1"), [0, 1, 1, 0]),
        ([0, 1, 1, 0], "binary", ("no", "yes"), ["no", "yes", "yes", "no"]),
        ([0.5, 2.0, 1.0, 0.0], "regression", None, [0.5, 2.0, 1.0, 0.0]),
    ],
)
def test_an_own_split_sees_the_target_as_the_file_has_it(monkeypatch, y, task, classes, expected):
    seen = []

    def split(frame):
        seen.append(frame["y"].tolist())
        return [([0, 1], [2, 3])]

    own(monkeypatch, split)
    load = small_loaded(y, task, classes)
    written = [str(each) for each in y] if classes is None else [classes[each] for each in y]
    drawn(replace(load, train=load.train.assign(y=written)), own="mine")
    assert seen == [expected]


def changing(frame):
    frame["day"] = 0
    return [([0, 1], [2])]


def raising(frame):
    return frame["nowhere"]


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (raising, "raised KeyError: 'nowhere'"),
        (changing, "changed the frame"),
        (lambda frame: [], "gave 0 folds"),
        (lambda frame: [(0, 1, 2)], "fold 0 is tuple .*pair of row numbers"),
        (lambda frame: [([0.5], [1])], "whole numbers of rows, 0 to 9"),
        (lambda frame: [(frame["day"] < 5, [9])], "np.flatnonzero"),
        (lambda frame: [([0, 1], [10])], "row 10; the training table has rows 0 to 9"),
        (lambda frame: [([0, 0], [1])], "row 0 twice"),
        (lambda frame: [([0, 1, 2, 3], [3, 4])], "trains on 1 row that it validates, row 3"),
        (lambda frame: [([0, 1], [3, 4]), ([0, 1], [4])], "folds 0 and 1 overlap.*row 4"),
        (lambda frame: [([0, 1], [])], "validates no rows"),
        (lambda frame: [([0, 1, 9], [5, 6])], "fold 0 trains on the future.* reach 9.*begin at 5"),
    ],
)
def test_an_own_split_that_is_none_is_refused(monkeypatch, function, sentence):
    own(monkeypatch, function)
    with pytest.raises(UserError, match=sentence):
        run(loaded(np.arange(10) % 2, day=np.arange(10)), own="mine", time="day")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"time": "nowhere"}, "no such column"),
        ({"time": "y"}, "found the target"),
        ({"time": "word"}, "row 2: column 'word' holds 'x', which is neither"),
        ({"time": "gap"}, "row 3: column 'gap' gives no time"),
        ({"time": "day", "repeats": 2}, "the same every time"),
        ({"time": "day", "within": "month"}, "holds numbers"),
        ({"horizon": "1 day"}, "would ignore"),
        ({"own": "nowhere"}, "there is no pipeline/competitions/nowhere.py"),
        ({"own": "airline"}, r"has no function `split\(frame\)`"),
        ({"group": "word", "group_before": "-"}, "stands in no value"),
        ({"bins": 5}, "found 5 of a binary target"),
        ({"scheme": "column"}, r"\[split\] column names no column"),
    ],
)
def test_keys_that_do_not_fit_are_refused(settings, sentence):
    columns = {"day": np.arange(10), "word": ["x"] * 10, "gap": [1.0, None] * 5}
    with pytest.raises(UserError, match=sentence):
        run(loaded(np.arange(10) % 2, **columns), **settings)


def test_a_few_rows_without_a_time_are_the_earliest(capsys):
    """No window validates them; all may learn from them."""
    day = np.arange(300.0)
    day[[150, 299]] = np.nan
    found = drawn(loaded(np.arange(300) % 2, day=day), time="day", folds=3).folds
    assert not any({150, 299} & {*fold.valid} for fold in found)
    assert all({150, 299} <= {*fold.train} for fold in found)
    assert "2 rows without a time: taken as the earliest" in capsys.readouterr().out
    day[[1, 2]] = np.nan
    with pytest.raises(DataError, match=r"row 3: .*time needs one in 99% of the rows"):
        run(loaded(np.arange(300) % 2, day=day), time="day", folds=3)
