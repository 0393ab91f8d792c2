import numpy as np
from numpy.testing import assert_allclose
from scipy.stats import norm, rankdata

from pipeline.normal_scores import KNOTS, NormalScores


def test_scores_are_the_normal_quantiles_of_mean_ranks() -> None:
    y = np.array([3.0, 1.0, 2.0, 2.0, 100.0])
    expected = norm.ppf((rankdata(y) - 0.5) / 5)
    found = NormalScores.fit(y)
    assert_allclose(found.apply(y), expected)
    assert_allclose(found.undo(found.apply(y)), y)
    assert_allclose(found.undo(np.array([-9.0, 9.0])), [1, 100])


def test_scores_do_not_depend_on_the_shape_of_the_target() -> None:
    y = np.random.default_rng(0).normal(size=200)
    assert_allclose(
        NormalScores.fit(np.exp(5 * y)).apply(np.exp(5 * y)), NormalScores.fit(y).apply(y)
    )


def test_of_many_values_some_are_kept_and_the_others_lie_between_them() -> None:
    y = np.random.default_rng(0).exponential(size=20_000)
    found = NormalScores.fit(y)
    assert len(found.values) <= KNOTS
    assert (found.values[0], found.values[-1]) == (y.min(), y.max())
    inner = np.abs(rankdata(y) / len(y) - 0.5) < 0.495
    assert_allclose(found.undo(found.apply(y)), y, rtol=1e-9)
    assert_allclose(found.apply(y)[inner], norm.ppf((rankdata(y)[inner] - 0.5) / len(y)), atol=0.02)
