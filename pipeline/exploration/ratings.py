"""The passenger's journey: the target at each value of each rating, question after question."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import SettingsError
from pipeline.exploration.drift import as_numbers

if TYPE_CHECKING:
    import pandas as pd

MOST_LEVELS = 12
GREATEST_RATING = 20
FEWEST_RATED = 20
MOST_RATINGS = 30  # more columns are not called ratings


@dataclass(frozen=True)
class Ratings:
    """Target by column and value, each (columns, values): rows, and of those the mean and its
    standard error, NaN where rows are few.

    `scales`: how many columns of the table hold whole numbers from 0 to 20, with few values or all.
    `is_journey`: somebody has said in which order the columns are met.
    """

    columns: tuple[str, ...]
    values: np.ndarray
    rows: np.ndarray
    means: np.ndarray
    errors: np.ndarray
    scales: int
    is_journey: bool = False

    @property
    def heading(self) -> str:
        """So many columns are hardly answers to questions: pixels or counts, more likely."""
        if self.is_journey:
            return "The journey"
        return "Ratings" if self.scales <= MOST_RATINGS else "Whole-number columns"

    @property
    def bent(self) -> list[str]:
        """Columns whose means both rise and fall from value to value, by over 2 standard errors."""
        names = []
        for column, means, errors in zip(self.columns, self.means, self.errors, strict=True):
            known = ~np.isnan(means)
            steps, noise = np.diff(means[known]), errors[known]
            sure = steps[np.abs(steps) > 2 * np.hypot(noise[1:], noise[:-1])]
            if (sure > 0).any() and (sure < 0).any():
                names.append(column)
        return names


def rating_columns(frame: "pd.DataFrame", columns: Sequence[tuple[str, str]]) -> list[str]:
    """Whole-number columns with 3 to 12 values, none negative and none above 20."""
    numbers = [name for name, kind in columns if kind == "number"]
    return [name for name in numbers if 3 <= len(_scale(frame[name])) <= MOST_LEVELS]


def in_order(
    journey: Sequence[str], frame: "pd.DataFrame", columns: Sequence[tuple[str, str]]
) -> list[str]:
    """The journey's columns; SettingsError for a name that holds no ratings."""
    kinds = dict(columns)
    for name in journey:
        if kinds.get(name) == "number" and 0 < len(_scale(frame[name])) <= MOST_LEVELS:
            continue
        allowed = ", ".join(f"'{known}'" for known in rating_columns(frame, columns)) or "none"
        raise SettingsError(
            f"[explore] journey: '{name}' is no column of up to {MOST_LEVELS} whole numbers from 0 "
            f"to {GREATEST_RATING}; such columns are: {allowed}. Correct the name, or take it out."
        )
    return list(dict.fromkeys(journey))


def _scale(column: "pd.Series") -> np.ndarray:
    """The different values, ascending; none unless all are whole numbers from 0 to 20."""
    values = as_numbers(column, "number")
    known = np.unique(values[~np.isnan(values)])
    fits = (known == np.round(known)) & (known >= 0) & (known <= GREATEST_RATING)
    return known if fits.all() else known[:0]


def ratings(
    frame: "pd.DataFrame", names: Sequence[str], y: np.ndarray, *, is_journey: bool = False
) -> Ratings | None:
    """Mean of y (n,) at each value of each column; None where values have too few rows."""
    columns = {name: as_numbers(frame[name], "number") for name in names}
    values = np.unique(np.concatenate([part[~np.isnan(part)] for part in columns.values()]))
    rows = np.zeros((len(columns), len(values)), dtype=int)
    means = np.full(rows.shape, np.nan)
    errors = means.copy()
    for row, held in enumerate(columns.values()):
        for place, value in enumerate(values):
            mine = y[held == value]
            rows[row, place] = len(mine)
            if len(mine) >= FEWEST_RATED:
                means[row, place] = mine.mean()
                errors[row, place] = mine.std(ddof=1) / np.sqrt(len(mine))
    filled = (~np.isnan(means)).sum(axis=1) > 1
    if not filled.any():
        return None
    kept = tuple(name for name, full in zip(columns, filled, strict=True) if full)
    seen = ~np.isnan(means[filled]).all(axis=0)
    counted, averaged, noise = (part[filled][:, seen] for part in (rows, means, errors))
    numbers = frame.select_dtypes("number")
    scales = sum(len(_scale(numbers[name])) > 2 for name in numbers)
    return Ratings(kept, values[seen], counted, averaged, noise, scales, is_journey)
