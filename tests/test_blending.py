"""Blends against hand-worked examples, and the score that may be expected of one."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression as Oracle

from pipeline import blending
from pipeline.blending import FittedBlend, Fitter, OutOfFold
from pipeline.decision_rules import DecisionRule
from pipeline.expectation import WIDER, averaging, drawn_targets, expectation
from pipeline.metrics import METRICS, estimate
from pipeline.store import Key, Store

LOG_LOSS, RMSE = METRICS["log_loss"], METRICS["rmse"]


def fit(method, metric, y, predictions):
    """The blend of models a, b, ... by this method."""
    models = tuple("abcdefgh"[: len(predictions)])
    known = OutOfFold(predictions, y, np.zeros(len(y), dtype=int))
    return Fitter(models, metric, rounds=30, l2=0.01).fit((method,), known)[method]


def noisy(y, rng, strength):
    """Probabilities (n, 2) that know the labels as well as `strength` says."""
    logit = strength * (2 * y - 1) + rng.normal(size=len(y))
    p = 1 / (1 + np.exp(-2 * strength * logit))  # log-odds of a normal: calibrated
    return np.column_stack([1 - p, p])


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_greedy_finds_the_pair_whose_errors_cancel(rng):
    y = rng.normal(size=200)
    error = rng.normal(size=200)
    models = np.stack([y + error, y - error, y + 5])[:, :, None]
    weights = blending.greedy_weights(y, models, RMSE, rounds=10)
    np.testing.assert_allclose(weights, [0.5, 0.5, 0.0])


def test_greedy_with_one_round_takes_the_best_model(rng):
    y = rng.integers(2, size=300)
    models = np.stack([noisy(y, rng, s) for s in (0.2, 2.0, 0.5)])
    np.testing.assert_array_equal(blending.greedy_weights(y, models, LOG_LOSS, 1), [0, 1, 0])


def test_stacker_is_logistic_regression_on_the_log_odds(rng):
    y = rng.integers(2, size=500)
    models = np.stack([noisy(y, rng, 1.0), noisy(y, rng, 0.5)])
    odds = np.column_stack([np.log(p[:, 1] / p[:, 0]) for p in models])
    oracle = Oracle(C=1 / (500 * 0.01), tol=1e-10).fit(odds, y)
    stacker = blending.fit_stacker(y, models, l2=0.01)
    expected = oracle.predict_proba(odds)
    np.testing.assert_allclose(
        blending.stacker_predict(stacker.state(), models), expected, atol=1e-4
    )


@pytest.mark.parametrize("method", ["equal", "greedy", "stack"])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_blend_that_is_stored_combines_to_the_same_bytes(method, task, rng, tmp_path):
    if task == "binary":
        y = rng.integers(2, size=200)
        models = np.stack([noisy(y, rng, 1.0), noisy(y, rng, 2.0)])
    else:
        y = rng.normal(size=200)
        models = (y + rng.normal(size=(2, 200)))[:, :, None]
    fitted = fit(method, METRICS["f1_macro"] if task == "binary" else RMSE, y, models)
    store, key = Store(tmp_path), Key("blend", "0")
    store.put(key, fitted)
    again = store.get(key, FittedBlend)
    named = dict(zip("ab", models, strict=True))
    assert again.combine(named).tobytes() == fitted.combine(named).tobytes()
    assert (again.stacker is not None) is (method == "stack")


def test_a_model_of_weight_0_may_be_absent(rng):
    y = rng.integers(2, size=300)
    models = np.stack([noisy(y, rng, s) for s in (0.2, 2.0)])
    blend = replace(fit("equal", LOG_LOSS, y, models), weights=np.array([0.0, 1.0]))
    both = blend.combine({"a": models[0], "b": models[1]})
    np.testing.assert_array_equal(blend.combine({"b": models[1]}), both)


def test_equal_weights_go_to_the_best_few(rng):
    y = rng.normal(size=500)
    good = y + rng.normal(size=(3, 500))
    models = np.stack([good[0], y + rng.normal(scale=9, size=500), *good[1:]])[:, :, None]
    weights = blending.equal_weights(y, models, RMSE)
    np.testing.assert_allclose(weights, [1 / 3, 0, 1 / 3, 1 / 3])


def test_a_model_without_confidence_counts_as_much_as_its_rows_are_right(rng):
    y = rng.integers(2, size=3000)
    one, other = noisy(y, rng, 0.8), noisy(y, rng, 0.8)
    timid = 0.5 + 0.2 * (one - 0.5)
    fitted = fit("equal", LOG_LOSS, y, np.stack([timid, other]))
    plain = fit("equal", LOG_LOSS, y, np.stack([one, other]))
    loss = LOG_LOSS.loss(y, fitted.combine({"a": timid, "b": other}))
    assert loss == pytest.approx(LOG_LOSS.loss(y, plain.combine({"a": one, "b": other})), abs=0.01)
    assert loss < LOG_LOSS.loss(y, (timid + other) / 2) - 0.02


SUM = FittedBlend(("a",), np.ones(1))  # the one model as it is


@pytest.mark.parametrize("name", ["rmse", "mae", "r2", "rmsle"])
@pytest.mark.parametrize("uneven", [False, True])
def test_averaging_brings_values_what_the_labels_would_have_shown(name, uneven, rng):
    metric, n = METRICS[name], 20_000
    signal, error, fit_errors = rng.normal(size=n), rng.normal(size=n), rng.normal(size=(5, n))
    if uneven:  # large values err more, as prices do
        y, fits = np.exp(signal + 0.3 * error), np.exp(signal + 0.2 * fit_errors)
    else:
        y, fits = 9 + signal + error, 9 + signal + 0.5 * fit_errors
    fits = fits[:, :, None]
    mean, one = fits.mean(axis=0), fits[0]
    gain = averaging(metric, SUM, {"a": fits}, (y, one))
    true = metric.score(y, mean) - np.mean([metric.score(y, each) for each in fits])
    assert gain == pytest.approx(true, rel=0.3 if uneven else 0.15)
    assert metric.is_better(gain, 0.0)


def test_absolute_errors_gain_what_they_do_where_fits_disagree_on_the_hard_rows(rng):
    """Errors grow with disagreement: the mean of five has sqrt(1.05 / 1.25) of one fit's error."""
    n, mae = 20_000, METRICS["mae"]
    signal, size = 9 * rng.normal(size=n), np.exp(rng.normal(size=n) / 2)
    y, fits = signal + size * rng.normal(size=n), signal + size * rng.normal(size=(5, n)) / 2
    fits = fits[:, :, None]
    gain = averaging(mae, SUM, {"a": fits}, (y, fits[0]))
    true = mae.score(y, fits.mean(axis=0)) - np.mean([mae.score(y, each) for each in fits])
    assert true == pytest.approx(mae.score(y, fits[0]) * (np.sqrt(1.05 / 1.25) - 1), rel=0.05)
    assert gain == pytest.approx(true, rel=0.15)


@pytest.mark.parametrize(
    "name", ["accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "log_loss"]
)
def test_averaging_brings_classes_what_the_labels_would_have_shown(name, rng):
    """The mean need not be calibrated: here it is underconfident, its fits are overconfident."""
    metric, n = METRICS[name], 20_000
    logit = rng.normal(scale=2.0, size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    fits = 1 / (1 + np.exp(-(logit + rng.normal(scale=0.6, size=(5, n)))))
    fits = np.stack([1 - fits, fits], axis=2)
    mean = fits.mean(axis=0)
    gain = averaging(metric, SUM, {"a": fits}, (y, mean))
    true = metric.score(y, mean) - np.mean([metric.score(y, each) for each in fits])
    assert gain == pytest.approx(true, rel=0.35)
    assert metric.is_better(gain, 0.0)


def test_draws_that_lack_a_class_are_left_out(rng):
    p = np.tile([0.98, 0.02], (150, 1))
    fits = np.clip(p + rng.normal(scale=0.01, size=(5, 150, 1)) * [-1, 1], 0.001, 1)
    assert averaging(METRICS["roc_auc"], SUM, {"a": fits}, (p, p)) != 0


def test_weights_of_classes_do_not_change_what_is_drawn(rng):
    """With a rare class given 40 times the weight, its own chance still says how often it comes."""
    p = np.tile([0.97, 0.03], (4000, 1))
    blend = FittedBlend(("a",), np.ones(1), decision_rule=DecisionRule(np.array([1.0, 40.0])))
    shares = []
    metric = METRICS["accuracy"]
    spied = replace(metric, per_row=None, overall=lambda y, _: shares.append(y.mean()) or 0.0)
    averaging(spied, blend, {"a": p[None]}, (np.zeros(4000), p))
    assert np.mean(shares) == pytest.approx(0.03, abs=0.001)


def test_folds_that_agree_gain_nothing(rng):
    y = rng.integers(2, size=300)
    p = noisy(y, rng, 1.0)
    same = {"a": np.stack([p, p, p])}
    for metric in (METRICS["accuracy"], METRICS["roc_auc"], LOG_LOSS):
        assert averaging(metric, SUM, same, (y, p)) == pytest.approx(0, abs=1e-12)


def test_a_class_that_no_draw_shows_leaves_no_hole_in_the_expected_score():
    p = np.tile([1.0, 0.0], (50, 1))
    same = {"a": p[None]}
    assert averaging(METRICS["roc_auc"], SUM, same, (np.zeros(50), p)) == 0.0


def test_drawn_values_stay_where_the_known_ones_are(rng):
    """Else the logarithm of the squared log error would have no number for them."""
    y = rng.exponential(size=1000)
    drawn = drawn_targets(np.full((1000, 1), 0.1), (y, y[::-1, None]), rng)
    assert drawn.min() >= y.min()


def test_the_expected_score_is_further_from_the_truth_than_its_rows_alone_say(rng):
    y = rng.integers(2, size=500)
    p = noisy(y, rng, 1.0)
    found, rows = expectation(LOG_LOSS, y, p, gain=-0.01), estimate(LOG_LOSS, y, p)
    assert found.score == rows.score - 0.01
    assert (found.cross_validated, found.averaging) == (rows.score, -0.01)
    assert found.standard_error == WIDER * rows.standard_error > 1.1 * rows.standard_error


def test_no_score_is_expected_that_the_metric_cannot_give(rng):
    y = rng.integers(2, size=100)
    found = expectation(LOG_LOSS, y, np.eye(2)[y] * 0.98 + 0.01, gain=-0.5)
    assert found.score == 0.0 < found.cross_validated


@pytest.mark.parametrize(("name", "gain"), [("balanced_accuracy", 0.15), ("f1_macro", 0.02)])
def test_rare_classes_are_favoured_where_the_metric_counts_classes(name, gain, rng):
    metric = METRICS[name]
    logit = rng.normal(loc=-3.5, scale=1.5, size=20_000)
    p = 1 / (1 + np.exp(-logit))
    y = (rng.random(20_000) < p).astype(int)
    models = np.stack([1 - p, p], axis=1)[None]
    blend = fit("equal", metric, y, models)
    assert metric.score(y, blend.combine({"a": models[0]})) > metric.score(y, models[0]) + gain


def test_accuracy_takes_the_likeliest_class(rng):
    y = rng.integers(2, size=100)
    blend = fit("equal", METRICS["accuracy"], y, noisy(y, rng, 1.0)[None])
    assert blend.decision_rule is None


@pytest.mark.parametrize("method", ["equal", "greedy"])
def test_weights_by_log_loss_are_to_the_byte_those_of_all_classes(method, rng):
    """Only the true class's probability is read, which is quicker of many classes."""
    y = rng.integers(6, size=200)
    predictions = rng.dirichlet(np.ones(6), size=(4, 200)) * 0.5 + 0.5 * np.eye(6)[y]
    of_all_classes = replace(LOG_LOSS, reads_true_class_alone=False)
    weights = {
        "equal": blending.equal_weights,
        "greedy": partial(blending.greedy_weights, rounds=9),
    }
    one, other = (
        weights[method](y, predictions, metric=metric) for metric in (LOG_LOSS, of_all_classes)
    )
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("task", ["classes", "values"])
def test_a_blend_of_rows_of_one_class_is_no_stacker(task, rng):
    y = np.zeros(30, dtype=int)
    predictions = rng.dirichlet(np.ones(2), size=(3, 30))
    predictions = predictions if task == "classes" else predictions[:, :, :1]
    metric = METRICS["log_loss" if task == "classes" else "rmse"]
    blend = fit("stack", metric, y, predictions)
    combined = blend.combine(dict(zip("abc", predictions, strict=True)))
    assert np.isfinite(combined).all()


@pytest.mark.parametrize("method", ["equal", "greedy", "stack"])
@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_without_rows_to_predict_there_is_a_prediction_of_none(method, outputs, rng):
    """There may be no test."""
    y = rng.integers(max(2, outputs), size=90)
    predictions = rng.dirichlet(np.ones(max(2, outputs)), size=(3, 90))[:, :, :outputs]
    blend = fit(method, METRICS["rmse" if outputs == 1 else "log_loss"], y, predictions)
    combined = blend.combine({name: np.zeros((0, outputs)) for name in "abc"})
    assert combined.shape == (0, outputs)


@pytest.mark.parametrize("method", ["equal", "greedy"])
def test_rows_that_lack_a_class_are_blended_by_log_loss_where_auc_has_no_value(method, rng):
    y = np.zeros(60, dtype=int)
    models = np.stack([noisy(y, rng, s) for s in (0.2, 2.0)])
    by_auc, by_log_loss = (fit(method, METRICS[n], y, models) for n in ("roc_auc", "log_loss"))
    assert by_auc.weights.sum() == pytest.approx(1)
    np.testing.assert_array_equal(by_auc.weights, by_log_loss.weights)
