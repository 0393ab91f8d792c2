"""Whole numbers that are names differ from quantities in how the target goes with them."""

import numpy as np
import pandas as pd
import pytest

from pipeline.encoding.codes import are_codes, may_be_codes
from pipeline.encoding.columns import CodedColumn, code_table, number_column
from pipeline.encoding.target_means import target_columns
from pipeline.encoding.views import FoldEncoder
from pipeline.problem import Feature
from pipeline.settings import Encode

ROWS = 4000
LEVELS = 200


def found(column: CodedColumn, y: np.ndarray, classes: int | None) -> bool:
    return may_be_codes(column, 12) and are_codes(column, target_columns(y, classes))


def drawn(effect, seed: int, classes: int | None) -> tuple[np.ndarray, np.ndarray]:
    """A level 0, 1, ... for each row, and a target that `effect` (levels,) is a part of."""
    rng = np.random.default_rng(seed)
    level = rng.integers(len(effect), size=ROWS)
    score = effect[level] + rng.logistic(size=ROWS)
    return level, score if classes is None else np.digitize(score, np.linspace(-1, 1, classes - 1))


@pytest.mark.parametrize("classes", [None, 2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_arbitrary_numbers_for_levels_are_codes_and_ordered_ones_are_not(classes, seed):
    ordered = np.linspace(-2, 2, LEVELS)
    level, y = drawn(ordered, seed, classes)
    numbers = np.random.default_rng(seed + 10).choice(100_000, size=LEVELS, replace=False)
    assert found(number_column("a", numbers[level].astype(float)), y, classes)
    assert not found(number_column("a", np.sort(numbers)[level].astype(float)), y, classes)


def test_codes_of_a_few_rows_each_are_found_where_a_class_is_rare():
    """As employees' access: 2,000 levels on 12,000 rows, one row of twenty in the second class."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        level = rng.integers(2000, size=12_000)
        score = 1.5 * rng.normal(size=2000)[level] + rng.logistic(size=12_000)
        y = (score > np.quantile(score, 0.95)).astype(int)
        numbers = rng.permutation(300_000)[:2000]
        assert found(number_column("a", numbers[level].astype(float)), y, 2)
        assert not found(number_column("a", level.astype(float)), rng.permutation(y), 2)


@pytest.mark.parametrize(
    "effect",
    [
        np.zeros(LEVELS),
        np.sin(np.linspace(0, 12, LEVELS)),
        np.repeat([-1.5, 1.5, 0.0, 2.0], LEVELS // 4),
        np.log1p(np.arange(LEVELS)) - 4,
        np.append(3.0, np.zeros(LEVELS - 1)),
    ],
    ids=["no effect", "waves", "steps", "logarithm", "one special value"],
)
def test_quantities_are_no_codes(effect):
    for seed in range(5):
        level, y = drawn(effect, seed, 2)
        assert not found(number_column("a", level.astype(float)), y, 2)


def test_one_common_value_of_its_own_makes_no_codes():
    for seed in range(5):
        level, y = drawn(np.zeros(LEVELS), seed, None)
        special = np.random.default_rng(seed).random(ROWS) < 0.02
        level = np.where(special, LEVELS // 2, level).astype(float)
        assert not found(number_column("a", level), y + 6 * special, None)


def test_counts_with_a_common_zero_are_no_codes():
    rng = np.random.default_rng(0)
    for _ in range(5):
        count = np.floor(rng.exponential(10, size=ROWS) * (rng.random(ROWS) < 0.3))
        y = (np.sqrt(count) + rng.logistic(size=ROWS) > 1).astype(int)
        assert not found(number_column("a", count), y, 2)


def test_fractions_few_values_and_values_that_hardly_repeat_are_not_asked():
    rng = np.random.default_rng(0)
    halves = rng.integers(100, size=ROWS) / 2
    for numbers in (halves, rng.integers(12, size=ROWS) * 7.0, rng.permutation(ROWS) * 1.0):
        assert not may_be_codes(number_column("a", numbers), 12)
    assert may_be_codes(number_column("a", np.append(np.floor(halves), np.nan)), 12)


def test_a_column_of_codes_gets_a_target_mean_and_keeps_its_numbers():
    level, y = drawn(np.random.default_rng(1).normal(size=LEVELS), 0, 2)
    frame = pd.DataFrame({"store": level, "size": np.sort(level), "when": "2020-01-01"})
    frame["when"] = (pd.Timestamp("2020-01-01") + pd.to_timedelta(level, unit="D")).astype("str")
    features = [Feature("store", "number"), Feature("size", "number"), Feature("when", "date")]
    table = code_table(frame, features)
    encoder = FoldEncoder(Encode(), features, 2)
    tree = encoder.fit_transform(table, y, np.random.default_rng(0), "tree")
    for view in ("tree", "dense"):
        means = [name for name in encoder.names(view) if name.endswith("target mean")]
        assert means == ["store target mean"]
    np.testing.assert_array_equal(tree[:, 0], level)
    assert encoder.codes() == ["store"]
    silent = FoldEncoder(Encode(target_means=()), features, 2)
    assert silent.fit(table, y, np.random.default_rng(0)).codes() == []
