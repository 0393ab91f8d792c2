"""Captions say what the numbers say."""

import numpy as np
import pandas as pd
import pytest

from pipeline.exploration import captions
from pipeline.exploration.association import relations
from pipeline.exploration.drift import Adversarial, ColumnDrift
from pipeline.exploration.profile import Target
from pipeline.exploration.ratings import ratings


def adversarial(auc: float, p: float) -> Adversarial:
    return Adversarial(auc, p, (0.48, 0.5, 0.52), 100, (("age", 0.7), ("fare", 0.2)))


def drifted(column: str, value: float, p: float) -> ColumnDrift:
    return ColumnDrift(column, "Kolmogorov-Smirnov", value, p / 2, p, None)


def test_the_base_rate_is_the_score_to_beat():
    balanced = captions.target_caption(Target("t", np.repeat([0, 1], [60, 40]), ("no", "yes")))
    rare = captions.target_caption(Target("t", np.repeat([0, 1], [95, 5]), ("no", "yes")))

    assert "roughly balanced: 60.0% of the rows are 'no'" in balanced
    assert "accuracy of 0.600 and a balanced accuracy of 0.500" in balanced
    # scikit-learn's log_loss of the constant answer 0.6, 0.4
    assert "log loss of 0.673" in balanced
    assert "are unbalanced" in rare and "look at each class" in rare


def test_a_skewed_target_is_called_so():
    values = np.random.default_rng(0).normal(size=500)

    assert "skewed" not in captions.target_caption(Target("t", values, None))
    assert "skewed" in captions.target_caption(Target("t", np.exp(2 * values), None))


def test_a_constant_answer_is_judged_by_rmse_and_mae_and_their_decimals_are_alike():
    values = np.repeat([38.0, 45.0, 48.7, 60.0], [30, 30, 30, 30])

    told = captions.target_caption(Target("t", values, None))

    assert "lie between 43.2 and 51.5, the median is 46.9" in told
    assert f"RMSE of {values.std():.1f}" in told
    assert f"MAE of {np.abs(values - 46.85).mean():.1f}" in told


def test_missing_values_are_counted_and_the_worst_column_is_named():
    worst, other = ("cabin", (0.77, 0.78)), ("fare", (0.0, 0.002))

    both = captions.missing_caption(dict([worst, other]), 11)
    one = captions.missing_caption(dict([worst]), 11)

    assert both.startswith("2 columns of 11 have missing values, most of them 'cabin': 77.0% of")
    assert both.endswith("78.0% of test.")
    assert one.startswith("1 column of 11 has missing values")


def test_a_relation_names_where_the_class_is_rare_and_where_common():
    words = pd.Series(["low"] * 100 + ["high"] * 100, dtype="str")
    y = np.repeat([1, 0, 1, 0], [10, 90, 80, 20])

    (found,) = relations(pd.DataFrame({"x": words}), y, [("x", "category")], 2)
    told = captions.relation_caption(found, Target("t", y, ("no", "yes")))

    assert told.startswith("Strongly related")
    assert "'yes' is 10% of the rows at 'low' and 80% at 'high'" in told


@pytest.mark.parametrize(
    ("auc", "p", "told"),
    [
        (0.51, 0.4, "cannot tell"),
        (0.53, 0.02, "can barely tell"),
        (0.8, 0.02, "look at these columns"),
        (0.2, 1.0, "near copies"),
    ],
)
def test_adversarial_verdicts(auc, p, told):
    assert told in captions.adversarial_caption(adversarial(auc, p))


def test_drift_is_told_from_noise():
    noise = [drifted("a", 0.02, 0.8), drifted("b", 0.03, 0.3)]

    assert "no column differs" in captions.drift_caption(noise)
    assert "1 column differs between train and test beyond chance: 'c' (0.40)" in (
        captions.drift_caption([*noise, drifted("c", 0.4, 0.001)])
    )


def test_the_steepest_rating_is_named():
    values = np.tile(np.repeat([1, 2, 3], 50), 2)
    y = (np.arange(300) % 50 < values * 15).astype(float)
    frame = pd.DataFrame({"steep": values, "flat": np.tile([1, 2, 3], 100)})

    found = ratings(frame, ["steep", "flat"], y)
    told = captions.rating_caption(found, Target("t", y.astype(int), ("no", "yes")), "'yes'")

    assert "along 'steep': 30% at 1, 90% at 3" in told
    assert "No column goes up and down" in told


def test_correlations_set_the_target_apart():
    matrix = np.array([[1.0, -0.97, 0.4], [-0.97, 1.0, 0.2], [0.4, 0.2, 1.0]])

    told = captions.correlation_caption(["a", "b", "t"], matrix, "t")

    assert told.startswith("With the target 'a' correlates most, 0.40.")
    assert "'a' and 'b' correlate most, −0.97. 1 pair above 0.95" in told
