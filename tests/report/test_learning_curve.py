"""Learning curves: fair samples, honest scores, and a conclusion that follows from the numbers."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline import report
from pipeline.metrics import METRICS, Estimate, estimate
from pipeline.report import learning_curve
from pipeline.report.learning_curve import Curve, LearningCurves, nested_order, smaller_sizes
from tests.report.stand_in import FormulaFits
from tests.report.values import evidence


def conclusion(curves, metric):
    return learning_curve.conclusion(LearningCurves(tuple(curves)), metric)


def test_every_beginning_of_the_order_is_a_stratified_sample():
    classes = np.repeat([0, 1, 2], [700, 250, 50])
    order = nested_order(1000, classes, np.random.default_rng(0))
    assert sorted(order) == list(range(1000))
    for size in (20, 100, 333, 900):
        shares = np.bincount(classes[order[:size]], minlength=3)
        # two rows of each class lead, beside these the shares are right to the row
        np.testing.assert_allclose(shares, np.array([0.7, 0.25, 0.05]) * size, atol=4)
        assert shares.min() >= 2


def test_sizes_below_the_full_one_are_fitted_up_to_a_bound():
    assert smaller_sizes(2400, (0.1, 0.25, 0.5, 1.0)) == (240, 600, 1200)
    assert smaller_sizes(83_000, (0.1, 0.25, 0.5, 1.0)) == (8300, 20_000)
    assert smaller_sizes(24, (0.1, 0.2)) == (20,)
    assert smaller_sizes(15, (0.1,)) == ()


class CountingFits(FormulaFits):
    def __init__(self, *given):
        super().__init__(*given)
        self.asked = []

    def validate(self, member, fold, rows):
        self.asked.append((member.kind, fold.name, tuple(rows)))
        return super().validate(member, fold, rows)


@pytest.fixture
def counted():
    found = evidence()
    fits = CountingFits("binary", found.load.train)
    settings = found.settings.model_copy(update={"learning_curve": (0.3, 0.6, 1.0)})
    return replace(found, fits=fits, settings=settings)


def test_the_full_size_is_the_out_of_fold_score_of_training_and_nothing_is_fitted_for_it(counted):
    curves = {curve.model: curve for curve in learning_curve.compute(counted).curves}
    assert curves.keys() == {"small", "linear"}
    folds = counted.split.repeat(0)[:2]
    rows, oof = np.concatenate([fold.valid for fold in folds]), counted.train["linear"].oof[0]
    y = counted.y[rows]
    assert curves["linear"].rows == (36, 72, 120)
    assert curves["linear"].points[-1] == estimate(METRICS["accuracy"], y, oof[rows])
    assert {len(rows) for _, _, rows in counted.fits.asked} == {36, 72}


def test_every_member_sees_the_same_rows_and_a_larger_size_keeps_those_of_a_smaller_one(counted):
    learning_curve.compute(counted)
    asked = {(kind, fold, len(rows)): set(rows) for kind, fold, rows in counted.fits.asked}
    for fold in ("r0-f0", "r0-f1"):
        assert asked["lightgbm", fold, 36] == asked["linear", fold, 36]
        assert asked["linear", fold, 36] < asked["linear", fold, 72]


def test_of_many_rows_only_the_models_of_the_blend_have_a_curve(counted, monkeypatch):
    blend = replace(counted.blend.blend, models=("linear",), weights=np.ones(1))
    counted = replace(counted, blend=replace(counted.blend, blend=blend))
    of_all = learning_curve.compute(counted)
    monkeypatch.setattr(learning_curve, "MANY_ROWS", 100)
    counted.fits.asked.clear()
    of_many = learning_curve.compute(counted)
    assert {kind for kind, _, _ in counted.fits.asked} == {"linear"}
    assert [curve.model for curve in of_many.curves] == ["linear"]
    assert of_many.curves[0] in of_all.curves
    captions = [learning_curve.plots(each, counted)[0].caption for each in (of_all, of_many)]
    assert ["only the models of the blend" in text for text in captions] == [False, True]


def test_sizes_of_too_many_cells_are_left_out(counted, monkeypatch):
    monkeypatch.setattr(learning_curve, "MOST_CELLS", 3 * 50)  # the matrix has three columns
    assert learning_curve.compute(counted).curves[0].rows == (36, 120)
    monkeypatch.setattr(learning_curve, "MOST_CELLS", 1)
    curves = learning_curve.compute(counted)
    assert "There is no curve" in learning_curve.conclusion(curves, METRICS["accuracy"])


@pytest.mark.parametrize(
    ("metric", "step", "words"),
    [
        ("accuracy", Estimate(0.02, 0.005), "More rows would help"),
        ("accuracy", Estimate(0.005, 0.005), "within noise"),
        ("rmse", Estimate(-0.02, 0.005), "More rows would help"),
        ("rmse", Estimate(0.02, 0.005), "More rows made it worse"),
    ],
)
def test_the_conclusion_follows_the_interval_of_the_last_step(metric, step, words):
    points = (Estimate(0.5, 0.01), Estimate(0.5 + step.score, 0.01))
    assert words in conclusion([Curve("one", (100, 200), points, step)], METRICS[metric])


def test_the_conclusion_speaks_of_the_best_model():
    flat, rising = Estimate(0.0, 0.01), Estimate(0.1, 0.01)
    curves = [
        Curve("worse", (10, 20), (Estimate(0.5, 0.01), Estimate(0.6, 0.01)), rising),
        Curve("better", (10, 20), (Estimate(0.9, 0.01), Estimate(0.9, 0.01)), flat),
    ]
    assert "accuracy of better" in conclusion(curves, METRICS["accuracy"])
    assert "RMSE of worse" in conclusion(curves, METRICS["rmse"])


def test_a_score_that_is_no_number_is_none_in_json():
    """ROC AUC of validation rows that lack a class."""
    points = (Estimate(float("nan"), float("nan")), Estimate(0.9, 0.01))
    found = evidence()
    found.results["learning_curve"] = LearningCurves((Curve("one", (10, 20), points, None),))
    (curve,) = report.to_json("learning_curve", found)["curves"]
    assert [point["score"] for point in curve["points"]] == [None, 0.9]
