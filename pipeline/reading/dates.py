"""Dates as text: a small language of formats, and the instants that words in a format stand for.

A format has the codes of `strftime` ("%d/%m/%Y %I:%M %p"), with these liberties: numbers between
other characters need no leading zero; %b and %B take a month's English name, short or long; %a and
%A a weekday's, English or Korean, which is ignored; %p takes AM, PM, a.m., 오전 and 오후; %z takes
offsets, Z and the usual names, such as UTC, EST and KST; the fraction of a second, ".%f", may be
absent; the hour 24 is the next day's first, as Korean agencies count. A format may also be the unit
of a whole number that counts from 1970 ("unix s", "unix ms", "unix us", "unix ns").
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from pipeline.reading.notation import normal

if TYPE_CHECKING:
    import pandas as pd

MONTHS = [
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
]
MONTH_NUMBERS = {
    "sept": 9,
    **{name: number for number, name in enumerate(MONTHS, 1)},
    **{name[:3]: number for number, name in enumerate(MONTHS, 1)},
}
WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*|[월화수목금토일](?:요일)?)"
FIRST_OF_CENTURY = 69  # POSIX: 69 to 99 are of the twentieth century, 00 to 68 of this one
DAY_OF_TIMES = np.datetime64("2000-01-01", "us")  # a time without a date is of this day
HOUR, MINUTE, SECOND = 3_600_000_000, 60_000_000, 1_000_000  # in microseconds
EPOCHS = {"unix s": 1e6, "unix ms": 1e3, "unix us": 1.0, "unix ns": 1e-3}  # in microseconds

NUMBERS = {"%m": "month", "%d": "day", "%H": "hour", "%I": "hour", "%M": "minute", "%S": "second"}
# hours from UTC: the zones of RFC 822, and those of Korea, Japan and central Europe
ZONES = {"z": 0, "utc": 0, "gmt": 0, "kst": 9, "jst": 9, "cet": 1, "cest": 2}
ZONES |= {"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}
CODES = {
    "%Y": r"(?P<year>\d{4})",
    "%y": r"(?P<short_year>\d{2})",
    "%f": r"(?P<fraction>\d{1,9})",
    "%b": r"(?P<name>(?:" + "|".join(name[:3] for name in MONTHS) + r")[a-z]*)\.?",
    "%a": WEEKDAY,
    "%p": r"(?P<half>a\.?m\.?|p\.?m\.?|오전|오후)",
    "%z": rf"(?P<zone>{'|'.join(ZONES)}|[+-]\d{{2}}:?\d{{2}}|[+-]\d{{2}})",
}
SAME = {"%B": "%b", "%A": "%a"}
LETTERS = {
    "%Y": "YYYY", "%y": "YY", "%m": "MM", "%d": "DD", "%b": "Mon", "%B": "Month",
    "%H": "HH", "%I": "hh", "%M": "MM", "%S": "SS", "%f": "ffffff", "%p": "AM/PM",
    "%a": "weekday", "%A": "weekday", "%z": "±HH:MM",
}  # fmt: skip
ZERO = re.compile(r"0+|0+[-/.]0+[-/.]0+(?:[ T]00?:00(?::00(?:\.0+)?)?Z?)?")


@dataclass(frozen=True)
class Instants:
    """Wall times (n,) datetime64[us], NaT where the word is not of the format; offsets from UTC in
    minutes, (n,) float64, NaN where the word names none."""

    times: np.ndarray
    offsets: np.ndarray


def format_error(format: str) -> str:
    """Why this is no format; "" if it is one."""
    if format in EPOCHS:
        return ""
    codes = re.findall("%.?", format)
    unknown = [code for code in codes if code not in LETTERS]
    if unknown:
        return f"{unknown[0]!r} is no code of a date; allowed are {', '.join(LETTERS)}"
    plain = [SAME.get(code, code) for code in codes]
    twice = [code for code in plain if plain.count(code) > 1]
    if twice:
        return f"{twice[0]!r} is named twice"
    year, month = {"%Y", "%y"} & {*plain}, {"%m", "%b"} & {*plain}
    if len(year) > 1 or len(month) > 1 or {"%H", "%I"} <= {*plain}:
        return "year, month and hour may be named once each"
    if ("%I" in plain) != ("%p" in plain):
        return "%I, the hour of twelve, and %p, which half of the day, belong together"
    if is_time(format):
        return "" if {"%H", "%I"} & {*plain} and not {"%d", "%z"} & {*plain} else _NEEDED
    return "" if year and month else _NEEDED


_NEEDED = (
    "a date needs a year (%Y or %y) and a month (%m or %b), a time without a date an hour (%H, or "
    "%I with %p)"
)


def is_time(format: str) -> bool:
    """A time of the day without a date."""
    return format not in EPOCHS and not re.search("%[YymbB]", format)


def shape(format: str) -> str:
    """A format as people write it: YYYY-MM-DD."""
    if format in EPOCHS:
        return f"{format.removeprefix('unix ')} since 1970"
    return re.sub("%.", lambda code: LETTERS[code[0]], format)


@cache
def pattern(format: str) -> re.Pattern[str]:
    """What a word of this format looks like.

    Numbers that touch another code, and what follows a colon, have two digits: 3:2 is no time.
    """
    tokens = re.findall(r"%.|\s+|[^%\s]+", format)
    parts = []
    for place, token in enumerate(tokens):
        before, after = tokens[place - 1 : place], tokens[place + 1 : place + 2]
        touches = any(other.startswith("%") for other in before + after)
        parts.append(_part(token, touches or before == [":"]))
    fraction = r"(\\?[.,])(\(\?P<fraction>[^)]*\))"
    return re.compile(re.sub(fraction, r"(?:[.,]\2)?", "".join(parts)), re.IGNORECASE)


def _part(token: str, padded: bool) -> str:
    token = SAME.get(token, token)
    if token in NUMBERS:
        return rf"(?P<{NUMBERS[token]}>\d{{{'2' if padded else '1,2'}}})"
    if token.isspace():
        return r"\s+"
    return CODES.get(token) or re.escape(token)


def stands_for_no_date(word: str) -> bool:
    """0000-00-00 and its like, which databases write for a date that is not known."""
    return ZERO.fullmatch(word) is not None


# -- words -> instants -----------------------------------------------------------------------------


def read(words: Collection[str], format: str) -> Instants:
    """Tidied words (n,) -> the instants of those that are written in this format."""
    if format in EPOCHS:
        return _since_1970(words, EPOCHS[format])
    found = [pattern(format).fullmatch(word) for word in words]
    groups = pattern(format).groupindex
    fields = {name: [match[name] or "" if match else "" for match in found] for name in groups}
    matched = np.array([match is not None for match in found], dtype=bool)
    times, valid = _times(fields, len(words))
    times = np.where(matched & valid, times, np.datetime64("NaT", "us"))
    offsets = np.array([_offset(zone) for zone in fields.get("zone", [""] * len(words))])
    return Instants(times, np.where(np.isnat(times), np.nan, offsets))


def _times(fields: dict[str, list[str]], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Wall times (n,), and which of them exist: no 30 February, no 25 o'clock."""
    day, exists = _days(fields, n)
    hour, halves = _numbers(fields.get("hour"), n, 0), fields.get("half")
    if halves is not None:
        exists &= hour <= 12
        afternoon = np.array([half[:1].lower() == "p" or half == "오후" for half in halves])
        hour = hour % 12 + 12 * afternoon
    minute, second = _numbers(fields.get("minute"), n, 0), _numbers(fields.get("second"), n, 0)
    fractions = (digits[:6].ljust(6, "0") for digits in fields.get("fraction", [""] * n))
    fraction = np.array([int(digits) for digits in fractions], dtype=np.int64)
    rest = minute * MINUTE + second * SECOND + fraction
    exists &= (minute < 60) & (second < 60) & ((hour < 24) | ((hour == 24) & (rest == 0)))
    return day + (hour * HOUR + rest).astype("timedelta64[us]"), exists


def _days(fields: dict[str, list[str]], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Midnights (n,) datetime64[us], and which of them exist; a time alone is of DAY_OF_TIMES."""
    if "year" not in fields and "short_year" not in fields:
        return np.full(n, DAY_OF_TIMES), np.ones(n, dtype=bool)
    year = _numbers(fields.get("year"), n, 1)
    if "short_year" in fields:
        short = _numbers(fields["short_year"], n, 0)
        year = short + np.where(short >= FIRST_OF_CENTURY, 1900, 2000)
    month, day = _numbers(fields.get("month"), n, 1), _numbers(fields.get("day"), n, 1)
    if "name" in fields:
        numbers = [MONTH_NUMBERS.get(name.lower(), 0) for name in fields["name"]]
        month = np.array(numbers, dtype=np.int64)
    exists = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    months = (12 * (year - 1970) + np.clip(month, 1, 12) - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1).astype("timedelta64[D]")
    return days.astype("datetime64[us]"), exists & (days.astype("datetime64[M]") == months)


def _numbers(digits: list[str] | None, n: int, otherwise: int) -> np.ndarray:
    if digits is None:
        return np.full(n, otherwise, dtype=np.int64)
    return np.array([int(number) if number else 0 for number in digits], dtype=np.int64)


@cache
def _offset(zone: str) -> float:
    """+09:00 -> 540 minutes."""
    if not zone:
        return np.nan
    if zone[0] not in "+-":
        return 60.0 * ZONES[zone.lower()]
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (60.0 * int(digits[:2]) + int(digits[2:])) * (-1 if zone[0] == "-" else 1)


def _since_1970(words: Collection[str], unit: float) -> Instants:
    import pandas as pd

    texts = pd.Series(list(words), dtype="str")
    count = np.round(pd.to_numeric(texts, errors="coerce").to_numpy(dtype=float) * unit)
    known = np.abs(count) < 2.0**57
    times = np.full(len(words), np.datetime64("NaT", "us"))
    times[known] = count[known].astype(np.int64).astype("datetime64[us]")
    return Instants(times, np.full(len(words), np.nan))


# -- a column --------------------------------------------------------------------------------------


def tidied(values: "pd.Series") -> "pd.Series":
    """(n,) words or numbers -> tidy words; whole numbers as their digits, missing stays missing."""
    import pandas as pd

    if str(values.dtype) == "float64":
        known = values.dropna()
        whole = bool((known == known.round()).all()) and bool((known.abs() < 2**53).all())
        words = (known.astype("int64") if whole else known).astype("str")
        return words.reindex(values.index)
    words = values.astype("str")
    distinct = pd.Series(words.dropna().unique(), dtype="str")
    changed = {word: normal(word) for word in distinct if normal(word) != word}
    return words.replace(changed) if changed else words


def parse(values: "pd.Series", formats: Sequence[str], zone: float | None = None) -> "pd.Series":
    """(n,) -> datetime64[us] by the first format that fits each; hours since midnight for times.

    zone: the offset from UTC, in minutes, at which instants with an offset are given; those without
    one are at it already. What is of no format is missing (NaT or NaN).
    """
    import pandas as pd

    codes, distinct = pd.factorize(tidied(values))
    words = [str(word) for word in distinct]
    times = np.full(len(words) + 1, np.datetime64("NaT", "us"))
    for format in formats:
        unread = np.flatnonzero(np.isnat(times[:-1]))
        found = read([words[place] for place in unread], format)
        offset = np.nan_to_num((zone or 0.0) - found.offsets) * MINUTE
        times[unread] = found.times + offset.astype("timedelta64[us]")
    typed = pd.Series(times[codes], index=values.index, name=values.name)
    if all(map(is_time, formats)):
        return (typed - DAY_OF_TIMES) / np.timedelta64(1, "h")
    return typed
