"""Metrics against scikit-learn's; standard errors against the bootstrap."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import metrics as oracle

from pipeline.errors import SettingsError
from pipeline.metrics import METRICS, estimate, get_metric, paired_difference, smooth_metric


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
    assert smooth_metric(METRICS["accuracy"]).name == "log_loss"
    assert smooth_metric(METRICS["mae"]).name == "mae"


def test_a_metric_of_another_task_is_refused_with_those_allowed():
    with pytest.raises(SettingsError, match=r"found 'rmse'.*allowed are accuracy"):
        get_metric("rmse", "binary")
