"""A table's columns as distinct values and codes, so that a fold is encoded by looking up tables.

Coding is row by row in meaning: what a row becomes depends on that row alone. Whatever has to be
learned from several rows is learned later, from the training rows of a fold.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipeline.encoding.distribution import Distribution
from pipeline.encoding.precision import EXACT, counted_from
from pipeline.errors import DataError
from pipeline.problem import Feature

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.table import Frame

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Tokens:
    """What occurs in texts: token `tokens[i]` of the vocabulary stands in text `texts[i]`."""

    vocabulary: np.ndarray
    tokens: np.ndarray
    texts: np.ndarray


@dataclass(frozen=True)
class CodedColumn:
    """values (m,) distinct and ascending, float64 or str; codes (n,) in 0..m, m for missing, as
    `narrowed`: uint8, uint16 or int32, with which nothing may be computed before it is widened.

    Whole numbers that float64 does not hold are int64. `tokens` are those of a text's values.
    `repeats` marks a further part of a feature: its missing values are those of the first part.
    `choices` marks numbers of which each may mean something of its own, as the hours of a day do.
    `period` is that of a cycle, as the days of a year are.
    """

    name: str
    values: np.ndarray
    codes: np.ndarray
    kind: Literal["number", "category", "text", "cycle"]
    repeats: bool = False
    choices: bool = False
    tokens: Tokens | None = None
    period: float = 0.0

    def counts(self) -> np.ndarray:
        """Rows of each value, then the rows that miss it, (m + 1,)."""
        return np.bincount(self.codes, minlength=len(self.values) + 1)

    def distribution(self) -> Distribution:
        """Of the values that these rows have; values of other rows do not appear."""
        counts = self.counts()
        seen = np.flatnonzero(counts[:-1])
        return Distribution(self.values[seen], counts[seen], int(counts[-1]))

    def with_missing(self, origin: int = 0) -> np.ndarray:
        """The numbers, counted from an origin, (m + 1,) float64; NaN in the place of missing."""
        return np.append(counted_from(origin, self.values), np.nan)

    def missing_indicator(self) -> np.ndarray:
        """0 for each of the values, 1 for missing, (m + 1, 1) float32."""
        return (np.arange(len(self.values) + 1) == len(self.values)).astype(np.float32)[:, None]

    def decoded(self) -> np.ndarray:
        """What each row holds, (n,) objects; None where it misses."""
        return np.array([*self.values.tolist(), None], dtype=object)[self.codes]

    def take(self, rows: np.ndarray) -> "CodedColumn":
        return replace(self, codes=self.codes[rows])


@dataclass(frozen=True)
class CodedTable:
    """n rows: by feature the columns that it became, one or, of a date or a text, several."""

    columns: Mapping[str, tuple[CodedColumn, ...]]
    rows: int

    def take(self, rows: np.ndarray) -> "CodedTable":
        """The table of these row numbers."""
        taken = {
            name: tuple(column.take(rows) for column in columns)
            for name, columns in self.columns.items()
        }
        return CodedTable(taken, len(rows))

    def digests(self) -> dict[str, str]:
        """SHA-256 of what each feature became, by name."""
        return {name: _digest(columns) for name, columns in self.columns.items()}


def code_table(
    frame: "Frame", features: Sequence[Feature], more: "Frame | None" = None
) -> CodedTable:
    """These columns of a frame, each read as its kind says; `more` rows come after the frame's.

    Raises DataError naming the columns that the frame lacks.
    """
    import pandas as pd

    absent = [feature.name for feature in features if feature.name not in frame.columns]
    if absent:
        raise DataError(
            f"rows to encode: found no column {', '.join(map(repr, absent))}; "
            f"needed are {', '.join(repr(feature.name) for feature in features)}. "
            "Give a file with the same columns as the training file."
        )
    frames = [frame] if more is None else [frame, more]
    columns = {}
    for each in features:
        parts = [part[each.name] for part in frames]
        series = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
        columns[each.name] = code_column(each, series)
    return CodedTable(columns, sum(map(len, frames)))


def code_column(feature: Feature, series: "pd.Series[Any]") -> tuple[CodedColumn, ...]:
    """A feature's column, or the columns that a date or a text becomes."""
    name, kind = feature.name, feature.kind
    if kind == "date":
        from pipeline.encoding.dates import code_dates

        return code_dates(name, series)
    if kind == "text":
        from pipeline.encoding.text import code_texts

        return code_texts(name, series)
    if kind == "category":
        return (CodedColumn(name, *label_codes(series), "category"),)
    return (number_column(name, to_numbers(series)),)


def number_column(
    name: str, numbers: np.ndarray, *, repeats: bool = False, choices: bool = False
) -> CodedColumn:
    """Numbers (n,) with NaN for missing -> column."""
    import pandas as pd

    # -0.0 and 0.0 are one value; which of them stands for both must not depend on other rows
    codes, values = pd.factorize(numbers + 0, sort=True)
    known = narrowed(np.where(codes < 0, len(values), codes), len(values))
    return CodedColumn(name, values, known, "number", repeats, choices)


def narrowed(codes: np.ndarray, values: int) -> np.ndarray:
    """Codes (n,) in 0..values as the narrowest type that holds them."""
    for narrow in (np.uint8, np.uint16):
        if values <= np.iinfo(narrow).max:
            return codes.astype(narrow)
    return codes.astype(np.int32)


def to_numbers(series: "pd.Series[Any]") -> np.ndarray:
    """float64 (n,): what is no finite number becomes NaN, what float32 cannot hold is clipped.

    int64 (n,) where some are whole numbers that float64 would round.
    """
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(series.dtype):
        series = pd.to_numeric(series, errors="coerce")
    if str(series.dtype) in ("int64", "Int64") and not series.hasnans:
        whole = series.to_numpy(dtype=np.int64)
        if len(whole) and (whole.max() > EXACT or whole.min() < -EXACT):
            return whole
    numbers = series.to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(numbers), np.clip(numbers, -LARGEST, LARGEST), np.nan)


def label_codes(series: "pd.Series[Any]") -> tuple[np.ndarray, np.ndarray]:
    """Any values as labels: distinct labels (m,) ascending, and codes (n,)."""
    import pandas as pd

    if series.dtype == object:
        # 1, 1.0 and True are one key to pandas but three labels: name them before they are counted
        named = [None if np.all(pd.isna(value)) else to_label(value) for value in series]
        series = pd.Series(named, dtype="str")
    codes, found = pd.factorize(series)
    labels = np.array([to_label(value) for value in found], dtype=object)
    values, place = np.unique(labels, return_inverse=True)
    known = np.append(place, len(values))
    return values, narrowed(known[codes], len(values))


def to_label(value: Any) -> str:
    """Text of a category; 3.0 is '3', for a column of whole numbers with gaps is read as floats."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def positions(values: np.ndarray, among: Sequence[Any]) -> np.ndarray:
    """Where each value stands in `among`, (m,); -1 where it does not."""
    import pandas as pd

    return np.asarray(pd.Index(among, dtype=object).get_indexer(pd.Index(values, dtype=object)))


def _digest(columns: Sequence[CodedColumn]) -> str:
    """SHA-256 of names, kinds, values and codes; tokens follow from the values."""
    found = hashlib.sha256()
    for column in columns:
        about = [column.name, column.kind, column.repeats, column.choices, str(column.values.dtype)]
        about += [column.period] if column.kind == "cycle" else []
        found.update(repr(about).encode())
        # one name for the same codes, however narrow they are
        for array in (*_arrays(column.values), column.codes.astype(np.int32, copy=False)):
            found.update(f"{array.dtype}{array.shape}".encode())
            found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def _arrays(values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Numbers as they are; of texts the letters, one after another, and where each text ends."""
    if values.dtype != object:
        return (values,)
    texts = [text.encode("utf-8", "surrogatepass") for text in values]
    letters = np.frombuffer(b"".join(texts), dtype=np.uint8)
    return letters, np.cumsum([len(text) for text in texts], dtype=np.int64)
