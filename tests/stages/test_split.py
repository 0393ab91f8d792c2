import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from pipeline.artifacts import Folder
from pipeline.config import Split
from pipeline.errors import DataError, SettingsError
from pipeline.progress import Progress
from pipeline.stages import split


def loaded(path, y, task="binary", **columns) -> Folder:
    """A load folder with these labels and columns."""
    load = Folder(path / "load")
    y = np.asarray(y)
    classes = None if task == "regression" else [f"c{i}" for i in range(int(y.max()) + 1)]
    load.write_json("schema", {"task": task, "target": "label", "classes": classes})
    load.write_array("y", y)
    load.write_table("train", pd.DataFrame({"label": y, **columns}))
    return load


def run(path, load, **settings) -> list[np.ndarray]:
    """Fold numbers per repeat; scikit-learn's warnings count as errors."""
    asked, out = Split(**settings), Folder(path / "split")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        split.run(asked, load=load, out=out, progress=Progress(live=False))
    return [out.read_array(f"folds-{repeat}") for repeat in range(asked.repeats)]


def test_each_fold_has_its_share_of_each_class(tmp_path):
    y = np.random.default_rng(0).choice(3, size=307, p=[0.7, 0.2, 0.1])
    for numbers in run(tmp_path, loaded(tmp_path, y, "multiclass"), folds=5, repeats=3):
        assert numbers.dtype == np.int16
        counts = np.array([np.bincount(numbers[y == label], minlength=5) for label in range(3)])
        assert (np.ptp(counts, axis=1) <= 1).all()
        assert np.ptp(np.bincount(numbers)) <= 3


def test_repeats_and_seeds_differ_and_a_rerun_does_not(tmp_path):
    load = loaded(tmp_path, np.arange(200) % 2)
    first, second = run(tmp_path, load, repeats=2, seed=1)
    assert (first != second).mean() > 0.5
    assert (run(tmp_path, load, seed=2)[0] != second).mean() > 0.5
    assert_array_equal(run(tmp_path, load, repeats=2, seed=1), [first, second])


def test_auto_takes_what_fits_the_task(tmp_path):
    three = np.arange(60) // 3
    for task, columns, settings, scheme in [
        ("binary", {}, {}, "stratified"),
        ("multiclass", {}, {}, "stratified"),
        ("regression", {}, {}, "plain"),
        ("binary", {"g": three}, {"group": "g"}, "group"),
        ("regression", {"g": three}, {"group": "g"}, "group"),
    ]:
        run(tmp_path, loaded(tmp_path, np.arange(60) % 2, task, **columns), **settings)
        told = Folder(tmp_path / "split").read_json("split")
        group = settings.get("group")
        assert told == {"scheme": scheme, "group": group, "folds": 5, "repeats": 1}


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_rows_of_a_group_stay_together(tmp_path, task):
    rng = np.random.default_rng(0)
    group = rng.choice([f"g{i}" for i in range(40)], size=300)
    load = loaded(tmp_path, rng.integers(2, size=300), task, g=group)
    one, other = run(tmp_path, load, group="g", repeats=2)
    for numbers in (one, other):
        assert pd.Series(numbers).groupby(group).nunique().max() == 1
        assert np.bincount(numbers).min() > 30
    assert (one != other).any()


def test_rows_without_a_group_are_not_held_together(tmp_path):
    group = [None] * 100 + ["a"] * 10
    numbers = run(tmp_path, loaded(tmp_path, np.arange(110) % 2, g=group), group="g")[0]
    assert len(set(numbers[:100])) == 5
    assert len(set(numbers[100:])) == 1


def test_regression_folds_are_even(tmp_path):
    y = np.random.default_rng(0).normal(size=103)
    numbers = run(tmp_path, loaded(tmp_path, y, "regression"))[0]
    assert sorted(np.bincount(numbers)) == [20, 20, 21, 21, 21]


@pytest.mark.parametrize(
    ("y", "task", "settings", "sentence"),
    [
        ([1.0, 2, 3], "regression", {}, "3 training rows.*2 to 3"),
        ([0, 1], "binary", {}, r"are 2 training rows.*\[split\] folds to 2\."),
        ([0, 1] * 20, "binary", {"group": "few"}, "3 groups in column 'few'.*2 to 3"),
        ([0, 1] * 20, "binary", {"group": "one"}, r"is 1 group in column.*remove \[split\] group"),
        ([0] * 20 + [1] * 10, "binary", {"group": "label_too"}, "2 groups in column 'label_too'"),
    ],
)
def test_too_many_folds_are_refused(tmp_path, y, task, settings, sentence):
    rows = np.arange(len(y))
    columns = {"g": rows, "few": rows % 3, "label_too": y, "one": rows * 0}
    with pytest.raises(DataError, match=sentence) as error:
        run(tmp_path, loaded(tmp_path, y, task, **columns), **settings)
    assert "[split] folds" in str(error.value)


@pytest.mark.parametrize("counts", [[96, 3, 1], [9, 1], [4, 4, 4], [10] * 12, [2, 2], [1, 1]])
def test_rare_classes_cut_no_folds_and_are_spread_over_as_many_as_they_have_rows(tmp_path, counts):
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    folds = min(10, len(y))
    load = loaded(tmp_path, y, "multiclass")
    for numbers in run(tmp_path, load, folds=folds, repeats=2):
        assert set(numbers) == set(range(folds))
        assert np.ptp(np.bincount(numbers)) <= len(counts)
        for code, rows in enumerate(counts):
            assert len(set(numbers[y == code])) == min(rows, folds)


@pytest.mark.parametrize(
    ("counts", "settings"),
    [([9, 1], {}), ([9, 1], {"scheme": "plain"}), ([20, 10], {"group": "by_class"})],
)
def test_a_class_that_a_fold_cannot_learn_is_named(tmp_path, capsys, counts, settings):
    y = np.repeat([0, 1], counts)
    by_class = np.where(y == 1, -1, np.arange(len(y)))
    (numbers,) = run(tmp_path, loaded(tmp_path, y, by_class=by_class), **settings)
    (fold,) = set(numbers[y == 1])
    rows = "1 row" if counts[1] == 1 else "10 rows"
    assert f"probability 0: class 'c1' ({rows}) from r0-f{fold}'s" in capsys.readouterr().out


def test_groups_of_classes_that_are_all_rare_stay_together(tmp_path):
    y, group = np.repeat(np.arange(4), 4), np.arange(16) // 2
    (numbers,) = run(tmp_path, loaded(tmp_path, y, "multiclass", g=group), group="g", folds=5)
    assert pd.Series(numbers).groupby(group).nunique().max() == 1
    assert len(set(numbers)) == 5


@pytest.mark.parametrize(
    ("task", "settings", "sentence"),
    [
        ("binary", {"group": "nowhere"}, "no such column; allowed are label, g"),
        ("binary", {"group": "label"}, "found the target 'label'"),
        ("binary", {"scheme": "group"}, "names no column"),
        ("binary", {"scheme": "plain", "group": "g"}, "would ignore"),
        ("regression", {"scheme": "stratified"}, "has no classes"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path, task, settings, sentence):
    load = loaded(tmp_path, np.arange(40) % 2, task, g=np.arange(40))
    with pytest.raises(SettingsError, match=sentence):
        run(tmp_path, load, **settings)
