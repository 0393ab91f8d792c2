"""A sheet of an .xlsx workbook -> the CSV of its cells, so that both are read alike.

Numbers and dates are written plainly (5, not 5.0; 2020-01-31), formulas as the value that was saved
with them. Macros and links to other files are never looked at.
"""

import csv
import html
import io
import re
import unicodedata
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

from pipeline.errors import DataError, UserError
from pipeline.reading.archives import (
    Source,
    content,
    refuse_beyond_memory,
    refuse_columns,
    refuse_empty,
    refuse_harmful,
)
from pipeline.wording import quoted

MOST_ROWS = 1_048_576  # of a sheet, as Excel has it
XML_TIMES = 4  # a sheet's XML that reading takes: its cells as text, and the table made of them
LOOKED_AT = 20  # rows in which a sheet that holds data has some
EXACT = 1e15  # greater numbers are written as they are
SHEET = re.compile(r'<(?:\w+:)?sheet\s[^>]*?name="([^"]*)"')
MOST_LISTED = 1_000_000  # bytes of the list of sheets
OLD = b"\xd0\xcf\x11\xe0"
REMEDY = "Save the sheet as CSV (UTF-8), or the workbook again as .xlsx"


def as_csv(data: bytes, source: Source) -> tuple[bytes, tuple[str, ...]]:
    """A workbook's bytes -> a CSV of the named sheet, or the first with data; notes on the choice.

    Raises DataError for what is no workbook, or unpacks to more than memory holds.
    """
    refuse_empty(not data.strip(), source)
    if data.startswith(OLD):
        raise DataError(f"{source} is an old workbook, or locked with a password. {REMEDY}.")
    with _reported(source), zipfile.ZipFile(io.BytesIO(data)) as archive:
        refuse_harmful(archive, source)
        _refuse_entities(archive, source)
        size = sum(info.file_size for info in archive.infolist())
    refuse_beyond_memory(size, source, XML_TIMES)
    with _reported(source), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and other things that no cell's value needs
        import openpyxl

        book = openpyxl.load_workbook(
            io.BytesIO(data), read_only=True, data_only=True, keep_links=False
        )
        sheet, notes = _chosen(book.worksheets, source)
        return _written(list(_rows(sheet, source)), source), notes


def sheet_names(source: Source) -> list[str]:
    """The sheets of a workbook, in order; none where it cannot be read: reading reports that."""
    try:
        with (
            zipfile.ZipFile(io.BytesIO(content(source))) as archive,
            archive.open("xl/workbook.xml") as part,
        ):
            text = part.read(MOST_LISTED).decode(errors="ignore")
    except (UserError, OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return []
    return [html.unescape(name) for name in SHEET.findall(text)]


@contextmanager
def _reported(source: Source) -> Iterator[None]:
    """Whatever is wrong with a workbook becomes a DataError."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # openpyxl raises what the broken part happens to
        what = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise DataError(f"{source} is not a whole workbook ({what}). {REMEDY}.") from None


def _refuse_entities(archive: zipfile.ZipFile, source: Source) -> None:
    """XML that defines entities may unpack to anything; no spreadsheet program writes it."""
    for info in archive.infolist():
        if info.filename.lower().endswith((".xml", ".rels")):
            with archive.open(info) as part:
                if re.search(rb"<!(DOCTYPE|ENTITY)", part.read(2000)):
                    raise DataError(
                        f"{source}: {info.filename} defines entities, which no spreadsheet "
                        f"program writes. {REMEDY}."
                    )


# -- sheets ----------------------------------------------------------------------------------------


def _chosen(sheets: Sequence[Any], source: Source) -> tuple[Any, tuple[str, ...]]:
    """The sheet that is named, or the first with data, of hidden ones the last choice."""
    titles = [str(sheet.title) for sheet in sheets]
    if source.sheet:
        same = [s for s, title in zip(sheets, titles, strict=True) if _same(title, source.sheet)]
        if len(same) != 1:
            raise DataError(
                f"{source}: there is no sheet {source.sheet!r}; the workbook has "
                f"{quoted(titles)}. Correct what stands behind '#'."
            )
        return same[0], ()
    shown = sorted(sheets, key=lambda sheet: sheet.sheet_state != "visible")
    filled = [sheet for sheet in shown if _has_data(sheet, source)]
    if not filled:
        raise DataError(f"{source}: no sheet holds data; found {quoted(titles)}. {REMEDY}.")
    first, *others = [str(sheet.title) for sheet in filled]
    note = (
        f"read the sheet {first!r}; {quoted(others)} hold data too: the name of the file, with "
        f"'#{others[0]}' behind it, names that one"
        if others
        else ""
    )
    return filled[0], (note,) if note else ()


def _same(one: str, other: str) -> bool:
    return unicodedata.normalize("NFC", one.strip()) == unicodedata.normalize("NFC", other.strip())


def _has_data(sheet: Any, source: Source) -> bool:
    return any(any(row) for row in islice(_rows(sheet, source), LOOKED_AT))


def _rows(sheet: Any, source: Source) -> Iterator[list[str]]:
    """Each row's cells as text, without empty ones at its end."""
    sheet.reset_dimensions()  # what a file says of its size may be wrong
    for place, cells in enumerate(sheet.iter_rows(values_only=True)):
        if place >= MOST_ROWS:
            raise DataError(f"{source}: a sheet has {MOST_ROWS:,} rows at most. {REMEDY}.")
        row = [_word(value) for value in cells]
        while row and not row[-1]:
            row.pop()
        yield row


def _written(rows: Sequence[Sequence[str]], source: Source) -> bytes:
    """The rows as CSV, filled up to one width."""
    width, filled = max(map(len, rows), default=0), sum(map(len, rows))
    refuse_columns(width, source)
    refuse_beyond_memory(len(rows) * width, source, XML_TIMES)
    if not filled:
        raise DataError(f"{source}: the sheet is empty. Name another one behind '#'.")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([*row, *[""] * (width - len(row))] for row in rows if row)
    return text.getvalue().encode()


def _word(value: object) -> str:
    """A cell as a CSV of it would hold it."""
    if value is None:
        return ""
    if isinstance(value, float):
        is_whole = value.is_integer() and abs(value) < EXACT
        return str(int(value)) if is_whole else repr(value)
    if isinstance(value, datetime):
        is_day = value.time() == time()
        return value.date().isoformat() if is_day else value.isoformat(" ", "auto")
    if isinstance(value, timedelta):
        return _word(value.total_seconds())
    return value.isoformat() if isinstance(value, date | time) else str(value)
