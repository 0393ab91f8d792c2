"""Row-wise features of the airline survey: segments of passengers, and their extreme ratings.

Each feature of a row is computed from that row alone, so nothing can leak from row to row. They
were kept because they raise the accuracy of logistic regression and of networks and do not
lower that of trees. Counts of zeros, fives and low ratings, means over groups of questions, total
delay and a long-haul flag were tried too, and brought nothing beyond noise.
"""

from collections.abc import Sequence

import pandas as pd

from pipeline.errors import DataError

COMFORT = (
    "Seat comfort",
    "Food and drink",
    "Gate location",
    "Departure/Arrival time convenient",
)
RATINGS = (
    *COMFORT,
    "Inflight wifi service",
    "Inflight entertainment",
    "Online support",
    "Ease of Online booking",
    "On-board service",
    "Leg room service",
    "Baggage handling",
    "Checkin service",
    "Cleanliness",
    "Online boarding",
)
SEGMENT = ("Gender", "Customer Type", "Type of Travel")


def features(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame's columns and four more; DataError where a column that they need is missing."""
    missing = [name for name in (*SEGMENT, *RATINGS) if name not in frame]
    if missing:
        raise DataError(
            f"column '{missing[0]}' is missing, and the airline features are computed from it. "
            'Add the column to the files, or remove `features = "airline"` from [encode].'
        )
    comfort = frame[list(COMFORT)]
    return frame.assign(
        **{
            # men on personal travel rate unlike anybody else; no single column identifies them
            "Passenger segment": joined(frame, SEGMENT),
            # how much good entertainment is worth depends on loyalty and on who pays for the trip
            "Entertainment for segment": joined(
                frame, ("Customer Type", "Type of Travel", "Inflight entertainment")
            ),
            # one bad side of the seat, the food, the gate or the hour is not made up for by the
            # others; 0 stands for a question that did not apply, so it is no rating to be lowest
            "Lowest comfort rating": comfort.where(comfort > 0).min(axis=1).fillna(0),
            # whether anything at all was perfect
            "Highest rating": frame[list(RATINGS)].max(axis=1),
        }
    )


def joined(frame: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """One category for each combination of these columns; missing where one of them is missing."""
    cell, *rest = (text(frame[name]) for name in names)
    for part in rest:
        cell = cell + ", " + part
    return cell


def text(column: pd.Series) -> pd.Series:
    """Text as it is; ratings as whole numbers, even where a gap has made floats of them."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        column = column.astype("Int64")
    return column.astype("str")
