"""Foreign bytes -> a table, or one sentence on why not.

A table is a CSV (comma, semicolon or tab; UTF-8, CP949 or UTF-16), a parquet file, either of them
inside a zip, or a gzipped CSV. What comes out holds three kinds of column: int64, float64 and str.
"""

import csv
import io
import json
import re
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.archives import Source, content, refuse_bomb
from pipeline.errors import DataError
from pipeline.finding import sole_table
from pipeline.wording import count

if TYPE_CHECKING:
    from _csv import Reader

    import pandas as pd
    import pyarrow as pa

BLOCK = 1 << 24  # bytes that Arrow parses at once
INDEX_NAMES = ("Unnamed: 0", "__index_level_0__")  # what pandas calls an index that it saved
SIGNATURES = {
    b"PK": "a zip archive or an Excel workbook",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a parquet file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
}


def read_table(source: Source | Path) -> "pd.DataFrame":
    """Bytes -> table with columns of int64, float64 or str; missing is NaN in all three.

    "", a lone space and the words that pandas takes for missing are missing. True and False are
    text, so that a column has the same type with and without missing values. An index that was
    saved as an unnamed column is left out.
    """
    source = source if isinstance(source, Source) else sole_table(Source(source))
    data = content(source)
    _refuse_empty(data, source)
    frame = (_read_parquet if source.name.endswith(".parquet") else _read_csv)(data, source)
    if frame.empty:
        raise DataError(
            f"{source} has a header and no rows. Download or save it again; at least one row of "
            "data is needed."
        )
    return _without_index(frame)


def _refuse_empty(data: bytes | str, source: Source) -> None:
    if not data.strip():
        raise DataError(f"{source} is empty. Download or save it again.")


# -- CSV -------------------------------------------------------------------------------------------


def _read_csv(data: bytes, source: Source) -> "pd.DataFrame":
    """Text -> table. pandas' C parser is the fastest here, but it fills short rows: check first."""
    text = _decoded(data, source)
    _refuse_empty(text, source)
    text = re.sub(r"\A(?: *[\r\n])+", "", text)
    separator, names = _header(text, source)
    _refuse_ragged(text, separator, names, source)
    try:
        frame = _parsed(text, separator, names)
        doubtful = _doubtful(frame)
        served = _parsed(text, separator, names, words=doubtful) if doubtful else frame
        for name in doubtful:
            if _is_text(frame[name], served[name]):
                frame[name] = served[name]
    except (ValueError, OverflowError) as error:
        raise DataError(_parser_message(error, source)) from None
    unnamed = [name for name in names if name.startswith("Unnamed: ") and frame[name].isna().all()]
    return frame.drop(columns=unnamed)  # of separators at the end of every line


def _parsed(
    text: str, separator: str, names: list[str], words: list[str] | None = None
) -> "pd.DataFrame":
    """The whole table with its types inferred; or the columns named in `words`, as text."""
    import pandas as pd

    return pd.read_csv(
        io.BytesIO(text.encode()),
        sep=separator,
        header=0,
        names=names,
        index_col=False,
        usecols=words,
        dtype=str if words else None,
        na_values=[" "],  # how spreadsheets save an emptied cell
        low_memory=False,  # one type a column, whatever its length
    )


def _decoded(data: bytes, source: Source) -> str:
    """UTF-16 by its mark, else UTF-8, else CP949 (Korean Excel)."""
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "cp949"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    kind = next((kind for start, kind in SIGNATURES.items() if data.startswith(start)), "")
    raise DataError(
        f"{source} is not a CSV: it is {kind or 'no text in UTF-8, CP949 or UTF-16'}. Save it as "
        "CSV (UTF-8), or download it again."
    )


def _header(text: str, source: Source) -> tuple[str, list[str]]:
    """Separator and column names."""
    line = io.StringIO(text, newline="").readline()
    if re.match(r"\s*<(!doctype|html|\?xml)[\s>]", line, re.IGNORECASE):
        raise DataError(
            f"{source} is a web page, not a CSV; often it is the organiser's log-in page. Log in "
            "and download the file again."
        )
    if _is_json(text):
        raise DataError(f"{source} is JSON, not a CSV. Save the table as CSV (UTF-8).")
    try:
        heads = {separator: _head(text, separator) for separator in ",;\t"}
    except csv.Error as error:
        raise DataError(f"{source} is not a CSV: its header cannot be read ({error}).") from None
    # the separator that gives the first row as many fields as the header, and the most of them
    separator = max(heads, key=lambda separator: _evenness(heads[separator]))
    names = [
        name if name.strip() else f"Unnamed: {i}" for i, name in enumerate(heads[separator][0])
    ]
    _refuse_twins(names, source)
    return separator, names


def _is_json(text: str) -> bool:
    """A mapping, or a list of mappings or lists; a header may well begin with a brace."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        value, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return False
    return bool(value) and (isinstance(value, dict) or isinstance(value[0], dict | list))


def _head(text: str, separator: str) -> list[list[str]]:
    """The header and the first row of data, where there is one."""
    return list(islice(_records(text, separator), 2))


def _records(text: str, separator: str) -> "Reader":
    csv.field_size_limit(2**31 - 1)  # the default refuses texts of more than 131,072 letters
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator)


def _evenness(head: list[list[str]]) -> tuple[bool, int]:
    fields = len(head[0])
    return fields > 1 and len(head[-1]) == fields, fields


def _refuse_twins(names: list[str], source: Source) -> None:
    twins = [repr(name) for name, times in Counter(names).items() if times > 1]
    if twins:
        raise DataError(
            f"{source} has two or more columns named {', '.join(twins)}. Give every column a name "
            "of its own."
        )


def _refuse_ragged(text: str, separator: str, names: list[str], source: Source) -> None:
    """Every row has as many fields as the header.

    Arrow, which is strict and fast, acquits nearly every file; what it does not acquit is judged,
    with line numbers, by Python's own parser.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow

    columns = [str(i) for i in range(len(names))]
    try:
        arrow.read_csv(
            pa.BufferReader(text.encode()),
            arrow.ReadOptions(use_threads=False, block_size=BLOCK, column_names=columns),
            arrow.ParseOptions(delimiter=separator, newlines_in_values=True),
            arrow.ConvertOptions(include_columns=["0"], column_types={"0": pa.binary()}),
        )
    except pa.ArrowInvalid:
        _refuse_first_ragged(text, separator, len(names), source)


def _refuse_first_ragged(text: str, separator: str, expected: int, source: Source) -> None:
    reader = _records(text, separator)
    line = 1
    try:
        for record in reader:
            blank = not record or (len(record) == 1 and not record[0].strip())
            if not blank and len(record) != expected:
                many = reader.line_num > line
                raise DataError(
                    f"{source}, line {line}: found {count(len(record), 'field')}, the header has "
                    f"{expected} (separator {separator!r}). Correct the line"
                    + (", where a quote is perhaps never closed" if many else "")
                    + ", or download the file again."
                )
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{source}, line {line}: not a CSV ({error}). Correct the line.") from None


def _doubtful(frame: "pd.DataFrame") -> list[str]:
    """Columns whose own words may say more than their parsed values.

    Those that are no numbers and no text (True and False, whole numbers beyond 64 bits), and whole
    numbers that never repeat: they may be identifiers such as 00042.
    """
    return [
        str(name)
        for name, column in frame.items()
        if str(column.dtype) not in ("int64", "float64", "str")
        or (str(column.dtype) == "int64" and column.is_unique)
    ]


def _is_text(parsed: "pd.Series", served: "pd.Series") -> bool:
    """Not a number after all, or an identifier of one width that is padded with zeros."""
    if str(parsed.dtype) != "int64":
        return True
    return served.str.len().nunique() == 1 and bool(served.str.fullmatch(r"0\d+").any())


def _parser_message(error: Exception, source: Source) -> str:
    unclosed = re.search(r"EOF inside string starting at row (\d+)", str(error))
    if unclosed:
        row = int(unclosed[1]) + 1
        return f"{source}, row {row}: a quote is opened there and never closed. Correct the row."
    return f"{source} is not a CSV: {str(error).strip()}. Save it again as CSV (UTF-8)."


# -- parquet ---------------------------------------------------------------------------------------


def _read_parquet(data: bytes, source: Source) -> "pd.DataFrame":
    """Parquet -> table, with the same three types as from a CSV."""
    import pandas as pd
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(data))
        groups = (file.metadata.row_group(i) for i in range(file.metadata.num_row_groups))
        refuse_bomb(sum(group.total_byte_size for group in groups), len(data), source)
        table = file.read(use_threads=False)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        first = (str(error).splitlines() or ["unreadable"])[0]
        raise DataError(
            f"{source} is not a whole parquet file ({first}). Download or write it again."
        ) from None
    names = [str(name) for name in table.column_names]
    _refuse_twins(names, source)
    columns = zip(names, table.columns, strict=True)
    return pd.DataFrame({name: _plain(column, name, source) for name, column in columns})


def _plain(column: "pa.ChunkedArray", name: str, source: Source) -> "pd.Series":
    """int64, float64 or str; dates become ISO text, True and False the words."""
    import pyarrow as pa
    from pyarrow import compute, types

    try:
        if types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        kind = column.type
        if types.is_null(kind) or types.is_floating(kind) or types.is_decimal(kind):
            return column.cast(pa.float64()).to_pandas()
        if types.is_integer(kind) and not types.is_uint64(kind):
            return column.cast(pa.int64()).to_pandas()
        if types.is_uint64(kind):
            largest = compute.max(column).as_py() or 0
            return column.cast(pa.int64() if largest < 2**63 else pa.string()).to_pandas()
        if types.is_boolean(kind):
            column = compute.if_else(column, "True", "False")
        return column.cast(pa.string()).to_pandas().astype("str")
    except pa.ArrowException:
        raise DataError(
            f"{source}: column {name!r} is of type {column.type}; allowed are numbers, text, "
            "dates, and true or false. Leave it out, or write it as one of these."
        ) from None


def _without_index(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Leave out an unnamed column that counts 0, 1, 2, ... or onwards from any number."""
    for name in INDEX_NAMES:
        if name in frame and frame.shape[1] > 1 and str(frame[name].dtype) == "int64":
            numbers = frame[name].to_numpy()
            if (numbers[1:] - numbers[:-1] == 1).all():
                frame = frame.drop(columns=name)
    return frame
