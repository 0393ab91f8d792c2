"""Permutation importance against theory, and no row judged by models that saw it."""

import numpy as np
import pandas as pd
import pytest

from pipeline.artifacts import Folder
from pipeline.evaluation.importance import (
    SHUFFLED,
    Shuffles,
    explained,
    importance_plot,
    permutation_importance,
    shuffled_columns,
)
from pipeline.folds import folds_of
from pipeline.metrics import METRICS
from tests.evaluation.stand_in import StandIn


class Line(StandIn):
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


def test_of_many_columns_those_most_related_to_the_target_are_shuffled(tmp_path):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({f"c{place}": rng.integers(0, 17, 400) for place in range(50)})
    y = np.digitize(sum(frame[f"c{place}"] for place in (7, 23, 41)), [20, 28])
    frame["word"] = pd.Series(np.array(["a", "b", None])[y], dtype="str")
    frame["name"] = [f"name {n}" for n in rng.integers(0, 10**9, 400)]
    frame["none"] = np.nan
    load = Folder(tmp_path)
    load.write_table("train", frame)
    load.write_array("y", y)
    stub = Line(load)
    kinds = {"word": "category", "name": "text"}
    columns = [{"name": name, "kind": kinds.get(name, "number")} for name in frame]
    stub.columns, stub.schema = tuple(frame), {"classes": ["a", "b", "c"], "columns": columns}

    chosen = shuffled_columns(stub)

    assert len(chosen) == SHUFFLED
    assert chosen == [column for column in frame if column in chosen]
    assert {"c7", "c23", "c41", "word"} < set(chosen)
    assert "none" not in chosen


def test_a_column_explains_as_much_variance_as_anova_says():
    rng = np.random.default_rng(6)
    levels, y = np.repeat([0, 1, 2], 100), rng.normal(size=300)
    y += levels
    groups = y.reshape(3, 100)
    within = groups.var(axis=1, ddof=1).mean()  # the mean square within; ε² = 1 - it / Var(y)
    found = explained(pd.Series(levels), y[:, np.newaxis])
    assert found == pytest.approx(1 - within / y.var(ddof=1))


def test_the_figure_says_how_many_columns_were_shuffled(line):
    found = permutation_importance(line, FOLDS, Shuffles("rmse", 60, 1, 0), map)
    told = importance_plot(found, METRICS["rmse"], 64).caption
    assert "Of 64 columns the 3 that alone say most" in told
    assert "Of" not in importance_plot(found, METRICS["rmse"], 3).caption.partition("sho")[2]
