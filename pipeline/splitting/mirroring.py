"""How was test split from train: by time, by whole groups, or at random?

A verdict needs what a split at random would not bring about in one of 10^8 draws: all of test's
rows after train's, no value of a repeating column in both, other days of the month. Where the rows
were drawn at random, each column is an exchangeable sequence, whatever it holds, so that this bound
holds for any table, times the columns that are looked at. Ids that grow with time are no evidence:
whoever wrote the files numbered them.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipeline.problem import Feature
from pipeline.reading import distinct
from pipeline.reading.dates import MONTH_NUMBERS
from pipeline.splitting.groups import before_last
from pipeline.splitting.lengths import NUMBER, STEPS, Length
from pipeline.splitting.times import MOST_UNDATED, described, is_known, joined_parts
from pipeline.splitting.windows import PERIODS, Windows, places, shown
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.table import Frame

FEWEST_ROWS = 10  # of train and of test
FEWEST_GROUPS = 3  # in train; folds by fewer mirror nothing
ENOUGH_GROUPS = 5
LEAST_P = 1e-8
KNOWN = 0.1  # of test's rows: of so many at most train may have the group
OVERLAP = 0.01  # of the rows of either side: the day of the cut may be in both
MOST_WINDOWS, FEWEST_BLOCKS = 5, 3
ENOUGH_ROWS = 500  # in so many windows as long as test; of fewer rows there are more windows
MOST_VALIDATED = 0.6  # of the time that train covers
LOOKED_AT = 200  # values of test, at first
SEPARATORS = "_-:/.|"

PARTS = {  # of a date, as columns are named after them
    "year": {"year", "yr", "yyyy", "년", "년도", "연도"},
    "month": {"month", "mnth", "mm", "월"},
    "day": {"day", "dd", "일"},
    "hour": {"hour", "hr", "hh", "시", "시간", "시각"},
}
NO_DAY = {"week", "year", "weekday"}  # day of the week
BESIDE = {"date", "of", "the", "number", "num", "no"}  # of a name, beside what it is a date of
TIMES = {"date", "time", "timestamp", "week", "period", "quarter", "날짜", "일자", "주차", "시점"}
TIMES |= {word for words in PARTS.values() for word in words}
NO_TIMES = {"id", "index", "idx", "no", "key", "code"}
GROUPS = {"id", "subject", "patient", "user", "customer", "group", "session", "person", "player"}
GROUPS |= {"store", "shop", "site", "station", "team", "account", "client", "device", "family"}


@dataclass(frozen=True)
class Mirror:
    """What `columns` show: `description` is what was seen, `settings` are keys of [split] with
    which the folds differ in the same way."""

    kind: Literal["time", "within", "group"]
    columns: tuple[str, ...]
    description: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def toml(self) -> str:
        """The settings as the lines of a TOML, one after the other."""
        written = {key: json.dumps(each, ensure_ascii=False) for key, each in self.settings.items()}
        return ", ".join(f"{key} = {each}" for key, each in written.items())


@dataclass(frozen=True)
class Moments:
    """The times of train (n,) and test (m,), datetime64[us] or float64, and the columns that give
    them: one, or the parts of a date."""

    columns: tuple[str, ...]
    train: np.ndarray
    test: np.ndarray

    @property
    def are_dates(self) -> bool:
        return self.train.dtype.kind == "M"

    @property
    def dated(self) -> "Moments":
        """Without the rows that have no time, where these are few."""
        known = is_known(self.train), is_known(self.test)
        if min(each.mean() for each in known) < 1 - MOST_UNDATED:
            return self
        return replace(self, train=self.train[known[0]], test=self.test[known[1]])

    @property
    def named(self) -> str | tuple[str, ...]:
        """As [split] time has it."""
        return self.columns[0] if len(self.columns) == 1 else self.columns


def find_mirror(
    train: "Frame",
    test: "Frame",
    features: Sequence[Feature],
    id: str | None = None,
    folds: int = MOST_WINDOWS,
) -> Mirror | None:
    """What shows how test was split from train; None where nothing but chance does.

    The frames hold the features by name, with their types, and the id's words. At most so many
    `folds` are asked for.
    """
    if min(len(train), len(test)) < FEWEST_ROWS:
        return None
    moments = [each.dated for each in _moments(train, test, features)]
    later = [(overlap, each) for each in moments if (overlap := _overlap(each)) is not None]
    if later:
        return _by_time(min(later, key=lambda found: found[0])[1], folds)
    for each in moments:
        if each.are_dates and (found := _within(each, folds)):
            return found
    return _by_group(train, test, features, id, folds)


# -- times -----------------------------------------------------------------------------------------


def _moments(train: "Frame", test: "Frame", features: Sequence[Feature]) -> Iterator[Moments]:
    """Columns of dates, dates in parts, then numbers that are named like times."""
    for each in features:
        if each.kind == "date":
            sides = (frame[each.name].to_numpy("datetime64[us]") for frame in (train, test))
            yield Moments((each.column,), *sides)
    parts = _parts(features)
    for found in parts:
        columns = tuple(each.name for each in found)
        sides = (
            joined_parts([_numbers(frame[name]) for name in columns]) for frame in (train, test)
        )
        one, other = sides
        if one.dtype == other.dtype and (one.dtype.kind == "M" or len(columns) == 1):
            yield Moments(columns, one, other)
    used = {each.name for found in parts for each in found}
    for each in features:
        if each.kind == "number" and each.name not in used and _is_named_like_a_time(each.name):
            sides = (frame[each.name].to_numpy(float) for frame in (train, test))
            yield Moments((each.name,), *sides)


def _is_named_like_a_time(name: str) -> bool:
    tokens = _tokens(name)
    return bool(tokens & TIMES) and not tokens & NO_TIMES


def _tokens(name: str) -> set[str]:
    """The words of a column's name in lower case: day, of, month."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()
    return {word for word in re.split(r"[^a-z가-힣]+", split) if word}


def _parts(features: Sequence[Feature]) -> list[list[Feature]]:
    """Columns that are the year, month, day and hour of one date, by what else their names say."""
    found: dict[frozenset[str], dict[str, Feature]] = {}
    for each in features:
        tokens = _tokens(each.name)
        roles = [role for role, words in PARTS.items() if tokens & words]
        if "day" in roles:
            roles = ["day"] if not tokens & NO_DAY else []
        if len(roles) != 1 or each.kind not in ("number", "category"):
            continue
        of = frozenset(tokens - BESIDE - {word for words in PARTS.values() for word in words})
        found.setdefault(of, {}).setdefault(roles[0], each)
    dates = []
    for named in found.values():
        roles = list(PARTS)[: next((i for i, role in enumerate(PARTS) if role not in named), 4)]
        if len(roles) > 1:
            dates.append([named[role] for role in roles])
    return dates


def _numbers(values: "pd.Series") -> "pd.Series":
    """Numbers, those of months' names too; NaN for others."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values.dtype):
        return values
    named = values.astype("str").str.lower().map(MONTH_NUMBERS)
    return named if named.notna().any() else pd.to_numeric(values, errors="coerce")


def _overlap(moments: Moments) -> float | None:
    """The share of rows that keep test from lying after train; None where it does not lie there."""
    train, test = moments.train, moments.test
    if not (is_known(train).all() and is_known(test).all()):
        return None
    shares = (train >= test.min()).mean(), (test <= train.max()).mean()
    if max(shares) > OVERLAP or len(np.unique(train)) < FEWEST_GROUPS:
        return None
    return float(max(shares))


def _by_time(moments: Moments, folds: int) -> Mirror:
    train, test = moments.train, moments.test
    settings: dict[str, Any] = {"time": moments.named, **_lengths(moments, folds)}
    description = (
        f"Test lies after train by {described(moments.columns)}: train is {_stretch(train)}, test "
        f"{_stretch(test)}"
    )
    return Mirror("time", moments.columns, description, settings)


def _stretch(times: np.ndarray) -> str:
    """'from 2016 to 2018', '2019 alone'."""
    first, last = shown(times.min()), shown(times.max())
    return f"{first} alone" if first == last else f"from {first} to {last}"


def _lengths(moments: Moments, folds: int) -> dict[str, Any]:
    """[split] horizon and gap as test has them, and how many windows of these train has room for.

    Where train is too short for that, one shorter window.
    """
    extent = _extent(moments)
    horizon, gap = extent.horizon, extent.gap
    most = MOST_WINDOWS if MOST_WINDOWS * len(moments.test) >= ENOUGH_ROWS else folds
    number = min(folds, most, int((MOST_VALIDATED * extent.covered - gap) // horizon))
    if number < 1:
        third = max(1, extent.covered // 3)
        number, horizon, gap = 1, third, min(gap, third)
    lengths = {"horizon": Length(horizon, extent.unit)}
    lengths |= {"gap": Length(gap, extent.unit)} if gap else {}
    number = Windows(number, **lengths).possible(moments.train)
    if not number:
        return {"folds": min(folds, FEWEST_BLOCKS)}
    return {"folds": number, **{key: length.written for key, length in lengths.items()}}


@dataclass(frozen=True)
class Extent:
    """How much time train covers, test covers and lies between them, in whole units."""

    unit: str
    covered: float
    horizon: float
    gap: float


def _extent(moments: Moments) -> Extent:
    train, test = moments.train, moments.test
    ends = train.min(), train.max(), test.min(), test.max()
    if not moments.are_dates:
        step = 1.0 if (train == np.round(train)).all() else 0.0
        return _extent_of(NUMBER, [float(each) for each in ends], step)
    unit, letter = _unit(train, test)
    return _extent_of(unit, [_whole(each, letter) for each in ends], 1.0)


def _unit(train: np.ndarray, test: np.ndarray) -> tuple[str, str]:
    """Months where test has whole ones, days, or what test has three of; and numpy's letter."""
    monthly = bool((train == train.astype("datetime64[M]")).all())
    if _is_month(test.min()) and (monthly or _is_month(test.max().astype("datetime64[D]") + 1)):
        return "month", "M"
    daily = bool((train == train.astype("datetime64[D]")).all())
    span = test.max() - test.min()
    if daily or span >= 3 * STEPS["day"]:
        return "day", "D"
    return ("hour", "h") if span >= 3 * STEPS["hour"] else ("minute", "m")


def _extent_of(unit: str, ends: Sequence[float], step: float) -> Extent:
    """`ends` are the first and last of train and of test; `step` is 1 where both ends count."""
    first, last, begin, end = ends
    horizon = end - begin + step
    return Extent(unit, last - first + step, horizon or 1.0, max(0.0, begin - last - step))


def _whole(instant: np.datetime64, letter: str) -> float:
    """How many days, hours or the like have begun since 1970."""
    return float(instant.astype(f"datetime64[{letter}]").astype(np.int64))


def _is_month(instant: np.datetime64) -> bool:
    """Whether a month begins."""
    day = instant.astype("datetime64[D]")
    return bool(day == day.astype("datetime64[M]"))


# -- parts of each period --------------------------------------------------------------------------


def _within(moments: Moments, folds: int) -> Mirror | None:
    """Days of the month, months, weekdays or hours that only test has, all of them at one end."""
    known = moments.train[is_known(moments.train)], moments.test[is_known(moments.test)]
    if len(known[0]) < len(moments.train) or len(known[1]) < FEWEST_ROWS:
        return None
    for period, unit in PERIODS.items():
        one, other = (places(times, period) for times in known)
        if not (one.max() < other.min() or other.max() < one.min()):
            continue
        if len(np.unique(one)) < 2 or unshared(one, other) >= np.log(LEAST_P):
            continue
        spans = [_places(values, unit) for values in (other, one)]
        if period == "week":
            spans = [_weekdays(values) for values in (other, one)]
        description = (
            f"Test has {spans[0]} of every {period} by {described(moments.columns)}, train has "
            f"{spans[1]}"
        )
        here, there = len(np.unique(one)), len(np.unique(other))
        number = min(folds, here, max(FEWEST_BLOCKS, round(here / there)))
        settings = {"time": moments.named, "within": period, "folds": max(2, number)}
        return Mirror("within", moments.columns, description, settings)
    return None


def _places(values: np.ndarray, unit: str) -> str:
    """'months 6 to 8', 'month 6'."""
    first, last = values.min(), values.max()
    one = f"{unit.removesuffix('s')} {first}"
    return one if first == last else f"{unit} {first} to {last}"


def _weekdays(values: np.ndarray) -> str:
    names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    first, last = names[values.min()], names[values.max()]
    return first if first == last else f"{first} to {last}"


# -- groups ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grouping:
    """A column of which train and test share no value, or far fewer than chance would have them
    share, by what stands before a separator."""

    column: str
    separator: str | None
    groups: tuple[int, int]  # in train and in test
    shared: int = 0  # of these, in both

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """The widest groups first, of which there are enough, and which are named like groups."""
        named = bool(_tokens(self.column) & GROUPS)
        return self.groups[0] < ENOUGH_GROUPS, not named, self.groups[0]


def _by_group(
    train: "Frame",
    test: "Frame",
    features: Sequence[Feature],
    id: str | None,
    folds: int,
) -> Mirror | None:
    found = list(_groupings(train, test, features, id))
    if not found:
        return None
    best = min(found, key=lambda each: each.rank)
    here, there = best.groups
    what = f"'{best.column}'"
    settings: dict[str, Any] = {"group": best.column}
    if best.separator is not None:
        what = f"what stands before the last {best.separator} in '{best.column}'"
        settings["group_before"] = best.separator
    description = (
        f"Train and test share {best.shared or 'no'} value{'s' * (best.shared > 1)} of {what}: "
        f"{count(here, 'value')} in train, {there:,} in test, each of which may have many rows"
    )
    if here < folds:
        settings["folds"] = here
    return Mirror("group", (best.column,), description, settings)


def _groupings(
    train: "Frame", test: "Frame", features: Sequence[Feature], id: str | None
) -> Iterator[Grouping]:
    kinds = {each.name: each.kind for each in features}
    words = [] if id is None or id not in train or id not in test else [id]
    words += [name for name, kind in kinds.items() if kind in ("category", "text")]
    for name in words:
        yield from _grouping(name, None, train[name], test[name])
        separator = _separator(train[name], test[name])
        if separator is not None:
            sides = (_bare(before_last(frame[name], separator)) for frame in (train, test))
            yield from _grouping(name, separator, *sides)
    for name, kind in kinds.items():
        if kind == "number" and train[name].dtype.kind == "i":
            yield from _grouping(name, None, train[name], test[name])


def _grouping(
    name: str, separator: str | None, train: "pd.Series", test: "pd.Series"
) -> Iterator[Grouping]:
    """The column, where chance would have its sides share values that they do not."""
    train, test = train.dropna(), test.dropna()
    some = test.iloc[:: max(1, len(test) // LOOKED_AT)]
    if min(len(train), len(test)) < FEWEST_ROWS or distinct.are_in(some, train).mean() > KNOWN:
        return
    if separator is None and train.dtype.kind not in "iuf":
        train, test = _bare(train), _bare(test)
    groups = train.nunique(), test.nunique()
    if groups[0] < FEWEST_GROUPS or groups[0] == len(train):
        return
    if separator is not None and groups[1] < FEWEST_GROUPS:
        return
    known = distinct.are_in(test, train)
    if known.mean() > KNOWN:
        return
    shared = test.loc[known].nunique()
    if unshared(train.to_numpy(), test.to_numpy(), shared) < np.log(LEAST_P):
        yield Grouping(name, separator, groups, shared)


def unshared(train: np.ndarray, test: np.ndarray, shared: int = 0) -> float:
    """log of how likely rows drawn at random share no more values than so many.

    A value of r rows in both together, of which a share f went to test, is on one side alone with
    probability f^r + (1 - f)^r: where none is shared, these are multiplied; else Chernoff's bound
    of the number of shared ones, s - E - s log(s / E), E being their mean.
    """
    import pandas as pd

    both = pd.Series(np.concatenate([train, test]))
    rows, share = both.value_counts().to_numpy(), len(test) / len(both)
    apart = np.logaddexp(rows * np.log(share), rows * np.log1p(-share))
    if not shared:
        return float(apart.sum())
    mean = float(-np.expm1(apart).sum())
    return min(0.0, shared - mean - shared * np.log(shared / mean)) if shared < mean else 0.0


def _separator(train: "pd.Series", test: "pd.Series") -> str | None:
    """The one that stands in every value, where values hardly repeat."""
    import pandas as pd

    some = pd.concat([side.dropna().iloc[:LOOKED_AT] for side in (train, test)]).astype("str")
    if not len(some) or some.str.len().max() > 40:
        return None
    for separator in SEPARATORS:
        if some.str.count(re.escape(separator)).min() >= 1:
            return separator if train.nunique() > 0.5 * len(train) else None
    return None


def _bare(words: "pd.Series") -> "pd.Series":
    """TRAIN_012 -> 012: the name of a file is no group."""
    return words.astype("str").str.replace(r"(?i)^(train|test|tr|te)[_\-. ]*", "", regex=True)
