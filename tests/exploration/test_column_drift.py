"""Drift: distances and p-values against SciPy's and against shuffling."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.exploration import column_drift
from pipeline.exploration.column_drift import ColumnDrift, caption
from pipeline.problem import Feature


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_kolmogorov_smirnov_matches_scipy_on_continuous_data(rng):
    for shift in (0.0, 0.05, 0.1):
        one, other = rng.normal(size=2000), rng.normal(shift, size=1500)

        distance, p = column_drift.kolmogorov_smirnov(one, other)
        oracle = stats.ks_2samp(one, other, method="asymp")

        assert distance == pytest.approx(oracle.statistic, abs=1e-12)
        assert p == pytest.approx(oracle.pvalue, abs=0.02)


@pytest.mark.parametrize("distance", [0.05, 0.1])
def test_the_p_value_of_two_values_is_that_of_the_hypergeometric_law(distance):
    """Of 300 rows with one value, how many of 500 are among the 200 drawn."""
    ones = np.arange(201)
    apart = np.abs(ones / 200 - (300 - ones) / 300)
    exact = stats.hypergeom(500, 300, 200).pmf(ones)[apart >= distance - 1e-9].sum()

    found = column_drift.shuffled_p(distance, np.array([300, 200]), 200)

    assert found == pytest.approx(exact, abs=3 * np.sqrt(exact / column_drift.SHUFFLES))


def test_ties_do_not_make_the_p_value_too_great(rng):
    """Against shuffling the two samples, which is right whatever the ties."""
    one, other = rng.integers(1, 6, 400).astype(float), rng.integers(1, 6, 250).astype(float)
    other[rng.random(250) < 0.2] = 5
    distance, p = column_drift.kolmogorov_smirnov(one, other)

    both, as_far = np.concatenate([one, other]), 0
    for _ in range(2000):
        shuffled = rng.permutation(both)
        found = stats.ks_2samp(shuffled[:400], shuffled[400:], method="asymp").statistic
        as_far += found >= distance - 1e-12

    assert p == pytest.approx(as_far / 2000, abs=0.01)
    assert stats.ks_2samp(one, other, method="asymp").pvalue > 2 * p


def test_values_that_go_missing_are_drift(rng):
    values = rng.normal(size=500)
    holes = np.where(rng.random(500) < 0.3, np.nan, rng.normal(size=500))

    distance, p = column_drift.kolmogorov_smirnov(values, holes)

    assert distance == pytest.approx(np.isnan(holes).mean(), abs=0.06)
    assert p < 1e-6


def test_total_variation_and_chi_square_match_scipy():
    one, other = np.array([50, 30, 20]), np.array([30, 40, 30])

    distance, p = column_drift.total_variation(one, other)

    assert distance == pytest.approx(0.2)  # by hand: half of 0.2 + 0.1 + 0.1
    assert p == pytest.approx(stats.chi2_contingency([one, other], correction=False).pvalue)


def test_rare_levels_are_counted_together_and_no_row_is_lost(rng):
    values = pd.Series([f"level {i}" for i in rng.zipf(1.6, 900)])
    counts = column_drift.level_counts(values[:600], values[600:].mask(rng.random(300) < 0.1))

    pooled = column_drift.pool_rare(counts)

    assert pooled.sum(axis=1).tolist() == [600, 300]
    assert (pooled.sum(axis=0) / 3 >= 5).all()  # test has a third of the rows


COLUMNS = [
    Feature("number", "number"),
    Feature("rating", "number"),
    Feature("word", "category"),
    Feature("prose", "text"),
]


def table(rng, rows, shift=0.0):
    return pd.DataFrame(
        {
            "number": rng.normal(shift, size=rows),
            "rating": rng.integers(1, 6, rows),
            "word": pd.Series(rng.choice(["a", "b", "c"], rows), dtype="str"),
            "prose": pd.Series(["x" * n for n in rng.integers(1, 90, rows)], dtype="str"),
        }
    )


def test_false_alarms_are_as_rare_as_the_level_says(rng):
    """Corrected, at most 5 of 100 pairs of equal tables may show any drift."""
    alarms = sum(
        any(
            not found.is_noise
            for found in column_drift.column_drifts(table(rng, 300), table(rng, 200), COLUMNS)
        )
        for _ in range(100)
    )

    assert alarms <= 5 + 3 * np.sqrt(100 * 0.05 * 0.95)


def test_the_order_of_rows_does_not_matter(rng):
    train, test = table(rng, 300), table(rng, 200)
    shuffled = train.sample(frac=1, random_state=1), test.sample(frac=1, random_state=2)

    assert column_drift.column_drifts(*shuffled, COLUMNS) == column_drift.column_drifts(
        train, test, COLUMNS
    )


def test_a_moved_column_is_found_and_the_others_are_noise(rng):
    found = column_drift.column_drifts(table(rng, 600), table(rng, 400, shift=0.5), COLUMNS)

    assert [one.column for one in found if not one.is_noise] == ["number"]
    assert found[0].verdict == "drift"


def test_levels_that_train_never_showed_are_counted():
    train = pd.DataFrame({"word": pd.Series(["a"] * 50 + ["b"] * 50, dtype="str")})
    test = pd.DataFrame({"word": pd.Series(["a"] * 30 + ["z"] * 10, dtype="str")})

    (found,) = column_drift.column_drifts(train, test, [Feature("word", "category")])

    assert found.unseen == 0.25
    assert not found.is_noise


def test_levels_that_are_all_rare_are_not_called_noise():
    train = pd.DataFrame({"word": pd.Series([f"t{i}" for i in range(60)], dtype="str")})
    test = pd.DataFrame({"word": pd.Series([f"u{i}" for i in range(60)], dtype="str")})

    (found,) = column_drift.column_drifts(train, test, [Feature("word", "category")])

    assert (found.verdict, found.unseen) == ("not tested", 1.0)


def drifted(column: str, value: float, p: float) -> ColumnDrift:
    return ColumnDrift(column, "Kolmogorov-Smirnov", value, p / 2, p, None)


def test_drift_is_distinguished_from_noise():
    noise = [drifted("a", 0.02, 0.8), drifted("b", 0.03, 0.3)]

    assert "no column differs" in caption(noise)
    assert "1 column differs between train and test beyond chance: 'c' (0.40)" in (
        caption([*noise, drifted("c", 0.4, 0.001)])
    )
