"""A model must not separate what is alike, and must separate what is not."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.exploration.adversarial import (
    Adversarial,
    adversarial_validation,
    caption,
    joint_matrix,
)
from pipeline.parallel import workers
from pipeline.problem import Feature
from tests.exploration.test_column_drift import COLUMNS, table


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def validate(train, test, features=COLUMNS, parallel_map=map):
    matrix = joint_matrix(train, test, features)
    is_test = np.arange(len(matrix)) >= len(train)
    names = [feature.name for feature in features]
    return adversarial_validation(
        matrix, is_test, names, permutations=19, seed=0, parallel_map=parallel_map
    )


def test_equal_tables_cannot_be_separated(rng):
    found = validate(table(rng, 400), table(rng, 300))

    assert found.is_noise
    assert found.auc == pytest.approx(0.5, abs=0.07)
    assert np.mean(found.shuffled) == pytest.approx(0.5, abs=0.02)


def test_a_moved_table_is_separated_by_the_column_that_moved(rng):
    found = validate(table(rng, 400), table(rng, 300, shift=1.0))

    # two unit normals one apart: AUC = P(N(1, 2) > 0) = 0.76
    assert found.auc == pytest.approx(stats.norm.cdf(1 / np.sqrt(2)), abs=0.06)
    assert found.p == pytest.approx(1 / 20)  # no shuffle does as well: the smallest there is
    assert found.leading[0][0] == "number"


def test_names_that_never_repeat_separate_nothing(rng):
    """Random names are in train or in test, never in both; that alone is no difference."""
    names = pd.Series([f"{n:08x}" for n in rng.integers(0, 2**32, 700)], dtype="str")
    train, test = pd.DataFrame({"name": names[:400]}), pd.DataFrame({"name": names[400:]})

    assert validate(train, test, [Feature("name", "category")]).auc == pytest.approx(0.5, abs=0.07)


def test_one_process_and_two_give_the_same_numbers(rng):
    train, test = table(rng, 200), table(rng, 150)

    with workers(2) as parallel_map:
        assert validate(train, test, parallel_map=parallel_map) == validate(train, test)


def test_a_handful_of_rows_is_not_tested(rng):
    assert validate(table(rng, 400), table(rng, 5)) is None


def adversarial(auc: float, p: float) -> Adversarial:
    return Adversarial(auc, p, (0.48, 0.5, 0.52), 100, (("age", 0.7), ("fare", 0.2)))


@pytest.mark.parametrize(
    ("auc", "p", "words"),
    [
        (0.51, 0.4, "cannot separate"),
        (0.53, 0.02, "can barely separate"),
        (0.8, 0.02, "look at these columns"),
        (0.2, 1.0, "near duplicates"),
    ],
)
def test_adversarial_verdicts(auc, p, words):
    assert words in caption(adversarial(auc, p))
