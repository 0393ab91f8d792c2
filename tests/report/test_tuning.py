"""Searches: their best trial, which settings mattered, and the words for both."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from pipeline.member import Member
from pipeline.metrics import METRICS
from pipeline.report.tuning import (
    Influence,
    SearchHistory,
    found_by,
    history_caption,
    history_of,
    history_plot,
    influence,
    influence_caption,
    influence_plot,
    influences,
    settings_of,
)
from pipeline.settings import EncoderSettings
from pipeline.tuning import Tuned
from tests.report.values import trials


def search(values, states=None, params=None, metric="log_loss"):
    made = trials(values, states, params)
    return history_of("lightgbm", Tuned({}, metric, 0.5, made, len(made)))


def test_the_best_is_the_best_complete_trial_whichever_way_the_metric_goes():
    states = ["complete", "pruned", "complete", "complete"]
    assert search([0.5, 0.1, 0.4, 0.6], states).best == 2
    assert search([0.5, 0.9, 0.4, 0.6], states, metric="r2").best == 3
    assert search([0.5, 0.5]).best == 0


def test_without_a_complete_trial_there_is_no_search():
    assert search([]) is None
    assert search([1.0], ["pruned"]) is None


def test_the_best_so_far_never_gets_worse_and_ignores_what_was_pruned():
    found = search([3.0, 2.0, 1.0, 2.5], ["complete", "complete", "pruned", "complete"]).best_so_far
    np.testing.assert_array_equal(found, [3, 2, 2, 2])


def test_the_influence_of_a_number_is_spearmans_correlation():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, 40).astype(float), rng.normal(size=40)
    found = influence("x", x.tolist(), y)
    assert found.correlation == pytest.approx(spearmanr(x, y).statistic)
    assert found.low < found.correlation < found.high


def test_the_influence_of_a_word_is_near_one_where_groups_say_all_and_small_where_nothing():
    y = np.arange(12.0)
    assert influence("kind", ["a"] * 6 + ["b"] * 6, y).correlation > 0.85
    assert influence("kind", [str(n) for n in range(12)], y).correlation == pytest.approx(1)
    assert influence("kind", ["a", "b"] * 6, y).correlation < 0.2


def test_a_setting_that_moves_the_score_is_found_with_its_sign():
    rng = np.random.default_rng(1)
    params = [
        {"rate": float(rate), "idle": float(idle), "kind": kind, "fixed": 3}
        for rate, idle, kind in zip(
            rng.random(40), rng.random(40), rng.choice(["a", "b"], 40), strict=True
        )
    ]
    values = [1 - each["rate"] + 0.1 * rng.normal() for each in params]
    found = search(values, params=params).influences
    assert {item.name for item in found} == {"rate", "idle", "kind"}
    best = found[0]
    assert best.name == "rate"
    assert best.is_clear
    assert 0.8 < best.low < best.correlation < best.high <= 1  # a smaller log loss is better
    assert not any(item.is_clear for item in found[1:])
    assert "rate (more is better: ρ 0." in influence_caption(found, 40)
    greater = search(values, params=params, metric="r2").influences
    assert greater[0].correlation == pytest.approx(-best.correlation)


def test_few_trials_say_nothing_about_settings():
    params = [{"rate": float(n)} for n in range(5)]
    assert search([5.0, 4.0, 3.0, 2.0, 1.0], params=params).influences == ()


def test_trials_of_one_score_say_nothing_about_settings():
    made = trials([0.5] * 9, params=[{"rate": float(n)} for n in range(9)])
    assert influences(made, METRICS["log_loss"]) == ()


def test_a_gain_within_noise_is_called_so():
    found = search([0.2000, 0.1990])
    assert "less than twice" in history_caption(found, 0.005)
    assert "more than twice" in history_caption(found, 0.0001)
    assert "noise" not in history_caption(found, None)
    assert "None was better than the TOML's settings" in history_caption(search([0.2, 0.3]), 0.005)


def test_the_figures_are_named_after_their_model():
    influences = (Influence("a", 0.5, 0.1, 0.9, True),)
    found = SearchHistory("neural_net", "rmse", trials([1.0] * 9), influences)
    assert history_plot(found, None).name == "tuning-neural-net"
    assert influence_plot(found).name == "parameters-neural-net"


@pytest.mark.parametrize(
    ("values", "states", "words"),
    [
        ([], None, "as in the TOML"),
        ([0.4, 0.5, 0.6], None, "as in the TOML: none of 3 trials was better"),
        ([0.4, 0.5, 0.1], ["complete", "complete", "pruned"], "none of 3 trials was better"),
        ([0.4, 0.5, 0.6, 0.39], None, "4 trials"),
    ],
)
def test_settings_that_no_trial_beat_are_the_tomls(values, states, words):
    made = trials(values, states)
    tuned = Tuned({}, "log_loss", None, made, len(made))
    found = found_by(history_of("lightgbm", tuned))
    assert found.endswith(words)
    assert ("TOML" in found) == ("none" in words or not values)


def test_the_columns_that_a_member_sees_are_listed_with_its_settings():
    encoder = EncoderSettings(drop=("Gate", "Age"))
    assert settings_of(Member("linear", {"l2": 0.01, "seed": 0}, encoder)) == (
        "l2 0.01, seed 0; drop Gate, Age"
    )
