"""Curves against scikit-learn's, and captions that conclude what the data were made to show."""

import numpy as np
import pytest
from sklearn.metrics import auc, confusion_matrix, r2_score, roc_auc_score

from pipeline.evaluation import diagnostics
from pipeline.metrics import METRICS


def probabilities(positive):
    return np.column_stack([1 - positive, positive])


def test_the_confusion_matrix_is_scikit_learns():
    rng = np.random.default_rng(6)
    y, prediction = rng.integers(0, 3, size=200), rng.dirichlet(np.ones(4), size=200)
    found = diagnostics.confusion_matrix(y, prediction)
    oracle = confusion_matrix(y, prediction.argmax(axis=1), labels=range(4))
    np.testing.assert_array_equal(found, oracle)


def test_the_most_frequent_mistake_is_named_the_right_way_round():
    y = np.repeat([0, 1], [60, 40])
    called_no = np.arange(100) >= 90  # ten of the 40 that are yes
    prediction = np.eye(2)[np.where(called_no, 0, y)]
    caption = diagnostics.confusion_plot(y, prediction, ["no", "yes"]).caption
    assert caption.startswith("10 of 100 rows are wrong: 10.0%")
    assert "class yes taken for class no: 10 rows, 25.0% of its class" in caption


def test_no_mistake_at_all_is_suspicious():
    y = np.arange(90) % 3
    assert "Look for a leak" in diagnostics.confusion_plot(y, np.eye(3)[y], list("abc")).caption


def test_the_area_under_the_roc_curve_is_scikit_learns():
    rng = np.random.default_rng(0)
    y = rng.random(300) < 0.4
    score = np.round(y + rng.normal(size=300), 1)
    curve = diagnostics.roc_curve(y, score, points=10_000)
    assert auc(*curve) == pytest.approx(roc_auc_score(y, score))
    thinned = diagnostics.roc_curve(y, score, points=50)
    assert len(thinned[0]) <= 50
    assert auc(*thinned) == pytest.approx(roc_auc_score(y, score), abs=0.01)


@pytest.mark.parametrize(("classes", "drawn"), [(2, "model"), (10, "class 0")])
def test_roc_curves_are_the_models_for_two_classes_and_the_classes_for_more(classes, drawn):
    rng = np.random.default_rng(7)
    y = np.arange(200) % classes
    blend, model = rng.dirichlet(np.ones(classes), size=(2, 200))
    names = [f"class {code}" for code in range(classes)]
    plot = diagnostics.roc_plot(y, {"blend": blend, "model": model}, names)
    legend = [name for name in ("model", "class 0") if name in plot.finish().svg.decode()]
    assert legend == [drawn]
    assert ("The first 8 of 10 curves are drawn." in plot.caption) == (classes == 10)
    area = roc_auc_score(y, blend[:, 1] if classes == 2 else blend, multi_class="ovr")
    assert f"{area:.1%} of pairs" in plot.caption


@pytest.mark.parametrize(("stretch", "verdict"), [(1.0, "can be taken"), (3.0, "Do not take")])
def test_calibration_tells_honest_probabilities_from_overconfident_ones(stretch, verdict):
    rng = np.random.default_rng(1)
    logit = rng.normal(size=4000)
    happened = rng.random(4000) < 1 / (1 + np.exp(-logit))
    told = 1 / (1 + np.exp(-stretch * logit))
    bins = diagnostics.calibration_bins(happened, told)
    assert [part.rows for part in bins] == [400] * 10
    assert sum(part.seen * part.rows for part in bins) == pytest.approx(happened.sum())
    plot = diagnostics.calibration_plot(happened.astype(int), probabilities(told), ["no", "yes"])
    assert verdict in plot.caption


def test_the_explained_variance_is_scikit_learns():
    rng = np.random.default_rng(2)
    y = rng.normal(size=500)
    prediction = 0.8 * y[:, np.newaxis] + rng.normal(scale=0.3, size=(500, 1))
    caption = diagnostics.truth_plot(y, prediction, "price in $").caption
    assert f"explains {r2_score(y, prediction):.1%} of" in caption
    assert f"correlation is {np.corrcoef(y, prediction[:, 0])[0, 1]:.3f}" in caption


def test_a_constant_prediction_has_no_correlation():
    caption = diagnostics.truth_plot(np.arange(90.0), np.full((90, 1), 44.5), "price").caption
    assert caption.endswith("correlation is 0.000.")


@pytest.mark.parametrize(
    ("bend", "verdict"),
    [
        (0.0, "no sign of a bend"),
        (0.5, "Among small predictions the blend is too low, among large ones too low"),
        (-0.5, "Among small predictions the blend is too high, among large ones too high"),
    ],
)
def test_residuals_show_the_bend_that_a_line_missed(bend, verdict):
    rng = np.random.default_rng(3)
    line = rng.normal(size=3000)
    y = line + bend * (line**2 - 1) + rng.normal(size=3000)
    assert verdict in diagnostics.residual_plot(y, line[:, np.newaxis], "price").caption


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [((0.935, 0.931), "They agree"), ((0.935, 0.80), "look for drift")],
)
def test_submissions_are_judged_by_the_noise_of_cross_validation(scores, verdict):
    entries = [{"score": 0.93, "standard_error": 0.005, "leaderboard": score} for score in scores]
    assert verdict in diagnostics.submissions_plot(entries, METRICS["accuracy"]).caption


@pytest.mark.parametrize("k", [40, 300])
def test_the_confusion_matrix_of_many_classes_stays_of_one_size(k):
    y = np.arange(2 * k) % k
    figure = diagnostics.confusion_plot(y, np.eye(k)[y], [f"class {i}" for i in range(k)]).figure
    assert max(figure.get_size_inches()) <= 16
    assert len(figure.axes[0].get_xticks()) <= 100
