"""Which further files beside train and test are side tables, and by which columns they are joined.

A side table's key names each of its rows once, and is a column (or up to three together) of train
and test: one of the same name, or one of words that all stand in the side table's column.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from pipeline.config import Join
from pipeline.errors import DataError
from pipeline.reading import naming
from pipeline.reading.archives import Source
from pipeline.reading.csv_files import TextTable
from pipeline.reading.finding import TableFile
from pipeline.reading.joins import join_side_tables, matches, prepare, role
from pipeline.reading.notation import are_plain
from pipeline.reading.schema import RawTables
from pipeline.reading.tables import read_table
from pipeline.wording import printable

if TYPE_CHECKING:
    import pandas as pd

On = Mapping[str, str]  # column of train and test -> column of the side table
MOST_PARTS, MOST_SHARED = 3, 8  # columns in a key, and columns among which it is looked for
FEWEST_MATCHED = 0.5  # of train's rows, by a column of the same name
FEWEST_FOUND, FEWEST_VALUES = 0.9, 3  # of a column's different words, by one of another name


@dataclass(frozen=True)
class SideTables:
    """The tables with the side tables joined, and by name each one's file and settings.

    proposed: files that a note proposes a line of the TOML for.
    """

    tables: RawTables
    joins: Mapping[str, Join] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    proposed: tuple[Source, ...] = ()


def find_side_tables(files: Sequence[TableFile], tables: RawTables) -> SideTables:
    """Join the files that are side tables; a key may come from one that was joined before."""
    found, notes = SideTables(tables), []
    waiting = {}
    for file in files:
        try:
            waiting[file] = read_table(file.source)
        except DataError as error:
            notes.append(f"not looked at as a side table: {error}")
    while waiting:
        keys = {file: list(_keys(file, table, found)) for file, table in waiting.items()}
        joined = next((file for file in waiting if keys[file]), None)
        if joined is None:
            break
        for on in keys[joined]:
            found = _with(found, joined, waiting[joined], on, several=len(keys[joined]) > 1)
        del waiting[joined]
    left = {file.source: _left(file, table.words, tables) for file, table in waiting.items()}
    return replace(
        found,
        notes=(*found.notes, *notes, *filter(None, left.values())),
        proposed=tuple(source for source, note in left.items() if note),
    )


def _with(
    found: SideTables, file: TableFile, table: TextTable, on: On, several: bool
) -> SideTables:
    same = all(own == other for own, other in on.items())
    named = "_".join([_name(file), *(on if several else ())])
    name = next(n for n in (named, *(f"{named}{i}" for i in range(2, 99))) if n not in found.joins)
    join = Join(file=file.shown, on=tuple(on) if same else dict(on))
    tables, notes = join_side_tables(found.tables, {role(name): table}, {name: join})
    return SideTables(
        tables,
        {**found.joins, name: join},
        {**found.sources, name: file.source},
        (*found.notes, *notes),
    )


def _name(file: TableFile) -> str:
    return re.sub(r"\W+", "_", naming.stem(file.source.name)).strip("_") or "table"


def _keys(file: TableFile, table: TextTable, found: SideTables) -> Iterator[On]:
    """The keys by which a table is joined: several where several columns hold its words."""
    train, test, side = found.tables.train, found.tables.test, table.words
    if any(name in train and name not in test for name in side):
        return  # it has the target: no side table
    shared = [name for name in map(str, side) if name in train and name in test][:MOST_SHARED]
    best, most = None, FEWEST_MATCHED
    for parts in range(1, MOST_PARTS + 1):
        for names in combinations(shared, parts):
            share = _matched(file, side, found, {name: name for name in names})
            if share > most or (share == most and best is None):
                best, most = names, share
        if best is not None:
            yield {name: name for name in best}
            return
    for other in map(str, side):
        yield from ({own: other} for own in _holding(train, test, side[other]))


def _matched(file: TableFile, side: "pd.DataFrame", found: SideTables, on: On) -> float:
    """The share of train's rows that these columns find; 0 where they name no row once."""
    names = list(on.values())
    if side.duplicated(names).any() or len({*names}) == side.shape[1]:
        return 0.0
    frames = {"train": found.tables.train, "test": found.tables.test}
    prepared = prepare(_name(file), Join(file=file.shown, on=dict(on)), side, frames)
    return float((matches(found.tables.train, prepared) >= 0).mean())


def _holding(train: "pd.DataFrame", test: "pd.DataFrame", words: "pd.Series") -> Iterator[str]:
    """The columns of train and test whose words nearly all stand in this column of a side table."""
    if words.isna().any() or not words.is_unique or are_plain(words).mean() > 0.5:
        return
    for name in train.columns:
        if name in test:
            values = train[name].dropna().unique()
            known = set(words)
            found = sum(value in known for value in values)
            if len(values) >= FEWEST_VALUES and found >= FEWEST_FOUND * len(values):
                yield str(name)


def _left(file: TableFile, side: "pd.DataFrame", tables: RawTables) -> str:
    """What to do with a table that has several rows for a value of train and test, or that is like
    train; "" for any other."""
    train, test = tables.train, tables.test
    if len([name for name in side if name in train]) > len(train.columns) / 2 and any(
        name in side and name not in test for name in train
    ):
        return (
            f"{file}: has train's columns, the target too. If its rows are to be learnt from "
            f'beside train\'s, name it: [load] extra = "{_copied(file.source)}"'
        )
    names = [name for name in side if name in train and name in test]
    keys = [name for name in names if train[name].isin(side[name]).mean() >= FEWEST_MATCHED]
    others = [name for name in side if name not in train]
    if not keys or not others or any(name in train and name not in test for name in side):
        return ""
    key = max(keys, key=lambda name: train[name].nunique())
    plain = [name for name in others if are_plain(side[name].dropna()).all()]
    value = min(plain, key=lambda name: _names_rows(side[str(name)]), default=None)
    hows: Any = '["mean", "max", "count"]' if value else '["count", "nunique"]'
    join = f'file = "{_copied(file.source)}", on = "{key}"'
    return (
        f"{file}: has several rows for a value of {key!r}, and is not joined. To make one row of "
        f"them, in the TOML: [load] join.{_name(file)} = {{ {join}, "
        f'aggregate = {{ "{value or others[0]}" = {hows} }} }}'
    )


def _names_rows(words: "pd.Series") -> bool:
    """Whether these are whole numbers, another one in each row."""
    return bool(words.is_unique and words.dropna().str.isdigit().all())


def _copied(source: Source) -> str:
    """The file as a TOML names it, once `new` has copied it into the folder of raw files."""
    name = "/".join((source.path.name, *source.members))
    return printable(f"{name}#{source.sheet}" if source.sheet else name)
