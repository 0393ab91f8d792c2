"""A date becomes numbers: days since 2000, year, month, day, weekday, hour, place in the year.

They are functions of the date alone. In the dense view every hour is a choice of its own, as months
and weekdays are for being few: no line through the hours separates day from night; and the place
in the year is a cycle. An origin learned from the training rows would change nothing: trees do not
mind an offset, and scaling takes the median off.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.encoding.columns import CodedColumn, number_column

if TYPE_CHECKING:
    import pandas as pd

DAYS_A_YEAR = 365.2425


def code_dates(name: str, series: "pd.Series[Any]") -> tuple[CodedColumn, ...]:
    """Dates, or texts that are dates -> number columns; what is no date is missing."""
    import pandas as pd

    if not pd.api.types.is_datetime64_any_dtype(series.dtype):
        # "mixed": else the first row's format would decide how all others are read
        series = pd.to_datetime(series, errors="coerce", format="mixed", utc=True)
    dates = pd.DatetimeIndex(series).tz_localize(None)
    parts = {
        "days": (dates - pd.Timestamp("2000-01-01")) / pd.Timedelta(days=1),
        "year": dates.year,
        "month": dates.month,
        "day": dates.day,
        "weekday": dates.day_of_week,
        "hour": dates.hour,
    }
    columns = [
        number_column(
            f"{name} {part}",
            np.asarray(numbers, dtype=float),
            repeats=part != "days",
            choices=part == "hour",
        )
        for part, numbers in parts.items()
    ]
    season = number_column(
        f"{name} season", np.asarray(dates.day_of_year, dtype=float), repeats=True
    )
    return *columns, replace(season, kind="cycle", period=DAYS_A_YEAR)
