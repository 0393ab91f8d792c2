"""Partial dependence against a function whose dependence is known, and its words."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.folds import Folds, folds_of
from pipeline.metrics import Estimate
from pipeline.problem import Feature
from pipeline.report import dependence
from pipeline.report.dependence import (
    LEVELS,
    QUANTILES,
    Dependence,
    Dependences,
    Grid,
    caption,
    grid_of,
    level,
)
from pipeline.report.importance import Importance, Importances
from pipeline.stage_settings import EvaluateStage
from tests.report.stand_in import StandIn
from tests.report.values import evidence

N = 600
KINDS = {"x": "number", "z": "number", "word": "category", "row": "number"}


class Known(StandIn):
    """x² + 2 z, and 5 for 'b'; each fold has its own level."""

    def __init__(self):
        self.shown = {}

    def predict_fold(self, frame, fold, groups=None):
        self.shown.setdefault(fold.name, set()).update(frame["row"])
        value = frame["x"] ** 2 + 2 * frame["z"] + 5.0 * (frame["word"] == "b")
        return (value + 100 * fold.number).to_numpy()[:, np.newaxis]


@pytest.fixture
def known():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": rng.integers(-3, 4, N), "z": rng.normal(size=N)})
    frame["word"] = rng.choice(["a", "b", "c"], N)
    found, features = evidence("regression"), (Feature(*each) for each in KINDS.items())
    problem = replace(found.problem, features=tuple(features))
    two = folds_of(0, np.arange(N) % 3) + folds_of(1, np.arange(N) % 2)
    return replace(
        found,
        settings=EvaluateStage(dependence_rows=90),
        load=replace(found.load, train=frame.assign(row=np.arange(N)), problem=problem),
        split=Folds(N, tuple(two), "plain"),
        predictor=Known(),
    )


def dependences(known, columns):
    order = (Importance(name, Estimate(1.0, 0.1)) for name in columns)
    known.results["importance"] = Importances(tuple(order), len(KINDS))
    return dependence.compute(known)


def test_of_a_sum_it_is_the_columns_own_term(known):
    x, z, word = dependences(known, ["x", "z", "word"]).found
    assert x.grid.places == tuple(range(-3, 4))
    np.testing.assert_allclose(np.ptp(x.curves, axis=0), 0, atol=1e-9)
    curve = x.mean[:, 0]
    np.testing.assert_allclose(curve - curve[3], np.arange(-3, 4) ** 2, atol=1e-9)
    slopes = np.diff(z.mean[:, 0]) / np.diff(z.grid.places)
    np.testing.assert_allclose(slopes, 2, atol=1e-9)
    of = dict(zip(word.grid.labels, word.mean[:, 0], strict=True))
    assert of["b"] - of["a"] == pytest.approx(5)
    assert of["c"] == pytest.approx(of["a"])


def test_a_fold_predicts_its_own_validation_rows(known):
    dependences(known, ["x"])
    validated = {fold.name: set(fold.valid) for fold in known.split.repeat(0)}
    shown = known.predictor.shown
    assert shown.keys() == validated.keys()
    assert all(rows <= validated[name] for name, rows in shown.items())
    assert sum(map(len, shown.values())) == 90


def test_without_importances_there_is_none(known):
    known.results["importance"] = None
    assert dependence.compute(known) is None


def test_levels_of_the_folds_cancel_and_shapes_do_not():
    curves = np.array([[[0.0], [1.0]], [[10.0], [13.0]]])
    np.testing.assert_allclose(level(curves)[:, :, 0], [[5.5, 6.5], [4.5, 7.5]])


def test_a_grid_has_the_common_values_quantiles_or_levels():
    few = grid_of(pd.Series([1.0] * 20 + [2.0] * 20 + [9.0] + [np.nan] * 10, name="few"), "number")
    assert (few.labels, few.places) == (("1", "2", "missing"), (1.0, 2.0))
    many = grid_of(pd.Series(np.arange(1000.0), name="many"), "number")
    assert len(many.labels) == QUANTILES
    np.testing.assert_allclose(many.places, np.linspace(50, 950, QUANTILES), atol=2)
    words = pd.Series([f"w{place % 12:02d}" for place in range(300)] + ["w05"] * 9, name="words")
    levels = grid_of(words, "category")
    assert len(levels.labels) == LEVELS
    assert levels.labels[0] == "w05"
    assert [words[row] for row in levels.rows] == list(levels.labels)
    days = pd.Series(pd.date_range("2020-01-01", periods=100), name="days")
    assert grid_of(days, "date").labels[0] == "2020-01-05"
    assert grid_of(pd.Series([1.0] * 50, name="one"), "number") is None
    assert grid_of(pd.Series(["a text"] * 50, name="text"), "text") is None


def made(curves, places=(0.0, 1.0, 2.0), labels=("0", "1", "2")):
    return Dependence(Grid("column", labels, np.arange(len(labels)), places), np.array(curves))


def two_classes(*curves):
    return [[[1 - p, p] for p in curve] for curve in curves]


@pytest.mark.parametrize(
    ("curves", "words"),
    [
        (((0.2, 0.5, 0.8), (0.3, 0.6, 0.7)), "It rises throughout."),
        (((0.8, 0.5, 0.2), (0.7, 0.6, 0.3)), "It falls throughout."),
        (((0.8, 0.2, 0.7), (0.9, 0.1, 0.6)), "It rises and falls"),
        (((0.5, 0.6, 0.5), (0.6, 0.5, 0.6)), "The folds disagree"),
    ],
)
def test_the_caption_says_how_the_curve_runs(curves, words):
    assert words in caption(made(two_classes(*curves)), ["no", "yes"], "target")


def test_the_caption_has_both_ends_and_the_range_over_the_folds():
    words = caption(made(two_classes((0.2, 0.5, 0.8), (0.3, 0.6, 0.7))), ["no", "yes"], "target")
    assert "class yes is 25% at 0 and 75% at 2" in words
    assert "50 percentage points more (40 to 60 over 2 folds)" in words
    values = caption(made([[[1.0], [2.0], [4.0]], [[1.0], [2.0], [5.0]]]), [], "price")
    assert "The mean prediction of price is 1.00 at 0 and 4.50 at 2" in values
    assert "3.50 more (3.00 to 4.00 over 2 folds)" in values


def test_figures_share_one_scale_and_name_their_points():
    strong, weak = (made(two_classes(curve, curve)) for curve in ((0.1, 0.5, 0.9), (0.4, 0.5, 0.4)))
    drafts = dependence.plots(Dependences((strong, weak)), evidence())
    limits = {draft.figure.axes[0].get_ylim() for draft in drafts}
    assert len(limits) == 1
    assert [draft.name for draft in drafts] == ["dependence-1", "dependence-2"]
    assert "0: 10%, 1: 50%, 2: 90%" in drafts[0].alt


def test_of_many_classes_those_that_change_most_are_drawn():
    curves = np.zeros((2, 3, 5))
    curves[:, 1] = [0.1, 0.5, 0.0, 0.3, 0.4]
    item = made(curves, None, ("a", "b", "c"))
    assert item.outputs == [1, 4, 3]
    draft = dependence.plot(item, (0.0, 1.0), list("vwxyz"), "target", "dependence-1")
    _, labels = draft.figure.axes[0].get_legend_handles_labels()
    assert labels == ["w", "z", "y"]
