"""Lengths of time as a TOML writes them: "14 days", "3 months", "500 rows", or 2 of a number."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

UNITS = ("minute", "hour", "day", "week", "month", "year")
ROWS, NUMBER = "row", "number"
EARLIEST = np.datetime64("0001-01-01", "us")
CALENDAR = ("month", "year")
STEPS = {
    "minute": np.timedelta64(1, "m"),
    "hour": np.timedelta64(1, "h"),
    "day": np.timedelta64(1, "D"),
    "week": np.timedelta64(7, "D"),
}
WRITTEN = re.compile(r"(\d+)\s*([a-z]+?)s?")
ALLOWED = (
    f'a whole number and a unit, {", ".join(f"{unit}s" for unit in (*UNITS, ROWS))}, as "14 days", '
    "or a number in the units of a column of numbers"
)


@dataclass(frozen=True)
class Length:
    """`value` of a unit: one of UNITS, rows in the order of time, or those of a number."""

    value: float
    unit: str

    def __str__(self) -> str:
        number = f"{self.value:g}"
        return number if self.unit == NUMBER else f"{number} {self.unit}{'s' * (self.value != 1)}"

    @property
    def written(self) -> str | int | float:
        """As a TOML has it."""
        if self.unit != NUMBER:
            return str(self)
        return int(self.value) if self.value.is_integer() else self.value

    @property
    def is_rows(self) -> bool:
        return self.unit == ROWS


def parse_length(written: float | str) -> Length:
    """Raises ValueError with what is allowed."""
    if not isinstance(written, str):
        length = Length(float(written), NUMBER)
    else:
        match = WRITTEN.fullmatch(written.strip().lower())
        if match is None or match[2] not in (*UNITS, ROWS):
            raise ValueError(f"allowed is {ALLOWED}")
        length = Length(float(match[1]), match[2])
    if not length.value >= 0:
        raise ValueError(f"allowed is {ALLOWED}, 0 at least")
    return length


def fits(length: Length | None, times: np.ndarray) -> bool:
    """Whether a length is one of these times (n,): dates, or numbers."""
    if length is None or length.is_rows:
        return True
    return (length.unit in UNITS) == (times.dtype.kind == "M")


def before(instant: Any, length: Length, times: int = 1) -> Any:
    """The instant, a datetime64 or a number, so many lengths earlier; EARLIEST at the earliest."""
    if length.unit == NUMBER:
        return instant - times * length.value
    try:
        return max(EARLIEST, _before(instant, length, times))
    except (OverflowError, ValueError):  # a length of thousands of years
        return EARLIEST


def _before(instant: Any, length: Length, times: int) -> Any:
    steps = int(times * length.value)
    if length.unit not in CALENDAR:
        return instant - steps * STEPS[length.unit]
    import pandas as pd

    months = steps * (12 if length.unit == "year" else 1)
    return (pd.Timestamp(instant) - pd.DateOffset(months=months)).to_datetime64()


def end_of(instant: Any, length: Length) -> Any:
    """The first instant after the unit in which `instant` lies: of months, weeks and days the next
    midnight; of a whole number the next one."""
    if length.unit == NUMBER:
        whole = float(instant).is_integer() and length.value.is_integer()
        return instant + 1 if whole else np.nextafter(instant, np.inf)
    unit = {"minute": "m", "hour": "h"}.get(length.unit, "D")
    return (instant.astype(f"datetime64[{unit}]") + 1).astype("datetime64[us]")
