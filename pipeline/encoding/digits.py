"""Digits of numbers: prices that end in 99, or whatever made the numbers left in their last places.

Each digit is a number from 0 to 9 in the tree view, and one-hot in the dense view.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.encoding import View
from pipeline.encoding.columns import CodedColumn

MOST_DECIMALS = 4
LARGEST = 1e15  # all whole numbers up to here are exact, and so are their digits


@dataclass(frozen=True)
class Digits:
    """The digits at `places`, powers of ten, that differ between the training rows."""

    places: list[int]

    @classmethod
    def fit(cls, column: CodedColumn) -> "Digits":
        values = column.distribution().values.astype(float)
        largest = np.abs(values[np.abs(values) < LARGEST]).max(initial=0.0)
        highest = int(np.log10(max(largest, 1.0)))
        possible = range(-MOST_DECIMALS, highest + 1)
        return cls([place for place in possible if len(np.unique(_digits(values, place))) > 1])

    def by_value(self, column: CodedColumn, view: View) -> np.ndarray:
        """(m + 1, places), NaN for missing; or (m + 1, 10 places), zeros for missing."""
        numbers = column.with_missing()
        digits = [_digits(numbers, place) for place in self.places]
        if view == "dense":
            digits = [(each == digit).astype(float) for each in digits for digit in range(10)]
        return np.column_stack([np.empty((len(numbers), 0)), *digits])

    def names(self, name: str, view: View) -> list[str]:
        named = [f"{name} digit of {10.0**place:.10g}" for place in self.places]
        return named if view == "tree" else [f"{each}={i}" for each in named for i in range(10)]


def _digits(numbers: np.ndarray, place: int) -> np.ndarray:
    """The digit of each number (m,) at this power of ten; NaN for missing and beyond 1e15."""
    size = np.where(np.abs(numbers) < LARGEST, np.abs(numbers), np.nan)
    # 0.29 is a little less than 29 hundredths: round where the last decimal may end
    units = np.round(size * 10.0**MOST_DECIMALS)
    return np.floor(units / 10.0 ** (place + MOST_DECIMALS)) % 10
