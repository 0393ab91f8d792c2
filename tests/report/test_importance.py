"""Permutation importance against theory, and no row judged by models that saw it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.answers import aggregated, answer_rows
from pipeline.folds import Folds, folds_of
from pipeline.metrics import Estimate
from pipeline.problem import Feature
from pipeline.report import importance
from pipeline.report.importance import (
    MOST_SHUFFLED,
    Importance,
    Importances,
    caption,
    shuffled_columns,
)
from pipeline.stage_settings import EvaluateStage
from tests.report.stand_in import StandIn
from tests.report.values import evidence, loaded

N = 6000


class Line(StandIn):
    """3 x + z, whatever the fold; notes which rows it was shown."""

    def __init__(self):
        self.shown = {}

    def predict_fold(self, frame, fold, groups=None):
        self.shown.setdefault(fold.name, set()).update(frame["idle"])
        return (3 * frame["x"] + frame["z"]).to_numpy()[:, np.newaxis]


class Mean(Line):
    """The same, of groups that have one answer."""

    def predict_fold(self, frame, fold, groups=None):
        return aggregated(super().predict_fold(frame, fold), groups, "mean")


@pytest.fixture
def line():
    """A target that is a line but for noise, and what `compute` needs to know of it."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=N), "z": rng.normal(size=N), "idle": np.arange(N)})
    y = 3 * frame["x"] + frame["z"] + rng.normal(size=N)
    return with_table(frame, y.to_numpy())


def with_table(frame, y, task="regression", kinds=None, **asked):
    found = evidence(task)
    features = tuple(Feature(name, (kinds or {}).get(name, "number")) for name in frame)
    problem = replace(found.problem, features=features)
    two = folds_of(0, np.arange(len(y)) % 3) + folds_of(1, np.arange(len(y)) % 2)
    return replace(
        found,
        load=replace(found.load, train=frame, y=y, problem=problem),
        split=Folds(len(y), tuple(two), "plain"),
        predictor=Line(),
    )


def importances(line, metric, rows, repeats, seed=0):
    settings = EvaluateStage(
        metric=metric, importance_rows=rows, importance_repeats=repeats, seed=seed
    )
    return importance.compute(replace(line, settings=settings))


def test_importance_in_a_linear_model_is_twice_the_explained_variance(line):
    # shuffling x adds 2 b² Var(x) to the squared error (Gregorutti et al. 2017); here Var(y) = 11
    found = importances(line, "r2", 6000, 4).found
    assert [item.column for item in found] == ["x", "z", "idle"]
    assert found[0].loss.score == pytest.approx(18 / 11, rel=0.05)
    assert found[1].loss.score == pytest.approx(2 / 11, rel=0.1)
    assert (found[2].loss.score, found[2].loss.standard_error) == (0, 0)


def test_a_fold_predicts_its_own_validation_rows(line):
    importances(line, "rmse", 600, 1)
    validated = {fold.name: set(fold.valid) for fold in line.split.repeat(0)}
    shown = line.predictor.shown
    assert shown.keys() == validated.keys()
    assert all(shown[name] <= rows for name, rows in validated.items())
    assert sum(map(len, shown.values())) == 600


def test_groups_that_have_one_answer_are_shown_whole_and_scored_once(line):
    """The mean of four rows' errors is half as large, and so is what shuffling adds to it."""
    groups, y = np.arange(N) // 4, line.load.y
    form = replace(line.problem.form, aggregate="mean")
    mean = pd.Series(y).groupby(groups).transform("mean").to_numpy()
    answered = replace(
        line,
        load=replace(
            line.load,
            train=line.load.train.assign(id=groups),
            y=mean,
            problem=replace(line.load.problem, form=form, id="id"),
        ),
        split=Folds(N, tuple(folds_of(0, groups % 3)), "group", answers=answer_rows(groups)),
        predictor=Mean(),
    )
    found = importances(answered, "mse", N, 4).found
    assert found[0].loss.score == pytest.approx(18 / 4, rel=0.1)
    some = importances(answered, "mse", 600, 1)
    shown = np.array([len(rows) for rows in answered.predictor.shown.values()])
    assert some is not None and (shown % 4 == 0).all()


def test_the_same_seed_gives_the_same_importances(line):
    assert importances(line, "rmse", 300, 2, 7) == importances(line, "rmse", 300, 2, 7)


def test_no_rows_no_importances(line):
    assert importances(line, "rmse", 0, 2) is None


def test_of_many_columns_those_most_related_to_the_target_are_shuffled():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({f"c{place}": rng.integers(0, 17, 400) for place in range(50)})
    y = np.digitize(sum(frame[f"c{place}"] for place in (7, 23, 41)), [20, 28])
    frame["word"] = pd.Series(np.array(["a", "b", None])[y], dtype="str")
    frame["name"] = [f"name {n}" for n in rng.integers(0, 10**9, 400)]
    frame["none"] = np.nan
    kinds = {"word": "category", "name": "text"}

    chosen = shuffled_columns(with_table(frame, y, "multiclass", kinds))

    assert len(chosen) == MOST_SHUFFLED
    assert chosen == [column for column in frame if column in chosen]
    assert {"c7", "c23", "c41", "word"} < set(chosen)
    assert "none" not in chosen


def test_the_caption_gives_the_number_of_columns_that_were_shuffled():
    found = tuple(Importance(name, Estimate(0.1, 0.01)) for name in "xyz")
    assert "Of 64 columns the 3 that alone are most related" in caption(Importances(found, 64), "")
    assert "Of" not in caption(Importances(found, 3), "")


def test_of_200_classes_fewer_rows_are_predicted_again():
    """Boosting has 200 trees a round: a prediction takes as many times as long."""
    load = loaded("multiclass")
    many = replace(load.problem, classes=tuple(f"kind {i}" for i in range(200)))
    found = [evidence("multiclass", each) for each in (load, replace(load, problem=many))]
    assert [each.fewer(2000) for each in found] == [2000, 200]
