"""Which words a column has, and which of them two columns share: answered by Arrow, column by
column, without an object a row."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FEW = 1000  # words that often show what all of them would


def arrow(words: "pd.Series | pd.Index") -> "pa.ChunkedArray":
    """The words (n,) as Arrow has them; nothing is copied where they are such."""
    import pyarrow as pa

    found = pa.array(words, from_pandas=True)
    if not isinstance(found, pa.ChunkedArray):
        found = pa.chunked_array([found])
    return found if found.type == pa.large_string() else found.cast(pa.large_string())


def known(words: "pd.Series") -> "pd.Series":
    """The words that are not missing; the column itself where none is."""
    return words.dropna() if words.hasnans else words


def counts(words: "pd.Series") -> "pd.Series":
    """How many rows have each word, by word in the order of the first rows; missing ones left
    out."""
    return words.value_counts(sort=False)


def total(each: "Iterable[pd.Series]") -> "pd.Series":
    """The counts of several columns together, as of one column after the other."""
    import pandas as pd

    return pd.concat(each).groupby(level=0, sort=False).sum()


def first(values: "pd.Series", most: int) -> np.ndarray:
    """The first so many different values of a column, none missing, in their order."""
    few = values.iloc[: FEW + most].dropna().unique()
    found = few if len(few) >= most else values.dropna().unique()
    return np.asarray(found[:most])


def is_unique(words: "pd.Series") -> bool:
    """Whether all are different; two that are missing are not."""
    return (_are_words(words) and _count_up(arrow(words))) or words.is_unique


def _count_up(words: "pa.ChunkedArray") -> bool:
    """Whether these are whole numbers, each greater than the one before: then no two are the same,
    as nearly all ids show at little cost."""
    import pyarrow as pa

    for part in (words.slice(0, FEW), words):
        with suppress(pa.ArrowInvalid):
            numbers = part.cast(pa.int64())
            if numbers.null_count == 0 and (np.diff(numbers.to_numpy()) > 0).all():
                continue
        return False
    return True


def are_in(words: "pd.Series | pd.Index", others: "pd.Series | pd.Index") -> np.ndarray:
    """(n,) bool: which of the words are among the others."""
    from pyarrow import compute

    if not (_are_words(words) and _are_words(others)):
        return np.asarray(words.isin(others))
    one, other = arrow(words), arrow(others)
    if one.equals(other):
        return np.ones(len(one), dtype=bool)
    return np.asarray(compute.is_in(one, value_set=other).to_numpy())


def places(words: "pd.Series", others: "pd.Series") -> np.ndarray:
    """(n,) where each of the words stands among the others, none of which is there twice; -1 where
    it does not."""
    import pandas as pd
    from pyarrow import compute

    if not (_are_words(words) and _are_words(others)):
        return np.asarray(pd.Index(others).get_indexer(pd.Index(words)))
    one, other = arrow(words), arrow(others)
    if one.equals(other):
        return np.arange(len(one))
    found = compute.index_in(one, value_set=other, skip_nulls=True)
    return np.asarray(compute.fill_null(found, -1).to_numpy())


def are_alike(one: "pd.Series", other: "pd.Series") -> bool:
    """Whether both are the same words in the same order."""
    return one.array.equals(other.array) or list(one) == list(other)


def share_any(one: "pd.Series", other: "pd.Series") -> bool:
    """Whether a word is in both."""
    return bool(are_in(one, other.iloc[:FEW]).any() or are_in(one, other).any())


def are_same(one: "pd.Series", other: "pd.Series") -> bool:
    """Whether both have the same words, in any order and number."""
    return bool(are_in(one, other).all() and are_in(other, one).all())


def _are_words(values: "pd.Series | pd.Index") -> bool:
    return str(values.dtype) == "str"
