"""Rules from predictions to what is scored: known optima, and gains on rows they never saw."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline import fitting
from pipeline.blending import FittedBlend, Fitter, OutOfFold
from pipeline.decision_rules import DecisionRule, _cuts, cut_rule, fit_rule, weights_of
from pipeline.errors import SettingsError
from pipeline.expectation import averaging
from pipeline.metrics import METRICS
from pipeline.stages.blend import cross_fitted, nested
from pipeline.store import Key, Store
from tests import values


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def imbalanced(rng, n):
    """Calibrated probabilities of a positive class of 6%, and labels drawn from them."""
    p = 1 / (1 + np.exp(-(rng.normal(scale=1.5, size=n) - 4)))
    return (rng.random(n) < p).astype(int), np.column_stack([1 - p, p])


def stars(rng, n, cuts=(-1.2, -0.3, 0.4, 1.5)):
    """Whole numbers 1 to 5 by cut points of a latent value, and a shrunk prediction of it."""
    latent = rng.normal(size=n)
    y = 1.0 + np.digitize(latent + 0.1 * rng.normal(size=n), cuts)
    return y, (3 + 0.5 * latent)[:, None]


def test_cut_points_are_those_that_made_the_numbers(rng):
    rule = cut_rule(*stars(rng, 20_000))
    assert rule.levels.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(rule.cuts, 3 + 0.5 * np.array([-1.2, -0.3, 0.4, 1.5]), atol=0.03)


def test_cut_points_beat_all_others_nearby(rng):
    y, p = stars(rng, 300)
    levels, kappa = np.unique(y), METRICS["qwk"]
    rule = DecisionRule(cuts=_cuts(y, p[:, 0], levels), levels=levels)
    best = kappa.score(y, rule.apply(p))
    for place in range(4):
        for step in (-0.2, -0.05, 0.05, 0.2):
            moved = np.sort(rule.cuts + step * (np.arange(4) == place))
            assert kappa.score(y, DecisionRule(cuts=moved, levels=rule.levels).apply(p)) <= best


def test_cut_points_gain_on_rows_they_never_saw(rng):
    y, p = stars(rng, 1000)
    rule, (new_y, new) = cut_rule(y, p), stars(rng, 5000)
    kappa = METRICS["qwk"]
    assert kappa.score(new_y, rule.apply(new)) > kappa.score(new_y, new) + 0.1


@pytest.mark.parametrize("y", [[1.0, 1.0, 2.0], [3.0, 5.0, 5.0], [1.0, 2.0, 3.0]])
def test_few_rows_and_equal_predictions_have_cut_points(y):
    for p in (np.zeros((3, 1)), np.array([[2.0], [2.0], [1.0]])):
        assert set(cut_rule(np.array(y), p).apply(p).ravel()) <= set(y)


@pytest.mark.parametrize("name", ["f1", "mcc", "kappa"])
def test_a_threshold_beats_the_likeliest_class_where_one_is_rare(name, rng):
    metric, known, new = METRICS[name], imbalanced(rng, 4000), imbalanced(rng, 20_000)
    rule = fit_rule(metric, *known)
    assert 0.1 < rule.threshold < 0.4
    gain = metric.score(new[0], rule.apply(new[1])) - metric.score(*new)
    assert gain > 0.03


def test_the_threshold_of_f1_is_half_of_the_best_f1(rng):
    """Lipton et al. 2014: with calibrated probabilities F* / 2 is the optimum."""
    y, p = imbalanced(rng, 30_000)
    rule, metric = fit_rule(METRICS["f1"], y, p), METRICS["f1"]
    assert rule.threshold == pytest.approx(metric.score(y, rule.apply(p)) / 2, abs=0.02)


def test_weights_make_a_threshold_a_half():
    p = np.array([[0.81, 0.19], [0.79, 0.21]])
    assert DecisionRule(weights_of(0.2)).apply(p).argmax(axis=1).tolist() == [0, 1]
    assert DecisionRule(weights_of(0.2)).threshold == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["mape", "rmspe"])
def test_a_factor_shrinks_values_of_relative_errors(name, rng):
    """Of y = p exp(e), e normal: MAPE is least at exp(-σ²), RMSPE at exp(-3/2 σ²)."""
    p, sigma = np.exp(rng.normal(size=(50_000, 1))), 0.4
    y = (p * np.exp(sigma * rng.normal(size=p.shape)))[:, 0]
    rule = fit_rule(METRICS[name], y, p)
    expected = np.exp(-(sigma**2) * (1 if name == "mape" else 1.5))
    assert rule.factor == pytest.approx(expected, abs=0.03)


def test_a_shift_moves_means_to_a_quantile(rng):
    p = rng.normal(size=(20_000, 1))
    y = p[:, 0] + rng.normal(size=20_000)
    rule = fit_rule(METRICS["pinball@0.9"], y, p)
    assert rule.shift == pytest.approx(1.2816, abs=0.03)
    assert np.mean(y <= rule.apply(p)[:, 0]) == pytest.approx(0.9, abs=0.001)


@pytest.mark.parametrize("name", ["mae", "r2"])
def test_numbers_below_the_least_target_and_between_whole_ones_are_put_right(name, rng):
    truth = rng.poisson(0.7, size=4000).astype(float)
    p = (truth + 0.15 * rng.normal(size=4000))[:, None]
    rule = fit_rule(METRICS[name], truth, p)
    assert rule.whole and METRICS[name].loss(truth, rule.apply(p)) < METRICS[name].loss(truth, p)
    rule = fit_rule(METRICS[name], truth + 0.5 * (truth > 2), p)
    assert rule.limits[0] == 0 and not rule.whole and rule.apply(p).min() == 0


def test_a_gain_within_noise_is_no_rule(rng):
    p = np.exp(rng.normal(size=(60, 1)))
    y = (p * np.exp(0.05 * rng.normal(size=p.shape)))[:, 0]
    assert fit_rule(METRICS["smape"], y, p) is None
    assert fit_rule(METRICS["accuracy"], np.array([0, 1]), np.eye(2)) is None


def test_a_rows_target_has_no_say_in_its_own_number(rng):
    y, p = stars(rng, 500)
    fitter = Fitter(("a",), METRICS["qwk"], 5, 0.01)
    folds = np.arange(500) % 5
    known = OutOfFold(p[None], y, folds)
    turned = OutOfFold(p[None], np.where(folds == 2, 6 - y, y), folds)
    before, after = (
        nested(fitter, cross_fitted(fitter, ("equal",), each), each) for each in (known, turned)
    )
    assert before[folds == 2].tobytes() == after[folds == 2].tobytes()
    assert set(before.ravel()) <= {1, 2, 3, 4, 5}
    assert METRICS["qwk"].score(y, before) > METRICS["qwk"].score(y, p)


def test_a_stored_rule_is_the_same(rng, tmp_path):
    y, p = stars(rng, 300)
    blend = Fitter(("a",), METRICS["qwk"], 5, 0.01).fit(
        ("equal",), OutOfFold(p[None], y, np.zeros(300, dtype=int))
    )["equal"]
    store, key = Store(tmp_path), Key("blend", "0")
    store.put(key, blend)
    again = store.get(key, FittedBlend)
    assert again.combine({"a": p}).tobytes() == blend.combine({"a": p}).tobytes()
    assert again.decision_rule.describe().startswith("cut at ")


def test_averaging_of_whole_numbers_is_scored_on_whole_numbers(rng):
    y, p = stars(rng, 2000)
    blend = FittedBlend(("a",), np.ones(1), decision_rule=cut_rule(y, p))
    fits = np.stack([p + 0.4 * rng.normal(size=p.shape) for _ in range(5)])
    gain = averaging(METRICS["qwk"], blend, {"a": fits}, (y, fits[0]))
    truth = METRICS["qwk"].score(y, blend.combine({"a": fits.mean(axis=0)}))
    one = np.mean([METRICS["qwk"].score(y, blend.combine({"a": each})) for each in fits])
    assert gain == pytest.approx(truth - one, rel=0.5) and gain > 0
    same = np.stack([p + 0.02 * rng.normal(size=p.shape) for _ in range(5)])
    assert averaging(METRICS["qwk"], blend, {"a": same}, (y, p)) == pytest.approx(0, abs=0.005)


def test_a_model_of_whole_numbers_as_classes_predicts_their_mean(tmp_path):
    """Of one column of words each level has its own shares, whose mean a table of counts gives."""
    rng = np.random.default_rng(0)
    word = rng.integers(3, size=600)
    y = (word * 2 + rng.choice([0, 1, 4], size=600, p=[0.5, 0.3, 0.2])).astype(float)
    frame = pd.DataFrame({"word": pd.Series(np.array(["a", "b", "c"])[word], dtype="str")})
    load = values.loaded(frame, frame[:3], y, {"word": "category"})
    fits, fold = values.fits(tmp_path, load), values.folds(600).folds[0]
    member = replace(values.member("lightgbm", n_models=1), as_classes=True)
    fitted, table = fits.fitted(member, fold), fits.tables(member).train
    p = fitted.predict(table)[:, 0]
    for code in range(3):
        mean = y[fold.train][word[fold.train] == code].mean()
        np.testing.assert_allclose(p[word == code], mean, atol=0.15)
    again = fitting.restore(
        member, fits.objective, load.problem.features, fits.fit(member, fold).state
    )
    np.testing.assert_array_equal(again.predict(table)[:, 0], p)
    assert fits.key(member, fold) != fits.key(replace(member, as_classes=False), fold)
    halves = values.fits(tmp_path / "b", replace(load, y=y + 0.5))
    with pytest.raises(SettingsError, match=r"of a lightgbm: the target has 0\.5"):
        halves.fit(member, fold)
