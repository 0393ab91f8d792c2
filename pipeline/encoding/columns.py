"""A table's columns as distinct values and codes, so that a fold is encoded by looking up tables.

Reading is row by row in meaning: what a row becomes depends on that row alone. Whatever has to be
learned from several rows is learned later, from the training rows of a fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.encoding.distribution import Distribution
from pipeline.encoding.precision import EXACT, counted_from
from pipeline.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Column:
    """values (m,) distinct and ascending, float64 or str; codes (n,) int32 in 0..m, m for missing.

    Whole numbers that float64 does not hold are int64.
    `repeats` marks a further part of a raw column: its missing values are those of the first part.
    `choices` marks numbers of which each may mean something of its own, as the hours of a day do.
    """

    values: np.ndarray
    codes: np.ndarray
    kind: str
    repeats: bool
    choices: bool = field(default=False, kw_only=True)

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

    def take(self, rows: np.ndarray) -> "Column":
        return replace(self, codes=self.codes[rows])


@dataclass(frozen=True)
class TextColumn(Column):
    """Texts and the tokens in them: token `tokens[i]` of the vocabulary occurs in `texts[i]`."""

    vocabulary: np.ndarray
    tokens: np.ndarray
    texts: np.ndarray


@dataclass(frozen=True)
class Table:
    """The columns of n rows, by name: raw ones, and the parts of dates and texts."""

    columns: Mapping[str, Column]
    rows: int

    def take(self, rows: np.ndarray) -> "Table":
        """The table of these row numbers."""
        taken = {name: column.take(rows) for name, column in self.columns.items()}
        return Table(taken, len(rows))


def read_table(frame: "pd.DataFrame", columns: Sequence[Mapping[str, str]]) -> Table:
    """A data frame's columns, each read as its kind in the schema says.

    Raises DataError naming the columns that the frame lacks.
    """
    absent = [column["name"] for column in columns if column["name"] not in frame.columns]
    if absent:
        raise DataError(
            f"rows to encode: found no column {', '.join(map(repr, absent))}; "
            f"needed are {', '.join(repr(column['name']) for column in columns)}. "
            "Give a file with the same columns as the training file."
        )
    raw = {column["name"] for column in columns}
    read: dict[str, Column] = {}
    for column in columns:
        parts = read_column(column["name"], frame[column["name"]], column["kind"])
        for name, part in parts.items():
            while name in read or (name in raw and name != column["name"]):
                name += "'"
            read[name] = part
    return Table(read, len(frame))


def distinct_names(names: Sequence[str]) -> list[str]:
    """The names, with a ' behind each that an earlier one has taken."""
    distinct: dict[str, None] = {}
    for name in names:
        while name in distinct:
            name += "'"
        distinct[name] = None
    return list(distinct)


def read_column(name: str, series: "pd.Series[Any]", kind: str) -> dict[str, Column]:
    """One raw column -> itself, or its parts."""
    if kind == "date":
        from pipeline.encoding.dates import read_dates

        return read_dates(name, series)
    if kind == "text":
        from pipeline.encoding.text import read_texts

        return read_texts(name, series)
    if kind == "category":
        return {name: Column(*label_codes(series), "category", False)}
    return {name: number_column(to_numbers(series))}


def number_column(numbers: np.ndarray, *, repeats: bool = False, choices: bool = False) -> Column:
    """Numbers (n,) with NaN for missing -> column."""
    import pandas as pd

    # -0.0 and 0.0 are one value; which of them stands for both must not depend on other rows
    codes, values = pd.factorize(numbers + 0, sort=True)
    return Column(values, _missing_last(codes, len(values)), "number", repeats, choices=choices)


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
        named = [None if _is_missing(value) else to_label(value) for value in series]
        series = pd.Series(named, dtype="str")
    codes, found = pd.factorize(series)
    labels = np.array([to_label(value) for value in found], dtype=object)
    values, place = np.unique(labels, return_inverse=True)
    known = np.append(place, len(values))
    return values, known[codes].astype(np.int32)


def to_label(value: Any) -> str:
    """Text of a category; 3.0 is '3', for a column of whole numbers with gaps is read as floats."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def positions(values: np.ndarray, among: Sequence[Any]) -> np.ndarray:
    """Where each value stands in `among`, (m,); -1 where it does not."""
    import pandas as pd

    return np.asarray(pd.Index(among, dtype=object).get_indexer(pd.Index(values, dtype=object)))


def _missing_last(codes: np.ndarray, values: int) -> np.ndarray:
    return np.where(codes < 0, values, codes).astype(np.int32)


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return bool(np.all(pd.isna(value)))
