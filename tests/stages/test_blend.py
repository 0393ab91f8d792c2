"""The stage's honesty: no row has a say in its own blend, and the simplest method is kept."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.blending import Blended, Fitter, OutOfFold
from pipeline.errors import UserError
from pipeline.folds import Fold, Folds, folds_of
from pipeline.member import Member
from pipeline.metrics import METRICS
from pipeline.progress import Progress
from pipeline.settings import EncoderSettings
from pipeline.stage_settings import BlendStage
from pipeline.stages import blend as stage
from pipeline.store import Key, Store
from pipeline.training import CutShort, Trained
from tests.small_loaded import loaded
from tests.test_blending import noisy

LOG_LOSS, ACCURACY = METRICS["log_loss"], METRICS["accuracy"]


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def trained(oof, asked=3):
    """From out-of-fold predictions (n, 2) or (repeats, n, 2); five folds and ten test rows."""
    oof = oof if oof.ndim == 3 else oof[None]
    by_fold = oof[0, -50:].reshape(5, 10, 2) if len(oof) else np.empty((0, 10, 2))
    test = by_fold.mean(axis=0) if len(oof) else np.empty((0, 2))
    member = Member("linear", {}, EncoderSettings())
    return Trained(member, oof, test, by_fold, (), asked, fit_seconds=0.0, predict_seconds=0.0)


def run(y, models, method="auto", split=None, asked=3) -> Blended:
    """Models a, b, ... by their out-of-fold predictions."""
    split = split or Folds(len(y), tuple(folds_of(0, np.arange(len(y)) % 5)), "stratified")
    load = loaded(y, test=pd.DataFrame({"id": range(10)}))
    train = {name: trained(oof, asked) for name, oof in zip("ab", models, strict=True)}
    return stage.blend(BlendStage(method=method), load, split, train, Progress(live=False))


@pytest.mark.parametrize("method", ["auto", "equal", "greedy", "stack"])
def test_a_rows_label_has_no_say_in_its_own_blend(method, rng):
    y = rng.integers(2, size=250)
    models = np.stack([noisy(y, rng, 1.0), noisy(y, rng, 1.1)])
    fold = np.arange(250) % 5 == 2
    before = run(y, models, method).oof[fold]
    turned = np.where(fold, 1 - y, y)
    after = run(turned, models, method).oof[fold]
    assert before.tobytes() == after.tobytes()


def test_equal_weights_win_a_tie(rng):
    logit = rng.normal(scale=2.0, size=2000)
    y = (rng.random(2000) < 1 / (1 + np.exp(-logit))).astype(int)
    p = 1 / (1 + np.exp(-(logit + rng.normal(scale=0.05, size=(2, 2000)))))
    found = run(y, np.stack([1 - p, p], axis=2))
    assert set(found.candidates) == {"equal", "greedy", "stack"}
    assert [comparison.is_kept for comparison in found.comparisons] == [False, False]
    assert found.method == "equal"
    assert found.weights == {"a": 0.5, "b": 0.5}
    assert found.rule.startswith("The simplest method is kept")


def test_a_method_that_is_worse_by_the_asked_metric_is_not_kept(rng):
    y = rng.integers(2, size=4000)
    right = np.where(y == 1, 0.501, 0.499)  # every time, and without confidence
    wrong = rng.random(4000) < 0.02
    sure = np.where(wrong, 1 - y, y) * 0.9 + 0.05
    candidates = {m: np.column_stack([1 - p, p]) for m, p in (("equal", right), ("greedy", sure))}
    known = OutOfFold(np.empty((0, 4000, 2)), y, y)
    kept, (comparison,) = stage.choose(ACCURACY, known, candidates)
    assert kept == comparison.against == "equal"
    assert comparison.gain > 2 * comparison.standard_error
    assert stage.choose(LOG_LOSS, known, candidates)[0] == "greedy"


@pytest.mark.parametrize("method", ["auto", "equal", "greedy", "stack"])
def test_a_useless_model_loses_its_weight(method, rng):
    y = rng.integers(2, size=1000)
    useless = noisy(rng.integers(2, size=1000), rng, 1.0)
    assert run(y, [noisy(y, rng, 1.0), useless], method).weights["a"] > 0.8


def test_a_model_that_was_left_out_is_not_in_the_blend(rng):
    y = rng.integers(2, size=250)
    one = np.stack([noisy(y, rng, 1.0) for _ in range(3)])
    found = run(y, [one, np.empty((0, 250, 2))])
    assert found.blend.models == ("a",)
    assert found.weights == {"a": 1.0}
    assert found.cut_short == {"b": CutShort(repeats=(0, 3))}


def test_models_of_different_repeats_count_by_the_mean_of_their_own(rng):
    y = rng.integers(2, size=400)
    one, other = (np.stack([noisy(y, rng, 1.0) for _ in range(3)]) for _ in range(2))
    found = run(y, [one, other[:2]], "equal")
    means = run(y, [one.mean(axis=0), other[:2].mean(axis=0)], "equal", asked=1)
    np.testing.assert_allclose(found.oof, means.oof)
    assert found.cut_short == {"b": CutShort(repeats=(2, 3))} and means.cut_short == {}
    expected = found.expected
    assert expected.score == ACCURACY.clip(expected.cross_validated + expected.averaging)


def test_the_order_of_the_models_changes_nothing(rng):
    y = rng.integers(2, size=200)
    train = {name: trained(noisy(y, rng, 1.0)) for name in "abc"}
    split = Folds(200, tuple(folds_of(0, np.arange(200) % 5)), "stratified")
    load = loaded(y, test=pd.DataFrame({"id": range(10)}))
    one, other = (
        stage.blend(BlendStage(), load, split, dict(order), Progress(live=False))
        for order in (train.items(), reversed(train.items()))
    )
    assert one.blend.models == other.blend.models == ("a", "b", "c")
    assert one.oof.tobytes() == other.oof.tobytes()


@pytest.mark.parametrize("held_out", [1, 3])
def test_rows_that_no_fold_validates_have_no_say(held_out, rng):
    """As where time decides: the first 100 rows are trained on alone, by three folds or by one."""
    y = rng.integers(2, size=250)
    parts = np.array_split(np.arange(100, 250), held_out)
    folds = [Fold(0, i, np.arange(part[0]), part) for i, part in enumerate(parts)]
    split = Folds(250, tuple(folds), "by time")
    models = [np.where(np.arange(250)[:, None] < 100, np.nan, noisy(y, rng, s)) for s in (1, 1.1)]
    found = run(y, models, split=split)
    assert np.isnan(found.oof[:100]).all() and np.isfinite(found.oof[100:]).all()
    turned = np.where(np.arange(250) < 100, 1 - y, y)
    other = run(turned, models, split=split)
    assert other.oof.tobytes() == found.oof.tobytes()
    assert other.expected == found.expected
    score = ACCURACY.score(y[100:], found.oof[100:])
    assert found.expected.cross_validated == score


def test_a_stored_blend_is_the_same(rng, tmp_path):
    y = rng.integers(2, size=250)
    found = run(y, [noisy(y, rng, 1.0), noisy(y, rng, 1.1)][:2], "stack", asked=2)
    store, key = Store(tmp_path), Key("blend", "0")
    store.put(key, found)
    again = store.get(key, Blended)
    assert again.weights == found.weights and again.blend.models == found.blend.models
    for name in ("method", "metric", "candidates", "comparisons", "rule", "expected", "cut_short"):
        assert getattr(again, name) == getattr(found, name)
    for name in ("oof", "test"):
        assert getattr(again, name).tobytes() == getattr(found, name).tobytes()


def nested(fitter, methods, rows):
    return stage.nested(fitter, stage.cross_fitted(fitter, methods, rows), rows)


def known(y, predictions, folds):
    return OutOfFold(np.asarray(predictions), y, np.arange(len(y)) % folds)


@pytest.mark.parametrize("folds", [2, 3])
def test_few_folds_are_enough_to_choose_a_method(folds, rng):
    y = rng.integers(2, size=120)
    models = np.stack([noisy(y, rng, 1.0), noisy(y, rng, 0.5)])
    fitter, rows = Fitter(("a", "b"), LOG_LOSS, 30, 0.01), known(y, models, folds)
    found = nested(fitter, stage.METHODS, rows)
    for fold in range(folds):
        seen = np.arange(120) % folds != fold
        blends = fitter.fit(stage.METHODS, rows.take(seen)).values()
        unseen = {"a": models[0, ~seen], "b": models[1, ~seen]}
        assert any(np.array_equal(found[~seen], blend.combine(unseen)) for blend in blends)


@pytest.mark.parametrize("method", ["greedy", "stack"])
def test_of_many_rows_a_draw_has_a_say_in_the_weights_and_all_are_judged(method, rng, monkeypatch):
    monkeypatch.setattr(stage, "FITTED", (0, 150))
    y = rng.integers(2, size=500)
    models = np.stack([noisy(y, rng, 1.0), noisy(y, rng, 1.1)])
    is_drawn = stage.drawn(known(y, models, 5), ACCURACY, stage.FITTED)
    assert is_drawn.sum() == 150
    found, other = (run(each, models, method) for each in (y, np.where(is_drawn, y, 1 - y)))
    assert found.blend.weights.tobytes() == other.blend.weights.tobytes()
    assert found.oof.tobytes() == other.oof.tobytes() and np.isfinite(found.oof).all()
    assert found.expected.cross_validated == ACCURACY.score(y, found.oof)
    assert other.expected.cross_validated < found.expected.cross_validated


def test_more_models_and_classes_are_fitted_on_fewer_rows():
    def rows(models, outputs, metric):
        y = np.arange(3000) % max(2, outputs)
        judged = known(y, np.zeros((models, 3000, outputs)), 5)
        drawn = stage.drawn(judged, METRICS[metric], (30_000, 100))
        return 3000 if drawn is None else drawn.sum()

    assert rows(1, 2, "accuracy") == 3000
    assert rows(15, 2, "accuracy") == 1500 and rows(15, 4, "accuracy") == 500
    assert rows(15, 2, "roc_auc") == 500 and rows(1000, 2, "accuracy") == 100


def test_all_rows_of_a_rare_class_are_drawn():
    y = np.zeros(3000, dtype=int)
    y[[5, 1700, 2900]] = 1
    drawn = stage.drawn(known(y, np.zeros((1, 3000, 2)), 5), ACCURACY, (600, 100))
    assert drawn[y == 1].all() and 100 <= drawn.sum() <= 103


def test_labels_that_mean_nothing_score_chance(rng):
    y = rng.integers(2, size=3000)
    expected = run(y, [noisy(rng.integers(2, size=3000), rng, 2.0) for _ in range(2)]).expected
    assert expected.score == pytest.approx(0.5, abs=3 * expected.standard_error)


def test_a_class_with_two_rows_and_folds_of_one_row_can_be_blended(rng):
    fitter = Fitter(("a", "b"), ACCURACY, 30, 0.01)
    for y in (np.array([0] * 18 + [1] * 2), np.array([0, 1])):
        predictions = rng.dirichlet(np.ones(2), size=(2, len(y)))
        rows = known(y, predictions, min(10, len(y)))
        assert np.isfinite(nested(fitter, stage.METHODS, rows)).all()


def test_a_stacker_of_thousands_of_coefficients_is_not_tried_unless_it_is_asked_for():
    assert stage.methods_tried("auto", 10, 10) == stage.METHODS
    assert stage.methods_tried("auto", 10, 1) == stage.METHODS
    assert stage.methods_tried("auto", 7, 60) == ("equal", "greedy")
    assert stage.methods_tried("stack", 7, 60) == ("stack",)
    text = stage.rule("auto", ACCURACY, 7, 60)
    assert "better in log loss" in text and "learn 25,260 coefficients, more than 3,000" in text
    assert "coefficients" not in stage.rule("auto", ACCURACY, 7, 2)


def test_of_many_classes_the_nested_choice_takes_few_folds(rng):
    fitted = []

    class Spy(Fitter):
        def fit(self, methods, rows):
            fitted.append(methods)
            return super().fit(methods, rows)

    y = rng.integers(60, size=300)
    rows = known(y, rng.dirichlet(np.ones(60), size=(2, 300)), 10)
    blended = nested(Spy(("a", "b"), ACCURACY, 30, 0.01), ("equal", "greedy"), rows)
    np.testing.assert_allclose(blended.sum(axis=1), 1)
    assert len(fitted) == 10 * (stage.INNER_FOLDS + 1)


def test_what_was_cut_short_is_described(rng):
    whole = trained(noisy(rng.integers(2, size=60), rng, 1.0), asked=1)
    assert not whole.cut_short
    short = replace(whole, asked=3, trials=2, trials_asked=4)
    assert str(short.cut_short) == "1 of 3 repeats, 2 of 4 trials"
    out = replace(short, oof=np.empty((0, 60, 2)))
    assert str(out.cut_short) == "left out"
    assert str(replace(out, ran_out=True).cut_short) == "left out, as memory ran out"


def test_a_run_that_memory_left_without_a_model_says_so(rng):
    y, none = rng.integers(2, size=250), np.empty((0, 250, 2))
    with pytest.raises(
        UserError, match=r"of all rows: a \(left out\), b \(left out\)\. .*NEW_PLAN=1"
    ):
        run(y, [none, none])
