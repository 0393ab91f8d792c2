"""TF-IDF agrees with scikit-learn's, and its directions with an exact decomposition."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.feature_extraction.text import TfidfVectorizer

from pipeline.encoding.columns import CodedColumn, code_column, label_codes
from pipeline.encoding.tfidf import Tfidf, is_text
from pipeline.problem import Feature

WORDS = [f"word{i:02}" for i in range(40)]


def drawn(rows: int, seed: int = 0) -> list[str | None]:
    """Texts of three to eight different words, rare ones and common ones; a few are missing."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, len(WORDS) + 1)
    texts = [
        " ".join(rng.choice(WORDS, size=rng.integers(3, 9), replace=False, p=share / share.sum()))
        for _ in range(rows)
    ]
    return [None if rng.random() < 0.05 else text for text in texts]


def text(texts) -> CodedColumn:
    return code_column(Feature("a", "text"), pd.Series(texts, dtype="str"))[-1]


def test_it_is_what_scikit_learn_gives():
    column = text(drawn(360))
    fitted = Tfidf.fit(column, 1000, 5)
    known = [each for each in column.decoded() if each is not None]
    words = TfidfVectorizer(sublinear_tf=True, min_df=3, norm=None).fit(known)
    letters = TfidfVectorizer(
        sublinear_tf=True, min_df=3, norm=None, analyzer="char_wb", ngram_range=(2, 4)
    ).fit(known)
    assert fitted.words == words.get_feature_names_out().tolist()
    assert fitted.letters == sorted(letters.get_feature_names_out())
    expected = np.hstack([each.transform(known).toarray() for each in (words, letters)])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    _, _, exact = np.linalg.svd(expected, full_matrices=False)
    # the lines that the directions lie on are alike, but for the last digits of an iteration
    overlap = np.abs(np.array(fitted.directions) @ exact[:3].T)
    assert_allclose(overlap[:3], np.eye(3), atol=0.05)
    found = fitted.by_value(column, "tree")[column.codes]
    missing = np.array([each is None for each in column.decoded()])
    assert_allclose(found[~missing], expected @ np.array(fitted.directions).T, atol=1e-9)
    assert (found[missing] == 0).all()


def test_texts_of_other_rows_are_not_looked_at():
    own, others = drawn(200), drawn(200, seed=1)
    rows = np.arange(200)
    one, other = (text([*own, *each]).take(rows) for each in (others, [f"q{t}" for t in others]))
    assert Tfidf.fit(one, 50, 3) == Tfidf.fit(other, 50, 3)
    assert len(Tfidf.fit(one, 50, 3).letters) == 50


def test_categories_are_texts_where_their_levels_are_of_several_words():
    def category(levels):
        return CodedColumn("a", *label_codes(pd.Series(levels * 3)), "category")

    titles = [f"{rank} of {unit}" for rank in ("Head", "Clerk") for unit in "abcdefgh"]
    assert is_text(category(titles), 12)
    assert not is_text(category(titles[:10]), 12)
    assert not is_text(category([f"street {i}" for i in range(20)]), 12)
    assert not is_text(category([f"C{i}" for i in range(20)]), 12)
    assert is_text(text(drawn(30)), 12)


def test_nothing_to_learn_from_gives_no_column_and_parts_of_another_are_refused():
    empty = text(["a", "b", None])
    fitted = Tfidf.fit(empty, 10, 5)
    assert fitted.names("a") == [] and fitted.by_value(empty, "dense").shape == (3, 0)
    whole = Tfidf.fit(text(drawn(150)), 10, 9)
    assert len(whole.directions) == 2  # one for 60 rows
    for part in ("words", "idf", "directions", "scale"):
        with pytest.raises(ValueError, match=r"its (terms|directions) have another|other"):
            replace(whole, **{part: getattr(whole, part)[1:]})
