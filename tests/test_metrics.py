"""Metrics against scikit-learn's; standard errors against the bootstrap."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import metrics as oracle

from pipeline.errors import DataError, SettingsError
from pipeline.metrics import METRICS, estimate, get_metric, paired_difference


def classification(rng, n=400, k=3):
    """Codes (n,) and probabilities (n, k) that know something of them; some scores tie."""
    y = rng.integers(k, size=n)
    logits = rng.normal(size=(n, k)).round(1) + 1.5 * np.eye(k)[y]
    odds = np.exp(logits)
    return y, odds / odds.sum(axis=1, keepdims=True)


def regression(rng, n=400):
    y = rng.gamma(2.0, 3.0, size=n)
    return y, (y + rng.normal(size=n))[:, None]


ORACLES = {
    "accuracy": lambda y, p: oracle.accuracy_score(y, p.argmax(1)),
    "balanced_accuracy": lambda y, p: oracle.balanced_accuracy_score(y, p.argmax(1)),
    "f1_macro": lambda y, p: oracle.f1_score(y, p.argmax(1), average="macro"),
    "log_loss": lambda y, p: oracle.log_loss(y, p),
    "rmse": lambda y, p: oracle.root_mean_squared_error(y, p[:, 0]),
    "mae": lambda y, p: oracle.mean_absolute_error(y, p[:, 0]),
    "rmsle": lambda y, p: oracle.root_mean_squared_log_error(y, np.maximum(p[:, 0], 0)),
    "r2": lambda y, p: oracle.r2_score(y, p[:, 0]),
}


@pytest.mark.parametrize("name", ORACLES)
def test_metric_equals_scikit_learns(name):
    rng = np.random.default_rng(0)
    metric = METRICS[name]
    y, p = regression(rng) if metric.needs == "values" else classification(rng)
    assert_allclose(metric.score(y, p), ORACLES[name](y, p), rtol=1e-12)


@pytest.mark.parametrize("k", [2, 4])
def test_roc_auc_equals_scikit_learns(k):
    y, p = classification(np.random.default_rng(1), k=k)
    expected = (
        oracle.roc_auc_score(y, p[:, 1])
        if k == 2
        else oracle.roc_auc_score(y, p, multi_class="ovr")
    )
    assert_allclose(METRICS["roc_auc"].score(y, p), expected, rtol=1e-12)


def test_log_loss_of_a_certain_mistake_is_finite():
    assert np.isfinite(METRICS["log_loss"].score(np.array([1]), np.array([[1.0, 0.0]])))


@pytest.mark.parametrize("name", METRICS)
def test_standard_error_matches_the_spread_over_fresh_samples(name):
    metric = METRICS[name]
    rng = np.random.default_rng(2)
    draw = regression if metric.needs == "values" else classification
    samples = [draw(rng) for _ in range(300)]
    spread = np.std([metric.score(y, p) for y, p in samples], ddof=1)
    claimed = np.mean([estimate(metric, y, p).standard_error for y, p in samples[:30]])
    assert claimed == pytest.approx(spread, rel=0.25)


@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "rmse"])
def test_paired_difference_is_surer_than_two_single_scores(name):
    metric = METRICS[name]
    rng = np.random.default_rng(3)
    y, p = regression(rng) if metric.needs == "values" else classification(rng, k=2)
    near = p + 0.01 * rng.normal(size=p.shape)
    pair = paired_difference(metric, y, near, p)
    assert pair.score == pytest.approx(metric.score(y, near) - metric.score(y, p))
    assert pair.standard_error < 0.5 * estimate(metric, y, p).standard_error


def test_labels_are_tuned_by_log_loss_and_the_rest_by_themselves():
    assert METRICS["accuracy"].smooth.name == "log_loss"
    assert METRICS["mae"].smooth.name == "mae"


def test_where_rows_lack_a_class_log_loss_takes_the_place_of_roc_auc_alone():
    both, one = np.array([0, 1, 1]), np.array([1, 1, 1])
    auc = METRICS["roc_auc"]
    assert auc.smooth_on(2, both) is auc
    assert auc.smooth_on(2, both, one).name == "log_loss"
    assert np.isnan(auc.score(one, np.full((3, 2), 0.5))) and not auc.is_defined(one, 2)
    assert METRICS["rmse"].smooth_on(1, one).name == "rmse"


@pytest.mark.parametrize("name", METRICS)
def test_no_score_lies_outside_the_bounds_and_the_best_one_is_a_bound(name):
    metric, rng = METRICS[name], np.random.default_rng(4)
    draw = regression if metric.needs == "values" else classification
    for _ in range(20):
        y, p = draw(rng, n=50)
        score = metric.score(y, rng.permutation(p))
        assert metric.lowest <= score <= metric.highest
        assert metric.clip(score) == score
    perfect = y[:, None] if metric.needs == "values" else np.eye(p.shape[1])[y]
    best = metric.highest if metric.greater_is_better else metric.lowest
    assert metric.score(y, perfect) == pytest.approx(best)
    assert metric.is_better(best, score)
    assert metric.clip(best + (1 if metric.greater_is_better else -1)) == best


@pytest.mark.parametrize("name", METRICS)
def test_another_process_gets_the_same_metric(name):
    assert pickle.loads(pickle.dumps(METRICS[name])) == METRICS[name]  # noqa: S301


def test_metrics_that_count_classes_do_not_mind_how_many_rows_a_class_has():
    y, p = np.array([0, 0, 1]), np.eye(2)[[0, 1, 1]]
    more, same = np.array([0, 0, 1, 1, 1]), np.eye(2)[[0, 1, 1, 1, 1]]
    for name in ("balanced_accuracy", "accuracy"):
        metric = METRICS[name]
        assert (metric.score(y, p) == metric.score(more, same)) is metric.counts_classes


def test_a_target_below_what_the_metric_takes_is_refused():
    y = np.array([3.0, -1.5])
    METRICS["rmse"].check_target(y)
    METRICS["accuracy"].check_target(np.array([0, 1]))
    with pytest.raises(DataError, match=r"down to -1\.5, but RMSLE takes values from 0 on"):
        METRICS["rmsle"].check_target(y)


def test_labels_read_well_in_a_sentence_and_name_their_unit():
    assert METRICS["log_loss"].in_sentence == "log loss"
    assert [METRICS[name].in_sentence for name in ("rmse", "r2", "f1_macro", "roc_auc")] == [
        "RMSE", "R²", "F1 (macro)", "ROC AUC",
    ]  # fmt: skip
    assert METRICS["rmse"].label_with_unit("price {}") == "RMSE (in units of price {})"
    assert METRICS["log_loss"].label_with_unit("y") == "Log loss"


@pytest.mark.parametrize("name", METRICS)
def test_the_second_metric_is_another_one_of_the_same_task(name):
    second = METRICS[name].second
    assert second.name != name and second.tasks == METRICS[name].tasks


def test_a_metric_of_another_task_is_refused_with_those_allowed():
    with pytest.raises(SettingsError, match=r"found 'rmse'.*allowed are accuracy"):
        get_metric("rmse", "binary")
