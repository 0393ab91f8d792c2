import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.encoding.columns import number_column
from pipeline.encoding.scaling import Scaling


def fitted(rows: np.ndarray, log_skew: float = np.inf) -> Scaling:
    return Scaling.fit(number_column("a", rows).distribution(), log_skew)


def test_by_hand():
    # median 3, quartiles 2 and 4: z = (x - 3) / 2, and 6 / sqrt(1 + 2²) for x = 15
    scaling = fitted(np.array([1.0, 2, 3, 4, 5]))
    assert_allclose(scaling.transform(np.array([3.0, 15.0])), [0, 6 / np.sqrt(5)])


@pytest.mark.parametrize(("factor", "shift"), [(1000, 0), (0.001, 5), (3, -70)])
def test_units_do_not_matter(factor, shift):
    rows = np.random.default_rng(0).normal(size=200)
    expected = fitted(rows).transform(rows)
    changed = factor * rows + shift
    assert_allclose(fitted(changed).transform(changed), expected, atol=1e-9)
    assert_allclose(fitted(-rows).transform(-rows), -expected, atol=1e-12)


def test_order_is_kept_and_outliers_are_clipped():
    rows = np.append(np.random.default_rng(0).normal(size=300), [1e30, -1e30])
    scaled = fitted(rows).transform(np.sort(rows))
    assert (np.diff(scaled) > 0).all()
    assert np.abs(scaled).max() <= 3


def test_skewed_counts_are_scaled_by_their_logarithm():
    counts = np.floor(np.random.default_rng(0).exponential(20, size=500))
    assert_allclose(
        fitted(counts, log_skew=1.5).transform(counts),
        fitted(np.log1p(counts)).transform(np.log1p(counts)),
    )
    assert not fitted(counts - 1, log_skew=1.5).log
    assert not fitted(counts, log_skew=5).log
    assert not fitted(-counts, log_skew=1.5).log
    assert np.isfinite(fitted(counts, log_skew=1.5).transform(np.array([-3.0, -1.0]))).all()


@pytest.mark.parametrize(
    "rows",
    [[7.0] * 4, [1e308, -1e308, 0, 1], [5e-324, 0, 1e-323, 2e-323], [0.0] * 9 + [1], []],
    ids=["constant", "huge", "tiny", "no quartile range", "empty"],
)
def test_degenerate_columns_stay_finite(rows):
    column = number_column("a", np.clip(np.array(rows), -3.4e38, 3.4e38))
    scaling = Scaling.fit(column.distribution(), 1.5)
    assert np.isfinite(scaling.transform(np.array([*column.values, -3.4e38, 3.4e38]))).all()
