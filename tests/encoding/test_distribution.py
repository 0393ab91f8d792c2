import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import skew

from pipeline.encoding.distribution import Distribution


def counted(rows: np.ndarray) -> Distribution:
    values, counts = np.unique(rows, return_counts=True)
    return Distribution(values, counts)


@pytest.mark.parametrize("seed", range(5))
def test_quantiles_are_those_of_the_rows(seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 12, size=rng.integers(1, 60)) * 0.7
    for share in (0, 0.1, 0.25, 0.5, 0.75, 0.99, 1):
        assert_allclose(counted(rows).quantile(share), np.quantile(rows, share), rtol=1e-14)


def test_skewness_is_scipys():
    rows = np.random.default_rng(0).exponential(size=400).round(1)
    assert_allclose(counted(rows).skewness(), skew(rows), rtol=1e-12)


def test_nothing_to_measure_is_zero():
    nothing = Distribution(np.array([]), np.array([], dtype=int), missing=3)
    assert (nothing.rows, nothing.quantile(0.5), nothing.skewness()) == (0, 0.0, 0.0)
    assert counted(np.ones(4)).skewness() == 0.0
