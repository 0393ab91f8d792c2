"""What each column holds - numbers, dates, categories or text - and how its words are read.

The kind follows from the words of train and test together, unless the competition's TOML declares
it. A `Feature` is what `conform` needs to read that column of any other table likewise.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pipeline import scratch
from pipeline.errors import DataError
from pipeline.problem import Feature
from pipeline.reading import distinct
from pipeline.reading.contract import FIRST_ROW, ColumnRule
from pipeline.reading.date_columns import (
    Dates,
    declared_dates,
    describe_dates,
    find_dates,
    is_gap,
    read_dates,
)
from pipeline.reading.dates import shape
from pipeline.reading.notation import (
    NEARLY_ALL,
    Notation,
    NumbersInWords,
    are_plain,
    counted_numbers,
    looks_numeric,
    means_missing,
    numbers,
    plain_numbers,
    value_of,
    words_for_missing,
)
from pipeline.wording import count, folded, quoted

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FEW_ROWS = 20  # fewer values do not show what a column holds
LONGEST_MISSING = 30  # letters of a word for missing, at most
LONG = 5  # words a value, on average: prose, not a category
MOST_STRAY = 3  # so few different words among numbers are mistakes, not categories
STRAY_SHARE = 0.002
MORE_NAMES, LEAST_REPEATS = 12, 2  # different numbers that may be names, and rows of each
FEWEST_NAMES = 3
SPARSE = 20  # possible whole numbers for each that occurs
MOST_ROUND = 0.3  # of them end in 0; a tenth do by chance
MOST_NAMED = 5  # columns in a note
MOST_UNITS = 5


@dataclass(frozen=True)
class Described:
    """A column as a feature, and what a person may want to know of how it is read.

    `notes` are about this column; `doubtful` words count as missing, and may be values.
    `values` holds those of "train" and "test" that are known already: plain numbers, and categories
    that stay as they are written.
    """

    feature: Feature
    notes: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    values: "Mapping[str, pd.Series]" = field(default_factory=dict)


def describe_column(
    name: str, train: "pd.Series", test: "pd.Series", rule: ColumnRule | None = None
) -> Described:
    """What a column of words holds in train and test; `rule` is what the TOML declares of it.

    Raises DataError where words among numbers look like a mistake.
    """
    import pandas as pd

    scratch.release()  # of the columns before
    sides = {"train": train, "test": test}
    plain = _plain(sides)
    dates = _dates(name, plain or sides, rule)
    if dates.formats:
        return Described(dates.feature(name), dates.notes)
    coded = rule is None and (_is_code(train) or _is_code(test))
    if plain and not coded and rule is None:
        return Described(Feature(name, "number"), dates.notes, values=plain)
    if rule is None and _are_sentences(sides):
        return Described(Feature(name, "text"), dates.notes)
    counts = {side: distinct.counts(words) for side, words in sides.items()}
    rows = pd.concat(counts.values()).groupby(level=0, sort=False).sum()
    if rule is not None:
        return _declared(name, rows, plain, rule)
    found = None if coded else counted_numbers(rows)
    if found is not None and not found.strays:
        return _described_numbers(name, rows, found, dates.notes)
    if found is not None:
        _refuse_mistakes(name, sides, found)
    if not _is_code(train):
        _refuse_mismatch(name, counts, test)
    if _is_prose(counts["train"] if len(counts["train"]) else rows):
        return Described(Feature(name, "text"), dates.notes)
    has_empty = any(words.hasnans for words in sides.values())
    missing, doubtful = words_for_missing(rows.index.tolist(), has_empty)
    feature = Feature(name, "category", missing=tuple(sorted(missing)))
    notes = (*dates.notes, *_nearly_numbers(name, rows, found))
    values = sides if _is_clean(rows, feature) else {}
    return Described(feature, notes, tuple(sorted(doubtful)), values)


def _declared(
    name: str, rows: "pd.Series", plain: "Mapping[str, pd.Series]", rule: ColumnRule
) -> Described:
    """What the TOML declares, if not dates; rows: how many of train and test have each word."""
    missing = tuple(sorted(rule.missing_words or ()))
    if rule.kind == "category" and rule.missing_words is None:
        missing = tuple(sorted(words_for_missing(rows.index.tolist(), True)[0]))
    if rule.kind in ("category", "text"):
        return Described(Feature(name, rule.kind, missing=missing))
    if plain and not missing:
        return Described(Feature(name, "number"), values=plain)
    found = counted_numbers(rows, rule.missing_words) or NumbersInWords()
    return _described_numbers(name, rows, replace(found, missing=missing or found.missing))


def _plain(sides: "Mapping[str, pd.Series]") -> "dict[str, pd.Series]":
    """The numbers of train and test, where all words of both are plain numbers; else nothing."""
    found = {}
    for side, words in sides.items():
        if (plain := plain_numbers(words)) is None:
            return {}
        found[side] = scratch.column(plain)
    return found


# -- dates -----------------------------------------------------------------------------------------


def describe_id(
    id: str, train: "pd.DataFrame", test: "pd.DataFrame", rule: ColumnRule | None = None
) -> Described | None:
    """The feature that an id gives to the models where it is a date; None where it is none.

    It has a name of its own, and the id's as its source: the id itself stays as the organiser
    wrote it.
    """
    if id not in train or id not in test:
        return None
    sides = {"train": train[id], "test": test[id]}
    dates = _dates(id, _plain(sides) or sides, rule)
    if not dates.formats:
        return None
    name = f"{id} (date)"
    while name in train or name in test:
        name += "'"
    line = (
        f"id {id!r} is a date, and so a feature too, {name!r}; to leave it out: "
        f'[load.columns] "{id}" = {{ kind = "text" }}'
    )
    return Described(replace(dates.feature(name), source=id), (line, *dates.notes))


def _dates(name: str, sides: "Mapping[str, pd.Series]", rule: ColumnRule | None) -> Dates:
    """The formats that the TOML names, or that are found; none where it declares another kind.

    sides: train's and test's values, plain numbers as such: these need more evidence than words.
    """
    if rule is not None and rule.kind != "date":
        return Dates()
    if rule is not None and rule.formats:
        return declared_dates(rule.formats, *sides.values())
    dates = find_dates(name, *sides.values())
    if rule is not None and not dates.formats:
        raise DataError(
            f"column {name!r}: the TOML declares dates, yet the values are in no known format. "
            f'Name it: [load.columns] "{name}" = {{ kind = "date", format = "%d/%m/%Y" }}.'
        )
    return dates


# -- numbers ---------------------------------------------------------------------------------------


def _described_numbers(
    name: str, rows: "pd.Series", found: NumbersInWords, notes: Sequence[str] = ()
) -> Described:
    import pandas as pd

    missing = tuple(sorted(found.missing))
    feature = Feature(name, "number", notation=found.notation, missing=missing)
    if found.notation.is_plain:
        return Described(feature, tuple(notes))
    known = pd.Series(rows.index, dtype="str")
    odd = known[~are_plain(known) & ~known.isin(missing)]
    example = (odd if len(odd) else known).iloc[0]
    value = value_of(example, found.notation)
    note = (
        f"column {name!r} holds numbers: {example!r} is read as {value:.10g} (if it is none: "
        f'[load.columns] "{name}" = {{ kind = "category" }})'
    )
    return Described(feature, (*notes, note))


def _nearly_numbers(name: str, rows: "pd.Series", found: NumbersInWords | None) -> Iterator[str]:
    """A note on a column that is read as a category, and yet looks like numbers; rows: of each
    word."""
    known = int(rows.sum())
    numbered = rows[rows.index.str.contains(r"\d")].sum()
    if known < FEW_ROWS or not numbered / known >= NEARLY_ALL:
        return
    if found is not None and found.strays:
        listed = ", ".join(f'"{word}"' for word in list(found.strays)[:MOST_STRAY])
        yield (
            f"column {name!r} is read as a category, though most of its values are numbers; if "
            f'others mean missing, name them in the TOML: [load.columns] "{name}" = '
            f'{{ kind = "number", missing_words = [{listed}] }}'
        )
        return
    levels = [word for word in rows.index[:1000] if not means_missing(word)]
    units = {word.lstrip("0123456789.,+- ") for word in levels if looks_numeric(word)}
    if 1 < len(units) <= MOST_UNITS and all(map(looks_numeric, levels)):
        yield (
            f"column {name!r} is read as a category: its numbers have different units, "
            f"{quoted(sorted(units), MOST_UNITS)}; bring them to one to learn from them as numbers"
        )


def _is_code(words: "pd.Series") -> bool:
    """Identifiers of one width that are padded with zeros, and never repeat."""
    first = words.iloc[0] if len(words) else None
    if isinstance(first, str) and not first.isdecimal():  # most columns end here, at no cost
        return False
    known = distinct.known(words)
    if not len(known) or known.str.len().nunique() != 1:
        return False
    if not (known.str.fullmatch(r"0\d+").any() and known.str.fullmatch(r"\d+").all()):
        return False
    return distinct.is_unique(known)


def may_be_names(numbers: "pd.Series") -> bool:
    """Whether numbers (n,) repeat a few of very many possible whole ones, no rounder than others.

    So do the numbers of departments and stores, but also a few lot sizes, distances and time
    stamps: of a single column it is something to ask, not to decide.
    """
    known = numbers.dropna()
    return are_far_apart(known) and MORE_NAMES < known.nunique() <= len(known) / LEAST_REPEATS


def are_far_apart(numbers: "pd.Series") -> bool:
    """Whether numbers (n,) are some of very many possible whole ones, no rounder than others."""
    import numpy as np

    for part in (numbers.iloc[: distinct.FEW], numbers):  # most columns show it by their first
        known = part.dropna().to_numpy(dtype=float)
        if len(known) and not (1 <= known.min() <= known.max() <= 2**53):
            return False
        if not (known == np.floor(known)).all():
            return False
    values = np.unique(known)
    if len(values) < FEWEST_NAMES:
        return False
    step = np.gcd.reduce((values - values[0]).astype(np.int64))
    possible = (values[-1] - values[0]) / step
    return bool(possible >= SPARSE * len(values) and (values % 10 == 0).mean() < MOST_ROUND)


def _refuse_mistakes(name: str, sides: Mapping[str, "pd.Series"], found: NumbersInWords) -> None:
    """A few words in a column of numbers are mistakes, or somebody's sign for missing."""
    rows, stray = sum(len(side) for side in sides.values()), sum(found.strays.values())
    most = max(MOST_STRAY, STRAY_SHARE * rows)
    if rows < FEW_ROWS or stray > most or len(found.strays) > MOST_STRAY:
        return
    side, row = _first_of(sides, found.strays)
    word = sides[side].iloc[row]
    raise DataError(
        f"{_cell(side, row, name, word)}, where {rows - stray:,} other rows hold numbers. Correct "
        f'the file, or declare its meaning in the TOML: [load.columns] "{name}" = {{ kind = '
        f'"number", missing_words = ["{word}"] }} if the value is missing there, {{ kind = '
        '"category" } if these are categories.'
    )


def _refuse_mismatch(name: str, counts: "Mapping[str, pd.Series]", test: "pd.Series") -> None:
    """Numbers in train, and in test words that are none: two columns of one name. counts: how many
    rows of each have each word."""
    known, other = counts["train"], counts["test"]
    if not len(known) or not len(other):
        return
    found = counted_numbers(known)
    if found is None or found.strays:
        return
    again = counted_numbers(other)
    if again is None or again.strays:
        unreadable = [w for w in other.index if math.isnan(value_of(w, found.notation))]
        side, row = _first_of({"test": test}, unreadable)
        raise DataError(
            f"{_cell(side, row, name, test.iloc[row])}, train has numbers there. Correct the "
            "files: a column must hold numbers in both, or words in both; or declare it in the "
            f'TOML: [load.columns] "{name}" = {{ kind = "category" }}.'
        )


def _first_of(sides: Mapping[str, "pd.Series"], words: Iterable[str]) -> tuple[str, int]:
    """The table and the row that hold one of the words first; they come from these tables."""
    found = {side: values.isin(list(words)).to_numpy() for side, values in sides.items()}
    side = next(side for side, rows in found.items() if rows.any())
    return side, int(found[side].argmax())


def _cell(where: str, row: int, name: str, value: object) -> str:
    """How the message on a value begins."""
    return f"{where}, row {row + FIRST_ROW}: column {name!r} holds {value!r}"


def _are_sentences(sides: "Mapping[str, pd.Series]") -> bool:
    """Whether the first rows show that a column is prose, which too many rows for numbers bear out:
    to count its different texts would take as much memory as they all."""
    import pandas as pd
    import pyarrow as pa

    first = pd.Series(sides["train"].iloc[: 2 * distinct.FEW].dropna().unique())
    if len(first) < distinct.FEW or not _are_long(first):
        return False
    train, test = map(distinct.arrow, sides.values())
    return _are_no_numbers(train) and _are_no_numbers(
        pa.chunked_array([*train.chunks, *test.chunks])
    )


def _are_no_numbers(words: "pa.ChunkedArray") -> bool:
    """Whether too many of the words for numbers can be none in any notation, nor mean missing: they
    are long, and have letters on both sides of a blank."""
    from pyarrow import compute

    most, found = (1 - NEARLY_ALL) * (len(words) - words.null_count), 0
    for part in words.chunks:
        parted = compute.match_substring_regex(part, "[A-Za-z가-힣] [A-Za-z가-힣]")
        length = compute.utf8_length(compute.utf8_trim_whitespace(part))
        rows = compute.and_(parted, compute.greater(length, LONGEST_MISSING))
        found += compute.sum(rows).as_py() or 0
        if found > most:
            return True
    return False


def _is_prose(rows: "pd.Series") -> bool:
    """Nearly every row has its own text, or texts are long; rows: how many have each."""
    known = rows.sum()
    if known < FEW_ROWS:
        return False
    return len(rows) >= NEARLY_ALL * known or (len(rows) > 50 and _are_long(rows.index))


def _are_long(texts: "pd.Series | pd.Index") -> bool:
    """Whether the first of different texts have many words each."""
    import pandas as pd

    return pd.Series(texts[: distinct.FEW]).str.count(r"\S+").mean() >= LONG


# -- reading a table by its features ---------------------------------------------------------------


def conform(frame: "pd.DataFrame", features: Sequence[Feature], where: str) -> "pd.DataFrame":
    """Words -> the features alone, in the order and with the types that the training table has.

    Numbers are int64 or float64, categories and text str, dates datetime64. Raises DataError naming
    column, row and value; `where` names the table.
    """
    import pandas as pd

    absent = [feature.column for feature in features if feature.column not in frame]
    if absent:
        raise DataError(
            f"{where}: no column {quoted(absent)}; found {quoted(frame.columns)}. "
            "Add what is missing: a row must have the columns that the models were trained on."
        )
    typed = {
        feature.name: conform_column(frame[feature.column], feature, where) for feature in features
    }
    return pd.DataFrame(typed, index=frame.index)


def typed(table: "pd.DataFrame", columns: Sequence[Described], side: str) -> "pd.DataFrame":
    """Every column of the file "train" or "test", the features with their types."""
    import pandas as pd

    found = dict(table.items())
    for column in columns:
        feature = column.feature
        found[feature.name] = (
            column.values[side]
            if side in column.values
            else scratch.column(conform_column(table[feature.column], feature, side))
        )
        scratch.release()
    # a frame of thousands of columns is built at once: each that is set costs as much as all
    return pd.DataFrame(found, index=table.index, copy=False)


def cleaned(values: "pd.Series", feature: Feature) -> "pd.Series":
    """Words (n,) -> words without blanks around, NaN where missing, and numbers written plainly.

    The words themselves where nothing changes, as in most tables.
    """
    import pandas as pd
    import pyarrow as pa

    parts, changed = [], False
    for part in distinct.arrow(values).chunks:
        found = part.dictionary_encode()
        words = distinct.arrow(_cleaned(found.dictionary, feature)).combine_chunks()
        same = words.equals(found.dictionary)
        parts.append(part if same else words.take(found.indices))
        changed |= not same
    if not changed:
        return values.rename(None)
    words = pa.chunked_array(parts, type=pa.large_string()).to_pandas()
    return pd.Series(words.array, index=values.index, dtype="str")


def _is_clean(rows: "pd.Series", feature: Feature) -> bool:
    """Whether a column of these words stays as it is written."""
    levels = rows.index.to_series()
    return distinct.arrow(cleaned(levels, feature)).equals(distinct.arrow(levels))


def _cleaned(levels: "pa.Array", feature: Feature) -> "pd.Series":
    """The same of different words (m,)."""
    from pyarrow import compute

    words = compute.utf8_trim_whitespace(levels).to_pandas().astype("str")
    missing = {word.strip() for word in feature.missing} | {""}
    words = words.mask(words.isin(missing))
    if feature.kind == "category":  # 3.0 is 3: whole numbers with gaps are saved so
        return words.str.replace(r"^([+-]?\d+)\.0+$", r"\1", regex=True)
    if feature.kind != "number" or feature.formats:
        return words
    odd = words.notna() if feature.notation.separates else words.notna() & ~are_plain(words)
    if not odd.any():
        return words
    written = {word: _plainly(word, feature.notation) for word in words[odd].unique()}
    return words.where(~odd, words.map(written)).astype("str")


def _plainly(word: str, notation: Notation) -> str | None:
    """The word as a plain number; None for missing, itself where it is no number."""
    value = value_of(word, notation)
    if not math.isnan(value):
        return repr(int(value) if value.is_integer() and abs(value) < 2**53 else value)
    return None if means_missing(word) else word


def conform_column(values: "pd.Series", feature: Feature, where: str) -> "pd.Series":
    """One column of `conform`: its words (n,) -> its values (n,)."""
    is_number = feature.kind == "number" and not feature.formats
    if is_number and not feature.missing and not feature.notation.separates:
        plain = plain_numbers(values)
        if plain is not None:
            return plain
    words = cleaned(values, feature)
    if feature.kind in ("category", "text"):
        return words
    typed = read_dates(words, feature) if feature.formats else numbers(words)
    lost = words.notna() & typed.isna()
    allowed = "numbers"
    if feature.formats:
        lost &= ~is_gap(words, feature)
        formats = " or ".join(map(shape, feature.formats))
        allowed = f"{'date' if feature.kind == 'date' else 'time'}s written as {formats}"
    if lost.any():
        row = int(lost.to_numpy().argmax())
        held = _cell(where, row, str(values.name), values.iloc[row])
        raise DataError(f"{held}, allowed are {allowed}. Correct the file.")
    return typed


def align(frame: "pd.DataFrame", names: Sequence[str]) -> "tuple[pd.DataFrame, dict[str, str]]":
    """Give columns that differ from one of these names by case or blanks alone that name.

    Returns the frame and what was renamed, the name in the frame first.
    """
    there, asked = {*frame.columns}, {*names}
    wanted, found = _by_folded(asked - there), _by_folded(there - asked)
    renamed = {found[key]: name for key, name in wanted.items() if name and found.get(key)}
    ordered = {name: renamed[name] for name in frame.columns if name in renamed}
    return (frame.rename(columns=ordered) if ordered else frame), ordered


def _by_folded(names: Iterable[str]) -> dict[str, str]:
    """The names by what is left without case and blanks; "" for several that are alike so."""
    found: dict[str, str] = {}
    for name in names:
        found[folded(name)] = "" if folded(name) in found else name
    return found


# -- notes -----------------------------------------------------------------------------------------


def notes(columns: Sequence[Described]) -> Iterator[str]:
    """How words were read where a person might have meant something else."""
    yield from describe_dates([column.feature for column in columns])
    missing: dict[str, list[str]] = {}
    doubtful: dict[str, list[str]] = {}
    for column in columns:
        yield from column.notes
        feature = column.feature
        for word in feature.missing if feature.kind == "number" and not feature.formats else ():
            missing.setdefault(word, []).append(feature.name)
        for word in column.doubtful:
            doubtful.setdefault(word, []).append(feature.name)
    for word, names in missing.items():
        yield f"{word!r} among the numbers of {_listed(names)} counts as missing"
    for word, names in doubtful.items():
        yield (
            f"{word!r} in {_listed(names)} counts as missing; where it is a value, declare it in "
            f'the TOML: [load.columns] "{names[0]}" = {{ kind = "category", missing_words = [] }}'
        )


def unseen_values(train: "pd.DataFrame", rows: "pd.DataFrame") -> dict[str, list[str]]:
    """Column of words -> the values that train never had, missing ones left out."""
    new = {name: words[~words.isin(train[name].unique())].dropna() for name, words in rows.items()}
    return {str(name): words.unique().tolist() for name, words in new.items() if len(words)}


def infinite_numbers(tables: Mapping[str, "pd.DataFrame"]) -> Iterator[str]:
    """A note a table that holds infinite numbers; `tables` by name."""
    import numpy as np

    for where, table in tables.items():
        floats = [name for name, kind in table.dtypes.items() if kind == "float64"]
        counts = {str(name): int(np.isinf(table[name]).sum()) for name in floats}
        names = [name for name, found in counts.items() if found]
        if names:
            total = count(sum(counts.values()), "infinite number")
            yield f"{where}: {total} in {_listed(names)}, counted as missing"


def _listed(names: Sequence[str]) -> str:
    return f"{count(len(names), 'column')} ({quoted(names, MOST_NAMED)})"
