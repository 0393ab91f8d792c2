"""Which columns are dates, and in which forms: found by looking at the values of train and test.

A column of words is dates where nearly all of its values are. Whole numbers are dates only where a
quantity would hardly look so: all of them are real dates from 1900 to 2100, and there are several.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.dates import (
    CODES,
    EPOCHS,
    as_words,
    formats_of,
    is_time,
    parse,
    pattern,
    read,
    shape,
    stands_for_no_date,
)
from pipeline.wording import count, shortened

if TYPE_CHECKING:
    import pandas as pd

NEARLY_ALL = 0.9  # share of the values, 0000-00-00 not counted
MOSTLY = 0.5  # enough where one word alone stands for all that is no date
MOST_FORMS = 12
MOST_STRAY = 20  # different words that are no dates
MOST_SHAPES = 200  # prose has more
LOOKED_AT = 50  # different values that decide whether to look at all of them
FIRST_IN_DIGITS = 100_101  # YYMMDD of 2010-01-01
FEWEST = 5  # different whole numbers, or years of two digits, that are dates
MOST_SIGNS, FEWEST_BESIDE = 2, 15  # different whole numbers that stand for no date, dates for each
FEWEST_MONTHS = 12  # the same for YYYYMM, where one number in eight would pass
CLEAR = 2  # times as many different days as in the other order
EARLIEST, LATEST = np.datetime64("1900-01-01"), np.datetime64("2101-01-01")
SINCE, FOR_EVER = np.datetime64("1980-01-01"), np.datetime64("9999-12-31")
LONGEST, MOST_SHOWN = 40, 3
NAMED_LIKE_A_DATE = re.compile(
    r"(?i).*(date|time|day|month|when|stamp|yyyy|yymm|일시|일자|날짜|시간|시각|년월|연월|월일|_at$|_dt|^dt|_ym|^ym$)"
)
NAMED_LIKE_AN_INSTANT = re.compile(r"(?i).*(time|date|stamp|epoch|unix|일시|시각|_at$|_ts|^ts$)")

# -- the forms that are known ----------------------------------------------------------------------

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
        form
        for s, orders in (("/", ORDERS), (".", ORDERS[::-1]), ("-", ORDERS[::-1]))
        for form in (f"%y{s}%m{s}%d", *(order.format(s) + "%y" for order in orders))
    ),
)
DAYS = (
    *(day + weekday for day in NUMERIC for weekday in ("", "(%a)", " (%a)", " %a")),
    *(
        weekday + day
        for day in (
            *(form.format(s) for form in WRITTEN for s in "- /."),
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
WHOLE = ("%Y%m%d", "%Y%m", "%y%m%d", *(f"%Y%m%d{clock}" for clock in COMPACT))
TAIL = re.compile(
    rf"(?P<join>T|, | at | |:|_|-)?(?P<clock>.*?)(?P<outside> ?{CODES['%z']})?", re.IGNORECASE
)


@cache
def forms_of(outline: str) -> tuple[str, ...]:
    """Every known form that a word with this outline (its digits being 0) may have."""
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
    """Whether the outline has the form; a fraction of a second, which may be absent, if it has."""
    fraction = re.search(r"0[.,]0", outline) is not None
    return ("%f" in clock) == fraction and pattern(clock).fullmatch(outline) is not None


# -- a column of train and test --------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What a column means as dates.

    `forms` are empty where it is none; `zone` is in minutes from UTC, None where no word has an
    offset; `stray` are words that are no dates; `notes` are sentences for a person.
    """

    forms: tuple[str, ...] = ()
    zone: float | None = None
    stray: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self, name: str) -> dict[str, Any]:
        """The column of the schema: times alone are numbers, of hours since midnight."""
        column: dict[str, Any] = {"name": name}
        column["kind"] = "number" if all(map(is_time, self.forms)) else "date"
        column["format"] = self.forms[0] if len(self.forms) == 1 else list(self.forms)
        if self.zone is not None:
            column["zone"] = self.zone
        if self.stray:
            column["missing"] = list(self.stray)
        return column


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


def find_dates(name: str, *tables: "pd.Series") -> Found:
    """The forms of a column, of whose values `tables` holds one series (n,) a table."""
    words = [_is_words(values) for values in tables]
    numbers = [
        not is_words
        for is_words, values in zip(words, tables, strict=True)
        if not is_words or values.notna().any()
    ]
    if all(numbers) and not any(map(_holds_long_numbers, tables)):
        return Found()
    sample = _distinct([_some(values) for values in tables])
    if not numbers or not _promising(name, sample, all(numbers)):
        return Found()
    distinct = _distinct(tables)
    if all(numbers) or all(word.isdecimal() for word in distinct.words):
        return _of_numbers(name, distinct)
    return _of_words(name, distinct)


def describe_declared(name: str, forms: Sequence[str], *tables: "pd.Series") -> dict[str, Any]:
    """The column of the schema whose forms are given."""
    words = _distinct(tables).words
    return Found(tuple(forms), _zone(words, forms)).to_json(name)


def read_dates(values: "pd.Series", column: Mapping[str, Any]) -> "pd.Series":
    """(n,) as a column of the schema describes it: datetime64, or hours since midnight."""
    return parse(values, formats_of(column), column.get("zone"))


def is_gap(values: "pd.Series", column: Mapping[str, Any]) -> "pd.Series":
    """(n,) bool: words that stand for no date, as 0000-00-00 and those that the column had."""
    words = as_words(values)
    gaps = {word for word in words.dropna().unique() if stands_for_no_date(word)}
    return words.isin([*gaps, *column.get("missing", ())])


def _is_words(values: "pd.Series") -> bool:
    return str(values.dtype) not in ("int64", "float64")


def _holds_long_numbers(values: "pd.Series") -> bool:
    """Whether a value is as great as the first date in digits; false for a column of nothing."""
    return bool((values.to_numpy() >= FIRST_IN_DIGITS).any())


def _distinct(tables: Sequence["pd.Series"]) -> Distinct:
    import pandas as pd

    words = pd.concat([as_words(values.dropna()) for values in tables], ignore_index=True)
    counts = words.value_counts(sort=False)
    return Distinct(tuple(map(str, counts.index)), counts.to_numpy(), [*range(len(counts))])


def _some(values: "pd.Series") -> "pd.Series":
    """A few of the values, from all over the table."""
    few = values.iloc[:: max(1, len(values) // LOOKED_AT)].dropna()
    return few if len(few) else values.dropna().head(LOOKED_AT)


def _promising(name: str, sample: Distinct, numbers: bool) -> bool:
    """Whether it is worth looking at all values: half of these words are of a known form, or all
    of these numbers."""
    if numbers:
        named = NAMED_LIKE_AN_INSTANT.fullmatch(name) is not None
        return named or _whole_choice(_without_zeros(sample), beside=1) is not None
    outlines = [_outline(word) for word in sample.words]
    if len(set(outlines)) > MOST_SHAPES:
        return False
    zeros = [stands_for_no_date(word) for word in sample.words]
    known = [bool(forms_of(outline)) for outline in outlines]
    return sum(known) >= MOSTLY * (len(zeros) - sum(zeros)) > 0


def _outline(word: str) -> str:
    return re.sub(r"\d", "0", word)


# -- words -----------------------------------------------------------------------------------------


def _of_words(name: str, distinct: Distinct) -> Found:
    """Each outline's form, the values of all words deciding between several."""
    fitting = [choice for choice in _choose(_groups(distinct)) if not np.isnat(choice.times).all()]
    chosen = _without_times_among_dates(fitting)
    forms = tuple(dict.fromkeys(choice.form for choice in chosen))
    known = np.zeros(len(distinct.words), dtype=bool)
    for choice in chosen:
        known[choice.places] = ~np.isnat(choice.times)
    zeros = np.array([stands_for_no_date(word) for word in distinct.words]) & ~known
    rows, dated = int(distinct.rows[~zeros].sum()), int(distinct.rows[known].sum())
    stray = [word for word, left in zip(distinct.words, ~known & ~zeros, strict=True) if left]
    if not forms or dated < MOSTLY * rows or not _certain(name, chosen):
        return Found()
    if not _may_be_gaps(stray, dated / rows) or len(forms) > MOST_FORMS:
        return Found(notes=(_doubtful(name, forms, dated, rows, stray),))
    notes = [*_gap_notes(name, distinct, known), *_order_notes(name, chosen, forms)]
    return Found(forms, _zone(distinct.words, forms), tuple(stray), tuple(notes))


def _may_be_gaps(stray: Sequence[str], dated: float) -> bool:
    """Whether words that are no dates may count as missing: few, or one such as "ongoing"."""
    if dated >= NEARLY_ALL:
        return len(stray) <= MOST_STRAY
    return len(stray) <= 1 and not any(forms_of(_outline(word)) for word in stray)


@dataclass(frozen=True)
class Choice:
    """The form chosen for the words at these places, their times, and a form as likely, if any."""

    form: str
    places: list[int]
    times: np.ndarray
    example: str
    open: str | None = None


def _groups(distinct: Distinct) -> dict[tuple[str, ...], Distinct]:
    """Candidate forms -> the words that may have them."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, word in enumerate(distinct.words):
        candidates = forms_of(_outline(word))
        if candidates and not stands_for_no_date(word):
            groups.setdefault(candidates, []).append(place)
    return {candidates: distinct.take(places) for candidates, places in groups.items()}


def _choose(groups: Mapping[tuple[str, ...], Distinct]) -> list[Choice]:
    """One form a group: what fits most rows; where that is open, in the order of another group."""
    fitting = {candidates: _fitting(candidates, group) for candidates, group in groups.items()}
    decided = {_order(next(iter(fits))) for fits in fitting.values() if len(fits) == 1}
    chosen = []
    for candidates, fits in fitting.items():
        group = groups[candidates]
        agreeing = {form: times for form, times in fits.items() if _order(form) in decided}
        form, other = _likeliest(agreeing or fits)
        chosen.append(Choice(form, list(group.places), fits[form], group.words[0], other))
    return chosen


def _fitting(candidates: Sequence[str], group: Distinct) -> dict[str, np.ndarray]:
    """The forms that read most rows, and the times (m,) that they read; one of those that agree."""
    times = {form: read(group.words, form).times for form in candidates}
    rows = {form: int(group.rows[~np.isnat(found)].sum()) for form, found in times.items()}
    best: dict[str, np.ndarray] = {}
    for form, found in times.items():
        same = any(np.array_equal(found, other, equal_nan=True) for other in best.values())
        if rows[form] == max(rows.values()) and not same:
            best[form] = found
    return best


def _order(form: str) -> str:
    """Which of day, month and year comes first: dmy."""
    return "".join(re.findall("%([dmby])", form.replace("%Y", "%y")))


def _likeliest(fits: Mapping[str, np.ndarray]) -> tuple[str, str | None]:
    """The likeliest of the forms, and another one that the values leave as possible.

    Years are few and days many, which tells where the year is; and what is always a first is the
    day. Otherwise the form that stands first, which is the usual one.
    """
    days = {form: _days_of_month(times) for form, times in fits.items()}
    most = max(map(len, days.values()))
    left = [form for form in fits if CLEAR * len(days[form]) > most or "%Y" in form]
    firsts = [form for form in left if days[form] == {1} and len(np.unique(fits[form])) >= FEWEST]
    form = (firsts or left)[0]
    others = [other for other in left if other != form]
    return form, others[0] if others else None


def _days_of_month(times: np.ndarray) -> set[int]:
    known = times[~np.isnat(times)]
    return {*((known.astype("datetime64[D]") - known.astype("datetime64[M]")).astype(int) + 1)}


def _without_times_among_dates(chosen: list[Choice]) -> list[Choice]:
    dates = [choice for choice in chosen if not is_time(choice.form)]
    return dates or chosen


def _zone(words: Sequence[str], forms: Sequence[str]) -> float | None:
    """The one offset that the words have, in minutes; UTC for several; None where there is none."""
    offsets: set[float] = set()
    for form in forms:
        if "%z" in form:
            found = read(words, form).offsets
            offsets |= {*found[~np.isnan(found)].tolist()}
    return None if not offsets else offsets.pop() if len(offsets) == 1 else 0.0


# -- whole numbers ---------------------------------------------------------------------------------


def _of_numbers(name: str, distinct: Distinct) -> Found:
    """YYYYMMDD and its like, or what counts from 1970 if the column is named like a time."""
    kept = _without_zeros(distinct)
    choice = _whole_choice(kept)
    if choice is not None and _certain(name, [choice]):
        known = np.isin(np.arange(len(distinct.words)), choice.places)
        stray = tuple(word for word in kept.words if word not in {*_words_of(choice, distinct)})
        notes = _gap_notes(name, distinct, known) if stray else ()
        number = _number_note(name, choice.form, choice.example)
        return Found((choice.form,), stray=stray, notes=(*notes, number))
    if NAMED_LIKE_AN_INSTANT.fullmatch(name):
        for form in EPOCHS:
            times = read(kept.words, form).times
            if len(kept.words) >= FEWEST and _plausible(times, SINCE):
                return Found((form,), notes=(_number_note(name, form, kept.words[0]),))
    return Found()


def _without_zeros(distinct: Distinct) -> Distinct:
    words = enumerate(distinct.words)
    return distinct.take([place for place, word in words if not stands_for_no_date(word)])


def _words_of(choice: Choice, distinct: Distinct) -> Iterator[str]:
    return (distinct.words[place] for place in choice.places)


def _whole_choice(kept: Distinct, beside: int = FEWEST_BESIDE) -> Choice | None:
    """The form in which all of these numbers are dates, but for a sign or two for no date.

    Such a sign, as -1 or 99999999, is told from a quantity by the dates `beside` it, so many for
    each.
    """
    if not kept.words:
        return None
    outlines = Counter(map(_outline, kept.words))
    commonest = outlines.most_common(1)[0][0]
    candidates = [form for form in WHOLE if pattern(form).fullmatch(commonest)]
    if not candidates:
        return None
    form, times = next(iter(_fitting(candidates, kept).items()))
    dated = ~np.isnat(times)
    dated[dated] &= _within(times[dated], EARLIEST)
    signs = int((~dated).sum())
    if signs and (form in SIX_DIGITS or signs > MOST_SIGNS or dated.sum() < beside * signs):
        return None
    places = [place for place, date in zip(kept.places, dated, strict=True) if date]
    words = [word for word, date in zip(kept.words, dated, strict=True) if date]
    return Choice(form, places, times[dated], words[0]) if words else None


def _certain(name: str, chosen: Sequence[Choice]) -> bool:
    """Whether forms that other values could have by chance are borne out.

    Of numbers of eight digits one in thirty is a date, of six one in eight.
    """
    named = NAMED_LIKE_A_DATE.fullmatch(name) is not None
    return all(_borne_out(choice, named) for choice in chosen)


def _borne_out(choice: Choice, named: bool) -> bool:
    known = choice.times[~np.isnat(choice.times)]
    different = len(np.unique(known))
    if choice.form in WHOLE:
        fewest = FEWEST_MONTHS if choice.form in SIX_DIGITS else FEWEST
        # padded numbers that count, 000101, 000102, ..., stay in one month
        spread = "%y" not in choice.form or len(np.unique(known.astype("datetime64[M]"))) > 1
        return (named or (different >= fewest and spread)) and _plausible(known, EARLIEST)
    by_chance = "%y" in choice.form and "%b" not in choice.form
    return named or not by_chance or different >= FEWEST


def _plausible(times: np.ndarray, earliest: np.datetime64) -> bool:
    return bool(len(times) and _within(times, earliest).all())


def _within(times: np.ndarray, earliest: np.datetime64) -> np.ndarray:
    """(n,) bool: from `earliest` to 2100, or the end of time, 9999-12-31."""
    return np.asarray((times >= earliest) & (times < LATEST) | (times == FOR_EVER))


# -- what to tell ----------------------------------------------------------------------------------


def _declaration(name: str, forms: Sequence[str]) -> str:
    """The line of TOML that settles how a column is read."""
    shown = ", ".join(f'"{form}"' for form in forms)
    return f'[load.columns] "{name}" = {{ kind = "date", format = ' + (
        f"{shown} }}" if len(forms) == 1 else f"[{shown}] }}"
    )


def _gap_notes(name: str, distinct: Distinct, known: np.ndarray) -> Iterator[str]:
    gaps = int(distinct.rows[~known].sum())
    if gaps:
        words = [word for word, date in zip(distinct.words, known, strict=True) if not date]
        listed = shortened([repr(word[:LONGEST]) for word in words], MOST_SHOWN)
        verb = "is" if gaps == 1 else "are"
        yield f"column {name!r}: {count(gaps, 'value')} {verb} no date and missing ({listed})"


def _order_notes(name: str, chosen: Sequence[Choice], forms: Sequence[str]) -> Iterator[str]:
    """Where 03/04 may be March or April, one sentence a column."""
    for choice in chosen:
        if choice.open is not None:
            turned = [choice.open if form == choice.form else form for form in forms]
            yield (
                f"column {name!r}: {choice.example!r} is taken for {shape(choice.form)}, though no "
                f"value rules out {shape(choice.open)}; if it is that: {_declaration(name, turned)}"
            )
            return


def _number_note(name: str, form: str, example: str) -> str:
    return (
        f"column {name!r}: whole numbers such as {example} are taken for dates, {shape(form)}; if "
        f'they are quantities: [load.columns] "{name}" = {{ kind = "number" }}'
    )


def _doubtful(name: str, forms: Sequence[str], dated: int, rows: int, stray: Sequence[str]) -> str:
    if len(forms) > MOST_FORMS:
        return (
            f"column {name!r} is read as words, since its dates have {len(forms)} forms; to read "
            "them as dates, write them in one form in train and test"
        )
    listed = shortened([repr(word[:LONGEST]) for word in stray], MOST_SHOWN)
    return (
        f"column {name!r} is read as words, yet {dated / rows:.0%} of its values are dates "
        f"({shape(forms[0])}), others are not ({listed}); to read them as dates, correct or empty "
        "the others in train and test"
    )


def describe_dates(columns: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One sentence on all columns that are dates or times, with their forms."""
    shown = []
    for column in columns:
        if "format" in column:
            forms = " or ".join(map(shape, formats_of(column)))
            shown.append(f"{column['name']!r} as {forms}{_zone_shown(column)}")
    if shown:
        yield f"dates and times: {'; '.join(shown)}"


def _zone_shown(column: Mapping[str, Any]) -> str:
    if column["kind"] == "number":
        return " in hours since midnight"
    zone = column.get("zone")
    if zone is None:
        return ""
    hours, minutes = divmod(abs(int(zone)), 60)
    return f" in the time of UTC{'-' if zone < 0 else '+'}{hours:02d}:{minutes:02d}"
