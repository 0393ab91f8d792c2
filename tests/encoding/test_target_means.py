import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import TargetEncoder

from pipeline.encoding.columns import CodedColumn, code_column
from pipeline.encoding.target_means import (
    MOST,
    UNKNOWN,
    TargetMeans,
    cross_fit,
    inner_folds,
    target_columns,
    variance_ratio,
)
from pipeline.problem import Feature


def column(labels) -> CodedColumn:
    (found,) = code_column(Feature("a", "category"), pd.Series(labels, dtype="str"))
    return found


def test_cross_fitted_means_by_hand():
    # rows      0    1    2    3    4    5
    levels = ["a", "a", "b", "a", "b", "c"]
    y = np.array([[1.0], [0], [1], [1], [0], [1]])
    inner = np.array([0, 0, 0, 1, 1, 1])
    # fold 0 learns from rows 3-5: overall 2/3, a 1 of 1, b 0 of 1;
    # fold 1 learns from rows 0-2: overall 2/3, a 1 of 2, b 1 of 1, c none. Smoothing is 2.
    overall = 2 / 3
    expected = [
        (1 + 2 * overall) / 3,
        (1 + 2 * overall) / 3,
        (0 + 2 * overall) / 3,
        (1 + 2 * overall) / 4,
        (1 + 2 * overall) / 3,
        overall,
    ]
    assert_allclose(cross_fit(column(levels), y, inner, 2.0)[:, 0], expected)


@pytest.mark.parametrize("classes", [None, 2, 3])
@pytest.mark.parametrize("smoothing", [0.0, 10.0])
def test_means_of_new_rows_are_scikit_learns(classes, smoothing):
    rng = np.random.default_rng(0)
    labels = rng.choice(list("abcdefgh"), size=300)
    y = rng.normal(size=300) if classes is None else rng.integers(classes, size=300)
    kind = {None: "continuous", 2: "binary", 3: "multiclass"}[classes]
    oracle = TargetEncoder(smooth=smoothing, target_type=kind).fit(labels.reshape(-1, 1), y)
    new = np.array([*"abcdefgh", "unseen"])

    fitted, _ = TargetMeans.fit(
        column(labels), target_columns(y, classes), inner_folds(300, rng), smoothing
    )

    found = column(new)
    expected = oracle.transform(new.reshape(-1, 1))
    expected = expected[:, 1:] if classes == 3 else expected
    assert_allclose(fitted.by_value(found, "tree")[found.codes], expected, rtol=1e-12)


@pytest.mark.parametrize(("between", "within"), [(1.0, 2.0), (3.0, 0.5)])
def test_smoothing_is_the_ratio_of_the_variances(between, within):
    rng = np.random.default_rng(0)
    codes = rng.integers(2000, size=20_000)
    y = 5.0 + between * rng.normal(size=2000)[codes] + within * rng.normal(size=20_000)
    sums, counts = np.bincount(codes, y)[:, np.newaxis], np.bincount(codes)[:, np.newaxis]
    found = variance_ratio(sums, counts, np.array([np.sum(y**2)]))
    assert found == pytest.approx(within**2 / between**2, rel=0.1)


def test_levels_that_do_not_differ_get_the_overall_mean_and_single_rows_some_smoothing():
    y, ones = np.array([[1.0], [2.0], [3.0]]), np.ones((3, 1))
    assert variance_ratio(y, ones, np.array([14.0])) == UNKNOWN
    same = np.full((3, 1), 10.0)
    assert variance_ratio(same, 5 * ones, np.array([40.0])) == MOST


@pytest.mark.parametrize("smoothing", [1.0, "auto"])
@pytest.mark.parametrize("classes", [None, 2])
def test_a_rows_own_label_never_enters_its_value(classes, smoothing):
    rng = np.random.default_rng(0)
    labels = column([*rng.choice(list("abcdefgh"), size=97), None, None, "alone"])
    y = rng.normal(size=100) * 1e6 if classes is None else rng.integers(2, size=100)
    inner = inner_folds(100, rng)
    before = cross_fit(labels, target_columns(y, classes), inner, smoothing)
    for row in range(100):
        changed = y.copy()
        changed[row] = -1e9 if classes is None else 1 - y[row]
        after = cross_fit(labels, target_columns(changed, classes), inner, smoothing)
        assert after[row].tobytes() == before[row].tobytes()
        assert (after != before).any()


def test_categories_of_no_meaning_are_unrelated_to_the_label():
    rng = np.random.default_rng(0)
    labels = column(rng.integers(1000, size=2000).astype(str))
    y = rng.integers(2, size=2000)
    fitted, crossed = TargetMeans.fit(
        labels, target_columns(y, 2), inner_folds(2000, rng), smoothing=1.0
    )
    own = fitted.by_value(labels, "tree")[labels.codes]
    assert np.corrcoef(own[:, 0], y)[0, 1] > 0.5  # what a model would be misled by
    assert abs(np.corrcoef(crossed[:, 0], y)[0, 1]) < 3 / np.sqrt(2000)


def test_missing_is_a_level_and_unseen_gets_the_overall_mean():
    labels = column(["a", "a", None, None, None])
    y = np.array([[1.0], [1], [0], [0], [1]])
    fitted, _ = TargetMeans.fit(labels, y, np.arange(5), smoothing=0.0)
    new = column(["a", None, "unseen"])
    assert_allclose(fitted.by_value(new, "tree")[new.codes][:, 0], [1, 1 / 3, 3 / 5])


def test_inner_folds_are_even_and_know_no_labels():
    folds = inner_folds(103, np.random.default_rng(0))
    assert_array_equal(np.bincount(folds), [21, 21, 21, 20, 20])
