import numpy as np
import pandas as pd
from numpy.testing import assert_array_equal

from pipeline.encoding.columns import code_column
from pipeline.encoding.text import TokenEncoder
from pipeline.problem import Feature
from pipeline.settings import Encode


def parts(texts):
    found = code_column(Feature("a", "text"), pd.Series(texts, dtype="str"))
    return {part.name: part for part in found}


def by_row(column, table):
    return table[column.codes]


def test_characters_and_words_are_counted():
    texts = ["Braund, Mr. Owen Harris", "한글 이름", "", "--", "Ö'x", None]
    read = parts(texts)
    characters, words = read["a characters"], read["a words"]
    assert_array_equal(characters.with_missing()[characters.codes], [23, 5, 0, 2, 3, np.nan])
    assert_array_equal(words.with_missing()[words.codes], [4, 2, 0, 0, 2, np.nan])
    assert words.repeats and not characters.repeats


def test_a_token_is_present_in_any_case_and_place():
    column = parts(["Mr. Owen", "the MR", "Mrs. Mr.Mr", "mrs", None])["a"]
    encoder = TokenEncoder(["mr", "mrs", "nowhere"])
    assert_array_equal(
        by_row(column, encoder.by_value(column, "dense")),
        [[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]],
    )


def test_taken_are_the_most_common_tokens_in_2_to_98_per_cent_of_the_rows():
    texts = [f"always n{row}" for row in range(100)]
    for token, rows in {"all": 100, "most": 98, "two": 2, "twice twice": 1}.items():
        texts[:rows] = [f"{text} {token}" for text in texts[:rows]]
    assert TokenEncoder.fit(parts(texts)["a"], Encode()).tokens == ["most", "two"]


def test_no_more_than_20_tokens_the_most_common_first():
    texts = [
        " ".join(f"t{token:02}" for token in range(30) if row < 80 - token) for row in range(100)
    ]
    assert TokenEncoder.fit(parts(texts)["a"], Encode()).tokens == [f"t{i:02}" for i in range(20)]


def test_tokens_of_other_rows_are_not_taken():
    column = parts(["a b"] * 5 + ["c"] * 50 + ["b"] * 5)["a"]
    rows = np.r_[:5, 55:60]
    assert TokenEncoder.fit(column.take(rows), Encode()).tokens == ["a"]
