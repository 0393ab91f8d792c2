"""What each column holds - numbers, dates, categories or text - and how its words are read.

The kind follows from the words of train and test together, unless the competition's TOML declares
it. A description is what `conform` needs to read that column of any other table in the same way.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.contract import FIRST_ROW, Column
from pipeline.date_columns import (
    Found,
    describe_dates,
    describe_declared,
    find_dates,
    is_gap,
    read_dates,
)
from pipeline.dates import formats_of, shape
from pipeline.errors import DataError
from pipeline.notation import (
    NEARLY_ALL,
    PLAIN_NOTATION,
    Notation,
    are_plain,
    find_notation,
    is_nothing,
    looks_numeric,
    numbers,
    plain_numbers,
    value_of,
    words_for_missing,
)
from pipeline.wording import count, folded, shortened

if TYPE_CHECKING:
    import pandas as pd

FEW_ROWS = 20  # fewer values say nothing about what a column holds
LONG = 5  # words a value, on average: prose, not a category
MOST_STRAY = 3  # so few different words among numbers are mistakes, not categories
STRAY_SHARE = 0.002
MOST_NAMED = 5  # columns in a note
MOST_UNITS = 5


def describe_column(
    name: str, train: "pd.Series", test: "pd.Series", declared: Column | None = None
) -> dict[str, Any]:
    """{"name", "kind"} and, where they are not the usual ones, the "format" of dates and times and
    their "zone", the "notation" of numbers, and the words that are "missing"; "found" are sentences
    for a person.

    Raises DataError where numbers and words meet in a way that looks like a mistake.
    """
    import pandas as pd

    sides = train, test
    if declared is not None:
        return _declared(name, sides, pd.concat(sides, ignore_index=True).dropna(), declared)
    typed = _typed_if_plain(sides)
    described = _dated(name, find_dates(name, *typed))
    if "format" in described:
        return described
    coded = _is_code(train) or _is_code(test)
    if typed is not sides and not coded:
        return {**described, "kind": "number"}
    values = pd.concat(sides, ignore_index=True)
    known = values.dropna()
    found = None if coded else read_numbers(known)
    if found is not None and not found.strays:
        return {**described, "kind": "number", **found.to_json()}
    if found is not None:
        _refuse_mistakes(name, {"train": train, "test": test}, found)
    _refuse_mismatch(name, train, test)
    if _is_prose(train.dropna() if train.notna().any() else known):
        return {**described, "kind": "text"}
    missing, _ = words_for_missing(known.unique().tolist(), bool(values.isna().any()))
    return {**described, "kind": "category", **_missing(missing)}


def _declared(
    name: str, sides: "tuple[pd.Series, pd.Series]", known: "pd.Series", declared: Column
) -> dict[str, Any]:
    if declared.kind == "date":
        return _declared_dates(name, sides, declared)
    missing = _missing(declared.missing_words or ())
    if declared.kind in ("number", "integer"):
        found = read_numbers(known, declared.missing_words) or Numbers()
        return {"name": name, "kind": "number", **found.to_json(), **missing}
    if declared.missing_words is None and declared.kind == "category":
        missing = _missing(words_for_missing(known.unique().tolist(), True)[0])
    return {"name": name, "kind": declared.kind, **missing}


def _missing(words: Iterable[str]) -> dict[str, list[str]]:
    listed = sorted(words)
    return {"missing": listed} if listed else {}


# -- dates -----------------------------------------------------------------------------------------


def describe_id(
    id: str, train: "pd.DataFrame", test: "pd.DataFrame", declared: Column | None = None
) -> dict[str, Any] | None:
    """The column that an id gives to the models where it is a date; None where it is none.

    It has a name of its own, and the id's as "source": the id itself stays as the organiser
    wrote it.
    """
    if id not in train or id not in test:
        return None
    sides = train[id], test[id]
    if declared is None:
        described = _dated(id, find_dates(id, *_typed_if_plain(sides)))
    elif declared.kind == "date":
        described = _declared_dates(id, sides, declared)
    else:
        return None
    if "format" not in described:
        return None
    name = f"{id} (date)"
    while name in train or name in test:
        name += "'"
    line = (
        f"id {id!r} is a date, and so a feature too, {name!r}; to leave it out: "
        f'[load.columns] "{id}" = {{ kind = "text" }}'
    )
    found = [line, *described.get("found", ())]
    return {**described, "name": name, "source": id, "found": found}


def _dated(name: str, dates: Found) -> dict[str, Any]:
    """The column's name and notes; for dates and times all that the schema says of it."""
    described = dates.to_json(name) if dates.forms else {"name": name}
    return {**described, "found": list(dates.notes)} if dates.notes else described


def _declared_dates(
    name: str, sides: "tuple[pd.Series, pd.Series]", declared: Column
) -> dict[str, Any]:
    sides = _typed_if_plain(sides)
    if declared.formats:
        return describe_declared(name, declared.formats, *sides)
    dates = find_dates(name, *sides)
    if not dates.forms:
        raise DataError(
            f"column {name!r}: the TOML declares dates, yet the values are in no form that is "
            f'known. Name it: [load.columns] "{name}" = {{ kind = "date", format = "%d/%m/%Y" }}.'
        )
    return _dated(name, dates)


def _typed_if_plain(sides: "tuple[pd.Series, pd.Series]") -> "tuple[pd.Series, pd.Series]":
    """Plain numbers as such: that they are dates wants more evidence than words do. Other words
    come back as the same tuple."""
    train = plain_numbers(sides[0])
    test = None if train is None else plain_numbers(sides[1])
    return sides if train is None or test is None else (train, test)


# -- numbers ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Numbers:
    """How a column writes numbers: the notation, the words that mean missing, and the rows of each
    word that is neither."""

    notation: Notation = PLAIN_NOTATION
    missing: tuple[str, ...] = ()
    strays: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        notation = self.notation.to_json()
        return {**({"notation": notation} if notation else {}), **_missing(self.missing)}


def read_numbers(words: "pd.Series", missing: Sequence[str] | None = None) -> Numbers | None:
    """How these words (n,), none missing, write numbers; None where they mostly do not.

    missing: the words that mean so; left out, those that usually do among numbers.
    """
    named = words.isin(list(missing or ()))
    given, words = words[named].unique().tolist(), words[~named]
    plain = are_plain(words)
    if len(words) and plain.all():
        return Numbers(PLAIN_NOTATION, tuple(given))
    others = words[~plain].value_counts()
    usual = [] if missing is not None else [word for word in others.index if is_nothing(word)]
    nothing, rest = [*given, *usual], others.drop(usual)
    if not len(rest):
        return Numbers(PLAIN_NOTATION, tuple(nothing)) if plain.any() else None
    levels = words[plain].unique().tolist()
    notation = find_notation([*levels, *rest.index])
    if notation is not None:
        return Numbers(notation, tuple(nothing))
    numeric = [word for word in rest.index if looks_numeric(word)]
    notation = find_notation([*levels, *numeric]) if numeric else None
    strays = rest.drop(numeric) if notation is not None else rest
    if int(strays.sum()) > (1 - NEARLY_ALL) * (len(words) - int(others[usual].sum())):
        return None
    return Numbers(
        notation or PLAIN_NOTATION,
        tuple(nothing),
        {str(word): int(n) for word, n in strays.items()},
    )


def _is_code(words: "pd.Series") -> bool:
    """Identifiers of one width that are padded with zeros, and never repeat."""
    first = words.iloc[0] if len(words) else None
    if isinstance(first, str) and not first.isdecimal():  # most columns end here, at no cost
        return False
    known = words.dropna()
    if not len(known) or not known.is_unique or known.str.len().nunique() != 1:
        return False
    return bool(known.str.fullmatch(r"\d+").all() and known.str.fullmatch(r"0\d+").any())


def _refuse_mistakes(name: str, sides: Mapping[str, "pd.Series"], found: Numbers) -> None:
    """A few words in a column of numbers are mistakes, or somebody's sign for nothing."""
    rows, stray = sum(len(side) for side in sides.values()), sum(found.strays.values())
    most = max(MOST_STRAY, STRAY_SHARE * rows)
    if rows < FEW_ROWS or stray > most or len(found.strays) > MOST_STRAY:
        return
    side, row, word = _first_of(sides, found.strays)
    raise DataError(
        f"{side}, row {row + FIRST_ROW}: column {name!r} holds {word!r}, where {rows - stray:,} "
        f"other rows hold numbers. Correct the file, or say what it means in the TOML: "
        f'[load.columns] "{name}" = {{ kind = "number", missing_words = ["{word}"] }} if the value '
        f'is missing there, {{ kind = "category" }} if these are categories.'
    )


def _refuse_mismatch(name: str, train: "pd.Series", test: "pd.Series") -> None:
    """Numbers in train, and in test words that are none: two columns of one name."""
    known, other = train.dropna(), test.dropna()
    if not len(known) or not len(other) or _is_code(train):
        return
    found = read_numbers(known)
    if found is None or found.strays:
        return
    again = read_numbers(other)
    if again is None or again.strays:
        side, row, word = _first_of({"test": test}, _unreadable(other, found.notation))
        raise DataError(
            f"{side}, row {row + FIRST_ROW}: column {name!r} holds {word!r}, train has numbers "
            "there. Correct the files: a column must hold numbers in both, or words in both; or "
            f'declare it in the TOML: [load.columns] "{name}" = {{ kind = "category" }}.'
        )


def _unreadable(words: "pd.Series", notation: Notation) -> list[str]:
    return [word for word in words.unique() if value_of(word, notation) != value_of(word, notation)]


def _first_of(sides: Mapping[str, "pd.Series"], words: Iterable[str]) -> tuple[str, int, str]:
    """The first row that holds one of the words: which table, which row, which word."""
    wanted = list(words)
    for side, values in sides.items():
        places = values.isin(wanted).to_numpy().nonzero()[0]
        if len(places):
            return side, int(places[0]), str(values.iloc[places[0]])
    raise AssertionError("the words come from these tables")


def _is_prose(values: "pd.Series") -> bool:
    """Nearly every row has its own text, or texts are long."""
    distinct = values.drop_duplicates()
    if len(values) < FEW_ROWS:
        return False
    if len(distinct) >= NEARLY_ALL * len(values):
        return True
    return len(distinct) > 50 and distinct.head(1000).str.count(r"\S+").mean() >= LONG


# -- reading a table by its descriptions -----------------------------------------------------------


def conform(
    frame: "pd.DataFrame", columns: Iterable[Mapping[str, Any]], where: str
) -> "pd.DataFrame":
    """Words -> the features alone, in the order and with the types that the training table has.

    Numbers are int64 or float64, categories and text str, dates datetime64. Raises DataError naming
    column, row and value; `where` names the table.
    """
    import pandas as pd

    described = {column["name"]: column for column in columns}
    sources = {name: column.get("source", name) for name, column in described.items()}
    absent = [source for source in sources.values() if source not in frame]
    if absent:
        raise DataError(
            f"{where}: no column {_names(absent)}; found {_names(frame.columns)}. "
            "Add what is missing: a row must have the columns that the models were trained on."
        )
    typed = {name: conform_column(frame[sources[name]], c, where) for name, c in described.items()}
    return pd.DataFrame(typed, index=frame.index)


def cleaned(values: "pd.Series", column: Mapping[str, Any]) -> "pd.Series":
    """Words (n,) -> words without blanks around, NaN where missing, and numbers written plainly."""
    import pandas as pd
    import pyarrow as pa
    from pyarrow import compute

    bare = compute.utf8_trim_whitespace(pa.array(values, type=pa.string()))
    words = pd.Series(bare.to_pandas().astype("str").to_numpy(), index=values.index, dtype="str")
    missing = {word.strip() for word in column.get("missing", ())} | {""}
    if "format" in column or column["kind"] != "number":
        words = words.mask(words.isin(missing))
        if column["kind"] == "category":  # 3.0 is 3: whole numbers with gaps are saved so
            words = words.str.replace(r"^([+-]?\d+)\.0+$", r"\1", regex=True)
        return words
    words = words.mask(words.isin(missing))
    notation = Notation.from_json(column.get("notation"))
    odd = words.notna() if _separates(column) else words.notna() & ~are_plain(words)
    if not odd.any():
        return words
    written = {word: _plainly(word, notation, missing) for word in words[odd].unique()}
    return words.where(~odd, words.map(written)).astype("str")


def _separates(column: Mapping[str, Any]) -> bool:
    """Whether numbers have another decimal point, or thousands are set apart: 1.234 may be one."""
    notation = Notation.from_json(column.get("notation"))
    return (notation.decimal, notation.thousands) != (".", "")


def _plainly(word: str, notation: Notation, missing: set[str]) -> Any:
    """The word as a plain number; None for missing, itself where it is no number."""
    import math

    value = value_of(word, notation)
    if not math.isnan(value):
        return repr(int(value) if value.is_integer() and abs(value) < 2**53 else value)
    return None if word in missing or is_nothing(word) else word


def conform_column(values: "pd.Series", column: Mapping[str, Any], where: str) -> "pd.Series":
    """One column of `conform`: its words (n,) -> its values (n,)."""
    kind = column["kind"]
    is_plain = not column.get("missing") and not _separates(column)
    if kind == "number" and "format" not in column and is_plain:
        plain = plain_numbers(values)
        if plain is not None:
            return plain
    words = cleaned(values, column)
    if kind in ("category", "text"):
        return words
    typed = read_dates(words, column) if "format" in column else numbers(words)
    lost = words.notna() & typed.isna()
    allowed = f"{kind}s"
    if "format" in column:
        lost &= ~is_gap(words, column)
        forms = " or ".join(map(shape, formats_of(column)))
        allowed = f"{'date' if kind == 'date' else 'time'}s written as {forms}"
    if lost.any():
        row = int(lost.to_numpy().argmax())
        raise DataError(
            f"{where}, row {row + FIRST_ROW}: column {str(values.name)!r} holds "
            f"{values.iloc[row]!r}, allowed are {allowed}. Correct the file."
        )
    return typed


def align(frame: "pd.DataFrame", names: Sequence[str]) -> "tuple[pd.DataFrame, dict[str, str]]":
    """Give columns that differ from one of these names by case or blanks alone that name.

    Returns the frame and what was renamed, the name in the frame first.
    """
    wanted: dict[str, list[str]] = {}
    for name in set(names) - set(frame.columns):
        wanted.setdefault(folded(str(name)), []).append(name)
    found: dict[str, list[str]] = {}
    for name in set(frame.columns) - set(names):
        found.setdefault(folded(str(name)), []).append(name)
    renamed = {
        found[bare][0]: wanted[bare][0]
        for bare in wanted
        if len(wanted[bare]) == 1 and len(found.get(bare, ())) == 1
    }
    ordered = {name: renamed[name] for name in map(str, frame.columns) if name in renamed}
    return (frame.rename(columns=ordered) if ordered else frame), ordered


# -- what is worth telling -------------------------------------------------------------------------


def notes(
    columns: Sequence[Mapping[str, Any]], train: "pd.DataFrame", test: "pd.DataFrame"
) -> Iterator[str]:
    """A sentence on each way in which words were read that a person might have meant otherwise."""
    import pandas as pd

    yield from describe_dates(columns)
    for column in columns:
        yield from column.get("found", ())

    doubtful: dict[str, list[str]] = {}
    nothing: dict[str, list[str]] = {}
    for column in columns:
        name, kind = column["name"], column["kind"]
        if kind == "number" and "notation" in column:
            yield _notation_note(name, train[name], column)
        plain = kind == "number" and "format" not in column
        for word in column.get("missing", ()) if plain else ():
            nothing.setdefault(word, []).append(name)
        if kind == "category":
            values = pd.concat([train[name], test[name]], ignore_index=True)
            found = words_for_missing(values.dropna().unique().tolist(), bool(values.isna().any()))
            for word in found[1] & set(column.get("missing", ())):
                doubtful.setdefault(word, []).append(name)
            yield from _nearly_numbers(name, values.dropna())
    for word, names in nothing.items():
        yield f"{word!r} among the numbers of {_listed(names)} counts as missing"
    for word, names in doubtful.items():
        yield (
            f"{word!r} in {_listed(names)} counts as missing; where it is a value, say so in the "
            f'TOML: [load.columns] "{names[0]}" = {{ kind = "category", missing_words = [] }}'
        )


def _notation_note(name: str, words: "pd.Series", column: Mapping[str, Any]) -> str:
    known = words.dropna()
    odd = known[~are_plain(known) & ~known.isin(column.get("missing", ()))]
    example = (odd if len(odd) else known).iloc[0]
    value = value_of(example, Notation.from_json(column["notation"]))
    return (
        f"column {name!r} holds numbers: {example!r} is read as {value:.10g} (if it is none: "
        f'[load.columns] "{name}" = {{ kind = "category" }})'
    )


def _nearly_numbers(name: str, known: "pd.Series") -> Iterator[str]:
    """A column that is read as a category, and yet looks like numbers."""
    if len(known) < FEW_ROWS or not known.str.contains(r"\d").mean() >= NEARLY_ALL:
        return
    found = read_numbers(known)
    declare = f'[load.columns] "{name}" = {{ kind = "number", missing_words = ['
    if found is not None and found.strays:
        listed = ", ".join(f'"{word}"' for word in list(found.strays)[:MOST_STRAY])
        yield (
            f"column {name!r} is read as a category, though most of its values are numbers; if "
            f"others mean missing, say so in the TOML: {declare}{listed}] }}"
        )
        return
    levels = [word for word in known.unique()[:1000] if not is_nothing(word)]
    units = {word.lstrip("0123456789.,+- ") for word in levels if looks_numeric(word)}
    if 1 < len(units) <= MOST_UNITS and all(map(looks_numeric, levels)):
        yield (
            f"column {name!r} is read as a category: its numbers have different units, "
            f"{shortened([repr(unit) for unit in sorted(units)], MOST_UNITS)}; bring them to one "
            "to learn from them as numbers"
        )


def unseen_values(train: "pd.DataFrame", rows: "pd.DataFrame") -> dict[str, list[str]]:
    """Column of words -> the values that train never had, missing ones left out."""
    unseen = {}
    for name in map(str, rows.columns):
        values = rows[name].dropna()
        new = values[~values.isin(train[name].unique())].unique().tolist()
        if new:
            unseen[name] = [str(value) for value in new]
    return unseen


def infinite_numbers(tables: Mapping[str, "pd.DataFrame"]) -> list[str]:
    """A sentence a table that holds infinite numbers; `tables` by name."""
    return [found for name, table in tables.items() for found in _infinite(name, table)]


def _infinite(where: str, table: "pd.DataFrame") -> Iterator[str]:
    import numpy as np

    floats = table.select_dtypes("float64")
    counts = np.isinf(floats).sum()
    columns = [str(name) for name in counts.index[counts > 0]]
    if columns:
        yield (
            f"{where}: {count(int(counts.sum()), 'infinite number')} in "
            f"{count(len(columns), 'column')} ({_names(columns, 5)}), counted as missing"
        )


def _listed(names: Sequence[str]) -> str:
    return f"{count(len(names), 'column')} ({_names(names, MOST_NAMED)})"


def _names(values: Iterable[Any], most: int = 30) -> str:
    return shortened([repr(value) for value in values], most)
