"""Learning curves: fair samples, honest scores, and a conclusion that follows from the numbers."""

import json

import numpy as np
import pytest

from pipeline.artifacts import Folder
from pipeline.config import TrainStage
from pipeline.evaluation import learning_curve
from pipeline.evaluation.learning_curve import Curve, Refits, conclusion, nested_order, refit_sizes
from pipeline.folds import read_folds
from pipeline.metrics import METRICS, Estimate, estimate
from pipeline.progress import Progress
from pipeline.stages import train
from tests.stages.encoded import problem, write_encoded


def trained(root, y, X):
    """The stand-in folders, and a `logistic` that has been trained on them."""
    folders = write_encoded(root, y, X)
    tune, models = Folder(root / "tune"), Folder(root / "train")
    tune.write_json("best", {"settings": {"l2": 0.01, "seed": 0}})
    stage = TrainStage(name="logistic", model={}, metric="accuracy")
    train.run(
        stage,
        **folders,
        tune=tune,
        partial=Folder(root / "partial"),
        out=models.folder("logistic"),
        progress=Progress(live=False),
    )
    refits = Refits(folders["load"], folders["encode"], models, "accuracy", 0)
    return refits, read_folds(folders["split"])


def test_every_beginning_of_the_order_is_a_stratified_sample():
    classes = np.repeat([0, 1, 2], [700, 250, 50])
    order = nested_order(1000, classes, np.random.default_rng(0))
    assert sorted(order) == list(range(1000))
    for size in (20, 100, 333, 900):
        shares = np.bincount(classes[order[:size]], minlength=3)
        # two rows of each class lead, beside these the shares are right to the row
        np.testing.assert_allclose(shares, np.array([0.7, 0.25, 0.05]) * size, atol=4)
        assert shares.min() >= 2


def test_sizes_below_the_full_one_are_refitted_up_to_a_bound():
    assert refit_sizes(2400, (0.1, 0.25, 0.5, 1.0)) == (240, 600, 1200)
    assert refit_sizes(83_000, (0.1, 0.25, 0.5, 1.0)) == (8300, 20_000)
    assert refit_sizes(24, (0.1, 0.2)) == (20,)
    assert refit_sizes(15, (0.1,)) == ()


def test_the_full_size_is_the_out_of_fold_score_of_training(tmp_path):
    y, X = problem()
    refits, folds = trained(tmp_path, y, X)
    (curve,) = learning_curve.learning_curves(refits, ["logistic"], folds, (0.3, 1.0), map)
    rows = np.concatenate([fold.valid for fold in folds[:2]])
    oof = refits.train.folder("logistic").read_array("oof")[0]
    assert curve.rows == (48, 160)
    assert curve.points[-1] == estimate(METRICS["accuracy"], y[rows], oof[rows])
    assert curve.points[-1].score >= 0.7


def test_a_refit_on_all_rows_repeats_training(tmp_path):
    y, X = problem()
    refits, folds = trained(tmp_path, y, X)
    again = learning_curve._validate(refits, learning_curve._Fit("logistic", folds[0], 160))
    oof = refits.train.folder("logistic").read_array("oof")[0]
    np.testing.assert_array_equal(again, oof[folds[0].valid])


def test_validation_rows_do_not_touch_a_refit(tmp_path):
    y, X = problem()
    refits, folds = trained(tmp_path / "one", y, X)
    turned = y.copy()
    turned[folds[0].valid] = 1 - turned[folds[0].valid]
    other, _ = trained(tmp_path / "two", turned, X)
    fit = learning_curve._Fit("logistic", folds[0], 60)
    one, two = (learning_curve._validate(source, fit) for source in (refits, other))
    assert one.tobytes() == two.tobytes()


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
    assert "better's accuracy" in conclusion(curves, METRICS["accuracy"])
    assert "worse's RMSE" in conclusion(curves, METRICS["rmse"])


def test_a_score_that_is_no_number_is_none_in_json():
    """ROC AUC of validation rows that lack a class."""
    points = (Estimate(float("nan"), float("nan")), Estimate(0.9, 0.01))
    found = json.loads(json.dumps(Curve("one", (10, 20), points, None).to_json(), allow_nan=False))
    assert found["scores"] == [None, 0.9] and found["standard_errors"] == [None, 0.01]
