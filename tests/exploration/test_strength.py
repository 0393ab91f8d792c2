"""One column's strength and skill: against worked examples, SciPy, and chance."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from pipeline.exploration.bins import fine_codes
from pipeline.exploration.strength import (
    SMOOTHING,
    FoldedTarget,
    contingency,
    cramers_v,
    most_related,
    out_of_fold_means,
    predictions,
    rank_correlation_ratio,
    skill,
)
from pipeline.problem import Feature

RNG = np.random.default_rng(2)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_cramers_v_by_hand():
    """Bergsma (2013) on a 2 x 2 table: phi2 = 0.36 - 1/99, divided by min(k) - 1 = 1 - 1/99."""
    table = np.array([[40, 10], [10, 40]])

    assert cramers_v(table) == pytest.approx(np.sqrt((0.36 - 1 / 99) / (1 - 1 / 99)))
    assert cramers_v(np.array([[50, 0], [0, 50]])) == pytest.approx(1.0)
    assert cramers_v(np.array([[50, 50]])) == 0.0


def test_cramers_v_of_noise_is_near_nothing(rng):
    """Uncorrected it would be near √(9 · 4 / 500 / 4) = 0.13."""
    found = [
        cramers_v(contingency(rng.integers(10, size=500), rng.integers(5, size=500), 10, 5))
        for _ in range(40)
    ]

    assert np.mean(found) < 0.04


def test_kruskal_wallis_matches_scipy(rng):
    codes = rng.integers(4, size=300)
    y = rng.normal(size=300).round(1) + 0.2 * codes

    _, p = rank_correlation_ratio(codes, y)

    assert p == pytest.approx(stats.kruskal(*(y[codes == code] for code in range(4))).pvalue)


def test_correlation_ratio_is_one_for_a_function_and_monotone_invariant(rng):
    codes = rng.integers(4, size=300)
    y = rng.normal(size=300) + codes

    assert rank_correlation_ratio(codes, codes.astype(float))[0] == pytest.approx(1.0)
    assert_allclose(rank_correlation_ratio(codes, np.exp(y)), rank_correlation_ratio(codes, y))


@pytest.mark.parametrize("classes", [0, 2])
def test_the_most_related_columns_are_kept_in_their_order(classes):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{place}": rng.normal(size=500) for place in range(60)})
    value = frame["c40"] ** 2 + frame["c7"].to_numpy()
    frame["word"] = pd.Series(np.where(value + rng.normal(size=500) > 1, "a", None), dtype="str")
    kinds = {"word": "category"}
    columns = [Feature(name, kinds.get(name, "number")) for name in frame]
    y = (value > 1).astype(int).to_numpy() if classes else value.to_numpy()

    assert most_related(frame, y, columns, classes, 61) == columns
    chosen = most_related(frame, y, columns, classes, 10)

    assert {"c7", "c40", "word"} < {feature.name for feature in chosen}
    assert chosen == [column for column in columns if column in chosen] and len(chosen) == 10


def test_a_rows_own_fold_has_no_part_in_its_prediction():
    codes, fold = RNG.integers(0, 4, 90), np.arange(90) % 3
    y = RNG.integers(0, 2, 90)
    before = predictions(codes, FoldedTarget(y, 2, fold))
    other = np.where(fold == 1, 1 - y, y)
    after = predictions(codes, FoldedTarget(other, 2, fold))
    # the overall share, half a row of it, is that of all rows
    np.testing.assert_allclose(before[fold == 1], after[fold == 1], atol=0.5 / 60)
    assert np.abs(before - after)[fold != 1].max() > 0.1


def test_means_are_smoothed_towards_the_overall_one_by_hand():
    fold, codes = np.array([0, 0, 1, 1, 1, 1]), np.array([0, 1, 0, 0, 1, 1])
    truth = np.array([[0.0], [0.0], [3.0], [5.0], [1.0], [3.0]])
    prior = (12 + 0.5 * 2) / 4.5  # of the other fold's four rows, and half a row of all
    expected = (8 + SMOOTHING * prior) / (2 + SMOOTHING)
    assert out_of_fold_means(codes, truth, fold)[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize("classes", [0, 2, 4])
def test_a_column_of_chance_has_no_skill_and_the_target_itself_nearly_all(classes):
    n = 3000
    y = RNG.integers(0, classes, n) if classes else RNG.standard_cauchy(n)
    target = FoldedTarget(y, classes, np.arange(n) % 5)
    assert -0.15 < skill(fine_codes(pd.Series(RNG.normal(size=n)), "number"), target) < 0.01
    assert skill(fine_codes(pd.Series(y.astype(float)), "number"), target) > 0.95


def test_skill_of_a_known_channel_is_its_mutual_information():
    """A bit that is flipped one time in ten tells 1 - H(0.1) = 0.531 of it (Shannon 1948)."""
    y = RNG.integers(0, 2, 40_000)
    flipped = np.where(RNG.random(len(y)) < 0.1, 1 - y, y)
    found = skill(flipped, FoldedTarget(y, 2, np.arange(len(y)) % 5))
    assert found == pytest.approx(0.531, abs=0.01)


def test_rows_that_no_fold_validates_are_learnt_from_by_hand():
    codes, fold = np.zeros(8, dtype=int), np.array([-1, -1, -1, -1, 0, 0, 1, 1])
    truth = (fold < 0).astype(float)[:, np.newaxis]
    prior = (4 + 0.5 * 0.5) / 6.5  # of the six rows outside the fold, and half a row of all
    expected = (4 + SMOOTHING * prior) / (6 + SMOOTHING)
    assert out_of_fold_means(codes, truth, fold)[4:, 0] == pytest.approx(expected)


def test_rows_that_no_fold_validates_are_not_scored():
    y, fold = RNG.integers(0, 2, 2000), np.arange(2000) % 4 - 1
    codes = np.where(fold < 0, 2 + RNG.integers(0, 2, 2000), y)
    assert skill(codes, FoldedTarget(y, 2, fold)) > 0.95
    assert skill(codes, FoldedTarget(y, 2, np.arange(2000) % 4)) < 0.8
