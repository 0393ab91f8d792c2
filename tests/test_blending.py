"""Blends against hand-worked examples, and their honesty: no row judges its own weights."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression as Oracle

from pipeline import blending
from pipeline.artifacts import Folder
from pipeline.config import BlendStage
from pipeline.expectation import WIDER, averaging, drawn_targets, expectation
from pipeline.metrics import METRICS, estimate
from pipeline.progress import Progress
from pipeline.stages import blend as stage

LOG_LOSS, RMSE = METRICS["log_loss"], METRICS["rmse"]


def fit(method, settings, metric, y, models):
    return blending.fit_blends((method,), settings, metric, y, models)[method]


def noisy(y, rng, strength):
    """Probabilities (n, 2) that know the labels as well as `strength` says."""
    logit = strength * (2 * y - 1) + rng.normal(size=len(y))
    p = 1 / (1 + np.exp(-2 * strength * logit))  # log-odds of a normal shift: calibrated
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
    np.testing.assert_allclose(blending.stacker_predict(stacker, models), expected, atol=1e-4)


@pytest.mark.parametrize("method", ["equal", "greedy", "stack"])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_blend_that_is_written_combines_to_the_same_bytes(method, task, rng, tmp_path):
    if task == "binary":
        y = rng.integers(2, size=200)
        models = np.stack([noisy(y, rng, 1.0), noisy(y, rng, 2.0)])
    else:
        y = rng.normal(size=200)
        models = (y + rng.normal(size=(2, 200)))[:, :, None]
    metric = METRICS["f1_macro"] if task == "binary" else RMSE
    settings = BlendStage(models=("a", "b"))
    fitted = fit(method, settings, metric, y, models)
    blending.write_blend(Folder(tmp_path), fitted, {"method": method, "task": task})
    named = {"a": models[0], "b": models[1]}
    again = blending.read_blend(Folder(tmp_path)).combine(named)
    assert again.tobytes() == fitted.combine(named).tobytes()


def folders(root, y, models):
    """What load, split and train would have written, given out-of-fold predictions (n, 2) or
    (repeats, n, 2) of each model."""
    models = [oof if oof.ndim == 3 else oof[None] for oof in models]
    load, split, train = (Folder(root / name) for name in ("load", "split", "train"))
    load.write_json("schema", {"task": "binary", "classes": [0, 1]})
    load.write_array("y", y)
    split.write_array("folds-0", (np.arange(len(y)) % 5).astype(np.int16))
    for name, oof in zip("ab", models, strict=True):
        train.folder(name).write_array("oof", oof)
        train.folder(name).write_json("work", {"repeats": [len(oof), 3], "trials": [0, 0]})
        if len(oof):
            train.folder(name).write_array("test", oof[0, :50].reshape(5, 10, 2).mean(axis=0))
            train.folder(name).write_array("by_fold", oof[0, :50].reshape(5, 10, 2))
    return {"load": load, "split": split, "train": train}


def run(root, y, models, method="auto"):
    settings = BlendStage(models=("a", "b"), method=method)
    out = Folder(root / "blend")
    stage.run(settings, **folders(root, y, models), out=out, progress=Progress(live=False))
    return out


@pytest.mark.parametrize("method", ["auto", "equal", "greedy", "stack"])
def test_a_rows_label_has_no_say_in_its_own_blend(method, rng, tmp_path):
    y = rng.integers(2, size=250)
    models = np.stack([noisy(y, rng, 1.0), noisy(y, rng, 1.1)])
    fold = np.arange(250) % 5 == 2
    before = run(tmp_path / "one", y, models, method).read_array("oof")[fold]
    turned = np.where(fold, 1 - y, y)
    after = run(tmp_path / "two", turned, models, method).read_array("oof")[fold]
    assert before.tobytes() == after.tobytes()


def test_equal_weights_win_a_tie(rng, tmp_path):
    logit = rng.normal(scale=2.0, size=2000)
    y = (rng.random(2000) < 1 / (1 + np.exp(-logit))).astype(int)
    p = 1 / (1 + np.exp(-(logit + rng.normal(scale=0.05, size=(2, 2000)))))
    about = run(tmp_path, y, np.stack([1 - p, p], axis=2)).read_json("blend")
    assert set(about["candidates"]) == {"equal", "greedy", "stack"}
    assert about["method"] == "equal"
    assert about["weights"] == {"a": 0.5, "b": 0.5}


def test_a_method_that_is_worse_by_the_asked_metric_is_not_kept(rng):
    y = rng.integers(2, size=4000)
    timid = np.where(y == 1, 0.501, 0.499)  # right every time, and sure of nothing
    wrong = rng.random(4000) < 0.02
    bold = np.where(wrong, 1 - y, y) * 0.9 + 0.05
    judged = {name: np.column_stack([1 - p, p]) for name, p in (("equal", timid), ("greedy", bold))}
    kept, contests = stage.choose(METRICS["accuracy"], y, judged)
    assert kept == "equal"
    assert contests["greedy"]["gain"] > 2 * contests["greedy"]["standard_error"]
    assert stage.choose(LOG_LOSS, y, judged)[0] == "greedy"


@pytest.mark.parametrize("method", ["auto", "equal", "greedy", "stack"])
def test_a_useless_model_loses_its_weight(method, rng, tmp_path):
    y = rng.integers(2, size=1000)
    useless = noisy(rng.integers(2, size=1000), rng, 1.0)
    about = run(tmp_path, y, np.stack([noisy(y, rng, 1.0), useless]), method).read_json("blend")
    assert about["weights"]["a"] > 0.8


def test_equal_weights_go_to_the_best_few(rng):
    y = rng.normal(size=500)
    good = y + rng.normal(size=(3, 500))
    models = np.stack([good[0], y + rng.normal(scale=9, size=500), *good[1:]])[:, :, None]
    weights = blending.equal_weights(y, models, RMSE)
    np.testing.assert_allclose(weights, [1 / 3, 0, 1 / 3, 1 / 3])


def test_a_timid_model_counts_as_much_as_its_rows_are_right(rng):
    y = rng.integers(2, size=3000)
    one, other = noisy(y, rng, 0.8), noisy(y, rng, 0.8)
    timid = 0.5 + 0.2 * (one - 0.5)
    fitted = fit("equal", BlendStage(models=("a", "b")), LOG_LOSS, y, np.stack([timid, other]))
    plain = fit("equal", BlendStage(models=("a", "b")), LOG_LOSS, y, np.stack([one, other]))
    loss = LOG_LOSS.loss(y, fitted.combine({"a": timid, "b": other}))
    assert loss == pytest.approx(LOG_LOSS.loss(y, plain.combine({"a": one, "b": other})), abs=0.01)
    assert loss < LOG_LOSS.loss(y, (timid + other) / 2) - 0.02


SUM = blending.Blend(("a",), np.ones(1))  # the one model as it is


@pytest.mark.parametrize("name", ["rmse", "mae", "r2", "rmsle"])
@pytest.mark.parametrize("uneven", [False, True])
def test_averaging_brings_values_what_the_labels_would_have_said(name, uneven, rng):
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


@pytest.mark.parametrize(
    "name", ["accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "log_loss"]
)
def test_averaging_brings_classes_what_the_labels_would_have_said(name, rng):
    """The mean need not be right: here it is not sure enough, as its fits are too sure."""
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
    blend = blending.Blend(("a",), np.ones(1), class_weights=np.array([1.0, 40.0]))
    shares = []
    metric = METRICS["accuracy"]
    spied = replace(metric, score=lambda y, _: shares.append(y.mean()) or 0.0)
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
    assert found["score"] == rows.score - 0.01
    assert found["cross_validated"] == rows.score
    assert found["standard_error"] == WIDER * rows.standard_error > 1.1 * rows.standard_error


def test_a_model_that_was_left_out_is_not_in_the_blend(rng, tmp_path):
    y = rng.integers(2, size=250)
    one = np.stack([noisy(y, rng, 1.0) for _ in range(3)])
    about = run(tmp_path, y, [one, np.empty((0, 250, 2))]).read_json("blend")
    assert about["models"] == ["a"]
    assert about["weights"] == {"a": 1.0}
    assert about["cut_short"] == {"b": {"repeats": [0, 3]}}


def test_models_of_different_repeats_count_by_the_mean_of_their_own(rng, tmp_path):
    y = rng.integers(2, size=400)
    one, other = (np.stack([noisy(y, rng, 1.0) for _ in range(3)]) for _ in range(2))
    out = run(tmp_path / "cut", y, [one, other[:2]], "equal")
    means = run(tmp_path / "means", y, [one.mean(axis=0), other[:2].mean(axis=0)], "equal")
    np.testing.assert_allclose(out.read_array("oof"), means.read_array("oof"))
    about = out.read_json("blend")
    assert about["cut_short"] == {"b": {"repeats": [2, 3]}}
    assert about["score"] == about["cross_validated"] + about["averaging"]


@pytest.mark.parametrize("folds", [2, 3])
def test_few_folds_are_enough_to_choose_a_way(folds, rng):
    y = rng.integers(2, size=120)
    models = np.stack([noisy(y, rng, 1.0), noisy(y, rng, 0.5)])
    settings = BlendStage(models=("a", "b"))

    def blends(methods, y, predictions):
        return blending.fit_blends(methods, settings, LOG_LOSS, y, predictions)

    found = stage.nested(stage.METHODS, blends, LOG_LOSS, y, models, np.arange(120) % folds)
    for fold in range(folds):
        rows = np.arange(120) % folds != fold
        ways = blends(stage.METHODS, y[rows], models[:, rows])
        unseen = {"a": models[0, ~rows], "b": models[1, ~rows]}
        assert any(np.array_equal(found[~rows], way.combine(unseen)) for way in ways.values())


def test_labels_that_mean_nothing_score_chance(rng, tmp_path):
    y = rng.integers(2, size=3000)
    models = np.stack([noisy(rng.integers(2, size=3000), rng, 2.0) for _ in range(2)])
    about = run(tmp_path, y, models).read_json("blend")
    assert about["score"] == pytest.approx(0.5, abs=3 * about["standard_error"])


@pytest.mark.parametrize(("name", "gain"), [("balanced_accuracy", 0.15), ("f1_macro", 0.02)])
def test_rare_classes_are_favoured_where_the_metric_counts_classes(name, gain, rng):
    metric = METRICS[name]
    logit = rng.normal(loc=-3.5, scale=1.5, size=20_000)
    p = 1 / (1 + np.exp(-logit))
    y = (rng.random(20_000) < p).astype(int)
    models = np.stack([1 - p, p], axis=1)[None]
    blend = fit("equal", BlendStage(models=("a",)), metric, y, models)
    assert metric.score(y, blend.combine({"a": models[0]})) > metric.score(y, models[0]) + gain


def test_accuracy_takes_the_likeliest_class(rng):
    y = rng.integers(2, size=100)
    settings = BlendStage(models=("a",))
    blend = fit("equal", settings, METRICS["accuracy"], y, noisy(y, rng, 1.0)[None])
    assert blend.class_weights is None


@pytest.mark.parametrize("method", ["equal", "greedy"])
def test_weights_by_log_loss_are_to_the_byte_those_of_all_classes(method, rng):
    """Only the true class's probability is read, which is quicker of many classes."""
    y = rng.integers(6, size=200)
    predictions = rng.dirichlet(np.ones(6), size=(4, 200)) * 0.5 + 0.5 * np.eye(6)[y]
    other_name = replace(METRICS["log_loss"], name="log loss, of all classes")
    weights = {
        "equal": blending.equal_weights,
        "greedy": partial(blending.greedy_weights, rounds=9),
    }
    one, other = (
        weights[method](y, predictions, metric=metric)
        for metric in (METRICS["log_loss"], other_name)
    )
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("task", ["classes", "values"])
def test_a_blend_of_rows_of_one_class_is_no_stacker(task, rng):
    y = np.zeros(30, dtype=int)
    predictions = rng.dirichlet(np.ones(2), size=(3, 30))
    predictions = predictions if task == "classes" else predictions[:, :, :1]
    metric = METRICS["log_loss" if task == "classes" else "rmse"]
    settings = BlendStage(models=("a", "b", "c"))
    (blend,) = blending.fit_blends(("stack",), settings, metric, y, predictions).values()
    combined = blend.combine(dict(zip("abc", predictions, strict=True)))
    assert np.isfinite(combined).all()


def test_a_class_with_two_rows_and_folds_of_one_row_can_be_blended(rng):
    fit = partial(blending.fit_blends, settings=BlendStage(models=("a", "b")))
    for y in (np.array([0] * 18 + [1] * 2), np.array([0, 1])):
        numbers = np.arange(len(y)) % min(10, len(y))
        metric = METRICS["accuracy"]
        predictions = rng.dirichlet(np.ones(2), size=(2, len(y)))
        blended = stage.nested(
            stage.METHODS, partial(fit, metric=metric), metric, y, predictions, numbers
        )
        assert np.isfinite(blended).all()


def test_a_stacker_of_thousands_of_coefficients_is_not_tried_unless_it_is_asked_for():
    assert stage.methods_tried("auto", 10, 10) == stage.METHODS
    assert stage.methods_tried("auto", 10, 1) == stage.METHODS
    assert stage.methods_tried("auto", 7, 60) == ("equal", "greedy")
    assert stage.methods_tried("stack", 7, 60) == ("stack",)
    assert "learn 25,260 coefficients, more than 3,000" in stage.left_out_told(7, 60)


def test_of_many_classes_the_nested_choice_takes_few_folds(rng):
    y, asked = rng.integers(60, size=300), []

    def fit(methods, y, predictions):
        asked.append(methods)
        return blending.fit_blends(
            methods, BlendStage(models=("a", "b")), METRICS["accuracy"], y, predictions
        )

    predictions = rng.dirichlet(np.ones(60), size=(2, 300))
    arguments = METRICS["accuracy"], y, predictions, np.arange(300) % 10
    blended = stage.nested(("equal", "greedy"), fit, *arguments)
    np.testing.assert_allclose(blended.sum(axis=1), 1)
    assert len(asked) == 10 * (stage.INNER_FOLDS + 1)


@pytest.mark.parametrize("method", ["equal", "greedy"])
def test_rows_that_lack_a_class_are_blended_by_log_loss_where_auc_has_no_value(method, rng):
    y = np.zeros(60, dtype=int)
    models = np.stack([noisy(y, rng, s) for s in (0.2, 2.0)])
    settings = BlendStage(models=("a", "b"))
    by_auc, by_log_loss = (
        fit(method, settings, METRICS[name], y, models) for name in ("roc_auc", "log_loss")
    )
    assert by_auc.weights.sum() == pytest.approx(1)
    np.testing.assert_array_equal(by_auc.weights, by_log_loss.weights)
