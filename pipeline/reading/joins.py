"""Side tables joined to train and test by their keys: [load.join.NAME] of the TOML.

A key names each row of the side table once (many rows of train to one of it). A table with several
rows a key is aggregated first, or refused.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import DataError, SettingsError
from pipeline.problem import Feature, JoinKey, SideTable
from pipeline.reading.contract import FIRST_ROW
from pipeline.reading.csv_files import TextTable
from pipeline.reading.date_columns import find_dates, read_dates
from pipeline.reading.notation import is_plain_number, numbers, read_numbers
from pipeline.reading.schema import RawTables
from pipeline.reading.typed_tables import as_words
from pipeline.table import whole
from pipeline.wording import count, did_you_mean, quoted

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.config import Join

Frames = Mapping[str, "pd.DataFrame"]  # "train" and "test"
BETWEEN = "\x1f"  # of a key's parts: no cell of a table holds it
MOST_NAMED = 5
NUMERIC = ("mean", "sum", "min", "max", "std", "median")
COUNTS = ("count", "nunique")  # 0 where the key has no row
COUNTED = f"rows are counted as in a spreadsheet, the first below the header is row {FIRST_ROW}"


def role(name: str) -> str:
    """The role of a side table's file, as the key of [load] that names it."""
    return f"join.{name}.file"


def join_side_tables(
    tables: RawTables, read: Mapping[str, TextTable], joins: "Mapping[str, Join]"
) -> tuple[RawTables, list[str]]:
    """Train and test with the columns of all side tables, one after another; notes on each.

    read: role -> table. A key may be a column that an earlier side table has brought. Raises
    DataError where a key is not there, joins nothing or would multiply rows.
    """
    frames, notes, sides = {"train": tables.train, "test": tables.test}, [], {}
    for name, settings in joins.items():
        side = prepare(name, settings, read[role(name)].words, frames)
        placed = {which: matches(frame, side) for which, frame in frames.items()}
        side = _without_known(name, side, frames, placed)
        if not any((rows >= 0).any() for rows in placed.values()):
            raise _no_match(name, settings, side, frames)
        notes.append(_note(name, side, placed))
        frames = {which: _joined(frames[which], side, rows) for which, rows in placed.items()}
        sides[name] = side
    return replace(tables, train=frames["train"], test=frames["test"], sides=sides), notes


def join_rows(frame: "pd.DataFrame", sides: Mapping[str, SideTable]) -> "pd.DataFrame":
    """New rows with the columns of the side tables that a run was given."""
    for name, side in sides.items():
        for key in side.keys:
            _require(key.column, frame.columns, f"[load.join.{name}] on", "the rows to predict")
        frame = _joined(frame, side, matches(frame, side))
    return frame


# -- a side table ----------------------------------------------------------------------------------


def prepare(name: str, settings: "Join", table: "pd.DataFrame", frames: Frames) -> SideTable:
    """A side table with one row a key, and its columns as train and test are to have them."""
    where = f"[load.join.{name}]"
    for own, other in settings.pairs:
        _require(other, table.columns, f"{where} on", settings.file)
        for which, frame in frames.items():
            _require(own, frame.columns, f"{where} on", which)
    keys = tuple(
        _key(own, other, [frame[own] for frame in frames.values()], table[other])
        for own, other in settings.pairs
    )
    spelled = combined(table, keys, theirs=True)
    known = table[spelled.notna()].reset_index(drop=True)
    spelled = spelled.dropna().reset_index(drop=True)
    others = [column for column in known.columns if column not in {key.other for key in keys}]
    if settings.aggregate:
        spelled, values = _aggregated(name, settings, known, spelled)
    else:
        first = ~known.assign(**{BETWEEN: spelled}).duplicated([*others, BETWEEN])
        _refuse_several(name, settings, table, keys, spelled[first])
        spelled, values = spelled[first], known.loc[first, others]
    taken = {column for frame in frames.values() for column in frame.columns}
    names = {
        column: f"{name}_{column}" if settings.aggregate or column in taken else column
        for column in values.columns
    }
    clashing = [new for new in names.values() if new in taken]
    if clashing or len({*names.values()}) < len(names):
        raise SettingsError(
            f"{where}: its column {(clashing or [*names.values()])[0]!r} is there already. Give "
            "the join another name, which stands before the names of such columns."
        )
    filled = tuple(
        names[f"{column}_{how}"]
        for column, hows in settings.aggregate.items()
        for how in hows
        if how in COUNTS
    )
    values = values.rename(columns=names).reset_index(drop=True)
    return SideTable(keys, spelled.reset_index(drop=True).to_frame("key"), values, filled)


def _require(name: str, known: Iterable[object], where: str, what: str) -> None:
    names = list(map(str, known))
    if name not in names:
        raise DataError(
            f"{where}: found {name!r}, and {what} has no such column; its columns are "
            f"{quoted(names)}. {did_you_mean(name, names)}"
        )


def _refuse_several(
    name: str,
    settings: "Join",
    table: "pd.DataFrame",
    keys: Sequence[JoinKey],
    spelled: "pd.Series",
) -> None:
    """DataError where a key has several rows, which differ: each row of train would become two."""
    repeated = spelled[spelled.duplicated(keep=False)]
    if repeated.empty:
        return
    every = combined(table, keys, theirs=True)
    rows = np.flatnonzero(every == repeated.iloc[0])[:2] + FIRST_ROW
    shown = ", ".join(map(repr, repeated.iloc[0].split(BETWEEN)))
    raise DataError(
        f"[load.join.{name}] would multiply rows: {settings.file} has "
        f"{count(repeated.nunique(), 'key')} in {quoted(key.other for key in keys)} more than "
        f"once, as {shown} in rows {rows[0]} and {rows[1]} ({COUNTED}). Add the column to `on` "
        "that tells such rows apart, make one row of them (aggregate = { amount = "
        '["mean", "max", "count"] }), or join the tables in read(raw) of '
        'pipeline/competitions/NAME.py, with [load] read = "NAME".'
    )


def _aggregated(
    name: str, settings: "Join", table: "pd.DataFrame", spelled: "pd.Series"
) -> "tuple[pd.Series, pd.DataFrame]":
    """A row for each key (k,): its columns `amount_mean`, ..., as words."""
    import pandas as pd

    found: dict[str, pd.Series] = {}
    for column, hows in settings.aggregate.items():
        _require(column, table.columns, f"[load.join.{name}] aggregate", settings.file)
        words = table[column]
        values = _values(name, settings, words) if {*hows} & {*NUMERIC} else words
        for how in hows:
            rows = (values if how in NUMERIC else words).groupby(spelled, sort=True)
            found[f"{column}_{how}"] = rows.agg(how)
    made = pd.DataFrame(found)
    return pd.Series(made.index, dtype="str"), as_words(made)


def _values(name: str, settings: "Join", words: "pd.Series") -> "pd.Series":
    known = words.dropna()
    found = read_numbers(known) if len(known) else None
    if len(known) and (found is None or found.strays):
        stray = next(iter(found.strays)) if found is not None else known.iloc[0]
        raise DataError(
            f"[load.join.{name}] aggregate: {settings.file}, column {str(words.name)!r}: found "
            f"{stray!r}, and {', '.join(NUMERIC)} need numbers. Allowed of other values are "
            "count, nunique, first and last."
        )
    return words.astype("float64") if found is None else numbers(words, found.notation)


# -- keys ------------------------------------------------------------------------------------------


def _key(own: str, other: str, ours: "Sequence[pd.Series]", theirs: "pd.Series") -> JoinKey:
    """How two columns are compared: as text, as numbers (5 is 5.0) or as dates, whichever of these
    finds most of the values of train and test; the first of equally good ones."""
    import pandas as pd

    words = pd.concat(ours, ignore_index=True).dropna().drop_duplicates()
    best, most = JoinKey(own, other), -1.0
    for key in _ways(own, other, words, theirs):
        known = {*_spelled(theirs, key, key.other_formats).dropna()}
        found = float(_spelled(words, key, key.formats).isin(known).mean()) if len(words) else 0.0
        if found > most:
            best, most = key, found
        if most == 1.0:
            break
    return best


def _ways(own: str, other: str, words: "pd.Series", theirs: "pd.Series") -> Iterator[JoinKey]:
    yield JoinKey(own, other)
    yield JoinKey(own, other, "number")
    formats = [find_dates(name, each).formats for name, each in ((own, words), (other, theirs))]
    if all(formats):
        yield JoinKey(own, other, "date", *formats)


def combined(table: "pd.DataFrame", keys: Sequence[JoinKey], theirs: bool = False) -> "pd.Series":
    """The key of each row as one text (n,), missing where a part of it is; `theirs`: of a side
    table."""
    parts = [
        _spelled(table[key.other], key, key.other_formats)
        if theirs
        else _spelled(table[key.column], key, key.formats)
        for key in keys
    ]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + BETWEEN + part
    return joined.reset_index(drop=True)


def _spelled(words: "pd.Series", key: JoinKey, formats: Sequence[str]) -> "pd.Series":
    """Words (n,) in the spelling by which they are compared."""
    if key.compared == "date":
        dates = read_dates(words, Feature(key.column, "date", formats=tuple(formats)))
        return dates.astype("str").mask(dates.isna())
    spell: Callable[[str], str] = _number if key.compared == "number" else str.strip
    distinct = words.dropna().unique()
    return words.map(dict(zip(distinct, map(spell, distinct), strict=True))).astype("str")


def _number(word: str) -> str:
    return repr(float(word)) if is_plain_number(word.strip()) else word.strip()


# -- joining ---------------------------------------------------------------------------------------


def matches(frame: "pd.DataFrame", side: SideTable) -> np.ndarray:
    """The row of the side table that each row (n,) gets; -1 where its key has none."""
    import pandas as pd

    ours = pd.Index(combined(frame, side.keys))
    return np.asarray(pd.Index(side.spelled["key"]).get_indexer(ours))


def _joined(frame: "pd.DataFrame", side: SideTable, rows: np.ndarray) -> "pd.DataFrame":
    import pandas as pd

    added = {
        name: pd.Series(side.values[name].array.take(rows, allow_fill=True), index=frame.index)
        for name in map(str, side.values)
    }
    added |= {name: added[name].where(rows >= 0, "0") for name in side.counts}
    return pd.concat([frame, pd.DataFrame(added, index=frame.index)], axis=1)


def _without_known(
    name: str, side: SideTable, frames: Frames, placed: Mapping[str, np.ndarray]
) -> SideTable:
    """Without columns that hold what train and test have already in one of the same name."""
    known = []
    for column in map(str, side.values):
        own = column.removeprefix(f"{name}_")
        if own != column and all(
            own in frame
            and frame[own].array[rows >= 0].equals(side.values[column].array.take(rows[rows >= 0]))
            for frame, rows in ((frames[which], placed[which]) for which in frames)
        ):
            known.append(column)
    return replace(side, values=whole(side.values).drop(columns=known))


def _note(name: str, side: SideTable, placed: Mapping[str, np.ndarray]) -> str:
    by = quoted(key.column for key in side.keys)
    lacking = [
        f"{int((rows < 0).sum()):,} of {count(len(rows), 'row')} of {which}"
        for which, rows in placed.items()
        if (rows < 0).any()
    ]
    found = f"no match for {' and '.join(lacking)}" if lacking else "every row has a match"
    return f"{name}: {count(len(side.values.columns), 'column')} joined by {by}; {found}"


def _no_match(name: str, settings: "Join", side: SideTable, frames: Frames) -> DataError:
    key = side.keys[0]
    ours = quoted(frames["train"][key.column].dropna().unique()[:3])
    theirs = quoted(part.split(BETWEEN)[0] for part in side.spelled["key"][:3])
    return DataError(
        f"[load.join.{name}]: no row of train or test has a key that {settings.file} has; "
        f"{key.column!r} of train holds {ours}, {key.other!r} of {settings.file} holds {theirs}. "
        f"Correct `on`, or remove the join. Columns: {quoted(frames['train'].columns, MOST_NAMED)}."
    )
