"""Permutation importance and segments against theory, and no row judged by models that saw it."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from pipeline.artifacts import Folder
from pipeline.folds import folds_of
from pipeline.importance import (
    Shuffles,
    permutation_importance,
    segments,
    segments_conclusion,
    wilson,
)


class Line:
    """Stands in for the saved blend: 3 x + z, whatever the fold; notes which rows it was shown."""

    columns = ("x", "z", "idle")

    def __init__(self, load):
        self.load, self.shown = load, {}

    def predict_fold(self, frame, fold):
        self.shown.setdefault(fold, set()).update(frame["idle"])
        return (3 * frame["x"] + frame["z"]).to_numpy()[:, np.newaxis]


@pytest.fixture
def line(tmp_path):
    rng = np.random.default_rng(3)
    load = Folder(tmp_path)
    frame = pd.DataFrame({"x": rng.normal(size=6000), "z": rng.normal(size=6000)})
    load.write_table("train", frame.assign(idle=np.arange(6000)))
    y = 3 * frame["x"] + frame["z"] + rng.normal(size=6000)
    load.write_array("y", y.to_numpy())
    return Line(load)


FOLDS = folds_of(0, np.arange(6000) % 3) + folds_of(1, np.arange(6000) % 2)


def test_importance_in_a_linear_model_is_twice_the_explained_variance(line):
    # shuffling x adds 2 b² Var(x) to the squared error (Gregorutti et al. 2017); here Var(y) = 11
    found = permutation_importance(line, FOLDS, Shuffles("r2", 6000, 4, 0), map)
    assert [item.column for item in found] == ["x", "z", "idle"]
    assert found[0].loss.score == pytest.approx(18 / 11, rel=0.05)
    assert found[1].loss.score == pytest.approx(2 / 11, rel=0.1)
    assert (found[2].loss.score, found[2].loss.standard_error) == (0, 0)


def test_a_fold_is_judged_on_its_own_validation_rows(line):
    permutation_importance(line, FOLDS, Shuffles("rmse", 600, 1, 0), map)
    validated = {fold.name: set(fold.valid) for fold in FOLDS if fold.repeat == 0}
    assert line.shown.keys() == validated.keys()
    assert all(line.shown[name] <= rows for name, rows in validated.items())
    assert sum(map(len, line.shown.values())) == 600


def test_the_same_seed_gives_the_same_importances(line):
    shuffles = Shuffles("rmse", 300, 2, 7)
    assert permutation_importance(line, FOLDS, shuffles, map) == permutation_importance(
        line, FOLDS, shuffles, map
    )


@pytest.mark.parametrize(("successes", "n"), [(0, 30), (1, 30), (17, 40), (2, 5000), (30, 30)])
def test_the_wilson_interval_is_scipys(successes, n):
    oracle = binomtest(successes, n).proportion_ci(method="wilson")
    low, high = wilson(successes, n)
    assert (low, high) == (
        pytest.approx(oracle.low, abs=1e-6),
        pytest.approx(oracle.high, abs=1e-6),
    )


def survey(rng, n=3000, columns=20):
    names = [f"q{i}" for i in range(columns)]
    frame = pd.DataFrame({name: rng.integers(0, 6, size=n) for name in names})
    return frame, [{"name": name, "kind": "number"} for name in names]


def test_a_group_with_more_errors_is_found_and_stands_out():
    rng = np.random.default_rng(0)
    frame, columns = survey(rng)
    bad = frame["q3"] == 4
    errors = (rng.random(len(frame)) < np.where(bad, 0.3, 0.05)).astype(float)
    found = segments(frame, columns, errors)
    assert (found[0].column, found[0].value, found[0].rows) == ("q3", "4", bad.sum())
    assert found[0].low < 0.3 < found[0].high
    assert [segment.column for segment in found if segment.stands_out] == ["q3"]
    assert "q3 = 4" in segments_conclusion(found)


def test_of_many_groups_without_a_difference_one_stands_out_in_a_run_of_twenty():
    rng = np.random.default_rng(1)
    runs, alarms = 60, 0
    for _ in range(runs):
        frame, columns = survey(rng, 1000, 10)
        errors = (rng.random(1000) < 0.2).astype(float)
        alarms += any(segment.stands_out for segment in segments(frame, columns, errors))
    # Bonferroni, and only the worse side counts: at most one in twenty
    assert alarms / runs < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_missing_values_are_a_group_and_small_groups_are_none():
    frame = pd.DataFrame({"city": ["A"] * 50 + ["B"] * 29 + [None] * 40})
    errors = np.arange(119) % 2 * 1.0
    found = segments(frame, [{"name": "city", "kind": "category"}], errors)
    assert {(segment.value, segment.rows) for segment in found} == {("A", 50), ("missing", 40)}


def test_an_interval_of_absolute_errors_is_that_of_their_mean():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"size": np.arange(400) % 2 * 1.0})
    errors = rng.exponential(size=400)
    (segment,) = [
        s for s in segments(frame, [{"name": "size", "kind": "number"}], errors) if s.value == "1"
    ]
    own = errors[1::2]
    half = 1.959964 * own.std(ddof=1) / np.sqrt(200)
    assert (segment.low, segment.high) == pytest.approx((own.mean() - half, own.mean() + half))
