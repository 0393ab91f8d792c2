"""The target in words: balance, spread, and the scores to beat."""

import numpy as np
import pytest

from pipeline.exploration.target import Target, caption, tenths_of_percent


def test_the_base_rate_is_the_score_to_beat():
    balanced = caption(Target("t", np.repeat([0, 1], [60, 40]), ("no", "yes")))
    rare = caption(Target("t", np.repeat([0, 1], [95, 5]), ("no", "yes")))

    assert "roughly balanced: 60.0% of the rows are 'no'" in balanced
    assert "accuracy of 0.600 and a balanced accuracy of 0.500" in balanced
    # scikit-learn's log_loss of the constant prediction 0.6, 0.4
    assert "log loss of 0.673" in balanced
    assert "are unbalanced" in rare and "Look at each class" in rare


def test_a_skewed_target_is_called_so():
    values = np.random.default_rng(0).normal(size=500)

    assert "skewed" not in caption(Target("t", values, None))
    assert "skewed" in caption(Target("t", np.exp(2 * values), None))


def test_constant_predictions_have_an_rmse_and_an_mae_with_equal_decimals():
    values = np.repeat([38.0, 45.0, 48.7, 60.0], [30, 30, 30, 30])

    text = caption(Target("t", values, None))

    assert "lie between 43.2 and 51.5, the median is 46.9" in text
    assert f"RMSE of {values.std():.1f}" in text
    assert f"MAE of {np.abs(values - 46.85).mean():.1f}" in text


@pytest.mark.parametrize("counts", [(1395, 1605), (1, 1, 1), (4655, 5345), (1, 999_999), (7, 0)])
def test_shares_in_percent_add_up_and_are_rounded_either_way(counts):
    shares = tenths_of_percent(np.array(counts))

    assert sum(shares) == 1000
    np.testing.assert_allclose(shares, 1000 * np.array(counts) / sum(counts), atol=1)


def test_the_share_with_the_largest_remainder_is_rounded_up():
    assert tenths_of_percent(np.array([1, 2])) == [333, 667]
