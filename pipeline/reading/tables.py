"""Foreign bytes -> a table of words: every cell as its file writes it, or an error with the reason.

A table is a CSV, a parquet file or a sheet of a workbook, as it is, in a zip or compressed. What
words mean is for `notation`, `kinds` and `schema`.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import DataError
from pipeline.reading.archives import WORKBOOK, Source, content, opened
from pipeline.reading.csv_files import TextTable, parse
from pipeline.reading.finding import sole_table
from pipeline.reading.notation import numbers
from pipeline.reading.typed_tables import read_parquet
from pipeline.reading.workbooks import as_csv

if TYPE_CHECKING:
    import pandas as pd

INDEX_NAMES = ("Unnamed: 0", "__index_level_0__")  # what pandas calls an index that it saved


def read_table(source: Source | Path, header: bool | None = True) -> TextTable:
    """Bytes -> table of words. An index that was saved as an unnamed column is left out.

    header: whether there is a line of names; None: found by looking. Without one the columns are
    named "column 1", "column 2", ..., and the table's `header` is empty.
    """
    source = source if isinstance(source, Source) else sole_table(Source(source))
    if source.name.endswith(".parquet"):
        words = read_parquet(content(source), source)
        table = TextTable(words, tuple(map(str, words.columns)))
    elif source.name.endswith(WORKBOOK):
        data, notes = as_csv(content(source), source)
        table = parse(data, source, header, separators=",")
        table = replace(table, notes=(*notes, *table.notes))
    else:
        table = parse(opened(source), source, header)
    if table.words.empty:
        raise DataError(
            f"{source} has a header and no rows. Download or save it again; at least one row of "
            "data is needed."
        )
    return _without_index(table)


def _without_index(table: TextTable) -> TextTable:
    """Leave out an unnamed column that counts 0, 1, 2, ... or onwards from any number."""
    for name in INDEX_NAMES:
        if name in table.words and table.words.shape[1] > 1 and _counts_up(table.words[name]):
            place = list(table.words.columns).index(name)
            header = table.header[:place] + table.header[place + 1 :]
            table = replace(table, words=table.words.drop(columns=name), header=header)
    return table


def _counts_up(words: "pd.Series") -> bool:
    counted = numbers(words)
    return bool((counted.diff()[1:] == 1).all() and (counted == counted.round()).all())
