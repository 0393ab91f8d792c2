"""One column's skill: against hand-worked means, and against chance."""

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation.single_columns import (
    SMOOTHING,
    Judged,
    column_codes,
    number_codes,
    out_of_fold,
    predictions,
    skill,
)

RNG = np.random.default_rng(2)


def test_a_rows_own_fold_has_no_part_in_its_prediction():
    codes, fold = RNG.integers(0, 4, 90), np.arange(90) % 3
    y = RNG.integers(0, 2, 90)
    before = predictions(codes, Judged(y, 2, fold))
    other = np.where(fold == 1, 1 - y, y)
    after = predictions(codes, Judged(other, 2, fold))
    # the overall share, half a row of it, is that of all rows
    np.testing.assert_allclose(before[fold == 1], after[fold == 1], atol=0.5 / 60)
    assert np.abs(before - after)[fold != 1].max() > 0.1


def test_means_are_smoothed_towards_the_overall_one_by_hand():
    fold, codes = np.array([0, 0, 1, 1, 1, 1]), np.array([0, 1, 0, 0, 1, 1])
    aims = np.array([[0.0], [0.0], [3.0], [5.0], [1.0], [3.0]])
    prior = (12 + 0.5 * 2) / 4.5  # of the other fold's four rows, and half a row of all
    expected = (8 + SMOOTHING * prior) / (2 + SMOOTHING)
    assert out_of_fold(codes, aims, fold)[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize("classes", [0, 2, 4])
def test_a_column_of_chance_has_no_skill_and_the_target_itself_nearly_all(classes):
    n = 3000
    y = RNG.integers(0, classes, n) if classes else RNG.standard_cauchy(n)
    judged = Judged(y, classes, np.arange(n) % 5)
    assert -0.15 < skill(number_codes(RNG.normal(size=n)), judged) < 0.01
    assert skill(number_codes(y.astype(float)), judged) > 0.95


def test_skill_of_a_known_channel_is_its_mutual_information():
    """A bit that is flipped one time in ten tells 1 - H(0.1) = 0.531 of it (Shannon 1948)."""
    y = RNG.integers(0, 2, 40_000)
    flipped = np.where(RNG.random(len(y)) < 0.1, 1 - y, y)
    found = skill(flipped, Judged(y, 2, np.arange(len(y)) % 5))
    assert found == pytest.approx(0.531, abs=0.01)


def test_missing_values_and_unseen_levels_have_places_of_their_own():
    codes = column_codes(pd.Series(["b", None, "a", "b"], dtype="str"), "category")
    assert len(set(codes)) == 3
    assert codes[0] == codes[3]
    numbers = column_codes(pd.Series([1.0, np.nan, 2.0, np.nan, -np.inf]), "number")
    assert len(set(numbers)) == 4
    assert numbers[1] == numbers[3]
    empty = column_codes(pd.Series([None, None], dtype="str"), "category")
    assert empty.tolist() == [0, 0]
    assert column_codes(pd.Series([np.nan, np.nan]), "number").tolist() == [1, 1]
