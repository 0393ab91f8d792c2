"""A place in a cycle, as the day of the year: sine and cosine of one and of two turns a cycle.

For the dense view alone. A line through them is smooth over the turn of the year, and knows seasons
whose months the training rows do not have; trees part the months and days that they have as well.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.encoding import View
from pipeline.encoding.columns import CodedColumn
from pipeline.settings import Encode

TURNS = (1, 2)


@dataclass(frozen=True)
class CycleEncoder:
    """`period` is how long a cycle is, in the unit of the column."""

    period: float

    def __post_init__(self) -> None:
        """ValueError for what is no period: it may have been read from a file."""
        if self.period <= 0:
            raise ValueError("a cycle is longer than 0")

    @classmethod
    def fit(cls, column: CodedColumn, settings: Encode) -> "CycleEncoder":
        """Nothing is learned of the rows: the calendar is known."""
        return cls(column.period)

    def by_value(self, column: CodedColumn, view: View) -> np.ndarray:
        """(m + 1, 4) float32, zeros for missing; (m + 1, 0) in the tree view."""
        place = column.with_missing()[:, np.newaxis] * (2 * np.pi / self.period)
        if view == "tree":
            return np.empty((len(place), 0), dtype=np.float32)
        waves = [wave(turns * place) for turns in TURNS for wave in (np.sin, np.cos)]
        return np.nan_to_num(np.hstack(waves)).astype(np.float32)

    def names(self, name: str, view: View) -> list[str]:
        if view == "tree":
            return []
        return [f"{name} {wave} {turns}" for turns in TURNS for wave in ("sine", "cosine")]
