"""Settings by the shape of a table: order, what is listed, and rounds that fit into the minutes."""

import itertools
import tomllib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline import sizing
from pipeline.config import load_configuration
from pipeline.models import kernel, random_effects
from pipeline.new import write_competition
from pipeline.plan import MANY_ROWS
from pipeline.sizing import Shape

EIGHT = (
    *("lightgbm", "xgboost", "random_effects", "linear", "logistic", "kernel", "neural_net"),
    "symmetric_trees",
)
PRESETS = ("default", "quick", "best")


def test_few_rows_have_all_models_the_strongest_first():
    few = Shape(MANY_ROWS, 500, "binary", 2)
    assert (sizing.models(few), sizing.models(few, "best")) == (EIGHT, EIGHT)
    assert (sizing.folds(few), sizing.repeats(few), sizing.folds(few, "quick")) == (10, 3, 5)
    assert [sizing.minutes(few, preset) for preset in PRESETS] == [6, 0.6, 30]
    given = [sizing.settings(few, "lightgbm", preset) for preset in PRESETS]
    assert given == [{"trials": 20}, {"trials": 0}, {"trials": 100}]


def test_a_recurrent_network_is_for_columns_in_an_order():
    for rows in (1000, MANY_ROWS + 1):
        listed = [sizing.models(Shape(rows, 20, "binary", ordered=each)) for each in (False, True)]
        assert set(listed[1]) - set(listed[0]) == {"rnn"}


def test_an_extra_is_listed_where_its_package_is_installed(monkeypatch):
    monkeypatch.setattr(sizing, "find_spec", lambda name: name)
    listed = sizing.models(Shape(1000, 20, "binary"))
    assert tuple(name for name in listed if name != "catboost") == EIGHT
    assert "catboost" in listed


def test_of_more_columns_than_rows_logistic_regression_keeps_few():
    wide, long = (Shape(200, 5000, "binary", 2, width=width) for width in (5000, 150))
    for preset in PRESETS:
        assert sizing.settings(wide, "logistic", preset)["l1"] > 0
        assert "l1" not in sizing.settings(long, "logistic", preset)


def test_of_more_columns_than_rows_what_is_quick_and_strong_comes_first():
    binary, values = Shape(200, 5000, "binary", 2, 5000), Shape(200, 5000, "regression", 1, 5000)
    assert sizing.models(binary)[:2] == ("logistic", "lightgbm")
    assert sizing.models(values)[:3] == ("lightgbm", "xgboost", "linear")
    # a penalty costs as much a class
    assert sizing.models(Shape(1000, 5000, "multiclass", 99, 5000))[0] == "lightgbm"


def test_every_model_that_may_be_listed_has_a_reason():
    assert set(sizing.WHY) == set(sizing.MODELS)


def test_of_texts_logistic_regression_comes_first():
    def first(task, classes, rows=1000):
        return sizing.models(Shape(rows, 3, task, classes, text=True))[0]

    assert (first("binary", 2), first("multiclass", 9)) == ("logistic", "logistic")
    assert first("regression", 1) == first("binary", 2, MANY_ROWS + 1) == "lightgbm"


def test_of_many_rows_lightgbm_comes_first_and_others_only_where_they_can_finish():
    assert sizing.models(Shape(MANY_ROWS + 1, 20, "binary", 2))[0] == "lightgbm"
    large = Shape(700_000, 22, "binary", 2)
    assert sizing.models(large) == tuple(name for name in EIGHT if name != "symmetric_trees")
    assert sizing.models(replace(large, task="regression", classes=1)) == (
        *("lightgbm", "xgboost", "linear", "kernel", "neural_net"),
    )
    # what samples would need all its time to predict, and too few rounds of xgboost fit
    largest = sizing.models(replace(large, rows=70_000_000))
    assert largest == ("lightgbm", "linear", "logistic")
    wide = Shape(15_000, 5000, "binary", 2, minutes=6)  # too few rows for the network
    assert sizing.models(wide) == ("lightgbm", "linear", "logistic", "kernel")
    listed = [
        set(sizing.models(Shape(rows, 22, "binary", 2, ordered=True)))
        for rows in (20_000, 60_000, 300_000)
    ]
    assert listed[0] > listed[1] > listed[2]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_network_learns_from_as_many_rows_as_fit_into_its_part_of_the_minutes(preset):
    """A fit on 20,000 rows of 222 columns took 17.3 s, one of 53 columns 6.1 s, the prediction of a
    row 4 microseconds. Five folds on two cores are three fits in series, three folds two."""
    for width, seconds in ((222, 17.3), (53, 6.1)):
        shape = Shape(700_000, 22, "binary", 2, width=width)
        rows = sizing.settings(shape, "neural_net", preset)["most_rows"]
        folds, series = (3, 2) if preset == "quick" else (5, 3)
        a_fit = rows * seconds / 20_000 + (1 / folds + 1 / 2) * 700_000 * 4e-6
        part = series * a_fit / (60 * sizing.minutes(shape, preset))
        assert 0.15 < part < 0.4


@pytest.mark.parametrize(("preset", "sampled"), [("default", 0), ("quick", 1), ("best", 0)])
def test_of_fewer_rows_the_network_learns_from_all_where_there_is_time(preset, sampled):
    given = sizing.settings(Shape(20_000, 22, "binary", 2), "neural_net", preset)
    assert ("most_rows" in given) == sampled


def test_the_network_learns_from_fewer_rows_where_there_are_many_classes():
    two, many = Shape(700_000, 22, "multiclass", 2), Shape(700_000, 22, "multiclass", 200)
    given = [sizing.settings(replace(each, minutes=10), "neural_net") for each in (two, many)]
    assert given[1]["most_rows"] < given[0]["most_rows"]


def test_what_a_model_samples_is_what_its_estimate_reckons_with():
    assert random_effects.Settings().most_rows == sizing.EFFECTS_ROWS
    assert kernel.Settings().most_rows == 5000


def test_more_minutes_let_the_network_learn_from_all_rows():
    """Where the default preset's table names fewer, the others name theirs."""
    shape = Shape(200_000, 22, "binary", 2)
    rows = [sizing.settings(shape, "neural_net", each)["most_rows"] for each in PRESETS]
    assert rows[1] < rows[0] < rows[2] == shape.rows


def test_trials_begin_with_settings_that_their_search_may_choose():
    for task, preset in itertools.product(("binary", "regression"), PRESETS):
        given = sizing.settings(Shape(20_000, 20, task), "lightgbm", preset)
        assert given["num_leaves"] <= 64 or not given.get("trials")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("classes", [1, 2, 9])
def test_one_repeat_fits_into_half_of_the_minutes(preset, classes):
    task, rounds = {1: "regression", 2: "binary"}.get(classes, "multiclass"), []
    least = 100 if classes <= 2 else 50
    for rows, columns in itertools.product((10**4 + 1, 10**5, 10**6, 10**7), (5, 50, 500)):
        shape = Shape(rows, columns, task, classes)
        given = sizing.settings(shape, "lightgbm", preset)
        folds = sizing.folds(shape, preset)
        a_cell = 6e-9 if given["num_leaves"] > 31 else 3e-9
        a_round = a_cell * rows * columns * (classes if classes > 2 else 1)
        # a round on all rows, then on those of the fold: the search on 85% of them, one fit a seed;
        # of more than a million rows the search is the fit, and one seed shares the rounds with it
        seeds = given["n_models"]
        is_shared = rows * (folds - 1) / folds <= 10**6
        fits_of_all = 0.85 * is_shared + seeds if seeds > 1 else 0.85 if is_shared else 1
        a_fit = a_round * (folds - 1) / folds * fits_of_all * given["max_rounds"]
        in_series = -(-folds // 2)
        fits = in_series * a_fit <= 30 * sizing.minutes(shape, preset)
        assert fits or given["max_rounds"] == least
        rounds.append(given["max_rounds"])
        if "xgboost" in sizing.models(shape, preset):  # then in half of what is left
            a_fit = 3e-9 * rows * columns * (classes if classes > 2 else 1) * (folds - 1) / folds
            a_fit *= sizing.settings(shape, "xgboost", preset)["max_rounds"] * 0.85**is_shared
            assert in_series * a_fit <= 15 * sizing.minutes(shape, preset)
    assert (min(rounds), max(rounds)) == (least, 4000)  # of two fits


def test_classes_and_columns_cost_rounds_as_rows_do():
    """5,000 rows of 200 classes, 500 rows of 5,000 columns: a repeat of a few hundred rounds, of
    one seed, takes minutes; 1,000 rows of two classes and 22 columns have no such bound."""
    classes = Shape(5000, 20, "multiclass", 200)
    wide = Shape(500, 5000, "binary", 2, 5000)
    assert [shape.costly for shape in (classes, wide, Shape(1000, 22, "binary", 2))] == [1, 1, 0]
    for shape in (classes, wide):
        given = sizing.settings(shape, "lightgbm")
        assert (given["max_rounds"], given["n_models"]) == (600, 1)
        assert "trials" not in given and sizing.folds(shape) == 5


def test_larger_tables_get_more_minutes_and_where_rounds_are_few_a_higher_learning_rate():
    tables = [Shape(rows, 22, "binary", 2) for rows in (10**5, 7 * 10**5, 4 * 10**6, 10**7)]
    assert [sizing.minutes(table) for table in tables] == [6, 10, 20, 40]
    assert sizing.minutes(tables[-1], "best") == 80
    rates = [sizing.settings(table, "lightgbm", "quick").get("learning_rate") for table in tables]
    assert rates == [None, None, 0.2, 0.2]


def test_of_millions_of_rows_one_fit_has_all_the_rounds():
    large = Shape(4_000_000, 22, "binary", 2)
    assert "xgboost" in sizing.models(large)
    given = sizing.settings(replace(large, task="regression", classes=1), "lightgbm")
    assert (given["num_leaves"], given["max_rounds"]) == (127, 300)


def test_of_many_columns_each_tree_draws_its_share():
    shapes = [Shape(50_000, columns, "binary", 2) for columns in (99, 100)]
    given = [sizing.settings(shape, "lightgbm").get("fraction_by") for shape in shapes]
    assert given == [None, "tree"]
    assert "fraction_by" not in sizing.settings(shapes[1], "xgboost")
    assert "fraction_by" not in sizing.settings(Shape(1000, 100, "binary", 2), "lightgbm")


def test_rounds_follow_from_the_minutes_that_are_asked_for():
    table = Shape(50_000, 500, "binary", 2)
    hour = replace(table, minutes=60)
    given = [sizing.settings(each, "lightgbm") for each in (table, hour)]
    trees = [each["max_rounds"] * each["n_models"] for each in given]
    assert trees[0] < trees[1]
    assert (sizing.minutes(hour), sizing.minutes(hour, "best")) == (60, 30)


def test_the_toml_of_many_rows_lists_what_fits_and_names_what_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr(sizing, "MOST_CELLS", {**sizing.MOST_CELLS, "rnn": 30_000})
    monkeypatch.setattr(sizing, "KERNEL_FIT", 1000)
    rows = MANY_ROWS + 1
    rng = np.random.default_rng(0)
    questions = {name: rng.integers(1, 6, size=rows) for name in ("seat", "food", "crew", "gate")}
    table = pd.DataFrame({"id": range(rows), "x": rng.normal(size=rows), **questions})
    raw = tmp_path / "raw"
    raw.mkdir()
    table.assign(y=np.arange(rows) % 2).to_csv(raw / "train.csv", index=False)
    table.to_csv(raw / "test.csv", index=False)
    draft = write_competition("fresh", raw, tmp_path)
    text = draft.text
    (tmp_path / "fresh.toml").write_text(text)
    by_preset = {preset: load_configuration("fresh", preset, tmp_path) for preset in PRESETS}
    listed = ["lightgbm", "xgboost", "random_effects", "linear", "logistic"]
    listed += ["neural_net", "symmetric_trees"]
    assert list(by_preset["default"].models) == list(by_preset["quick"].models) == listed
    assert list(by_preset["best"].models) == [*listed, "rnn"]  # it has five times the minutes
    assert by_preset["best"].models["rnn"].sequence == tuple(questions)
    assert "part of the minutes: kernel, rnn\n" in text.replace("\n#  ", "")
    assert draft.messages[-1] == f"10,001 rows: {', '.join(listed)}, in this order, in 6 minutes"
    assert by_preset["default"].split.folds == 5
    assert tomllib.loads(text)["models"]["lightgbm"]["max_rounds"] == 2000
