"""Searches: their best trial, which settings mattered, and the words for both."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from pipeline.evaluation.tuning import (
    Influence,
    Search,
    correlation_ratio,
    history_caption,
    history_plot,
    influence_caption,
    influence_plot,
    influences,
    rank_correlation,
    read_search,
    so_far,
)
from pipeline.metrics import METRICS


def trials(values, states=None, params=None):
    states = states or ["complete"] * len(values)
    params = params or [{}] * len(values)
    pairs = enumerate(zip(values, states, params, strict=True))
    return [{"number": n, "value": v, "state": s, "params": p} for n, (v, s, p) in pairs]


def search(values, states=None, params=None, asked="accuracy"):
    sign = -1 if METRICS[asked].needs == "labels" or not METRICS[asked].greater_is_better else 1
    complete = [
        value for value, state in zip(values, states or values, strict=True) if state != "pruned"
    ]
    best = {"value": sign * max(sign * value for value in complete)}
    return read_search("lightgbm", best, trials(values, states, params), METRICS[asked])


def test_the_best_is_the_best_complete_trial_whichever_way_the_metric_goes():
    states = ["complete", "pruned", "complete", "complete"]
    assert search([0.5, 0.1, 0.4, 0.6], states).best == 2
    assert search([0.5, 0.9, 0.4, 0.6], states, asked="r2").best == 3
    assert search([0.5, 0.5]).best == 0


def test_the_metric_is_what_the_search_went_by():
    assert search([0.5, 0.4]).metric.name == "log_loss"
    assert search([0.5, 0.4], asked="roc_auc").metric.name == "roc_auc"
    fallen_back = read_search("m", {"value": 0.4}, trials([0.5, 0.4]), METRICS["roc_auc"])
    assert (fallen_back.metric.name, fallen_back.best) == ("log_loss", 1)


def test_without_a_complete_trial_there_is_no_search():
    assert read_search("m", {"value": None}, [], METRICS["rmse"]) is None
    assert read_search("m", {"value": None}, trials([1.0], ["pruned"]), METRICS["rmse"]) is None


def test_the_best_so_far_never_gets_worse_and_ignores_what_was_pruned():
    found = so_far(search([3.0, 2.0, 1.0, 2.5], ["complete", "complete", "pruned", "complete"]))
    np.testing.assert_array_equal(found, [3, 2, 2, 2])


def test_rank_correlation_is_scipys():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, 40).astype(float), rng.normal(size=40)
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic)
    assert rank_correlation(np.ones(5), np.arange(5.0)) == 0


def test_the_correlation_ratio_is_one_where_groups_tell_all_and_small_where_nothing():
    y = np.arange(12.0)
    assert correlation_ratio(np.repeat([0, 1], 6), y) > 0.85
    assert correlation_ratio(np.arange(12), y) == pytest.approx(1)
    assert correlation_ratio(np.tile([0, 1], 6), y) < 0.2


def test_a_setting_that_moves_the_score_is_found_with_its_sign():
    rng = np.random.default_rng(1)
    params = [
        {"rate": float(rate), "idle": float(idle), "kind": kind, "fixed": 3}
        for rate, idle, kind in zip(
            rng.random(40), rng.random(40), rng.choice(["a", "b"], 40), strict=True
        )
    ]
    values = [1 - each["rate"] + 0.1 * rng.normal() for each in params]
    found = influences(search(values, params=params), seed=0)
    assert {item.name for item in found} == {"rate", "idle", "kind"}
    best = found[0]
    assert best.name == "rate"
    assert best.is_clear
    assert 0.8 < best.low < best.correlation < best.high <= 1  # a smaller log loss is better
    assert not any(item.is_clear for item in found[1:])
    told = influence_caption(found, 40)
    assert "rate (more is better: ρ 0." in told
    assert found == influences(search(values, params=params), seed=0)
    greater = influences(search(values, params=params, asked="r2"), seed=0)
    assert greater[0].correlation == pytest.approx(-best.correlation)


def test_few_trials_say_nothing_about_settings():
    params = [{"rate": float(n)} for n in range(5)]
    assert influences(search([5.0, 4.0, 3.0, 2.0, 1.0], params=params), seed=0) == []


def test_a_gain_within_noise_is_called_so():
    found = search([0.2000, 0.1990])
    assert "less than twice" in history_caption(found, 0.005)
    assert "more than twice" in history_caption(found, 0.0001)
    assert "noise" not in history_caption(found, None)
    assert "None beat the TOML's settings" in history_caption(search([0.2, 0.3]), 0.005)


def test_the_figures_are_named_after_their_model():
    values = METRICS["rmse"], np.arange(9.0), np.ones(9, dtype=bool), [{}] * 9
    found = Search("neural_net", *values)
    assert history_plot(found, None).name == "tuning-neural-net"
    assert influence_plot(found, [Influence("a", 0.5, 0.1, 0.9, True)]).name == (
        "parameters-neural-net"
    )
