"""Folds keep what they promise: shares of classes, whole groups, and the same draw every time."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from pipeline.config import Split
from pipeline.errors import DataError, SettingsError
from pipeline.folds import Folds
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
