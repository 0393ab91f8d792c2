"""The bytes of a CSV -> a table of words: separator, encoding and header are found by looking.

Comma, semicolon, tab or bar; UTF-8, UTF-16, CP949 or Windows-1252; titles above the header. A large
file is read block by block, and its words lie on disk.
"""

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from pipeline import scratch
from pipeline.errors import DataError
from pipeline.reading.archives import (
    TIMES,
    Content,
    Source,
    refuse_beyond_memory,
    refuse_columns,
    refuse_duplicates,
    refuse_empty,
)
from pipeline.wording import count, quoted

if TYPE_CHECKING:
    from _csv import Reader

    import pandas as pd
    import pyarrow as pa

BLOCK = 1 << 24  # bytes that Arrow parses at once
SEPARATORS = ",;\t|"
LOOKED_AT = 60  # records from which the layout is read
MOST_TITLES = 20  # records above a header
NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")  # never in a text table
UTF8 = ("utf-8", "utf-8-sig")
GIT_LFS = (
    "a Git LFS pointer, which stands for a file that was not fetched (`git lfs pull` fetches it)"
)
SIGNATURES = {
    b"PK": "a zip archive or an Excel workbook",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a parquet file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
}


@dataclass(frozen=True)
class TextTable:
    """A table as its file writes it.

    `words` (n rows) holds str columns, named without blanks around; an empty cell is NaN.
    `header` has the names to the letter. `notes` report what was left out or guessed.
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


@dataclass(frozen=True)
class _Text:
    """The text of a table in UTF-8, from `start` on; `encoding` is how the file writes it."""

    data: Content
    encoding: str
    start: int = 0
    notes: tuple[str, ...] = ()

    def opened(self) -> io.TextIOWrapper:
        """To be read, or iterated over line by line, each with its end."""
        buffered = io.BufferedReader(_Bytes(memoryview(self.data)[self.start :]))
        return io.TextIOWrapper(buffered, encoding="utf-8", newline="")

    def end_of(self, lines: int) -> int:
        """Where so many lines end."""
        return self.start + sum(len(line.encode()) for line in islice(self.opened(), lines))

    def is_blank(self, lines: int = 0) -> bool:
        """Whether nothing but blanks stands after so many lines."""
        return all(line.isspace() for line in islice(self.opened(), lines, None))


class _Bytes(io.RawIOBase):
    """Bytes to be read as a file."""

    def __init__(self, view: memoryview) -> None:
        self.view, self.place = view, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        part = self.view[self.place : self.place + len(buffer)]
        buffer[: len(part)] = part
        self.place += len(part)
        return len(part)


def parse(
    data: Content, source: Source, header: bool | None = True, separators: str = SEPARATORS
) -> TextTable:
    """The bytes of a CSV -> table of words; `source` is for messages, `header` as in read_table.

    separators: those that it may have.
    """
    import pandas as pd

    text = _decoded(data, source)
    refuse_empty(text.is_blank(), source)
    _refuse_other_formats(text, source)
    layout = _layout(text, source, header, separators)
    refuse_columns(len(layout.names), source)
    names = tuple(name.strip() or f"Unnamed: {i}" for i, name in enumerate(layout.names))
    if len({*names}) < len(names) == len({*layout.names}):
        names = layout.names  # names that differ by blanks alone
    refuse_duplicates(names, source)
    if text.is_blank(layout.lines):
        words = pd.DataFrame({name: pd.Series(dtype="str") for name in names})
    else:
        words = _parsed(text, layout, names, source)
    unnamed = [name for name in names if name.startswith("Unnamed: ") and words[name].isna().all()]
    written = dict(zip(names, layout.names, strict=True))  # all but separators at the ends of lines
    words = words.drop(columns=unnamed)
    kept = tuple(written[name] for name in words.columns if layout.lines)
    return TextTable(words, kept, layout.separator, text.encoding, (*text.notes, *layout.notes))


def _parsed(text: _Text, layout: _Layout, names: Sequence[str], source: Source) -> "pd.DataFrame":
    """The rows as words, by Arrow, which is strict and fast; where it refuses them, Python's parser
    finds the line in the whole text."""
    import pyarrow as pa

    start, end = text.end_of(layout.lines), len(text.data)
    while len(names) == 1 and text.data[end - 1] in b"\r\n":
        end -= 1  # an empty line between others is an empty cell
    body = memoryview(text.data)[start:end]
    try:
        table = _read(pa.py_buffer(body), layout.separator, len(names))
    except pa.ArrowInvalid as error:
        _refuse_first_ragged(text, layout, len(names), source)
        raise DataError(
            f"{source} is not a CSV: {str(error).splitlines()[0]}. Save it again as CSV (UTF-8)."
        ) from None
    frame = table.rename_columns(list(names)).to_pandas()
    _refuse_open_quote(body, frame, layout, source)
    return frame


def _read(body: "pa.Buffer", separator: str, columns: int) -> "pa.Table":
    """The rows as Arrow reads them, block by block; of a large file they lie on disk."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    places = [str(i) for i in range(columns)]
    rows = arrow.open_csv(
        pa.BufferReader(body),
        arrow.ReadOptions(use_threads=False, block_size=BLOCK, column_names=places),
        arrow.ParseOptions(
            delimiter=separator,
            newlines_in_values=True,
            ignore_empty_lines=columns > 1,
            invalid_row_handler=lambda row: "error" if row.text.strip() else "skip",
        ),
        arrow.ConvertOptions(
            column_types=dict.fromkeys(places, pa.large_string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    return scratch.table(rows, rows.schema) if body.size > scratch.LARGE else rows.read_all()


def _refuse_open_quote(
    body: memoryview, frame: "pd.DataFrame", layout: _Layout, source: Source
) -> None:
    """Arrow closes at the end of the file what was never closed: the last cell then ends it."""
    last = None if frame.empty else frame.iloc[-1, -1]
    if not isinstance(last, str):
        return
    opened = f'{layout.separator}"{last}'.encode()
    if body[-len(opened) :] == opened and sum(b.count(b'"') for b in _blocks(body)) % 2:
        raise DataError(
            f"{source}, row {len(frame) + 1}: a quote is opened there and never closed. Correct "
            "the row."
        )


def _refuse_other_formats(text: _Text, source: Source) -> None:
    start = text.opened().read(10_000).lstrip()
    if re.match(r"<(!doctype|html|\?xml)[\s>]", start, re.IGNORECASE):
        raise DataError(
            f"{source} is a web page, not a CSV; often it is the organiser's log-in page. Log in "
            "and download the file again."
        )
    if start.startswith("version https://git-lfs"):
        raise DataError(f"{source} is {GIT_LFS}.")
    if start[:1] in ("{", "[") and _is_json(text.opened().read()):
        raise DataError(f"{source} is JSON, not a CSV. Save the table as CSV (UTF-8).")


def _is_json(text: str) -> bool:
    """A mapping, or a list of mappings or lists; a header may well begin with a brace."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return False
    return bool(value) and (isinstance(value, dict) or isinstance(value[0], dict | list))


# -- encoding --------------------------------------------------------------------------------------


def _decoded(data: Content, source: Source) -> _Text:
    """The text, and a note where it is not plain UTF-8. What is not is held in memory."""
    encodings = _encodings(data)
    if encodings[0] in UTF8 and _is_utf8(data):
        return _Text(data, encodings[0], len(codecs.BOM_UTF8) if encodings[0] == UTF8[1] else 0)
    if not isinstance(data, bytes):
        refuse_beyond_memory(len(data), source, TIMES)
        data = data[:]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "cp949" and not _is_korean(text):
            continue
        if "\0" in text or (encoding == "cp1252" and CONTROL.search(text)):
            continue
        if encoding == "cp1252" and _damaged_korean(data):
            continue
        name = {"cp949": "CP949", "cp1252": "Windows-1252"}.get(encoding, encoding.upper())
        return _Text(text.encode(), encoding, notes=(f"read as {name}, for it is not UTF-8",))
    kind = next((kind for start, kind in SIGNATURES.items() if data.startswith(start)), "")
    kind = kind or _damaged_korean(data) or "no text in UTF-8, UTF-16, CP949 or Windows-1252"
    if b"\0" in data and kind.startswith("no text"):
        kind += f" (a zero byte in line {data[: data.index(0)].count(10) + 1})"
    raise DataError(
        f"{source} is not a CSV: it is {kind}. Save it as CSV (UTF-8), or download it again."
    )


def _blocks(data: Content | memoryview) -> Iterator[bytes]:
    for place in range(0, len(data), BLOCK):
        yield bytes(data[place : place + BLOCK])
        scratch.release()


def _is_utf8(data: Content) -> bool:
    """Whether this is text in UTF-8; zero bytes are none."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in _blocks(data):
            if b"\0" in block:
                return False
            if not block.isascii() or decoder.getstate()[0]:
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _encodings(data: Content) -> tuple[str, ...]:
    start = data[:4]
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    if start.startswith(codecs.BOM_UTF8):
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


def _damaged_korean(data: bytes) -> str:
    """What a text is that would be Korean but for a few bytes; "" for any other."""
    text = data.decode("cp949", errors="replace")
    bad = text.count("�")
    korean = len(re.findall(r"[가-힣]{2}", text))
    if not bad or korean < 10 * bad:
        return ""
    line = text[: text.index("�")].count("\n") + 1
    return f"Korean text in CP949 with bytes in line {line} that are no text"


# -- layout ----------------------------------------------------------------------------------------


def _layout(text: _Text, source: Source, header: bool | None, separators: str) -> _Layout:
    """Separator, names and the first row of data, from the first records."""
    try:
        heads = {separator: _head(text, separator) for separator in separators}
    except csv.Error as error:
        raise DataError(f"{source} is not a CSV: its header cannot be read ({error}).") from None
    # the separator that parts most records alike, and into the most fields
    separator = max(separators, key=lambda one: _evenness(heads[one]))
    records = heads[separator]
    if not records:
        raise DataError(f"{source} is empty: it holds blanks alone. Download or save it again.")
    if header is False:
        return _headless(separator, records)
    place = _header_place(records)
    line, first = records[place]
    rows = [fields for _, fields in records[place + 1 :]]
    completed, notes = _complete(first, rows)
    if _reads_like_rows(completed, rows):
        if header is None:
            return _headless(separator, records)
        raise DataError(
            f"{source} has no header: its first line, {quoted(completed, 5)}, reads like the rows "
            "below it. Put a line with the names of the columns above it; or set [load] header = "
            "false in the competition's TOML, which names them 'column 1', 'column 2' and so on."
        )
    if place:
        titles = quoted([" ".join(fields).strip() for _, fields in records[:place]], 3)
        notes.append(f"left out what stands above the header: {titles}")
    return _Layout(separator, tuple(completed), line, tuple(notes))


def _headless(separator: str, records: list[tuple[int, list[str]]]) -> _Layout:
    width = _usual([len(fields) for _, fields in records])
    return _Layout(separator, tuple(f"column {i + 1}" for i in range(width)), 0)


def _head(text: _Text, separator: str) -> list[tuple[int, list[str]]]:
    """The first records that are not blank: the lines up to the end of each, and its fields."""
    reader = _records(text, separator)
    filled = (fields for fields in reader if any(field.strip() for field in fields))
    return [(reader.line_num, fields) for fields in islice(filled, LOOKED_AT)]


def _records(text: _Text, separator: str) -> "Reader":
    csv.field_size_limit(2**31 - 1)  # the default refuses texts of more than 131,072 letters
    return csv.reader(text.opened(), delimiter=separator)


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


def _refuse_first_ragged(text: _Text, layout: _Layout, expected: int, source: Source) -> None:
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
