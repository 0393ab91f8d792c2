"""Foreign bytes -> a table of words: every cell as its file writes it, or one sentence on why not.

A table is a CSV (comma, semicolon, tab or bar; UTF-8, UTF-16, CP949 or Windows-1252) or a parquet
file, as it is, in a zip or compressed. What words mean is for `notation` and `schema`.
"""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.archives import Source, content, refuse_beyond_memory, refuse_columns
from pipeline.errors import DataError
from pipeline.finding import sole_table
from pipeline.wording import count, shortened

if TYPE_CHECKING:
    from _csv import Reader

    import pandas as pd
    import pyarrow as pa
    from pyarrow import parquet

WIDTH, PARQUET_TIMES = 8, 3  # bytes of a value, without its letters; Arrow's, pandas' and ours
BLOCK = 1 << 24  # bytes that Arrow parses at once
SEPARATORS = ",;\t|"
LOOKED_AT = 60  # records from which the layout is read
MOST_TITLES = 20  # records above a header
INDEX_NAMES = ("Unnamed: 0", "__index_level_0__")  # what pandas calls an index that it saved
NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")  # never in a text table
SIGNATURES = {
    b"PK": "a zip archive or an Excel workbook",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a parquet file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"version https://git-lfs": "a Git LFS pointer, which stands for a file that was not fetched "
    "(`git lfs pull` fetches it)",
}


@dataclass(frozen=True)
class TextTable:
    """A table as its file writes it.

    `words` (n rows) holds str columns, named without blanks around; an empty cell is NaN.
    `header` has the names to the letter. `notes` are sentences on what was left out or guessed.
    """

    words: "pd.DataFrame"
    header: tuple[str, ...]
    separator: str = ","
    encoding: str = "utf-8"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Layout:
    """Where the columns are: separator, names, and what stands before the rows of data."""

    separator: str
    names: tuple[str, ...]
    lines: int  # before the first row of data
    notes: tuple[str, ...] = ()


def read_table(source: Source | Path, header: bool | None = True) -> TextTable:
    """Bytes -> table of words. An index that was saved as an unnamed column is left out.

    header: whether there is a line of names; None: found by looking. Without one the columns are
    named "column 1", "column 2", ..., and the table's `header` is empty.
    """
    source = source if isinstance(source, Source) else sole_table(Source(source))
    data = content(source)
    if source.name.endswith(".parquet"):
        _refuse_empty(data, source)
        words = _read_parquet(data, source)
        table = TextTable(words, tuple(map(str, words.columns)))
    else:
        table = parse(data, source, header)
    if table.words.empty:
        raise DataError(
            f"{source} has a header and no rows. Download or save it again; at least one row of "
            "data is needed."
        )
    return _without_index(table)


def as_words(frame: "pd.DataFrame") -> "pd.DataFrame":
    """A frame of any types -> the words that a CSV of it would hold; missing stays missing."""
    import pandas as pd
    import pyarrow as pa

    columns = {
        str(name): pa.chunked_array([pa.array(_plainly_typed(frame[name]))])
        for name in frame.columns
    }
    return pd.DataFrame(
        {name: _words_of(column, name, "the frame") for name, column in columns.items()}
    )


def _plainly_typed(values: "pd.Series") -> "pd.Series":
    """Values of mixed types become words each; others stay as they are."""
    if values.dtype != object:
        return values
    return values.map(str, na_action="ignore").astype("str")


def _refuse_empty(data: bytes | str, source: Source) -> None:
    if not data.strip():
        raise DataError(f"{source} is empty. Download or save it again.")


# -- CSV -------------------------------------------------------------------------------------------


def parse(data: bytes, source: Source, header: bool | None = True) -> TextTable:
    """The bytes of a CSV -> table of words; `source` is for messages."""
    _refuse_empty(data, source)
    text, encoding, notes = _decoded(data, source)
    _refuse_empty(text, source)
    _refuse_other_formats(text, source)
    layout = _layout(text, source, header)
    refuse_columns(len(layout.names), source)
    names = tuple(name.strip() or f"Unnamed: {i}" for i, name in enumerate(layout.names))
    if len({*names}) < len(names) == len({*layout.names}):
        names = layout.names  # names that differ by blanks alone
    _refuse_duplicates(names, source)
    words = _parsed(text, layout, names, source)
    unnamed = [name for name in names if name.startswith("Unnamed: ") and words[name].isna().all()]
    written = dict(zip(names, layout.names, strict=True))  # all but separators at the ends of lines
    words = words.drop(columns=unnamed)
    kept = tuple(written[name] for name in words.columns if layout.lines)
    return TextTable(words, kept, layout.separator, encoding, (*notes, *layout.notes))


def _parsed(text: str, layout: _Layout, names: Sequence[str], source: Source) -> "pd.DataFrame":
    """All rows as words, by Arrow, which is strict and fast; Python's parser finds the bad line."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    body = io.StringIO(text, newline="")
    for _ in range(layout.lines):
        body.readline()
    rest = body.read()
    if len(names) == 1:  # an empty line between others is an empty cell
        rest = rest.rstrip("\r\n")
    places = [str(i) for i in range(len(names))]
    if not rest.strip():
        import pandas as pd

        return pd.DataFrame({name: pd.Series(dtype="str") for name in names})
    try:
        table = arrow.read_csv(
            pa.BufferReader(rest.encode()),
            arrow.ReadOptions(use_threads=False, block_size=BLOCK, column_names=places),
            arrow.ParseOptions(
                delimiter=layout.separator,
                newlines_in_values=True,
                ignore_empty_lines=len(names) > 1,
                invalid_row_handler=lambda row: "error" if row.text.strip() else "skip",
            ),
            arrow.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except pa.ArrowInvalid as error:
        _refuse_first_ragged(text, layout, len(names), source)
        raise DataError(
            f"{source} is not a CSV: {str(error).splitlines()[0]}. Save it again as CSV (UTF-8)."
        ) from None
    frame = table.rename_columns(list(names)).to_pandas()
    _refuse_open_quote(rest, frame, layout, source)
    return frame


def _refuse_open_quote(rest: str, frame: "pd.DataFrame", layout: _Layout, source: Source) -> None:
    """Arrow closes at the end of the file what was never closed: the last cell then ends it."""
    if frame.empty or rest.count('"') % 2 == 0:
        return
    last = frame.iloc[-1, -1]
    if isinstance(last, str) and rest.endswith(f'{layout.separator}"{last}'):
        raise DataError(
            f"{source}, row {len(frame) + 1}: a quote is opened there and never closed. Correct "
            "the row."
        )


def _refuse_other_formats(text: str, source: Source) -> None:
    start = text.lstrip()[:1000]
    if re.match(r"<(!doctype|html|\?xml)[\s>]", start, re.IGNORECASE):
        raise DataError(
            f"{source} is a web page, not a CSV; often it is the organiser's log-in page. Log in "
            "and download the file again."
        )
    if start.startswith("version https://git-lfs"):
        raise DataError(f"{source} is {SIGNATURES[b'version https://git-lfs']}.")
    if _is_json(text):
        raise DataError(f"{source} is JSON, not a CSV. Save the table as CSV (UTF-8).")


def _is_json(text: str) -> bool:
    """A mapping, or a list of mappings or lists; a header may well begin with a brace."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        value, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return False
    return bool(value) and (isinstance(value, dict) or isinstance(value[0], dict | list))


# -- encoding --------------------------------------------------------------------------------------


def _decoded(data: bytes, source: Source) -> tuple[str, str, list[str]]:
    """Text, the encoding's name, and a note where that is not plain UTF-8."""
    for encoding in _encodings(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "cp949" and not _is_korean(text):
            continue
        if "\0" in text or (encoding == "cp1252" and CONTROL.search(text)):
            continue
        if encoding == "cp1252" and _broken_korean(data):
            continue
        usual = encoding in ("utf-8", "utf-8-sig")
        return text, encoding, [] if usual else [f"read as {_shown(encoding)}, for it is not UTF-8"]
    kind = next((kind for start, kind in SIGNATURES.items() if data.startswith(start)), "")
    kind = kind or _broken_korean(data) or "no text in UTF-8, UTF-16, CP949 or Windows-1252"
    if b"\0" in data and kind.startswith("no text"):
        kind += f" (a zero byte in line {data[: data.index(0)].count(10) + 1})"
    raise DataError(
        f"{source} is not a CSV: it is {kind}. Save it as CSV (UTF-8), or download it again."
    )


def _encodings(data: bytes) -> tuple[str, ...]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    if data.startswith(b"\xef\xbb\xbf"):
        return ("utf-8-sig",)
    first, second = data[:4000:2], data[1:4000:2]
    if first.count(0) == 0 and second.count(0) > len(second) / 3:
        return ("utf-16-le",)
    if second.count(0) == 0 and first.count(0) > len(first) / 3:
        return ("utf-16-be",)
    return ("utf-8", "cp949", "cp1252")


def _is_korean(text: str) -> bool:
    """Whether text decoded as CP949 was written so.

    A Latin-1 letter before an ASCII letter ("°C", "Änderung") makes one of the characters that
    CP949 adds to KS X 1001. Those are rare in Korean, and nearly all that Latin-1 taken for Korean
    has.
    """
    letters = Counter(re.findall(r"[^\x00-\x7f]", text))
    added = sum(n for letter, n in letters.items() if letter.encode("cp949")[-1] < 0xA1)
    return 2 * added <= letters.total()


def _broken_korean(data: bytes) -> str:
    """Where a text is Korean but for a few bytes: what to say of it; else nothing."""
    text = data.decode("cp949", errors="replace")
    bad = text.count("�")
    korean = len(re.findall(r"[가-힣]{2}", text))
    if not bad or korean < 10 * bad:
        return ""
    line = text[: text.index("�")].count("\n") + 1
    return f"Korean text in CP949 with bytes in line {line} that are no text"


def _shown(encoding: str) -> str:
    return {"cp949": "CP949", "cp1252": "Windows-1252"}.get(encoding, encoding.upper())


# -- layout ----------------------------------------------------------------------------------------


def _layout(text: str, source: Source, header: bool | None) -> _Layout:
    """Separator, names and the first row of data, from the first records."""
    try:
        heads = {separator: _head(text, separator) for separator in SEPARATORS}
    except csv.Error as error:
        raise DataError(f"{source} is not a CSV: its header cannot be read ({error}).") from None
    # the separator that parts most records alike, and into the most fields
    separator = max(SEPARATORS, key=lambda one: _evenness(heads[one]))
    records = heads[separator]
    if header is False:
        return _headless(separator, records)
    place = _header_place(records)
    line, first = records[place]
    rows = [fields for _, fields in records[place + 1 :]]
    completed, notes = _complete(first, rows)
    if _reads_like_rows(completed, rows):
        if header is None:
            return _headless(separator, records)
        _refuse_headless(completed, source)
    if place:
        titles = shortened([repr(" ".join(fields).strip()) for _, fields in records[:place]], 3)
        notes.append(f"left out what stands above the header: {titles}")
    return _Layout(separator, tuple(completed), line, tuple(notes))


def _headless(separator: str, records: list[tuple[int, list[str]]]) -> _Layout:
    width = _usual([len(fields) for _, fields in records])
    return _Layout(separator, tuple(f"column {i + 1}" for i in range(width)), 0)


def _head(text: str, separator: str) -> list[tuple[int, list[str]]]:
    """The first records that are not blank: the lines up to the end of each, and its fields."""
    reader = _records(text, separator)
    found = []
    for fields in reader:
        if any(field.strip() for field in fields):
            found.append((reader.line_num, fields))
        if len(found) == LOOKED_AT:
            break
    return found


def _records(text: str, separator: str) -> "Reader":
    csv.field_size_limit(2**31 - 1)  # the default refuses texts of more than 131,072 letters
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator)


def _evenness(records: list[tuple[int, list[str]]]) -> tuple[bool, float, int]:
    widths = [len(fields) for _, fields in records]
    usual = _usual(widths)
    return usual > 1, widths.count(usual) / len(widths) if widths else 0.0, usual


def _usual(widths: Sequence[int]) -> int:
    """The most common number of fields; of equally common ones the greatest."""
    counts = Counter(widths)
    return max(counts, key=lambda width: (counts[width], width), default=0)


def _header_place(records: list[tuple[int, list[str]]]) -> int:
    """Which record is the header: titles above it fill less than half of the fields."""
    usual = _usual([len(fields) for _, fields in records])
    for place, (_, fields) in enumerate(records[:MOST_TITLES]):
        filled = sum(bool(field.strip()) for field in fields)
        below = [fields for _, fields in records[place + 1 :]]
        if filled > usual // 2 or usual < 2 or (usual == 2 and not _has_header(below)):
            return place
    return 0


def _has_header(records: Sequence[list[str]]) -> bool:
    """Whether the first record has names alone, and those below it numbers."""
    if not records or any(map(NUMBER.fullmatch, records[0])):
        return False
    return any(NUMBER.fullmatch(field) for fields in records[1:] for field in fields)


def _complete(names: list[str], rows: Sequence[list[str]]) -> tuple[list[str], list[str]]:
    """Names for rows that have one field more: row names before them, or a separator after."""
    wide = [fields for fields in rows if len(fields) == len(names) + 1]
    if not rows or len(wide) < len(rows):
        return names, []
    if not any(fields[-1].strip() for fields in wide):
        return [*names, ""], []
    first = [fields[0] for fields in wide]
    counts = [int(word) for word in first if word.isdecimal()]
    counted = len(counts) == len(first) and counts == list(range(counts[0], counts[0] + len(first)))
    if len({*first}) == len(first) and (counted or not any(map(NUMBER.fullmatch, first))):
        return ["", *names], ["took the first field of each line, which has no name, for row names"]
    return names, []


def _reads_like_rows(names: Sequence[str], rows: Sequence[list[str]]) -> bool:
    """Whether a first line holds no names: it reads like the rows below it."""
    counted = [name.strip() for name in names] == [str(i) for i in range(len(names))]
    whole = [fields for fields in rows if len(fields) == len(names)]
    if counted or not whole or not any(map(NUMBER.fullmatch, names)):
        return False
    for name, values in zip(names, zip(*whole, strict=True), strict=True):
        known = [value for value in values if value.strip()]
        if all(map(NUMBER.fullmatch, known)):
            fits = bool(NUMBER.fullmatch(name)) or not name.strip()
        else:
            fits = name in known
        if not fits:
            return False
    return True


def _refuse_headless(names: Sequence[str], source: Source) -> None:
    raise DataError(
        f"{source} has no header: its first line, {shortened([repr(name) for name in names], 5)}, "
        "reads like the rows below it. Put a line with the names of the columns above it; or set "
        "[load] header = false in the competition's TOML, which names them 'column 1', 'column 2' "
        "and so on."
    )


def _refuse_duplicates(names: Sequence[str], source: Source) -> None:
    duplicates = [repr(name) for name, times in Counter(names).items() if times > 1]
    if duplicates:
        raise DataError(
            f"{source} has two or more columns named {shortened(duplicates, 5)}. Give every column "
            "a name of its own."
        )


def _refuse_first_ragged(text: str, layout: _Layout, expected: int, source: Source) -> None:
    """Raise DataError naming the first line that has another number of fields than the header."""
    reader = _records(text, layout.separator)
    line = 1
    try:
        for record in reader:
            blank = not record or (len(record) == 1 and not record[0].strip())
            if line > layout.lines and not blank and len(record) != expected:
                many = reader.line_num > line
                raise DataError(
                    f"{source}, line {line}: found {count(len(record), 'field')}, the header has "
                    f"{expected} (separator {layout.separator!r}). Correct the line"
                    + (", where a quote is perhaps never closed" if many else "")
                    + ", or download the file again."
                )
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{source}, line {line}: not a CSV ({error}). Correct the line.") from None


# -- parquet ---------------------------------------------------------------------------------------


def _read_parquet(data: bytes, source: Source) -> "pd.DataFrame":
    """Parquet -> the words that a CSV of it would hold."""
    import pandas as pd
    import pyarrow as pa
    from pyarrow import parquet

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
    _refuse_duplicates(names, source)
    columns = zip(names, table.columns, strict=True)
    return pd.DataFrame({name: _words_of(column, name, str(source)) for name, column in columns})


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


def _words_of(column: "pa.ChunkedArray", name: str, where: str) -> "pd.Series":
    """One column as words: whole numbers without a point, dates as ISO text, True and False."""
    import pyarrow as pa
    from pyarrow import compute, types

    try:
        if types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        kind = column.type
        if types.is_boolean(kind):
            column = compute.if_else(column, "True", "False")
        elif types.is_floating(kind):
            column = compute.if_else(compute.is_nan(column), pa.scalar(None, kind), column)
            column = _whole(column)
        return column.cast(pa.string()).to_pandas().astype("str")
    except pa.ArrowException:
        raise _type_refused(name, column.type, where) from None


def _is_words(kind: "pa.DataType") -> bool:
    """Whether its values differ in length."""
    from pyarrow import types

    is_text = types.is_string(kind) or types.is_large_string(kind)
    return is_text or types.is_binary(kind) or types.is_large_binary(kind)


def _refuse_types(schema: "pa.Schema", source: Source) -> None:
    """Before anything is decoded: tables in a cell, and cells of any width."""
    from pyarrow import types

    for field in schema:
        if types.is_nested(field.type) or types.is_fixed_size_binary(field.type):
            raise _type_refused(field.name, field.type, str(source))


def _type_refused(name: str, kind: "pa.DataType", where: str) -> DataError:
    return DataError(
        f"{where}: column {name!r} is of type {kind}; allowed are numbers, text, dates, and true "
        "or false. Leave it out, or write it as one of these."
    )


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


def _without_index(table: TextTable) -> TextTable:
    """Leave out an unnamed column that counts 0, 1, 2, ... or onwards from any number."""
    for name in INDEX_NAMES:
        if name in table.words and table.words.shape[1] > 1 and _counts_up(table.words[name]):
            place = list(table.words.columns).index(name)
            header = table.header[:place] + table.header[place + 1 :]
            table = replace(table, words=table.words.drop(columns=name), header=header)
    return table


def _counts_up(words: "pd.Series") -> bool:
    import pandas as pd

    numbers = pd.to_numeric(words, errors="coerce").to_numpy(dtype=float, na_value=float("nan"))
    return bool((numbers[1:] - numbers[:-1] == 1).all() and (numbers == numbers.round()).all())
