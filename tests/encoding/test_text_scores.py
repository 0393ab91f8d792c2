"""Scores of texts are scikit-learn's ridge regression on TF-IDF, and know no row's own label."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from pipeline.encoding.text_scores import TextScores
from pipeline.encoding.tfidf import Tfidf
from tests.encoding.test_tfidf import drawn, text

INNER = np.arange(300) % 5


def fitted(targets):
    column = text(drawn(300))
    tfidf = Tfidf.fit(column, 1000, 5)
    return (column, tfidf, *TextScores.fit(tfidf, column, targets, INNER))


def test_they_are_ridge_regression_on_all_terms_fitted_on_other_rows():
    targets = np.random.default_rng(0).normal(size=(300, 2)) * [1.0, 1e6]
    column, tfidf, scores, crossed = fitted(targets)
    rows = tfidf.matrix(column)[column.codes].toarray()
    expected = Ridge(alpha=1.0).fit(rows, targets).predict(rows)
    found = scores.by_value(tfidf, column, "tree")[column.codes]
    assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * targets.std(axis=0).max())
    others, own = INNER != 2, INNER == 2
    expected = Ridge(alpha=1.0).fit(rows[others], targets[others]).predict(rows[own])
    assert_allclose(crossed[own], expected, rtol=1e-2, atol=1e-3 * targets.std(axis=0).max())


def test_a_rows_score_does_not_change_with_its_own_label():
    targets = np.random.default_rng(1).normal(size=(300, 1))
    changed = targets.copy()
    changed[7] += 1000
    before, after = (fitted(each)[3] for each in (targets, changed))
    assert before[INNER[7] == INNER].tobytes() == after[INNER[7] == INNER].tobytes()
    assert (before[INNER[7] != INNER] != after[INNER[7] != INNER]).any()


def test_a_missing_text_has_the_score_of_no_words_and_parts_of_two_are_refused():
    column, tfidf, scores, _ = fitted(np.random.default_rng(2).normal(size=(300, 1)))
    assert scores.by_value(tfidf, column, "tree")[-1] == pytest.approx(scores.intercept)
    with pytest.raises(ValueError, match="other outputs"):
        TextScores(scores.weights, [*scores.intercept, 0.0], scores.scaling)
