"""The time of each row: a column of dates or of numbers, or year, month, day and hour apart."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import DataError, SettingsError
from pipeline.problem import Loaded
from pipeline.reading.contract import FIRST_ROW
from pipeline.reading.date_columns import find_dates, read_dates
from pipeline.reading.dates import MONTH_NUMBERS
from pipeline.reading.notation import numbers
from pipeline.wording import did_you_mean, quoted

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("year", "month", "day", "hour", "minute")
FIRST_YEAR, LAST_YEAR = 1800, 2200
MOST_UNDATED = 0.01  # of the rows: so few without a time count as the earliest


def row_times(names: Sequence[str], load: Loaded) -> np.ndarray:
    """The time of each training row, (n,) datetime64[us] or float64.

    `names` are one column, or the parts of a date, the year first. A few rows without a time count
    as the earliest, which windows learn from and never validate. Raises SettingsError for a name
    that no column has, DataError for a row without a time where there are more of them.
    """
    times = _times(names, load)
    missing = ~is_known(times)
    if missing.mean() > MOST_UNDATED:
        row = int(missing.argmax())
        raise DataError(
            f"train, row {row + FIRST_ROW}: {described(names)} gives no time (found "
            f"{', '.join(repr(load.train[held(name, load)].iloc[row]) for name in names)}), but "
            f"[split] time needs one in {1 - MOST_UNDATED:.0%} of the rows. Correct the file, or "
            "name another column."
        )
    if missing.any():
        times = np.where(missing, times[~missing].min(), times)
    return times.astype("datetime64[us]") if times.dtype.kind == "M" else times.astype(float)


def undated(names: Sequence[str], load: Loaded) -> int:
    """How many rows these columns give no time."""
    return int((~is_known(_times(names, load))).sum()) if names else 0


def is_known(times: np.ndarray) -> np.ndarray:
    """Which rows have a time, (n,)."""
    return ~(np.isnat(times) if times.dtype.kind == "M" else np.isnan(times))


def _times(names: Sequence[str], load: Loaded) -> np.ndarray:
    columns = [_column(name, load) for name in names]
    return columns[0].to_numpy() if len(columns) == 1 else joined_parts(columns)


def described(names: Sequence[str]) -> str:
    """`column 'date'`, or `columns 'year', 'month'`."""
    return f"column{'s' * (len(names) > 1)} {quoted(names)}"


def held(name: str, load: Loaded) -> str:
    """The column of the loaded table that holds the dates of a file's column: an id that is a date
    keeps the organiser's words, and has its dates in a feature of their own."""
    for feature in load.problem.features:
        if feature.column == name and feature.kind == "date":
            return feature.name
    return name


def _column(name: str, load: Loaded) -> "pd.Series":
    """As dates or numbers; NaN or NaT where a value is neither."""
    if name == load.problem.target:
        raise SettingsError(
            f"[split] time: found the target '{name}', whose order no fold may follow. Name "
            "another column."
        )
    column = held(name, load)
    if column not in load.train:
        raise SettingsError(
            f"[split] time: found '{name}', but the training file has no such column; allowed are "
            f"{quoted(load.train.columns)}. "
            f"{did_you_mean(name, load.train.columns)}"
        )
    values = load.train[column]
    if values.dtype.kind in "Mif":
        return values
    return _of_words(name, values)


def _of_words(name: str, words: "pd.Series") -> "pd.Series":
    """Words that no model sees as dates, as those of a dropped column, and months' names."""
    dates = find_dates(name, words)
    if dates.formats:
        return read_dates(words, dates.feature(name))
    named = words.str.lower().map(MONTH_NUMBERS)
    found = named if named.notna().any() else numbers(words)
    lost = words.notna() & found.isna()
    if not lost.any():
        return found.astype(float)
    row = int(lost.to_numpy().argmax())
    raise DataError(
        f"train, row {row + FIRST_ROW}: column {name!r} holds {words.iloc[row]!r}, which is "
        "neither a date nor a number, so that [split] time cannot follow it. Name another column, "
        f'or declare its format: [load.columns] "{name}" = '
        '{ kind = "date", format = "%d/%m/%Y" }.'
    )


def joined_parts(columns: "Sequence[pd.Series]") -> np.ndarray:
    """Year, month, day, hour and minute, as many as there are -> (n,) datetime64[us]; NaT where
    they are no date. Other numbers -> (n,) float64 that sort as the columns do, one by one."""
    import pandas as pd

    parts = [pd.to_numeric(column, errors="coerce").to_numpy(dtype=float) for column in columns]
    years = parts[0][~np.isnan(parts[0])]
    if len(parts) <= len(PARTS) and ((years >= FIRST_YEAR) & (years <= LAST_YEAR)).all():
        named: Mapping[str, np.ndarray] = dict(zip(PARTS, parts, strict=False))
        whole = {"month": np.ones(len(parts[0])), "day": np.ones(len(parts[0])), **named}
        return pd.to_datetime(pd.DataFrame(whole), errors="coerce").to_numpy("datetime64[us]")
    ranks = [pd.Series(part).rank(method="dense").to_numpy() for part in parts]
    total = np.zeros(len(parts[0]))
    for rank in ranks:
        total = total * (np.nanmax(rank, initial=0) + 1) + rank
    return total
