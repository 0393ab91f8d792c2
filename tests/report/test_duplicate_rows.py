"""Duplicates are distinguished from rows that chance makes equal."""

import numpy as np
import pandas as pd
import pytest

from pipeline.exploration.strength import FoldedTarget
from pipeline.problem import Feature
from pipeline.report import duplicate_rows
from pipeline.report.duplicate_rows import are_duplicates
from tests.report.test_alarms import Table


@pytest.mark.parametrize("most", [10**6, 500], ids=["all rows", "some rows"])
def test_duplicates_agree_in_the_last_column_too_and_chance_does_not(monkeypatch, most):
    monkeypatch.setattr(duplicate_rows, "MOST_COMPARED", most)
    rng = np.random.default_rng(0)
    columns = [Feature(name, "number") for name in "abc"]
    table = pd.DataFrame(rng.integers(0, 12, (1000, 3)), columns=list("abc"))
    fine = table.assign(a=rng.integers(0, 10**6, 1000))
    assert are_duplicates(pd.concat([fine, fine[:100]]), None, columns)
    assert not are_duplicates(table, None, columns)
    assert are_duplicates(fine, fine[:50], columns)
    assert not are_duplicates(fine, table, columns)


def kinds(train: pd.DataFrame, test: pd.DataFrame, y: np.ndarray) -> dict[str, str]:
    """The alarms of a table whose blend always predicts the same: kind -> what was found."""
    features = tuple(Feature(name, "number") for name in train)
    fold, blend = np.arange(len(y)) % 5, np.full((len(y), 2), 0.5)
    evidence = Table(train, test, features, y, 2, fold, blend).evidence()
    found = duplicate_rows.alarms(evidence, FoldedTarget(y, 2, fold))
    return {alarm.kind: alarm.found for alarm in found}


def test_rows_that_only_train_repeats_are_found_on_a_coarse_table_too():
    rng = np.random.default_rng(0)
    table, test = (
        pd.DataFrame(rng.integers(0, 30, (n, 3)), columns=list("abc")) for n in (2000, 1000)
    )
    y = rng.integers(0, 2, 2000)
    assert kinds(table, test, y) == {}
    repeated = table.copy()
    repeated.iloc[:600] = table.iloc[1000:1600].to_numpy()
    assert list(kinds(repeated, test, y)) == ["duplicates across folds"]


def test_a_worked_example():
    """Twenty pairs in neighbouring folds, half of them with two targets; test repeats them all."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(400, 3)), columns=list("abc"))
    table.iloc[1:40:2] = table.iloc[0:40:2].to_numpy()
    y = np.zeros(400, dtype=int)
    y[1:20:2] = 1
    found = kinds(table, table.head(40), y)
    assert (
        "40 rows of train (10.0%) have an equal row in another fold"
        in (found["duplicates across folds"])
    )
    assert "50.0% of them have the same target" in found["duplicates across folds"]
    assert "40 rows of test (100%) equal a row of train" in found["shared rows"]
    assert "for 20 of them the equal rows of train agree" in found["shared rows"]


def test_without_rows_to_predict_nothing_is_claimed_of_test():
    rng = np.random.default_rng(0)
    fine = pd.DataFrame(rng.normal(size=(401, 3)), columns=list("abc"))
    train, y = pd.concat([fine, fine.head(40)], ignore_index=True), np.zeros(441, dtype=int)
    features = tuple(Feature(name, "number") for name in train)
    fold, blend = np.arange(441) % 5, np.full((441, 2), 0.5)
    for test, is_rarer in ((train.head(0), False), (fine.tail(100) + 1, True)):
        evidence = Table(train, test, features, y, 2, fold, blend).evidence()
        (alarm,) = duplicate_rows.alarms(evidence, FoldedTarget(y, 2, fold))
        assert bool(alarm.no_score_reason) == is_rarer
        assert ("test" in alarm.why) == is_rarer
        assert "nan" not in alarm.why
