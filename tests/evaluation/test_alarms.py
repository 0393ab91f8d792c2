"""Alarms: none on honest tables, one on each planted leak, in words that say what was planted."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.evaluation import alarms, leaderboard
from pipeline.evaluation.alarms import (
    Evidence,
    curve_alarm,
    find_alarms,
    perfect_alarm,
    told,
    withdrawn,
)
from pipeline.evaluation.learning_curve import Curve
from pipeline.folds import folds_of
from pipeline.metrics import METRICS, Estimate

TASKS = {"binary": 2, "multiclass": 3, "regression": 0}


def honest(task: str, n: int = 1500, m: int = 600) -> Evidence:
    """A table whose answer depends on three of four columns, and its best possible predictions."""
    rng = np.random.default_rng(5)
    both = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n + m),
            "delay": np.where(rng.random(n + m) < 0.1, np.nan, rng.gamma(2.0, 9.0, n + m)),
            "city": rng.choice(["Ulm", "Bern", "Linz"], n + m),
            "noise": rng.normal(size=n + m),
        }
    )
    mean = (both["age"] - 49) / 15 - both["delay"].fillna(0) / 15 + 1.2 * (both["city"] == "Bern")
    mean = mean.to_numpy()
    value = mean + rng.logistic(scale=0.5, size=n + m)
    if task == "regression":
        y, blend = value, mean[:, np.newaxis]
    else:
        edges = np.array([0.0] if task == "binary" else [-1.0, 1.0])
        y = np.digitize(value, edges)
        below = 1 / (1 + np.exp((mean[:, np.newaxis] - edges) / 0.5))
        blend = np.diff(below, axis=1, prepend=0.0, append=1.0)
    return Evidence(
        both[:n],
        both[n:].reset_index(drop=True),
        [("age", "number"), ("delay", "number"), ("city", "category"), ("noise", "number")],
        pd.Series(rng.permutation(10 * n)[:n]),
        y[:n],
        TASKS[task],
        folds_of(0, np.arange(n) % 5),
        blend[:n],
    )


def raised(evidence: Evidence) -> dict[str, alarms.Alarm]:
    first = "accuracy" if evidence.classes else "rmse"
    metrics = METRICS[first], METRICS["log_loss" if evidence.classes else "r2"]
    predictions = {"blend": evidence.blend}
    board = leaderboard.rank(
        metrics, evidence.y, predictions, evidence.folds, seed=0, parallel_map=map
    )
    return {alarm.kind: alarm for alarm in find_alarms(evidence, board, [])}


def with_column(evidence: Evidence, name: str, values: np.ndarray, kind: str = "number"):
    train = evidence.train.assign(**{name: values})
    test = evidence.test.assign(**{name: values[: len(evidence.test)]})
    return replace(evidence, train=train, test=test, columns=[*evidence.columns, (name, kind)])


def rows(evidence: Evidence, order: np.ndarray) -> Evidence:
    """The training rows in this order; a row may come twice."""
    return replace(
        evidence,
        train=evidence.train.iloc[order].reset_index(drop=True),
        ids=None if evidence.ids is None else evidence.ids.iloc[order].reset_index(drop=True),
        y=evidence.y[order],
        folds=folds_of(0, np.arange(len(order)) % 5),
        blend=evidence.blend[order],
    )


@pytest.fixture(params=TASKS)
def table(request) -> Evidence:
    return honest(request.param)


def test_an_honest_table_raises_none(table):
    assert raised(table) == {}
    assert told([]).startswith("No alarm: a column that alone predicts the target, rows that")


@pytest.mark.parametrize("name", ["breast_cancer", "iris", "wine", "diabetes"])
def test_the_strong_columns_of_well_known_tables_raise_none(name):
    """One column alone tells up to 85% of what all do: worst radius, petal width."""
    known = getattr(datasets, f"load_{name}")(as_frame=True)
    order = np.random.default_rng(0).permutation(len(known.target))
    train, y = known.data.iloc[order].reset_index(drop=True), known.target.to_numpy()[order]
    fold = np.arange(len(y)) % 5
    model, method = LogisticRegression(), "predict_proba"
    if name == "diabetes":
        model, method = LinearRegression(), "predict"
    blend = cross_val_predict(
        make_pipeline(StandardScaler(), model), train, y, cv=PredefinedSplit(fold), method=method
    ).reshape(len(y), -1)
    columns = [(column, "number") for column in train]
    classes = 0 if name == "diabetes" else int(y.max()) + 1
    made_up = train + 0.001
    table = Evidence(train, made_up, columns, None, y, classes, folds_of(0, fold), blend)
    assert raised(table) == {}


def test_a_column_that_tells_little_is_no_leak_even_where_no_other_tells_more():
    rng = np.random.default_rng(0)
    train = pd.DataFrame({"x": rng.normal(size=1500), "noise": rng.normal(size=1500)})
    p = 1 / (1 + np.exp(-1.5 * train["x"].to_numpy()))
    y = (rng.random(1500) < p).astype(int)
    columns = [("x", "number"), ("noise", "number")]
    blend, folds = np.column_stack([1 - p, p]), folds_of(0, np.arange(1500) % 5)
    assert raised(Evidence(train, train + 9, columns, None, y, 2, folds, blend)) == {}


def test_a_noisy_copy_is_found_beside_good_columns_that_nearly_do_without_it():
    """One in twelve is wrong: what all columns tell together goes well beyond the copy."""
    table, rng = honest("binary"), np.random.default_rng(0)
    copy = np.where(rng.random(len(table.y)) < 0.08, 1 - table.y, table.y)
    odds = table.blend[:, 1] / table.blend[:, 0] * np.where(copy == 1, 11.5, 1 / 11.5)
    blend = np.column_stack([1 / (1 + odds), odds / (1 + odds)])
    assert list(raised(replace(with_column(table, "copy", copy), blend=blend))) == ["column"]


def test_a_score_holds_where_tests_ids_stand_among_trains():
    rng = np.random.default_rng(0)
    ids = pd.Series(rng.permutation(3000)).map("r{}".format)
    assert alarms.among(ids[:2000], ids[2000:])
    ordered = pd.Series(range(3000))
    assert not alarms.among(ordered[:2000], ordered[2000:])
    assert not alarms.among(None, ids) and not alarms.among(ids, None)


def test_labels_that_differ_in_case_or_blanks_alone_are_named():
    (alarm,) = alarms.label_alarm(["No", "Yes", "yes", "YES "])
    assert "'Yes', 'yes', 'YES '" in alarm.found and "merge_labels = true" in alarm.do
    assert not list(alarms.label_alarm(["No", "Yes", "no way"]))


def test_a_copy_of_the_target_with_some_noise_is_found(table):
    rng, y = np.random.default_rng(0), table.y
    if table.classes:
        copy = np.where(rng.random(len(y)) < 0.02, (y + 1) % table.classes, y)
        blend = np.where(np.eye(table.classes)[copy] > 0, 0.98, 0.02 / (table.classes - 1))
    else:
        copy = y + 0.02 * y.std() * rng.normal(size=len(y))
        blend = copy[:, np.newaxis]
    found = raised(replace(with_column(table, "<copy>", copy), blend=blend))
    assert set(found) - {"next to perfect"} == {"column"}
    assert withdrawn([*found.values()]) == ""  # it is the same in test
    leaking = replace(with_column(table, "<copy>", copy), blend=blend)
    empty = replace(leaking, test=leaking.test.assign(**{"<copy>": np.nan}))
    assert "'<copy>', which differs between" in withdrawn([*raised(empty).values()])
    assert "tells most: '<copy>'" in found["column"].found
    assert "[load] drop" in found["column"].do


def test_a_column_that_is_filled_in_when_the_answer_is_known_is_found():
    table, rng = honest("binary"), np.random.default_rng(0)
    refund = np.where((table.y == 0) & (rng.random(len(table.y)) < 0.5), rng.gamma(2, 30), np.nan)
    for values, words in ((refund, "is not missing"), (np.nan_to_num(refund), "is not 0")):
        found = raised(with_column(table, "refund", values))
        assert list(found) == ["pure part"]
        assert f"'refund' {words} in {np.isfinite(refund).sum()} rows" in found["pure part"].found


def test_a_column_that_tells_by_being_missing_is_named_as_such():
    table, rng = honest("binary"), np.random.default_rng(0)
    known = table.y == np.where(rng.random(len(table.y)) < 0.03, 1, 0)
    values = np.where(known, rng.normal(size=len(known)), np.nan)
    found = raised(with_column(table, "late", values))["column"].found
    assert "'late' 100% (by being missing or not)" in found


def test_rows_of_test_that_stand_in_train_are_counted(table):
    test = table.test.copy()
    test.iloc[:60] = table.train.iloc[100:160].to_numpy()
    found = raised(replace(table, test=test.astype(table.train.dtypes)))
    assert list(found) == ["shared rows"]
    assert found["shared rows"].found.startswith("60 rows of test (10.0%) equal a row of train")
    assert "for 60 of them the equal rows of train agree" in found["shared rows"].found


def test_copied_training_rows_in_different_folds_are_found_with_the_score_without_them(table):
    order = np.concatenate([np.arange(1500), np.arange(150)])
    found = raised(rows(table, np.random.default_rng(0).permutation(order)))
    assert "copies across folds" in found
    assert set(found) <= {"copies across folds", "id or order"}
    assert "copies of rows stand in different folds" in withdrawn([*found.values()])
    sentence = found["copies across folds"].found
    assert "100% of them the same target" in sentence
    assert " with them and " in sentence
    assert "[split] group" in found["copies across folds"].do


def test_a_file_sorted_by_the_target_and_an_id_that_follows_it_are_found(table):
    by_target = np.argsort(table.y, kind="stable")
    found = raised(rows(replace(table, ids=None), by_target))
    assert list(found) == ["id or order"]
    assert withdrawn([*found.values()]) == ""  # no model sees the order
    ids = pd.Series(np.empty(len(table.y), dtype=int))
    ids[by_target] = np.arange(len(table.y))
    found = raised(replace(table, ids=ids))
    assert list(found) == ["id or order"]
    assert "the id's order" in found["id or order"].found
    assert "place in the file" not in found["id or order"].found


def test_rows_that_stand_together_and_are_alike_withdraw_the_promise_unless_folds_keep_them_so():
    table = honest("binary")
    best = np.argsort(np.arange(1500) % 2 * 10**6 + np.argsort(np.argsort(table.y, kind="stable")))
    blocks = best.reshape(-1, 30)[np.random.default_rng(0).permutation(50)].ravel()
    of_blocks = rows(replace(table, ids=None), blocks)
    found = raised(of_blocks)
    assert list(found) == ["id or order"]
    assert "seem to belong together" in withdrawn([*found.values()])
    assert withdrawn([*raised(replace(of_blocks, group="day")).values()]) == ""


def test_a_source_of_which_test_has_none_withdraws_the_promise_and_is_named():
    table = replace(honest("binary"), origins=["patient", "ward"])
    found = raised(table)
    assert list(found) == ["origin"]
    assert "'patient' repeat within train" in found["origin"].found
    assert "(and so of 'ward')" in found["origin"].found
    assert '[split] group = "patient"' in found["origin"].do
    assert "rows of one 'patient' stand in several folds" in withdrawn([*found.values()])
    assert raised(replace(table, group="patient")) == {}


def test_a_jump_at_the_full_size_is_found_and_steady_learning_is_not():
    def curve(*scores):
        points = tuple(Estimate(score, 0.006) for score in scores)
        step = Estimate(scores[-1] - scores[-2], 0.002)
        return Curve("lightgbm", (250, 500, 1000, 2000), points, step)

    accuracy, rmse = METRICS["accuracy"], METRICS["rmse"]
    assert not list(curve_alarm([curve(0.84, 0.88, 0.90, 0.92)], accuracy))
    (alarm,) = curve_alarm([curve(0.84, 0.88, 0.90, 0.95)], accuracy)
    # 0.92 is expected; 0.03 is 30 / √8 thousandths
    assert "lead one to expect 0.92: 11 standard errors" in alarm.found
    assert not list(curve_alarm([curve(9.0, 8.0, 7.5, 7.4)], rmse))
    assert list(curve_alarm([curve(9.0, 8.0, 7.5, 4.0)], rmse))
    # a curve of two points promises nothing
    two = Curve("one", (10, 20), (Estimate(0.5, 0.01), Estimate(0.9, 0.01)), Estimate(0.4, 0.01))
    assert not list(curve_alarm([two], accuracy))


@pytest.mark.parametrize(("wrong", "alarm"), [(0, True), (1, True), (2, False)])
def test_up_to_one_wrong_row_is_within_an_error_of_none(wrong, alarm):
    y = np.arange(300) % 3
    # three classes, so that the area under the curve has no say
    prediction = np.eye(3)[np.where(np.arange(300) < wrong, (y + 1) % 3, y)]
    assert bool(list(perfect_alarm(y, prediction))) == alarm


def test_a_perfect_ranking_and_a_perfect_regression_are_found():
    y = np.arange(400) % 2
    p = np.where(y == 1, 0.45, 0.05) + np.linspace(0, 0.03, 400)
    assert "ROC AUC 1.0" in next(perfect_alarm(y, np.column_stack([1 - p, p]))).found
    value = np.random.default_rng(0).normal(size=400)
    assert "R² 1.0" in next(perfect_alarm(value, value[:, np.newaxis])).found
    assert not list(perfect_alarm(value[:100], value[:100, np.newaxis]))


@pytest.mark.parametrize("levels", [2, 5], ids="{} levels".format)
def test_equal_rows_of_a_coarse_table_are_no_copies(levels):
    rng = np.random.default_rng(1)
    table = honest("binary")
    columns = [(name, "category") for name in "abcd"]
    train, test = (
        pd.DataFrame(rng.integers(0, levels, (n, 4)), columns=list("abcd")).astype("str")
        for n in (1500, 600)
    )
    p = 0.1 + 0.8 * ((train["a"] == "1") & (train["b"] == "1")).to_numpy()
    y = (rng.random(1500) < p).astype(int)
    blend = np.column_stack([1 - p, p])
    coarse = replace(table, train=train, test=test, columns=columns, y=y, blend=blend)
    assert raised(coarse) == {}


def test_three_thousand_rows_take_less_than_a_second():
    table = honest("binary", 3000, 2000)
    start = time.process_time()
    raised(table)
    assert time.process_time() - start < 1.0
