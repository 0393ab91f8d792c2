"""A table whose columns are read from its file when they are asked for.

A process that needs one column of many rows never holds the others.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np

from pipeline import scratch
from pipeline.errors import DataError

if TYPE_CHECKING:
    from io import BufferedIOBase, RawIOBase

    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    Frame: TypeAlias = "pd.DataFrame | Table"  # what `take` and `whole` of this module are for

ROW_GROUP = 2**20  # rows that are written at a time
FEW_CELLS = 2**22  # a table of so few is read once, and kept
MOST_PLACES = 6  # behind the decimal point, of numbers that are kept without it
LARGEST = 2**31 - 1  # of these
FIRST_ROWS = 1000  # of a column, which show whether its values repeat
PLACES = b"decimal places"  # of a column, beside its type
MANY_COLUMNS = 200  # of more, neighbours are read with a column: a file's list of them takes long


class Table:
    """n rows in a parquet file: table[name] is a Series and table[names] a DataFrame, read anew."""

    def __init__(self, path: Path, rows: int) -> None:
        """Raises OSError or ValueError where this is no parquet file of so many rows."""
        import pyarrow.parquet as pq

        about = pq.read_metadata(path)
        self.path, self.rows = path, rows
        self.columns: list[str] = about.schema.to_arrow_schema().names
        self._places = {name: place for place, name in enumerate(self.columns)}
        if self.columns and about.num_rows != rows:
            raise ValueError(f"{path.name}: found {about.num_rows:,} rows, not {rows:,}")
        self._frame: pd.DataFrame | None = None
        self._opened: tuple[pq.ParquetFile, dict[str, Any]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_frame": None, "_opened": None}

    def __len__(self) -> int:
        return self.rows

    def __repr__(self) -> str:
        return f"<Table: {self.rows:,} rows of {len(self.columns):,} columns; .frame() reads all>"

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    @overload
    def __getitem__(self, names: str | None) -> "pd.Series": ...

    @overload
    def __getitem__(self, names: list[str]) -> "pd.DataFrame": ...

    def __getitem__(self, names: str | list[str] | None) -> "pd.Series | pd.DataFrame":
        """Raises KeyError for a name that no column has."""
        asked = names if isinstance(names, list) else [str(names)]
        absent = [name for name in asked if name not in self._places]
        if absent:
            raise KeyError(absent[0])
        found = self._read(asked)
        if not isinstance(names, list):
            return found[str(names)]
        return found[asked] if found is self._frame else found

    def get(self, name: str | None) -> "pd.Series | None":
        """The column; None where there is none of this name."""
        return self[name] if name is not None and name in self._places else None

    def take(self, rows: np.ndarray, names: Sequence[str]) -> "pd.DataFrame":
        """These row numbers of these columns, renumbered; a column of all rows at a time."""
        import pandas as pd

        found = {name: self[name].take(rows).reset_index(drop=True) for name in names}
        return pd.DataFrame(found, index=pd.RangeIndex(len(rows)), columns=list(names))

    def frame(self) -> "pd.DataFrame":
        """All of it."""
        return self[self.columns]

    def _read(self, names: list[str]) -> "pd.DataFrame":
        """These columns, or the frame that is kept and has them among others."""
        import pandas as pd

        if not names:
            return pd.DataFrame(index=pd.RangeIndex(self.rows))
        block = self._block(names)
        if block is None:
            return self._columns(names)
        if self._frame is None or not all(name in self._frame for name in names):
            self._frame = self._columns(block)
        return self._frame

    def _block(self, names: list[str]) -> list[str] | None:
        """The columns that are read with these, and kept: all of a small table, of a wide one the
        neighbours of a column, FEW_CELLS in all; None for these alone."""
        if self.rows * len(self.columns) <= FEW_CELLS:
            return self.columns
        number = FEW_CELLS // max(1, self.rows)
        if len(names) > 1 or len(self.columns) <= MANY_COLUMNS or number < 2:
            return None
        first = self._places[names[0]] // number * number
        return self.columns[first : first + number]

    def _columns(self, names: list[str]) -> "pd.DataFrame":
        """As pandas reads them, but what the file says of itself is read once: of thousands of
        columns that takes longer than a column."""
        try:
            file, about = self._open()
            found = file.read(columns=names).select(names)  # "a" asks for "a.b" too
            kept = {**about, "columns": [about["columns"][name] for name in names]}
            return _frame(found.replace_schema_metadata({"pandas": json.dumps(kept)}))
        except (OSError, ValueError):
            raise DataError(
                f"{self.path}: this was there when the run began, and is missing or damaged now. "
                "Run the same command again: it is computed again."
            ) from None

    def _open(self) -> "tuple[pq.ParquetFile, dict[str, Any]]":
        """The file, and what pandas has written into it: the types of the columns, by name."""
        import pyarrow.parquet as pq

        if self._opened is None:
            file = pq.ParquetFile(self.path, memory_map=True)
            about = json.loads(file.schema_arrow.metadata[b"pandas"])
            columns = {each["name"]: each for each in about["columns"]}
            self._opened = file, {**about, "columns": columns}
        return self._opened


def take(table: "Frame", rows: np.ndarray, names: Sequence[str]) -> "pd.DataFrame":
    """These row numbers of these columns, renumbered."""
    if isinstance(table, Table):
        return table.take(rows, names)
    return table[list(names)].iloc[rows].reset_index(drop=True)


def whole(table: "Frame") -> "pd.DataFrame":
    """All columns of all rows, in memory."""
    return table.frame() if isinstance(table, Table) else table


def read(path: Path) -> "pd.DataFrame":
    """All of a file that `write` wrote."""
    import pyarrow.parquet as pq

    return _frame(pq.read_table(path))


def write(table: "Frame", file: "RawIOBase | BufferedIOBase") -> None:
    """As parquet, a group of rows at a time: of the others there is no second copy in memory.

    Numbers of a few decimal places are kept as whole numbers of four bytes, without their point.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = whole(table)
    first = pa.Table.from_pandas(frame.iloc[:ROW_GROUP], preserve_index=False)
    places = {}
    for name, values in frame.items():
        places[str(name)] = decimal_places(values)
        scratch.release()
    kept = _without_point(first, places)
    how = {"compression": "zstd", "use_dictionary": _repeating(first)}
    with pq.ParquetWriter(file, kept.schema, **how) as writer:
        writer.write_table(kept)
        for start in range(ROW_GROUP, len(frame), ROW_GROUP):
            part = frame.iloc[start : start + ROW_GROUP]
            part = pa.Table.from_pandas(part, first.schema, preserve_index=False)
            writer.write_table(_without_point(part, places))
            scratch.release()


def _repeating(table: "pa.Table") -> list[str]:
    """The columns whose first values repeat: a dictionary of others is as long as they are."""
    first = table.slice(0, FIRST_ROWS)
    return [name for name in first.column_names if len(first[name].unique()) <= len(first) / 2]


# -- numbers without their decimal point -----------------------------------------------------------


def decimal_places(values: "pd.Series") -> int | None:
    """How many there are at most in numbers (n,) float64, NaN where missing, if these are whole
    numbers of four bytes without their point; None for other numbers and types."""
    if values.dtype != np.float64:
        return None
    numbers = values.to_numpy()
    starts = [0, *range(FIRST_ROWS, len(numbers), ROW_GROUP)]
    parts = [slice(*bounds) for bounds in zip(starts, [*starts[1:], None], strict=True)]
    for places in range(MOST_PLACES + 1):
        if all(_have(places, numbers[part]) for part in parts):
            return places
    return None


def _have(places: int, numbers: np.ndarray) -> bool:
    """Whether numbers come back from whole ones to the last bit: no -0.0, and no 0.1 + 0.2."""
    known = numbers[~np.isnan(numbers)]
    with np.errstate(over="ignore"):
        moved = np.rint(known * 10.0**places)
    if not (np.abs(moved) <= LARGEST).all():
        return False
    return bool((moved.astype(np.int32) / 10.0**places).tobytes() == known.tobytes())


def _without_point(table: "pa.Table", places: Mapping[str, int | None]) -> "pa.Table":
    import pyarrow as pa

    columns, fields = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        found = places[field.name]
        if found is not None:
            numbers = column.to_numpy()
            missing = np.isnan(numbers)
            moved = np.rint(np.where(missing, 0.0, numbers) * 10.0**found).astype(np.int32)
            column = pa.array(moved, mask=missing if missing.any() else None)
            field = pa.field(field.name, column.type, metadata={PLACES: str(found)})
        columns.append(column)
        fields.append(field)
    return pa.table(columns, pa.schema(fields, table.schema.metadata))


def _frame(table: "pa.Table") -> "pd.DataFrame":
    """What was written, with its decimal points."""
    import pyarrow as pa
    from pyarrow import compute

    columns, fields = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        found = (field.metadata or {}).get(PLACES)
        if found is not None:
            column = compute.divide(column.cast(pa.float64()), 10.0 ** int(found))
            field = pa.field(field.name, column.type)
        columns.append(column)
        fields.append(field)
    return pa.table(columns, pa.schema(fields, table.schema.metadata)).to_pandas()
