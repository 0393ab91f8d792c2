"""Curves against scikit-learn's, and captions that conclude what the data were made to show."""

import numpy as np
import pytest
from sklearn.metrics import auc, roc_auc_score

from pipeline import figures
from pipeline.report import class_errors
from pipeline.report.class_errors import (
    ClassErrors,
    calibration_bins,
    calibration_plot,
    confusion_matrix,
    confusion_plot,
    roc_curve,
)
from tests.report.values import evidence


def probabilities(positive):
    return np.column_stack([1 - positive, positive])


def confusion(y, prediction, classes):
    return confusion_plot(confusion_matrix(y, prediction), classes)


def test_the_confusion_matrix_counts_true_classes_down_and_predicted_ones_across():
    y, predicted = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2])
    found = confusion_matrix(y, np.eye(4)[predicted])
    assert found.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]


def test_the_most_frequent_mistake_is_named_the_right_way_round():
    y = np.repeat([0, 1], [60, 40])
    called_no = np.arange(100) >= 90  # ten of the 40 that are yes
    prediction = np.eye(2)[np.where(called_no, 0, y)]
    caption = confusion(y, prediction, ["no", "yes"]).caption
    assert caption.startswith("10 of 100 rows are misclassified: 10.0%")
    assert "class yes predicted as class no: 10 rows, 25.0% of class yes" in caption


def test_no_mistake_at_all_is_suspicious():
    y = np.arange(90) % 3
    assert "Look for a leak" in confusion(y, np.eye(3)[y], list("abc")).caption


def test_the_area_under_the_roc_curve_is_scikit_learns():
    rng = np.random.default_rng(0)
    y = rng.random(300) < 0.4
    score = np.round(y + rng.normal(size=300), 1)
    curve = roc_curve(y, score, points=10_000)
    assert auc(*curve) == pytest.approx(roc_auc_score(y, score))
    thinned = roc_curve(y, score, points=50)
    assert thinned.shape[1] <= 50
    assert auc(*thinned) == pytest.approx(roc_auc_score(y, score), abs=0.01)


@pytest.mark.parametrize(("task", "drawn"), [("binary", "linear"), ("multiclass", "high")])
def test_roc_curves_are_the_models_for_two_classes_and_the_classes_for_more(task, drawn):
    found = evidence(task)
    errors = class_errors.compute(found)
    _, plot, _ = class_errors.plots(errors, found)
    legend = [name for name in ("linear", "high") if name in plot.finish().svg.decode()]
    assert legend == [drawn]
    blend = found.validated()
    area = roc_auc_score(found.y, blend[:, 1] if task == "binary" else blend, multi_class="ovr")
    assert f"{area:.1%} of pairs" in plot.caption


def test_of_many_roc_curves_the_first_are_drawn():
    area = class_errors.estimate(
        class_errors.METRICS["roc_auc"], np.arange(40) % 2, np.eye(2)[[0] * 40]
    )
    curves = {f"class {code}": np.eye(2) for code in range(8)}
    errors = ClassErrors(np.eye(10), area, curves, 10, {})
    plot = class_errors.roc_plot(errors, [f"class {n}" for n in range(10)], figures.colours(curves))
    assert "The first 8 of 10 curves are drawn." in plot.caption


def test_a_class_without_rows_has_no_roc_curve():
    assert roc_curve(np.ones(9, dtype=bool), np.arange(9.0)).shape == (2, 0)


@pytest.mark.parametrize(
    ("stretch", "verdict"), [(1.0, "are calibrated"), (3.0, "are not calibrated")]
)
def test_calibration_separates_honest_probabilities_from_overconfident_ones(stretch, verdict):
    rng = np.random.default_rng(1)
    logit = rng.normal(size=4000)
    happened = rng.random(4000) < 1 / (1 + np.exp(-logit))
    bins = calibration_bins(happened, 1 / (1 + np.exp(-stretch * logit)))
    assert [part.rows for part in bins] == [400] * 10
    assert sum(part.observed * part.rows for part in bins) == pytest.approx(happened.sum())
    assert verdict in calibration_plot({"yes": bins}).caption


@pytest.mark.parametrize("k", [40, 300])
def test_the_confusion_matrix_of_many_classes_stays_of_one_size(k):
    y = np.arange(2 * k) % k
    figure = confusion(y, np.eye(k)[y], [f"class {i}" for i in range(k)]).figure
    assert max(figure.get_size_inches()) <= 16
    assert len(figure.axes[0].get_xticks()) <= 100
