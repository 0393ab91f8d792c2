"""Which columns are dates, and in which formats: found by looking at the values of train and test.

A column of words is dates where nearly all of its values are. Whole numbers are dates only where a
quantity would hardly look so: all of them are real dates from 1900 to 2100, and there are several.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from pipeline.dates import (
    CODES,
    EPOCHS,
    is_time,
    parse,
    pattern,
    read,
    shape,
    stands_for_no_date,
    tidied,
)
from pipeline.notation import NEARLY_ALL
from pipeline.problem import Feature, Kind
from pipeline.wording import count, shortened

if TYPE_CHECKING:
    import pandas as pd

MOSTLY = 0.5  # share of the values that is enough where all others are one word
MOST_FORMATS = 12
MOST_STRAY = 20  # different words that are no dates
MOST_SHAPES = 200  # prose has more
LOOKED_AT = 50  # different values that decide whether to look at all of them
FIRST_IN_DIGITS = 100_101  # YYMMDD of 2010-01-01
FEWEST = 5  # different whole numbers, or years of two digits, that are dates
MOST_SIGNS, FEWEST_BESIDE = 2, 15  # different numbers that stand for no date, dates for each
FEWEST_MONTHS = 12  # the same for YYYYMM, where one number in eight would pass
CLEAR = 2  # times as many different days as in the other order
EARLIEST, LATEST = np.datetime64("1900-01-01"), np.datetime64("2101-01-01")
SINCE, FOR_EVER = np.datetime64("1980-01-01"), np.datetime64("9999-12-31")
LONGEST, MOST_SHOWN = 40, 3
NAMED_LIKE_A_DATE = re.compile(
    r"(?i).*(date|time|day|month|when|stamp|yyyy|yymm|일시|일자|날짜|시간|시각|년월|연월|월일|_at$|_dt|^dt|_ym|^ym$)"
)
NAMED_LIKE_AN_INSTANT = re.compile(r"(?i).*(time|date|stamp|epoch|unix|일시|시각|_at$|_ts|^ts$)")

# -- the formats that are known --------------------------------------------------------------------

ORDERS = ("%m{0}%d{0}", "%d{0}%m{0}")  # 03/04 is the fourth of March in the US, and where / stands
WRITTEN = ("%d{0}%b{0}%Y", "%d{0}%b{0}%y", "%b{0}%d{0}%Y", "%Y{0}%b{0}%d")
NUMERIC = (
    *(f"%Y{s}%m{s}%d{end}" for s, end in product(("-", "/", ".", ". ", " ", ":"), ("", "."))),
    *(f"%{y}년{s}%m월{s}%d일" for y, s in product("Yy", ("", " "))),
    *(
        order.format(s) + "%Y"
        for s, orders in (("/", ORDERS), (".", ORDERS[::-1]), ("-", ORDERS[::-1]))
        for order in orders
    ),
    *(
        format
        for s, orders in (("/", ORDERS), (".", ORDERS[::-1]), ("-", ORDERS[::-1]))
        for format in (f"%y{s}%m{s}%d", *(order.format(s) + "%y" for order in orders))
    ),
)
DAYS = (
    *(day + weekday for day in NUMERIC for weekday in ("", "(%a)", " (%a)", " %a")),
    *(
        weekday + day
        for day in (
            *(format.format(s) for format in WRITTEN for s in "- /."),
            *("%b %d, %Y", "%d%b%Y", "%d%b%y", "%d. %b %Y"),
        )
        for weekday in ("", "%a, ", "%a ")
    ),
    *("%Y-%m", "%Y/%m", "%Y. %m", "%Y. %m.", "%Y년%m월", "%Y년 %m월", "%b-%y", "%b-%Y", "%b %Y"),
    *("%b, %Y", "%Y-%b", "%Y %b", "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y"),
    *("%Y%m%d", "%Y%m", "%y%m%d"),
)  # fmt: skip
CLOCKS = (
    *("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%H:%M:%S,%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p"),
    *("%I:%M:%S%p", "%I:%M:%S.%f %p", "%I %p", "%I%p", "%p %I:%M", "%p %I:%M:%S", "%p %I시 %M분"),
    *("%p %I시", "%H시", "%H시 %M분", "%H시%M분", "%H시 %M분 %S초", "%H시%M분%S초"),
)
COMPACT = ("%H", "%H%M", "%H%M%S")  # only behind a date
SIX_DIGITS = ("%Y%m", "%y%m%d")
WHOLE_FORMATS = ("%Y%m%d", "%Y%m", "%y%m%d", *(f"%Y%m%d{clock}" for clock in COMPACT))
TAIL = re.compile(
    rf"(?P<join>T|, | at | |:|_|-)?(?P<clock>.*?)(?P<outside> ?{CODES['%z']})?", re.IGNORECASE
)


@cache
def formats_of(outline: str) -> tuple[str, ...]:
    """Every known format that a word with this outline (its digits being 0) may have."""
    found = [clock for clock in CLOCKS if _is_clock(outline, clock)]
    for day in DAYS:
        head = pattern(day).match(outline)
        if head is None:
            continue
        rest = outline[head.end() :]
        if not rest:
            found.append(day)
        elif "%d" in day and "%H" not in day:
            found += [day + tail for tail in _tails(rest, day == "%Y%m%d")]
    return tuple(found)


def _tails(rest: str, compact: bool) -> Iterator[str]:
    """What follows a date: a sign between, the clock and perhaps an offset."""
    parts = TAIL.fullmatch(rest)
    if parts is None or (parts["join"] is None and not compact):
        return
    join, zone = parts["join"] or "", parts["outside"] or ""
    ending = (" %z" if zone[0] == " " else "%z") if zone else ""
    short = COMPACT if join in ("", "T", "t", "_", "-", " ") else ()
    for clock in (*CLOCKS, *(short if compact else COMPACT[:1] if join in (" ", "T") else ())):
        if _is_clock(parts["clock"], clock):
            yield join + clock + ending


def _is_clock(outline: str, clock: str) -> bool:
    """Whether the outline is of the format; of those with a fraction of a second, if it has one."""
    fraction = re.search(r"0[.,]0", outline) is not None
    return ("%f" in clock) == fraction and pattern(clock).fullmatch(outline) is not None


# -- a column of train and test --------------------------------------------------------------------


@dataclass(frozen=True)
class Dates:
    """What a column means as dates.

    `formats` are empty where it is none; `zone` is in minutes from UTC, None where no word has an
    offset; `stray` are words that are no dates; `notes` are messages for a person.
    """

    formats: tuple[str, ...] = ()
    zone: float | None = None
    stray: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def feature(self, name: str) -> Feature:
        """The column: times alone are numbers, of hours since midnight."""
        kind: Kind = "number" if all(map(is_time, self.formats)) else "date"
        return Feature(name, kind, formats=self.formats, zone=self.zone, missing=self.stray)


@dataclass(frozen=True)
class Distinct:
    """The different words of a column (m,) and how many rows have each (m,)."""

    words: tuple[str, ...]
    rows: np.ndarray
    places: list[int]

    def take(self, places: list[int]) -> "Distinct":
        """Those at these places of the column's own."""
        words = tuple(self.words[place] for place in places)
        return Distinct(words, self.rows[places], places)


def find_dates(name: str, *tables: "pd.Series") -> Dates:
    """The formats of a column, of whose values `tables` holds one series (n,) a table."""
    words = [_is_words(values) for values in tables]
    numbers = [
        not is_words
        for is_words, values in zip(words, tables, strict=True)
        if not is_words or values.notna().any()
    ]
    if all(numbers) and not any(map(_holds_long_numbers, tables)):
        return Dates()
    sample = _distinct([_some(values) for values in tables])
    if not numbers or not _promising(name, sample, all(numbers)):
        return Dates()
    distinct = _distinct(tables)
    if all(numbers) or all(word.isdecimal() for word in distinct.words):
        return _of_numbers(name, distinct)
    return _of_words(name, distinct)


def declared_dates(formats: Sequence[str], *tables: "pd.Series") -> Dates:
    """A column whose formats are given."""
    return Dates(tuple(formats), _zone(_distinct(tables).words, formats))


def read_dates(values: "pd.Series", feature: Feature) -> "pd.Series":
    """(n,) as the feature's formats describe it: datetime64, or hours since midnight."""
    return parse(values, feature.formats, feature.zone)


def is_gap(values: "pd.Series", feature: Feature) -> "pd.Series":
    """(n,) bool: words that stand for no date, as 0000-00-00 and those that the column had."""
    words = tidied(values)
    gaps = {word for word in words.dropna().unique() if stands_for_no_date(word)}
    return words.isin([*gaps, *feature.missing])


def _is_words(values: "pd.Series") -> bool:
    return str(values.dtype) not in ("int64", "float64")


def _holds_long_numbers(values: "pd.Series") -> bool:
    """Whether a value is as great as the first date in digits; false for a column of nothing."""
    return bool((values.to_numpy() >= FIRST_IN_DIGITS).any())


def _distinct(tables: Sequence["pd.Series"]) -> Distinct:
    import pandas as pd

    words = pd.concat([tidied(values.dropna()) for values in tables], ignore_index=True)
    counts = words.value_counts(sort=False)
    return Distinct(tuple(map(str, counts.index)), counts.to_numpy(), [*range(len(counts))])


def _some(values: "pd.Series") -> "pd.Series":
    """A few of the values, from all over the table."""
    few = values.iloc[:: max(1, len(values) // LOOKED_AT)].dropna()
    return few if len(few) else values.dropna().head(LOOKED_AT)


def _promising(name: str, sample: Distinct, numbers: bool) -> bool:
    """Whether it is worth looking at all values: half of these words are of a known format, or all
    of these numbers."""
    if numbers:
        named = NAMED_LIKE_AN_INSTANT.fullmatch(name) is not None
        return named or _whole_choice(_without_zeros(sample), beside=1) is not None
    outlines = [_outline(word) for word in sample.words]
    if len(set(outlines)) > MOST_SHAPES:
        return False
    zeros = [stands_for_no_date(word) for word in sample.words]
    known = [bool(formats_of(outline)) for outline in outlines]
    return sum(known) >= MOSTLY * (len(zeros) - sum(zeros)) > 0


def _outline(word: str) -> str:
    return re.sub(r"\d", "0", word)


# -- words -----------------------------------------------------------------------------------------


def _of_words(name: str, distinct: Distinct) -> Dates:
    """Each outline's format, the values of all words deciding between several."""
    fitting = [choice for choice in _choose(_groups(distinct)) if not np.isnat(choice.times).all()]
    chosen = _without_times_among_dates(fitting)
    formats = tuple(dict.fromkeys(choice.format for choice in chosen))
    known = np.zeros(len(distinct.words), dtype=bool)
    for choice in chosen:
        known[choice.places] = ~np.isnat(choice.times)
    zeros = np.array([stands_for_no_date(word) for word in distinct.words]) & ~known
    rows, dated = int(distinct.rows[~zeros].sum()), int(distinct.rows[known].sum())
    stray = [word for word, left in zip(distinct.words, ~known & ~zeros, strict=True) if left]
    if not formats or dated < MOSTLY * rows or not _certain(name, chosen):
        return Dates()
    if not _may_be_gaps(stray, dated / rows) or len(formats) > MOST_FORMATS:
        return Dates(notes=(_doubtful(name, formats, dated, rows, stray),))
    notes = [*_gap_notes(name, distinct, known), *_order_notes(name, chosen, formats)]
    return Dates(formats, _zone(distinct.words, formats), tuple(stray), tuple(notes))


def _may_be_gaps(stray: Sequence[str], dated: float) -> bool:
    """Whether words that are no dates may count as missing: few, or a single one ("ongoing")."""
    if dated >= NEARLY_ALL:
        return len(stray) <= MOST_STRAY
    return len(stray) <= 1 and not any(formats_of(_outline(word)) for word in stray)


@dataclass(frozen=True)
class Choice:
    """The format chosen for the words at these places, their times, and one as likely, if any."""

    format: str
    places: list[int]
    times: np.ndarray
    example: str
    open: str | None = None


def _groups(distinct: Distinct) -> dict[tuple[str, ...], Distinct]:
    """Candidate formats -> the words that may have them."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, word in enumerate(distinct.words):
        candidates = formats_of(_outline(word))
        if candidates and not stands_for_no_date(word):
            groups.setdefault(candidates, []).append(place)
    return {candidates: distinct.take(places) for candidates, places in groups.items()}


def _choose(groups: Mapping[tuple[str, ...], Distinct]) -> list[Choice]:
    """One format a group: what fits most rows; where that is open, the order of another group."""
    fitting = {candidates: _fitting(candidates, group) for candidates, group in groups.items()}
    decided = {_order(next(iter(fits))) for fits in fitting.values() if len(fits) == 1}
    chosen = []
    for candidates, fits in fitting.items():
        group = groups[candidates]
        agreeing = {format: times for format, times in fits.items() if _order(format) in decided}
        format, other = _likeliest(agreeing or fits)
        chosen.append(Choice(format, list(group.places), fits[format], group.words[0], other))
    return chosen


def _fitting(candidates: Sequence[str], group: Distinct) -> dict[str, np.ndarray]:
    """The formats that read most rows, with the times (m,) that they read; one of equal ones."""
    times = {format: read(group.words, format).times for format in candidates}
    rows = {format: int(group.rows[~np.isnat(found)].sum()) for format, found in times.items()}
    best: dict[str, np.ndarray] = {}
    for format, found in times.items():
        same = any(np.array_equal(found, other, equal_nan=True) for other in best.values())
        if rows[format] == max(rows.values()) and not same:
            best[format] = found
    return best


def _order(format: str) -> str:
    """Which of day, month and year comes first: dmy."""
    return "".join(re.findall("%([dmby])", format.replace("%Y", "%y")))


def _likeliest(fits: Mapping[str, np.ndarray]) -> tuple[str, str | None]:
    """The likeliest of the formats, and another one that the values leave as possible.

    Years are few and days many, which shows where the year is; what is always 1 is the day of the
    month. Otherwise the format that stands first, which is the usual one.
    """
    days = {format: _days_of_month(times) for format, times in fits.items()}
    most = max(map(len, days.values()))
    left = [format for format in fits if CLEAR * len(days[format]) > most or "%Y" in format]
    firsts = [format for format in left if days[format] == {1}]
    firsts = [format for format in firsts if len(np.unique(fits[format])) >= FEWEST]
    format = (firsts or left)[0]
    others = [other for other in left if other != format]
    return format, others[0] if others else None


def _days_of_month(times: np.ndarray) -> set[int]:
    known = times[~np.isnat(times)]
    return {*((known.astype("datetime64[D]") - known.astype("datetime64[M]")).astype(int) + 1)}


def _without_times_among_dates(chosen: list[Choice]) -> list[Choice]:
    dates = [choice for choice in chosen if not is_time(choice.format)]
    return dates or chosen


def _zone(words: Sequence[str], formats: Sequence[str]) -> float | None:
    """The one offset that the words have, in minutes; UTC for several; None where there is none."""
    offsets: set[float] = set()
    for format in formats:
        if "%z" in format:
            found = read(words, format).offsets
            offsets |= {*found[~np.isnan(found)].tolist()}
    return None if not offsets else offsets.pop() if len(offsets) == 1 else 0.0


# -- whole numbers ---------------------------------------------------------------------------------


def _of_numbers(name: str, distinct: Distinct) -> Dates:
    """YYYYMMDD and its like, or what counts from 1970 if the column is named like a time."""
    kept = _without_zeros(distinct)
    choice = _whole_choice(kept)
    if choice is not None and _certain(name, [choice]):
        known = np.isin(np.arange(len(distinct.words)), choice.places)
        dates = {distinct.words[place] for place in choice.places}
        stray = tuple(word for word in kept.words if word not in dates)
        notes = _gap_notes(name, distinct, known) if stray else ()
        number = _number_note(name, choice.format, choice.example)
        return Dates((choice.format,), stray=stray, notes=(*notes, number))
    if NAMED_LIKE_AN_INSTANT.fullmatch(name):
        for format in EPOCHS:
            times = read(kept.words, format).times
            if len(kept.words) >= FEWEST and _plausible(times, SINCE):
                return Dates((format,), notes=(_number_note(name, format, kept.words[0]),))
    return Dates()


def _without_zeros(distinct: Distinct) -> Distinct:
    words = enumerate(distinct.words)
    return distinct.take([place for place, word in words if not stands_for_no_date(word)])


def _whole_choice(kept: Distinct, beside: int = FEWEST_BESIDE) -> Choice | None:
    """The format in which all of these numbers are dates, but for one or two that stand for none.

    So many dates `beside` each of those, as -1 or 99999999, show that it is no quantity.
    """
    if not kept.words:
        return None
    outlines = Counter(map(_outline, kept.words))
    commonest = outlines.most_common(1)[0][0]
    candidates = [format for format in WHOLE_FORMATS if pattern(format).fullmatch(commonest)]
    if not candidates:
        return None
    format, times = next(iter(_fitting(candidates, kept).items()))
    dated = ~np.isnat(times)
    dated[dated] &= _within(times[dated], EARLIEST)
    signs = int((~dated).sum())
    if signs and (format in SIX_DIGITS or signs > MOST_SIGNS or dated.sum() < beside * signs):
        return None
    places = [place for place, date in zip(kept.places, dated, strict=True) if date]
    words = [word for word, date in zip(kept.words, dated, strict=True) if date]
    return Choice(format, places, times[dated], words[0]) if words else None


def _certain(name: str, chosen: Sequence[Choice]) -> bool:
    """Whether formats that other values could have by chance are borne out.

    Of numbers of eight digits one in thirty is a date, of six one in eight.
    """
    named = NAMED_LIKE_A_DATE.fullmatch(name) is not None
    return all(_borne_out(choice, named) for choice in chosen)


def _borne_out(choice: Choice, named: bool) -> bool:
    known = choice.times[~np.isnat(choice.times)]
    different = len(np.unique(known))
    if choice.format in WHOLE_FORMATS:
        fewest = FEWEST_MONTHS if choice.format in SIX_DIGITS else FEWEST
        # padded numbers that count, 000101, 000102, ..., stay in one month
        spread = "%y" not in choice.format or len(np.unique(known.astype("datetime64[M]"))) > 1
        return (named or (different >= fewest and spread)) and _plausible(known, EARLIEST)
    by_chance = "%y" in choice.format and "%b" not in choice.format
    return named or not by_chance or different >= FEWEST


def _plausible(times: np.ndarray, earliest: np.datetime64) -> bool:
    return bool(len(times) and _within(times, earliest).all())


def _within(times: np.ndarray, earliest: np.datetime64) -> np.ndarray:
    """(n,) bool: from `earliest` to 2100, or the end of time, 9999-12-31."""
    return np.asarray((times >= earliest) & (times < LATEST) | (times == FOR_EVER))


# -- notes -----------------------------------------------------------------------------------------


def _declaration(name: str, formats: Sequence[str]) -> str:
    """The line of TOML that settles how a column is read."""
    shown = ", ".join(f'"{format}"' for format in formats)
    return f'[load.columns] "{name}" = {{ kind = "date", format = ' + (
        f"{shown} }}" if len(formats) == 1 else f"[{shown}] }}"
    )


def _gap_notes(name: str, distinct: Distinct, known: np.ndarray) -> Iterator[str]:
    gaps = int(distinct.rows[~known].sum())
    if gaps:
        words = [word for word, date in zip(distinct.words, known, strict=True) if not date]
        listed = shortened([repr(word[:LONGEST]) for word in words], MOST_SHOWN)
        verb = "is" if gaps == 1 else "are"
        yield f"column {name!r}: {count(gaps, 'value')} {verb} no date and missing ({listed})"


def _order_notes(name: str, chosen: Sequence[Choice], formats: Sequence[str]) -> Iterator[str]:
    """Where 03/04 may be March or April, one note a column."""
    for choice in chosen:
        if choice.open is not None:
            turned = [choice.open if format == choice.format else format for format in formats]
            yield (
                f"column {name!r}: {choice.example!r} is taken for {shape(choice.format)}, though "
                f"no value rules out {shape(choice.open)}; if it is that: "
                f"{_declaration(name, turned)}"
            )
            return


def _number_note(name: str, format: str, example: str) -> str:
    return (
        f"column {name!r}: whole numbers such as {example} are taken for dates, {shape(format)}; "
        f'if they are quantities: [load.columns] "{name}" = {{ kind = "number" }}'
    )


def _doubtful(
    name: str, formats: Sequence[str], dated: int, rows: int, stray: Sequence[str]
) -> str:
    if len(formats) > MOST_FORMATS:
        return (
            f"column {name!r} is read as words, since its dates have {len(formats)} formats; to "
            "read them as dates, write them in one format in train and test"
        )
    listed = shortened([repr(word[:LONGEST]) for word in stray], MOST_SHOWN)
    return (
        f"column {name!r} is read as words, yet {dated / rows:.0%} of its values are dates "
        f"({shape(formats[0])}), others are not ({listed}); to read them as dates, correct or "
        "empty the others in train and test"
    )


def describe_dates(features: Sequence[Feature]) -> Iterator[str]:
    """One note on all columns that are dates or times, with their formats."""
    shown = [
        f"{feature.name!r} as {' or '.join(map(shape, feature.formats))}{_zone_shown(feature)}"
        for feature in features
        if feature.formats
    ]
    if shown:
        yield f"dates and times: {'; '.join(shown)}"


def _zone_shown(feature: Feature) -> str:
    if feature.kind == "number":
        return " in hours since midnight"
    if feature.zone is None:
        return ""
    hours, minutes = divmod(abs(int(feature.zone)), 60)
    return f" in the time of UTC{'-' if feature.zone < 0 else '+'}{hours:02d}:{minutes:02d}"
