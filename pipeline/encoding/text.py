"""A text becomes its length in characters and words, and the presence of the most common words."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.encoding import View
from pipeline.encoding.columns import CodedColumn, Tokens, label_codes, number_column, positions
from pipeline.settings import Encode

if TYPE_CHECKING:
    import pandas as pd

MOST_TOKENS = 20
LEAST_SHARE, LARGEST_SHARE = 0.02, 0.98


def code_texts(name: str, series: "pd.Series[Any]") -> tuple[CodedColumn, ...]:
    """Texts -> number columns of characters and words, and the column of tokens."""
    values, codes = label_codes(series)
    lengths, counts, found = find_tokens(values)
    return (
        number_column(f"{name} characters", np.append(lengths, np.nan)[codes]),
        number_column(f"{name} words", np.append(counts, np.nan)[codes], repeats=True),
        CodedColumn(name, values, codes, "text", repeats=True, tokens=found),
    )


def find_tokens(texts: np.ndarray) -> tuple[np.ndarray, np.ndarray, Tokens]:
    """Texts (m,) -> characters (m,), words (m,), and the words as tokens of their texts."""
    lengths, text_of, word_of, vocabulary = split_words(texts)
    counts = np.bincount(text_of, minlength=len(texts))
    # a word that a text repeats is one token of it; np.unique is ten times slower here
    pairs = np.sort(text_of * max(len(vocabulary), 1) + word_of)
    of, tokens = np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], max(len(vocabulary), 1))
    return lengths, counts, Tokens(vocabulary, tokens, of)


def split_words(texts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Texts (m,) -> characters (m,); and for each word of them all, in order, the number of its
    text and its number in the vocabulary; and the vocabulary, in lower case."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = pa.array(texts, type=pa.large_string())
    words = pc.split_pattern_regex(pc.utf8_lower(array), r"[^\p{L}\p{N}]+")
    flat = pc.list_flatten(words)
    # a text that begins or ends with a separator has an empty word there
    filled = pc.not_equal(flat, "").to_numpy(zero_copy_only=False)
    encoded = flat.dictionary_encode()
    return (
        pc.utf8_length(array).to_numpy(),
        pc.list_parent_indices(words).to_numpy()[filled],
        encoded.indices.to_numpy()[filled].astype(np.int64),
        np.array(encoded.dictionary.to_pylist(), dtype=object),
    )


@dataclass(frozen=True)
class TokenEncoder:
    """1 where a token occurs in the text, else 0; tokens are runs of letters and digits.

    Taken are the most common ones of those in 2 to 98 per cent of the training rows.
    """

    tokens: list[str]

    @classmethod
    def fit(cls, column: CodedColumn, settings: Encode) -> "TokenEncoder":
        counts, found = column.counts(), _tokens(column)
        rows = np.bincount(
            found.tokens, weights=counts[found.texts], minlength=len(found.vocabulary)
        )
        share = rows / max(len(column.codes), 1)
        common = np.flatnonzero((share >= LEAST_SHARE) & (share <= LARGEST_SHARE))
        ranked = sorted(common, key=lambda token: (-rows[token], found.vocabulary[token]))
        return cls([str(found.vocabulary[token]) for token in ranked[:MOST_TOKENS]])

    def by_value(self, column: CodedColumn, view: View) -> np.ndarray:
        """(m + 1, tokens) float32 by text, the same in both views; a missing text has no tokens."""
        found = _tokens(column)
        table = np.zeros((len(column.values) + 1, len(self.tokens)), dtype=np.float32)
        token = positions(found.vocabulary, self.tokens)[found.tokens]
        table[found.texts[token >= 0], token[token >= 0]] = 1
        return table

    def names(self, name: str, view: View) -> list[str]:
        return [f"{name} has {token}" for token in self.tokens]


def _tokens(column: CodedColumn) -> Tokens:
    assert column.tokens is not None, "a column of texts has them"
    return column.tokens
