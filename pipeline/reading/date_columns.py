"""Which columns are dates, and in which formats: found by looking at the values of train and test.

A column of words is dates where nearly all of its values are. Whole numbers are dates only where a
quantity would hardly look so: all of them are real dates from 1900 to 2100, and there are several.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from pipeline.problem import Feature, Kind
from pipeline.reading.dates import (
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
from pipeline.reading.notation import NEARLY_ALL
from pipeline.wording import count, some

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
    if "0" not in outline:  # most words: no pattern is compiled for them
        return ()
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
    """How a column's words are read as dates.

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


def find_dates(name: str, *tables: "pd.Series") -> Dates:
    """The formats of a column; `tables` holds its values (n,), all of them numbers or all words."""
    import pandas as pd

    are_numbers = all(pd.api.types.is_numeric_dtype(values) for values in tables)
    if are_numbers and not any((values >= FIRST_IN_DIGITS).any() for values in tables):
        return Dates()
    if not _promising(name, _rows([_some(values) for values in tables]), are_numbers):
        return Dates()
    rows = _rows(tables)
    if are_numbers or all(word.isdecimal() for word in rows.index):
        return _of_numbers(name, rows)
    return _of_words(name, rows)


def declared_dates(formats: Sequence[str], *tables: "pd.Series") -> Dates:
    """A column whose formats are given."""
    return Dates(tuple(formats), _zone(_rows(tables).index, formats))


def read_dates(values: "pd.Series", feature: Feature) -> "pd.Series":
    """(n,) as the feature's formats describe it: datetime64, or hours since midnight."""
    return parse(values, feature.formats, feature.zone)


def is_gap(values: "pd.Series", feature: Feature) -> "pd.Series":
    """(n,) bool: words that stand for no date, as 0000-00-00 and those that the column had."""
    words = tidied(values)
    gaps = {word for word in words.dropna().unique() if stands_for_no_date(word)}
    return words.isin([*gaps, *feature.missing])


def _rows(tables: Sequence["pd.Series"]) -> "pd.Series":
    """How many rows have each of the different words, by word (m,)."""
    import pandas as pd

    words = pd.concat([tidied(values.dropna()) for values in tables], ignore_index=True)
    return words.value_counts(sort=False)


def _some(values: "pd.Series") -> "pd.Series":
    """A few of the values, from all over the table."""
    few = values.iloc[:: max(1, len(values) // LOOKED_AT)].dropna()
    return few if len(few) else values.dropna().head(LOOKED_AT)


def _promising(name: str, sample: "pd.Series", are_numbers: bool) -> bool:
    """Whether it is worth looking at all values: half of these words are of a known format, or all
    of these numbers."""
    dates = [word for word in sample.index if not stands_for_no_date(word)]
    if are_numbers:
        named = NAMED_LIKE_AN_INSTANT.fullmatch(name) is not None
        return named or _whole_choice(sample[dates], beside=1) is not None
    outlines = {_outline(word) for word in sample.index}
    if len(outlines) > MOST_SHAPES:
        return False
    known = sum(bool(formats_of(_outline(word))) for word in sample.index)
    return known >= MOSTLY * len(dates) > 0


def _outline(word: str) -> str:
    return re.sub(r"\d", "0", word)


# -- words -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """The format chosen for some words, the times that it reads in them, by word (NaT where it does
    not fit), and another format that is as likely, if any."""

    format: str
    times: "pd.Series"
    open: str | None = None


def _of_words(name: str, rows: "pd.Series") -> Dates:
    """Each outline's format, the values of all words deciding between several."""
    fitting = [choice for choice in _choose(rows) if choice.times.notna().any()]
    chosen = [choice for choice in fitting if not is_time(choice.format)] or fitting
    formats = tuple(dict.fromkeys(choice.format for choice in chosen))
    known = {word for choice in chosen for word in choice.times.dropna().index}
    gaps = [word for word in rows.index if word not in known]
    stray = [word for word in gaps if not stands_for_no_date(word)]
    dated, others = int(rows[list(known)].sum()), int(rows[stray].sum())
    if not formats or dated < MOSTLY * (dated + others) or not _certain(name, chosen):
        return Dates()
    share = dated / (dated + others)
    if not _may_be_gaps(stray, share) or len(formats) > MOST_FORMATS:
        return Dates(notes=(_doubtful(name, formats, share, stray),))
    notes = [*_gap_notes(name, rows[gaps]), *_order_notes(name, chosen, formats)]
    return Dates(formats, _zone(rows.index, formats), tuple(stray), tuple(notes))


def _may_be_gaps(stray: Sequence[str], dated: float) -> bool:
    """Whether words that are no dates may count as missing: few, or a single one ("ongoing")."""
    if dated >= NEARLY_ALL:
        return len(stray) <= MOST_STRAY
    return len(stray) <= 1 and not any(formats_of(_outline(word)) for word in stray)


def _choose(rows: "pd.Series") -> list[Choice]:
    """One format for the words of the same candidates: what fits most rows; where that is open, the
    order of day, month and year that other words show."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for word in rows.index:
        candidates = formats_of(_outline(word))
        if candidates and not stands_for_no_date(word):
            groups.setdefault(candidates, []).append(word)
    fitting = [_fitting(candidates, rows[words]) for candidates, words in groups.items()]
    decided = {_order(next(iter(fits))) for fits in fitting if len(fits) == 1}
    chosen = []
    for fits in fitting:
        agreeing = {format: times for format, times in fits.items() if _order(format) in decided}
        format, other = _likeliest(agreeing or fits)
        chosen.append(Choice(format, fits[format], other))
    return chosen


def _fitting(candidates: Sequence[str], rows: "pd.Series") -> dict[str, "pd.Series"]:
    """The formats that read most rows, with the times that they read, by word; of formats that read
    the same times the first."""
    import pandas as pd

    times = {f: pd.Series(read(rows.index, f).times, index=rows.index) for f in candidates}
    fitted = {format: int(rows[found.notna()].sum()) for format, found in times.items()}
    best: dict[str, pd.Series] = {}
    for format, found in times.items():
        same = any(found.equals(other) for other in best.values())
        if fitted[format] == max(fitted.values()) and not same:
            best[format] = found
    return best


def _order(format: str) -> str:
    """Which of day, month and year comes first: dmy."""
    return "".join(re.findall("%([dmby])", format.replace("%Y", "%y")))


def _likeliest(fits: Mapping[str, "pd.Series"]) -> tuple[str, str | None]:
    """The likeliest of the formats, and another one that the values leave as possible.

    Years are few and days many, which shows where the year is; what is always 1 is the day of the
    month. Otherwise the format that stands first, which is the usual one.
    """
    days = {format: {*times.dropna().dt.day} for format, times in fits.items()}
    most = max(map(len, days.values()))
    left = [format for format in fits if CLEAR * len(days[format]) > most or "%Y" in format]
    firsts = [f for f in left if days[f] == {1} and fits[f].nunique(dropna=False) >= FEWEST]
    format = (firsts or left)[0]
    return format, next((other for other in left if other != format), None)


def _zone(words: Collection[str], formats: Sequence[str]) -> float | None:
    """The one offset that the words have, in minutes; UTC for several; None where there is none."""
    found = [read(words, format).offsets for format in formats if "%z" in format]
    offsets = {offset for each in found for offset in each[~np.isnan(each)].tolist()}
    return None if not offsets else offsets.pop() if len(offsets) == 1 else 0.0


# -- whole numbers ---------------------------------------------------------------------------------


def _of_numbers(name: str, rows: "pd.Series") -> Dates:
    """YYYYMMDD and its like, or what counts from 1970 if the column is named like a time."""
    kept = rows[[not stands_for_no_date(word) for word in rows.index]]
    choice = _whole_choice(kept)
    if choice is not None and _certain(name, [choice]):
        stray = tuple(kept.index.difference(choice.times.index, sort=False))
        notes = _gap_notes(name, rows.drop(choice.times.index)) if stray else ()
        number = _number_note(name, choice.format, choice.times.index[0])
        return Dates((choice.format,), stray=stray, notes=(*notes, number))
    if NAMED_LIKE_AN_INSTANT.fullmatch(name) and len(kept) >= FEWEST:
        for format in EPOCHS:
            if _within(read(kept.index, format).times, SINCE).all():
                return Dates((format,), notes=(_number_note(name, format, kept.index[0]),))
    return Dates()


def _whole_choice(rows: "pd.Series", beside: int = FEWEST_BESIDE) -> Choice | None:
    """The format in which all of these numbers are dates, but for one or two that stand for none.

    So many dates `beside` each of those, as -1 or 99999999, show that it is no quantity.
    """
    outlines = Counter(map(_outline, rows.index)).most_common(1)
    candidates = [f for f in WHOLE_FORMATS if outlines and pattern(f).fullmatch(outlines[0][0])]
    if not candidates:
        return None
    format, times = next(iter(_fitting(candidates, rows).items()))
    dated = times[_within(times.to_numpy(), EARLIEST)]
    signs = len(rows) - len(dated)
    if signs and (format in SIX_DIGITS or signs > MOST_SIGNS or len(dated) < beside * signs):
        return None
    return Choice(format, dated) if len(dated) else None


def _certain(name: str, chosen: Sequence[Choice]) -> bool:
    """Whether formats that other values could have by chance are borne out.

    Of numbers of eight digits one in thirty is a date, of six one in eight.
    """
    named = NAMED_LIKE_A_DATE.fullmatch(name) is not None
    return all(_borne_out(choice, named) for choice in chosen)


def _borne_out(choice: Choice, named: bool) -> bool:
    known = choice.times.dropna().to_numpy()
    different = len(np.unique(known))
    if choice.format in WHOLE_FORMATS:
        fewest = FEWEST_MONTHS if choice.format in SIX_DIGITS else FEWEST
        # padded numbers that count, 000101, 000102, ..., stay in one month
        spread = "%y" not in choice.format or len(np.unique(known.astype("datetime64[M]"))) > 1
        plausible = len(known) > 0 and bool(_within(known, EARLIEST).all())
        return (named or (different >= fewest and spread)) and plausible
    by_chance = "%y" in choice.format and "%b" not in choice.format
    return named or not by_chance or different >= FEWEST


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


def _gap_notes(name: str, gaps: "pd.Series") -> Iterator[str]:
    """A note on the words that are no dates, with their rows by word."""
    if len(gaps):
        total = int(gaps.sum())
        listed = _shown(gaps.index)
        verb = "is" if total == 1 else "are"
        yield f"column {name!r}: {count(total, 'value')} {verb} no date and missing ({listed})"


def _order_notes(name: str, chosen: Sequence[Choice], formats: Sequence[str]) -> Iterator[str]:
    """Where 03/04 may be March or April, one note a column."""
    choice = next((choice for choice in chosen if choice.open is not None), None)
    if choice is not None and choice.open is not None:
        turned = [choice.open if format == choice.format else format for format in formats]
        yield (
            f"column {name!r}: {choice.times.index[0]!r} is taken for {shape(choice.format)}, "
            f"though no value rules out {shape(choice.open)}; if it is that: "
            f"{_declaration(name, turned)}"
        )


def _number_note(name: str, format: str, example: str) -> str:
    return (
        f"column {name!r}: whole numbers such as {example} are taken for dates, {shape(format)}; "
        f'if they are quantities: [load.columns] "{name}" = {{ kind = "number" }}'
    )


def _doubtful(name: str, formats: Sequence[str], dated: float, stray: Sequence[str]) -> str:
    if len(formats) > MOST_FORMATS:
        return (
            f"column {name!r} is read as words, since its dates have {len(formats)} formats; to "
            "read them as dates, write them in one format in train and test"
        )
    return (
        f"column {name!r} is read as words, yet {dated:.0%} of its values are dates "
        f"({shape(formats[0])}), others are not ({_shown(stray)}); to read them as dates, correct "
        "or empty the others in train and test"
    )


def _shown(words: Iterable[str]) -> str:
    return some([repr(word[:LONGEST]) for word in words], MOST_SHOWN)


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
