"""Alarms: none on honest tables, one on each planted leak, in words that name what was planted."""

import time
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.exploration.column_drift import column_drifts
from pipeline.exploration.duplicates import find_duplicates
from pipeline.folds import Folds, folds_of
from pipeline.metrics import METRICS, Estimate
from pipeline.problem import Feature, Form, Loaded, Problem
from pipeline.report import alarms, evidence, leaderboard, row_order
from pipeline.report.alarm import Alarm
from pipeline.report.learning_curve import Curve
from pipeline.report.row_order import interleaved
from pipeline.report.suspicious_scores import curve_alarm, perfect_alarm
from pipeline.splitting.mirroring import Mirror
from tests.report import values

TASKS = {"binary": 2, "multiclass": 3, "regression": 0}
LABELS = ("no", "yes", "perhaps")


@dataclass(frozen=True)
class Table:
    """A data set with its folds and the blend's out-of-fold prediction (n, k).

    `fold` (n,) is -1 where no fold validates a row.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    features: tuple[Feature, ...]
    y: np.ndarray
    classes: int
    fold: np.ndarray
    blend: np.ndarray
    has_ids: bool = False
    group: str | None = None
    mirror: Mirror | None = None

    def evidence(self) -> SimpleNamespace:
        """What the alarms read of report.evidence.Evidence."""
        classes = LABELS[: self.classes] or None
        task = "regression" if not classes else "binary" if self.classes == 2 else "multiclass"
        id = "id" if self.has_ids else None
        form = Form(("y",), "target", None, by_row=True)
        problem = Problem("y", id, task, classes, None, form, self.features)
        folds = tuple(folds_of(0, self.fold))
        split = Folds(len(self.y), folds, "plain", self.group)
        rows = split.validated
        found = find_duplicates(
            self.train, self.test, self.y, self.features, is_regression=not classes
        )
        drifts = column_drifts(self.train, self.test, self.features)
        return SimpleNamespace(
            load=Loaded(self.train, self.test, self.test[[]], self.y, problem, {}, False, ()),
            problem=problem,
            explore=SimpleNamespace(
                findings=SimpleNamespace(duplicates=found, drifts=drifts, mirror=self.mirror)
            ),
            split=split,
            y=self.y,
            rows=rows,
            validated_y=self.y[rows],
            predictions={"blend": self.blend},
            validated=lambda: self.blend[rows],
            metric=METRICS["accuracy" if classes else "rmse"],
            results={
                "leaderboard": SimpleNamespace(digits=4),
                "learning_curve": SimpleNamespace(curves=()),
                "foreign": None,
            },
        )


def numbers(*names: str) -> tuple[Feature, ...]:
    return tuple(Feature(name, "number") for name in names)


def honest(task: str, n: int = 1500, m: int = 600) -> Table:
    """A table whose target depends on three of four columns, and its best possible predictions."""
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
    ids = rng.permutation(10 * (n + m))
    both["id"] = np.where(np.arange(n + m) < n, ids[: n + m], ids[: n + m] + 10**6)
    age, delay, noise = numbers("age", "delay", "noise")
    return Table(
        both[:n],
        both[n:].reset_index(drop=True),
        (age, delay, Feature("city", "category"), noise),
        y[:n],
        TASKS[task],
        np.arange(n) % 5,
        blend[:n],
        has_ids=True,
    )


def raised(table: Table) -> dict[str, Alarm]:
    return {alarm.kind: alarm for alarm in alarms.compute(table.evidence()).found}


def no_score_reason(table: Table) -> str:
    return alarms.compute(table.evidence()).no_score_reason


def with_column(table: Table, name: str, values: np.ndarray, test: np.ndarray | None = None):
    other = values[: len(table.test)] if test is None else test
    return replace(
        table,
        train=table.train.assign(**{name: values}),
        test=table.test.assign(**{name: other}),
        features=(*table.features, Feature(name, "number")),
    )


def rows(table: Table, order: np.ndarray) -> Table:
    """The training rows in this order; a row may come twice."""
    return replace(
        table,
        train=table.train.iloc[order].reset_index(drop=True),
        y=table.y[order],
        fold=np.arange(len(order)) % 5,
        blend=table.blend[order],
    )


@pytest.fixture(params=TASKS)
def table(request) -> Table:
    return honest(request.param)


def test_an_honest_table_raises_none(table):
    assert raised(table) == {}
    (text,) = alarms.render(alarms.Alarms(()), table.evidence(), {})
    assert text.startswith("No alarm. These were looked for: a column that alone predicts")


def test_of_many_rows_some_are_looked_at_and_the_alarms_stay(table, monkeypatch):
    monkeypatch.setattr(evidence, "MOST_LOOKED_AT", 1000)
    monkeypatch.setattr(row_order, "MOST_LOOKED_AT", 1000)
    monkeypatch.setattr(row_order, "STRETCH", 100)
    assert raised(table) == {}
    leaking = raised(with_column(table, "copy", table.y.astype(float)))
    assert "Looked at were 1,000 of 1,500 rows" in leaking["column"].found
    ordered = raised(rows(table, np.argsort(table.y, kind="stable")))
    assert "in 1,000 of 1,500 rows" in ordered["id or order"].found


def test_folds_at_random_where_test_is_later_are_named_and_no_score_is_given(table):
    later = Mirror("time", ("when",), "Test lies after train by column 'when'", {"time": "when"})
    (alarm,) = raised(replace(table, mirror=later)).values()
    assert (
        alarm.found == "Test lies after train by column 'when', but the folds were drawn at random"
    )
    assert '[split] time = "when"' in alarm.do and alarm.no_score_reason
    groups = Mirror("group", ("user",), "Train and test share no value of 'user'")
    assert raised(replace(table, mirror=groups)) == {}


@pytest.mark.parametrize("name", ["breast_cancer", "iris", "wine", "diabetes"])
def test_the_strong_columns_of_well_known_tables_raise_none(name):
    """One column alone predicts up to 85% of what all do: worst radius, petal width."""
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
    classes = 0 if name == "diabetes" else int(y.max()) + 1
    rng = np.random.default_rng(1)
    test = train.apply(rng.permutation)  # columns alike, and no row of train
    table = Table(train, test, numbers(*train), y, classes, fold, blend)
    assert raised(table) == {}


def test_a_column_that_predicts_little_is_no_leak_even_where_no_other_predicts_more():
    rng = np.random.default_rng(0)
    train = pd.DataFrame({"x": rng.normal(size=1500), "noise": rng.normal(size=1500)})
    p = 1 / (1 + np.exp(-1.5 * train["x"].to_numpy()))
    y = (rng.random(1500) < p).astype(int)
    blend, fold = np.column_stack([1 - p, p]), np.arange(1500) % 5
    assert raised(Table(train, train + 9, numbers("x", "noise"), y, 2, fold, blend)) == {}


def test_a_noisy_copy_is_found_beside_good_columns_that_nearly_do_without_it():
    """One in twelve is wrong: what all columns predict together goes well beyond the copy."""
    table, rng = honest("binary"), np.random.default_rng(0)
    copy = np.where(rng.random(len(table.y)) < 0.08, 1 - table.y, table.y)
    odds = table.blend[:, 1] / table.blend[:, 0] * np.where(copy == 1, 11.5, 1 / 11.5)
    blend = np.column_stack([1 / (1 + odds), odds / (1 + odds)])
    assert list(raised(replace(with_column(table, "copy", copy), blend=blend))) == ["column"]


def test_a_score_holds_where_tests_ids_stand_among_trains():
    rng = np.random.default_rng(0)
    ids = pd.Series(rng.permutation(3000)).map("r{}".format)
    assert interleaved(ids[:2000], ids[2000:])
    ordered = pd.Series(range(3000))
    assert not interleaved(ordered[:2000], ordered[2000:])
    assert not interleaved(None, ids) and not interleaved(ids, None)


def test_labels_that_differ_in_case_or_blanks_alone_are_named():
    (alarm,) = alarms.label_alarms(["No", "Yes", "yes", "YES "])
    assert "'Yes', 'yes', 'YES '" in alarm.found and "merge_labels = true" in alarm.do
    assert not list(alarms.label_alarms(["No", "Yes", "no way"]))


def test_a_copy_of_the_target_with_some_noise_is_found(table):
    rng, y = np.random.default_rng(0), table.y
    if table.classes:
        copy = np.where(rng.random(len(y)) < 0.02, (y + 1) % table.classes, y)
        blend = np.where(np.eye(table.classes)[copy] > 0, 0.98, 0.02 / (table.classes - 1))
    else:
        copy = y + 0.02 * y.std() * rng.normal(size=len(y))
        blend = copy[:, np.newaxis]
    leaking = replace(with_column(table, "<copy>", copy), blend=blend)
    found = raised(leaking)
    assert set(found) - {"near perfect"} == {"column"}
    assert no_score_reason(leaking) == ""  # it is the same in test
    empty = replace(leaking, test=leaking.test.assign(**{"<copy>": np.nan}))
    assert "'<copy>', which differs between" in no_score_reason(empty)
    assert "predicts most: '<copy>'" in found["column"].found
    assert "[load] drop" in found["column"].do
    assert (", scoring" in found["column"].found) == bool(table.classes)


def test_a_column_that_is_filled_in_when_the_outcome_is_known_is_found():
    table, rng = honest("binary"), np.random.default_rng(0)
    refund = np.where((table.y == 0) & (rng.random(len(table.y)) < 0.5), rng.gamma(2, 30), np.nan)
    for column, words in ((refund, "is not missing"), (np.nan_to_num(refund), "is not 0")):
        found = raised(with_column(table, "refund", column))
        assert list(found) == ["one class only"]
        text = f"'refund' {words} in {np.isfinite(refund).sum()} rows"
        assert text in found["one class only"].found


def test_a_column_that_predicts_by_being_missing_is_named_as_such():
    table, rng = honest("binary"), np.random.default_rng(0)
    known = table.y == np.where(rng.random(len(table.y)) < 0.03, 1, 0)
    values = np.where(known, rng.normal(size=len(known)), np.nan)
    found = raised(with_column(table, "late", values))["column"].found
    assert "'late' 100% (by being missing or not)" in found


def test_rows_of_test_that_are_in_train_are_counted(table):
    test = table.test.copy()
    names = [feature.name for feature in table.features]
    test.loc[:59, names] = table.train.loc[100:159, names].to_numpy()
    found = raised(replace(table, test=test.astype(table.train.dtypes)))
    assert list(found) == ["shared rows"]
    assert found["shared rows"].found.startswith("60 rows of test (10.0%) equal a row of train")
    assert "for 60 of them the equal rows of train agree" in found["shared rows"].found


def test_duplicates_in_different_folds_are_found_with_the_score_without_them(table):
    order = np.concatenate([np.arange(1500), np.arange(150)])
    duplicated = rows(table, np.random.default_rng(0).permutation(order))
    found = raised(duplicated)
    assert "duplicates across folds" in found
    assert set(found) <= {"duplicates across folds", "id or order"}
    assert "duplicates of rows are in different folds" in no_score_reason(duplicated)
    text = found["duplicates across folds"].found
    assert "100% of them have the same target" in text
    assert " with them and " in text
    assert "[split] group" in found["duplicates across folds"].do


def test_a_file_sorted_by_the_target_and_an_id_that_follows_it_are_found(table):
    by_target = np.argsort(table.y, kind="stable")
    in_order = rows(replace(table, has_ids=False), by_target)
    assert list(raised(in_order)) == ["id or order"]
    assert no_score_reason(in_order) == ""  # no model sees the order
    ids = np.empty(len(table.y), dtype=int)
    ids[by_target] = np.arange(len(table.y))
    found = raised(replace(table, train=table.train.assign(id=ids)))
    assert list(found) == ["id or order"]
    assert "the id's order" in found["id or order"].found
    assert "place in the file" not in found["id or order"].found


def test_an_id_that_is_a_date_and_a_feature_too_may_predict_the_target():
    table = honest("binary")
    ids = np.argsort(np.argsort(table.y + 1e-3 * np.arange(len(table.y)) / len(table.y)))
    dated = replace(table, train=table.train.assign(id=ids))
    assert list(raised(dated)) == ["id or order"]
    as_feature = replace(
        dated,
        train=dated.train.assign(**{"id (date)": table.train["noise"]}),
        test=dated.test.assign(**{"id (date)": table.test["noise"]}),
        features=(*dated.features, Feature("id (date)", "date")),
    )
    assert "id or order" not in raised(as_feature)


def test_for_neighbours_that_are_alike_no_score_is_given_unless_folds_keep_them_together():
    table = honest("binary")
    best = np.argsort(np.arange(1500) % 2 * 10**6 + np.argsort(np.argsort(table.y, kind="stable")))
    blocks = best.reshape(-1, 30)[np.random.default_rng(0).permutation(50)].ravel()
    of_blocks = rows(replace(table, has_ids=False), blocks)
    assert list(raised(of_blocks)) == ["id or order"]
    assert "seem to belong together" in no_score_reason(of_blocks)
    assert no_score_reason(replace(of_blocks, group="day")) == ""


def test_where_test_lacks_a_source_no_score_is_given_and_it_is_named():
    table = honest("binary")
    order = np.argsort(
        np.argsort(table.y + np.random.default_rng(0).normal(size=1500), kind="stable")
    )
    patient = order // 10  # ten rows each, much alike
    table = replace(
        table,
        train=table.train.assign(patient=patient, ward=patient // 3 + 2000),
        test=table.test.assign(patient=np.arange(600) % 60 + 1000, ward=np.arange(600) % 20 + 9000),
    )
    found = raised(table)
    assert list(found) == ["origin"]
    first, other = (
        ("ward", "patient")
        if "'ward' repeat" in found["origin"].found
        else (
            "patient",
            "ward",
        )
    )
    assert f"'{first}' repeat within train" in found["origin"].found
    assert f"(the same holds for '{other}')" in found["origin"].found
    assert f'[split] group = "{first}"' in found["origin"].do
    assert f"rows of one '{first}' are in several folds" in no_score_reason(table)
    assert raised(replace(table, group="patient")) == {}


def test_rows_that_no_fold_validates_are_not_scored():
    """The first half is in no fold, and its predictions do not exist."""
    table, rng = honest("binary"), np.random.default_rng(0)
    early = np.arange(1500) < 750
    blend = np.where(early[:, np.newaxis], np.nan, table.blend)
    held = replace(table, fold=np.where(early, -1, np.arange(1500) % 5), blend=blend)
    assert raised(held) == {}
    copy = np.where(rng.random(1500) < 0.02, 1 - table.y, table.y)
    found = raised(with_column(held, "copy", copy))
    assert list(found) == ["column"] and "nan" not in found["column"].found


def test_a_jump_at_the_full_size_is_found_and_steady_learning_is_not():
    def curve(*scores):
        points = tuple(Estimate(score, 0.006) for score in scores)
        step = Estimate(scores[-1] - scores[-2], 0.002)
        return Curve("lightgbm", (250, 500, 1000, 2000), points, step)

    accuracy, rmse = METRICS["accuracy"], METRICS["rmse"]
    assert not list(curve_alarm([curve(0.84, 0.88, 0.90, 0.92)], accuracy))
    (alarm,) = curve_alarm([curve(0.84, 0.88, 0.90, 0.95)], accuracy)
    # 0.92 is expected; 0.03 is 30 / √8 thousandths
    assert "suggest 0.92: 11 standard errors" in alarm.found
    assert not list(curve_alarm([curve(9.0, 8.0, 7.5, 7.4)], rmse))
    assert list(curve_alarm([curve(9.0, 8.0, 7.5, 4.0)], rmse))
    # a curve of two points shows nothing
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
def test_equal_rows_of_a_coarse_table_are_no_duplicates(levels):
    rng = np.random.default_rng(1)
    features = tuple(Feature(name, "category") for name in "abcd")
    train, test = (
        pd.DataFrame(rng.integers(0, levels, (n, 4)), columns=list("abcd")).astype("str")
        for n in (1500, 600)
    )
    p = 0.1 + 0.8 * ((train["a"] == "1") & (train["b"] == "1")).to_numpy()
    y = (rng.random(1500) < p).astype(int)
    blend = np.column_stack([1 - p, p])
    assert raised(Table(train, test, features, y, 2, np.arange(1500) % 5, blend)) == {}


def test_every_alarm_is_a_notice_that_can_be_linked_to():
    table = honest("binary")
    evidence = table.evidence()
    found = alarms.compute(rows(table, np.argsort(table.y, kind="stable")).evidence())
    heading, *notices = alarms.render(found, evidence, {})
    assert heading.startswith("1 alarm. Each is a sign")
    assert [notice.id for notice in notices] == ["alarm-id-or-order"]
    assert alarms.to_json(found)["alarms"][0]["kind"] == "id or order"


@pytest.mark.parametrize("task", TASKS)
def test_a_small_honest_run_raises_none(task):
    """The whole evidence of a report, not a stand-in for it."""
    load = values.loaded(task)
    is_regression = task == "regression"
    tables = load.train, load.test, load.y, load.problem.features
    found = find_duplicates(*tables, is_regression=is_regression)
    explore = SimpleNamespace(findings=SimpleNamespace(duplicates=found, drifts=(), mirror=None))
    evidence = values.evidence(task, load, explore=explore)
    evidence.results["leaderboard"] = leaderboard.compute(evidence)
    evidence.results["learning_curve"] = SimpleNamespace(curves=())
    assert alarms.compute(evidence) == alarms.Alarms(())


def test_three_thousand_rows_take_less_than_a_second():
    evidence = honest("binary", 3000, 2000).evidence()
    start = time.process_time()
    alarms.compute(evidence)
    assert time.process_time() - start < 1.0
