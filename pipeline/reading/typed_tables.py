"""Parquet files and data frames -> tables of words, as a CSV of the same values would be read."""

from typing import TYPE_CHECKING, Any

from pipeline.errors import DataError
from pipeline.reading.archives import (
    Source,
    refuse_beyond_memory,
    refuse_columns,
    refuse_duplicates,
    refuse_empty,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from pyarrow import parquet

WIDTH, PARQUET_TIMES = 8, 3  # bytes of a value, without its letters; Arrow's, pandas' and ours


# -- data frames -----------------------------------------------------------------------------------


def raw_tables(
    train: "pd.DataFrame", test: "pd.DataFrame | None" = None, sample: "pd.DataFrame | None" = None
) -> dict[str, bytes]:
    """Data frames -> the files of a raw folder, which load reads as if an organiser had put them
    there: name -> content. Without rows to predict, [load] test = "none" is needed beside them.

    Raises DataError for what is no table, or holds what no cell of a CSV can.
    """
    frames = {"train": train, "test": test, "sample_submission": sample}
    return {
        f"{name}.parquet": as_words(frame, name).to_parquet(None, index=False)
        for name, frame in frames.items()
        if frame is not None
    }


def as_words(frame: "pd.DataFrame", where: str = "the data frame") -> "pd.DataFrame":
    """A frame of any types -> the words that a CSV of it would hold; missing stays missing.

    Columns are named by the text of their names; the index is no column. `where` is for messages.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"{where}: found {type(frame).__name__}, allowed is a pandas DataFrame.")
    names = [str(name) for name in frame.columns]
    refuse_duplicates(names, where)
    columns = {
        name: _words_of(_as_arrow(frame.iloc[:, place], name, where), name, where)
        for place, name in enumerate(names)
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(len(frame)))


def _as_arrow(values: "pd.Series", name: str, where: str) -> "pa.ChunkedArray":
    """The values as Arrow has them; those of mixed types, and those it lacks, become texts."""
    import pandas as pd
    import pyarrow as pa

    kind = values.dtype
    if isinstance(kind, pd.SparseDtype):
        values = values.astype(kind.subtype)
    plain = values.cat.categories.dtype if isinstance(kind, pd.CategoricalDtype) else kind
    mixed = pd.api.types.is_object_dtype(plain)
    lists = filter(pd.api.types.is_list_like, values.array if mixed else ())
    for value in lists:
        raise _type_refused(name, type(value).__name__, where)
    try:
        if mixed or isinstance(plain, pd.IntervalDtype | pd.PeriodDtype):
            values = values.astype(object).map(str, na_action="ignore").astype("str")
        return pa.chunked_array([pa.array(values)])
    except (pa.ArrowException, UnicodeEncodeError):
        raise _type_refused(name, kind, where) from None


# -- parquet ---------------------------------------------------------------------------------------


def read_parquet(data: bytes, source: Source) -> "pd.DataFrame":
    """Parquet -> the words that a CSV of it would hold."""
    import pandas as pd
    import pyarrow as pa
    from pyarrow import parquet

    refuse_empty(not data.strip(), source)
    try:
        _refuse_large_parquet(parquet.ParquetFile(pa.BufferReader(data)), source)
        # words that repeat are kept once, until it is known how much they come to
        schema = parquet.read_schema(pa.BufferReader(data))
        _refuse_types(schema, source)
        words = [field.name for field in schema if _is_words(field.type)]
        file = parquet.ParquetFile(pa.BufferReader(data), read_dictionary=words)
        table = file.read(use_threads=False)
        table.validate(full=True)
        refuse_beyond_memory(sum(map(_decoded_size, table.columns)), source, PARQUET_TIMES)
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        first = (str(error).splitlines() or ["unreadable"])[0]
        raise DataError(
            f"{source} is not a whole parquet file ({first}). Download or write it again."
        ) from None
    names = [str(name) for name in table.column_names]
    refuse_duplicates(names, source)
    columns = zip(names, table.columns, strict=True)
    return pd.DataFrame({name: _words_of(column, name, source) for name, column in columns})


def _refuse_large_parquet(file: "parquet.ParquetFile", source: Source) -> None:
    """Before anything is decoded: a file of a few MB may hold billions of values that repeat."""
    refuse_columns(file.metadata.num_columns, source)
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    values = sum(group.column(i).num_values for group in groups for i in range(group.num_columns))
    packed = sum(group.total_byte_size for group in groups)
    refuse_beyond_memory(max(values * WIDTH, packed), source, PARQUET_TIMES)


def _decoded_size(column: "pa.ChunkedArray") -> int:
    """Bytes of a column whose repeated words are kept once, were each row to hold its own."""
    import pyarrow as pa
    from pyarrow import compute

    size = 0
    for chunk in column.chunks:
        size += WIDTH * len(chunk)
        if pa.types.is_dictionary(chunk.type) and _is_words(chunk.type.value_type):
            lengths = compute.binary_length(chunk.dictionary)
            size += compute.sum(lengths.cast(pa.int64()).take(chunk.indices)).as_py() or 0
    return size


def _is_words(kind: "pa.DataType") -> bool:
    """Whether its values differ in length."""
    import pyarrow as pa

    return kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())


def _refuse_types(schema: "pa.Schema", source: Source) -> None:
    """Before anything is decoded: tables in a cell, and cells of any width."""
    from pyarrow import types

    for field in schema:
        if types.is_nested(field.type) or types.is_fixed_size_binary(field.type):
            raise _type_refused(field.name, field.type, source)


# -- a column --------------------------------------------------------------------------------------


def _words_of(column: "pa.ChunkedArray", name: str, where: object) -> "pd.Series":
    """One column as words: whole numbers without a point, dates as ISO text, durations as seconds,
    True and False; an empty text is missing, as in a CSV."""
    import pyarrow as pa
    from pyarrow import compute, types

    try:
        if types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        kind = column.type
        if types.is_boolean(kind):
            column = compute.if_else(column, "True", "False")
        elif types.is_duration(kind):
            column = column.cast(pa.duration("us"), safe=False).cast(pa.int64())
            column = _whole(compute.divide(column.cast(pa.float64()), 1e6))
        elif types.is_timestamp(kind) and kind.tz is None:
            column = _as_in_csv(column)
        elif types.is_floating(kind):
            column = column.cast(pa.float32()) if types.is_float16(kind) else column
            column = compute.if_else(compute.is_nan(column), pa.scalar(None, column.type), column)
            column = _whole(column)
        words = column.cast(pa.string()).to_pandas().astype("str")
    except pa.ArrowException:
        raise _type_refused(name, column.type, where) from None
    return words.mask(words == "")


def _type_refused(name: str, kind: Any, where: object) -> DataError:
    return DataError(
        f"{where}: column {name!r} is of type {kind}; allowed are numbers, text, dates, and true "
        "or false. Leave it out, or write it as one of these."
    )


def _as_in_csv(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Times as pandas writes them: dates alone where all are midnights, else seconds if whole."""
    import pyarrow as pa
    from pyarrow import compute

    for coarser in (pa.date32(), pa.timestamp("s")):
        cast = column.cast(coarser, safe=False)
        if compute.all(compute.equal(column, cast.cast(column.type))).as_py() is not False:
            return cast
    return column


def _whole(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Floats that are all whole numbers, as what is whole with gaps is stored -> integers."""
    import pyarrow as pa
    from pyarrow import compute

    exact = compute.all(
        compute.and_(
            compute.equal(column, compute.round(column)), compute.less(compute.abs(column), 2.0**53)
        )
    ).as_py()
    return column.cast(pa.int64()) if exact else column
