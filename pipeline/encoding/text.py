"""A text becomes its length in characters and words, and the presence of the most common words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.config import Encode
from pipeline.encoding.columns import Column, TextColumn, label_codes, number_column, positions

if TYPE_CHECKING:
    import pandas as pd

MOST_TOKENS = 20
LEAST_SHARE, LARGEST_SHARE = 0.02, 0.98


def read_texts(name: str, series: "pd.Series[Any]") -> dict[str, Column]:
    """Texts -> number columns of characters and words, and the column of tokens."""
    values, codes = label_codes(series)
    lengths, text_of, word_of, vocabulary = split_words(values)
    counts = np.bincount(text_of, minlength=len(values))
    # a word that a text repeats is one token of it; np.unique is ten times slower here
    pairs = np.sort(text_of * max(len(vocabulary), 1) + word_of)
    texts, tokens = np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], max(len(vocabulary), 1))
    return {
        f"{name} characters": number_column(np.append(lengths, np.nan)[codes]),
        f"{name} words": number_column(np.append(counts, np.nan)[codes], repeats=True),
        name: TextColumn(values, codes, "text", True, vocabulary, tokens, texts),
    }


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
    def fit(cls, column: TextColumn, settings: Encode) -> "TokenEncoder":
        counts = column.counts()
        rows = np.bincount(
            column.tokens, weights=counts[column.texts], minlength=len(column.vocabulary)
        )
        share = rows / max(len(column.codes), 1)
        common = np.flatnonzero((share >= LEAST_SHARE) & (share <= LARGEST_SHARE))
        ranked = sorted(common, key=lambda token: (-rows[token], column.vocabulary[token]))
        return cls([str(column.vocabulary[token]) for token in ranked[:MOST_TOKENS]])

    def tree(self, column: TextColumn) -> np.ndarray:
        """(m + 1, tokens) float32 by text; a missing text has no tokens."""
        table = np.zeros((len(column.values) + 1, len(self.tokens)), dtype=np.float32)
        token = positions(column.vocabulary, self.tokens)[column.tokens]
        table[column.texts[token >= 0], token[token >= 0]] = 1
        return table

    def dense(self, column: TextColumn) -> np.ndarray:
        return self.tree(column)

    def tree_names(self, name: str) -> list[str]:
        return [f"{name} has {token}" for token in self.tokens]

    def dense_names(self, name: str) -> list[str]:
        return self.tree_names(name)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "TokenEncoder":
        return cls(**state)
