"""Corrected p-values: by hand, and against SciPy."""

import numpy as np
from numpy.testing import assert_allclose
from scipy.stats import chi2_contingency

from pipeline.exploration.significance import chi_square, holm


def test_holm_by_hand():
    assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    assert_allclose(holm(np.array([0.9, 0.8])), [1.0, 1.0])
    assert holm(np.empty(0)).size == 0


def test_the_smallest_of_many_p_values_are_corrected_as_among_all():
    p = np.random.default_rng(0).random(500) ** 3
    smallest = np.argsort(p)[:20]
    assert_allclose(holm(p[smallest], tests=500), holm(p)[smallest])


def test_empty_rows_and_columns_of_a_table_do_not_count():
    full = np.array([[30, 10], [10, 30]])
    holes = np.array([[30, 0, 10], [0, 0, 0], [10, 0, 30]])

    assert chi_square(holes) == chi_square(full)
    assert chi_square(full)[0] == 20.0  # Σ (30 - 20)² / 20 over four cells
    assert chi_square(np.array([[3, 4]])) == (0.0, 1.0)


def test_chi_square_is_that_of_scipy_to_the_last_digit():
    rng = np.random.default_rng(0)
    for rate in (2.0, 50.0, 5000.0):
        table = 1 + rng.poisson(rate, size=(rng.integers(2, 14), rng.integers(2, 9)))
        found = chi2_contingency(table, correction=False)
        assert chi_square(table) == (found.statistic, found.pvalue)
