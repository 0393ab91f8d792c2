"""Metrics against scikit-learn's; standard errors against the bootstrap."""

import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import metrics as oracle

from pipeline.errors import DataError, SettingsError
from pipeline.metrics import (
    METRICS,
    estimate,
    get_metric,
    paired_difference,
    uncertainty,
    why_unknown,
)


def classification(rng, n=400, k=3):
    """Codes (n,) and probabilities (n, k) that know something of them; some scores tie."""
    y = rng.integers(k, size=n)
    logits = rng.normal(size=(n, k)).round(1) + 1.5 * np.eye(k)[y]
    odds = np.exp(logits)
    return y, odds / odds.sum(axis=1, keepdims=True)


def regression(rng, n=400):
    y = rng.gamma(2.0, 3.0, size=n)
    return y, (y + rng.normal(size=n))[:, None]


def drawn(metric, rng, n=400):
    """Targets and predictions that the metric takes: whole numbers, or none near zero."""
    if metric.needs != "values":
        return classification(rng, n, 2 if "multiclass" not in metric.tasks else 3)
    y, p = regression(rng, n)
    if metric.whole_values:
        return np.round(y), p
    return (y + 4, p + 4) if metric.decision == "factor" or metric.least_prediction > 0 else (y, p)


def label_kappa(y, p):
    """scikit-learn weighs by the number of the label, and so has every whole number as one."""
    labels = np.arange(y.min(), y.max() + 1)
    rounded = np.clip(np.rint(p[:, 0]), y.min(), y.max())
    return oracle.cohen_kappa_score(y, rounded, labels=labels, weights="quadratic")


def pairs_in_order(y, p):
    """Harrell's C, pair by pair."""
    above, p = y[:, None] > y, p[:, 0]
    return (above * ((p[:, None] > p) + 0.5 * (p[:, None] == p))).sum() / above.sum()


def gini_of(order, y):
    return np.cumsum(y[order]).sum() / y.sum() - (len(y) + 1) / 2


ORACLES = {
    "accuracy": lambda y, p: oracle.accuracy_score(y, p.argmax(1)),
    "balanced_accuracy": lambda y, p: oracle.balanced_accuracy_score(y, p.argmax(1)),
    "f1": lambda y, p: oracle.f1_score(y, p.argmax(1)),
    "f1_macro": lambda y, p: oracle.f1_score(y, p.argmax(1), average="macro"),
    "f1_micro": lambda y, p: oracle.f1_score(y, p.argmax(1), average="micro"),
    "f1_weighted": lambda y, p: oracle.f1_score(y, p.argmax(1), average="weighted"),
    "mcc": lambda y, p: oracle.matthews_corrcoef(y, p.argmax(1)),
    "kappa": lambda y, p: oracle.cohen_kappa_score(y, p.argmax(1)),
    "average_precision": lambda y, p: oracle.average_precision_score(np.eye(p.shape[1])[y], p),
    "log_loss": lambda y, p: oracle.log_loss(y, p),
    "brier": lambda y, p: oracle.brier_score_loss(y, p),
    "top_accuracy@2": lambda y, p: oracle.top_k_accuracy_score(y, p + 1e-9 * np.eye(3)[y], k=2),
    "map@2": lambda y, p: (
        oracle.label_ranking_average_precision_score(np.eye(3)[y], p + 1e-9 * np.eye(3)[y])
        - (p.argsort(1)[:, 0] == y).mean() / 3
    ),
    "rmse": lambda y, p: oracle.root_mean_squared_error(y, p[:, 0]),
    "mse": lambda y, p: oracle.mean_squared_error(y, p[:, 0]),
    "mae": lambda y, p: oracle.mean_absolute_error(y, p[:, 0]),
    "median_ae": lambda y, p: oracle.median_absolute_error(y, p[:, 0]),
    "rmsle": lambda y, p: oracle.root_mean_squared_log_error(y, np.maximum(p[:, 0], 0)),
    "r2": lambda y, p: oracle.r2_score(y, p[:, 0]),
    "mape": lambda y, p: oracle.mean_absolute_percentage_error(y, p[:, 0]),
    "nmae_mean": lambda y, p: oracle.mean_absolute_percentage_error(y, p[:, 0]),
    "nmae_sum": lambda y, p: oracle.mean_absolute_error(y, p[:, 0]) / y.mean(),
    "rmspe": lambda y, p: oracle.root_mean_squared_error(y / y, p[:, 0] / y),
    "smape": lambda y, p: 100 * np.mean(2 * np.abs(y - p[:, 0]) / (y + p[:, 0])),
    "poisson_deviance": lambda y, p: oracle.mean_poisson_deviance(y, p[:, 0]),
    "tweedie@1.3": lambda y, p: oracle.mean_tweedie_deviance(y, p[:, 0], power=1.3),
    "pinball@0.8": lambda y, p: oracle.mean_pinball_loss(y, p[:, 0], alpha=0.8),
    "qwk": label_kappa,
    "concordance": pairs_in_order,
    "gini": lambda y, p: 2 * oracle.roc_auc_score(y, p[:, 1]) - 1,
}


@pytest.mark.parametrize("name", ORACLES)
def test_metric_equals_scikit_learns(name):
    metric = METRICS[name]
    y, p = drawn(metric, np.random.default_rng(0))
    if name.startswith(("map@", "top")):  # of equal probabilities the true class is put first
        p = p + 1e-9 * np.eye(3)[y]
    assert_allclose(metric.score(y, p), ORACLES[name](y, p), rtol=1e-9)


def test_every_metric_has_an_oracle():
    named = {name.partition("@")[0] for name in ORACLES} | {"roc_auc"}
    assert {name.partition("@")[0] for name in METRICS} == named


def test_gini_of_values_is_that_of_their_order_over_the_best_one():
    y, p = regression(np.random.default_rng(5))
    found = METRICS["gini"].of_task("regression").score(y, p)
    assert_allclose(found, gini_of(np.argsort(-p[:, 0]), y) / gini_of(np.argsort(-y), y))


def test_average_precision_and_brier_score_of_two_classes_are_those_of_the_positive_one():
    y, p = classification(np.random.default_rng(0), k=2)
    found = METRICS["average_precision"].score(y, p)
    assert_allclose(found, oracle.average_precision_score(y, p[:, 1]))
    assert_allclose(METRICS["brier"].score(y, p), oracle.brier_score_loss(y, p[:, 1]))


def test_what_a_zero_means_to_relative_errors():
    y, p = np.array([0.0, 0.0, 2.0, 4.0]), np.array([[0.0], [1.0], [1.0], [5.0]])
    assert METRICS["mape"].score(y, p) == pytest.approx((0.5 + 0.25) / 2)
    assert METRICS["rmspe"].score(y, p) == pytest.approx(np.sqrt((0.25 + 0.0625) / 2))
    assert METRICS["smape"].score(y, p) == pytest.approx(100 * (0 + 2 + 2 / 3 + 2 / 9) / 4)


def test_the_place_of_the_true_label_counts():
    """Kaggle's MAP@3: 1 for the first of three labels, 1/2, 1/3, and 0 for none of them."""
    p = np.tile([0.4, 0.3, 0.2, 0.1], (4, 1))
    assert METRICS["map@3"].score(np.arange(4), p) == pytest.approx((1 + 1 / 2 + 1 / 3) / 4)
    assert METRICS["top_accuracy@3"].score(np.arange(4), p) == 0.75
    assert METRICS["map@1"].score(np.arange(4), p) == 0.25


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("map@0", "whole number of labels"),
        ("map@3.0", "map@3"),
        ("map3", "Did you mean 'map@3'"),
        ("RMSE", "Did you mean 'rmse'"),
        ("map@", "as in map@3"),
        ("pinball@1", "quantile between 0 and 1"),
        ("pinball@.9", "as in pinball@0.9"),
        ("tweedie@2", "power between 1 and 2"),
        ("tweedie@nan", "tweedie@1.5"),
        ("own", "own:NAME"),
        ("auc", "allowed metrics are accuracy"),
    ],
)
def test_other_names_are_refused_with_what_is_allowed(name, allowed):
    assert name not in METRICS
    with pytest.raises(SettingsError, match=re.escape(allowed)):
        get_metric(name, "binary")


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


BOOTSTRAPPED = {
    "balanced_accuracy",
    "f1",
    "mcc",
    "roc_auc",
    "r2",
    "qwk",
}  # of many that have no formula


@pytest.mark.parametrize(
    "name", [name for name in METRICS if METRICS[name].per_row or name in BOOTSTRAPPED]
)
def test_standard_error_matches_the_spread_over_fresh_samples(name):
    metric = METRICS[name]
    rng = np.random.default_rng(2)
    samples = [drawn(metric, rng) for _ in range(300)]
    spread = np.std([metric.score(y, p) for y, p in samples], ddof=1)
    claimed = np.mean([estimate(metric, y, p).standard_error for y, p in samples[:15]])
    assert claimed == pytest.approx(spread, rel=0.25)


@pytest.mark.parametrize("name", ["rmse", "roc_auc", "average_precision", "qwk"])
def test_of_many_rows_the_error_is_that_of_the_bootstrap_of_all_of_them(name, monkeypatch):
    metric, rng = METRICS[name], np.random.default_rng(5)
    y, p = drawn(metric, rng, n=6000)
    other = p + 0.05 * rng.normal(size=p.shape)

    def found():
        return [
            estimate(metric, y, p).standard_error,
            paired_difference(metric, y, other, p).standard_error,
        ]

    all_rows = found()
    monkeypatch.setattr(uncertainty, "MANY_ROWS", 1000)
    assert found() == pytest.approx(all_rows, rel=0.15)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
@pytest.mark.parametrize("k", [2, 3])
def test_the_influence_of_a_row_is_what_a_second_one_like_it_adds(name, k):
    metric = METRICS[name]
    y, p = classification(np.random.default_rng(8), n=2000, k=k)
    rows, n, score = np.arange(100), len(y), metric.score(y, p)
    moved = [metric.score(np.append(y, y[row]), np.vstack([p, p[[row]]])) - score for row in rows]
    found = metric.influence(y, p)
    assert_allclose(n * np.array(moved), (found - found.mean())[rows], atol=0.02)


@pytest.mark.parametrize("name", ["f1", "balanced_accuracy", "kappa", "f1_weighted"])
def test_drawing_counts_is_drawing_rows(name):
    """The spread of differences on rows drawn with replacement, one by one."""
    metric, rng = METRICS[name], np.random.default_rng(7)
    y, p = drawn(metric, rng)
    other = p + 0.1 * rng.normal(size=p.shape)
    differences = []
    for _ in range(2000):
        rows = rng.integers(len(y), size=len(y))
        differences.append(metric.score(y[rows], other[rows]) - metric.score(y[rows], p[rows]))
    found = paired_difference(metric, y, other, p)
    assert found.standard_error == pytest.approx(np.std(differences), rel=0.15)


def test_a_rare_class_is_in_every_draw_of_the_bootstrap(monkeypatch):
    metric, rng = replace(METRICS["average_precision"], influence=None), np.random.default_rng(6)
    y = (np.arange(3000) % 300 == 0).astype(int)
    p = np.clip(0.3 * y + 0.6 * rng.random(len(y)), 0, 1)
    of_all = estimate(metric, y, np.column_stack([1 - p, p]))
    monkeypatch.setattr(uncertainty, "MANY_ROWS", 100)
    assert estimate(metric, y, np.column_stack([1 - p, p])) == of_all


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


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
@pytest.mark.parametrize("rows", [100, 20_000])
def test_where_a_class_is_absent_there_is_no_error_either(name, rows):
    y, p = np.zeros(rows, dtype=int), np.random.default_rng(0).dirichlet([1, 1], rows)
    found = [estimate(METRICS[name], y, p), paired_difference(METRICS[name], y, p, p[::-1])]
    assert all(np.isnan([each.score, each.standard_error]).all() for each in found)


@pytest.mark.parametrize("name", METRICS)
def test_no_score_lies_outside_the_bounds_and_the_best_one_is_a_bound(name):
    metric, rng = METRICS[name], np.random.default_rng(4)
    for _ in range(20):
        y, p = drawn(metric, rng, n=50)
        score = metric.score(y, rng.permutation(p))
        assert metric.lowest <= score <= metric.highest
        assert metric.clip(score) == score
    perfect = y[:, None] if metric.needs == "values" else np.eye(p.shape[1])[y]
    best = metric.highest if metric.greater_is_better else metric.lowest
    assert metric.score(y, perfect) == pytest.approx(best)
    assert metric.is_better(best, score) or name == "top_accuracy@3"  # of three classes
    assert metric.clip(best + (1 if metric.greater_is_better else -1)) == best


@pytest.mark.parametrize("name", METRICS)
def test_another_process_gets_the_same_metric(name):
    assert pickle.loads(pickle.dumps(METRICS[name])) == METRICS[name]  # noqa: S301


def test_metrics_that_count_classes_do_not_mind_how_many_rows_a_class_has():
    y, p = np.array([0, 0, 1]), np.eye(2)[[0, 1, 1]]
    more, same = np.array([0, 0, 1, 1, 1]), np.eye(2)[[0, 1, 1, 1, 1]]
    for name in ("balanced_accuracy", "accuracy"):
        metric = METRICS[name]
        assert (metric.score(y, p) == metric.score(more, same)) is (name != "accuracy")


def test_a_target_below_what_the_metric_takes_is_refused():
    y = np.array([3.0, -1.5])
    METRICS["rmse"].check_target(y)
    METRICS["accuracy"].check_target(np.array([0, 1]))
    for name in ("rmsle", "tweedie@1.5", "poisson_deviance"):
        with pytest.raises(DataError, match=r"down to -1\.5, but .* takes values from 0 on"):
            METRICS[name].check_target(y)
    with pytest.raises(DataError, match=r"holds -1\.5, but Quadratic .* compares whole numbers"):
        METRICS["qwk"].check_target(y)
    with pytest.raises(DataError, match=r"^\[load\] extra: the target goes down to -1, but"):
        METRICS["rmsle"].check_least(np.array([-1.0, 2.0]), "[load] extra")
    METRICS["rmsle"].check_least(np.array([]), "[load] extra")


def test_labels_with_blanks_cannot_stand_several_in_a_cell():
    METRICS["accuracy"].check_labels(["New York", "Rome"])
    METRICS["map@3"].check_labels(["Paris", "Rome", "Seoul"])
    with pytest.raises(DataError, match=r"'New York' holds a blank, but a submission for MAP@3"):
        METRICS["map@3"].check_labels(["New York", "Rome"])


@pytest.mark.parametrize(
    ("name", "labels"), [("map@3", 2), ("top_accuracy@3", 2), ("top_accuracy@3", 3)]
)
def test_a_cell_for_all_labels_there_are_is_refused(name, labels):
    classes = ["no", "yes", "perhaps", "never"]
    METRICS[name].check_labels(classes)
    with pytest.raises(DataError, match=rf"target has {labels} labels, 'no', 'yes'.*asks for 3"):
        METRICS[name].check_labels(classes[:labels])


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
    assert second.name != name and set(METRICS[name].tasks) & set(second.tasks)


def test_a_metric_of_another_task_is_refused_with_those_allowed():
    with pytest.raises(SettingsError, match=r"found 'rmse'.*allowed are accuracy"):
        get_metric("rmse", "binary")


@pytest.mark.parametrize(
    ("name", "end"),
    [("zzzz", "with what they are"), ("acuracy", "with what they are. Did you mean 'accuracy'?")],
)
def test_why_a_name_is_unknown_ends_so_that_a_sentence_may_follow(name, end):
    assert why_unknown(name).endswith(end)
