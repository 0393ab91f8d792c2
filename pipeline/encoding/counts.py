"""Counts: in how many other rows of the training rows a category occurs.

A training row does not count itself, or no training row would have the 0 of a level that is new. No
target is looked at.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.encoding import View
from pipeline.encoding.columns import CodedColumn, positions
from pipeline.encoding.distribution import Distribution
from pipeline.encoding.scaling import Scaling


@dataclass(frozen=True)
class Counts:
    """log(1 + other rows of the level); 0 for a level that training never showed.

    `counts` (levels,) and `missing` are numbers of rows; `scaling` is that of the dense view.
    """

    levels: list[str] | list[int] | list[float]
    counts: list[int]
    missing: int
    scaling: Scaling

    @classmethod
    def fit(cls, column: CodedColumn) -> "Counts":
        found = column.distribution()
        rows = np.append(found.counts, found.missing)
        values, place = np.unique(np.log1p(np.maximum(rows - 1, 0)), return_inverse=True)
        weights = np.bincount(place, rows).astype(int)
        scaling = Scaling.fit(Distribution(values, weights), log_skew=np.inf)
        return cls(found.values.tolist(), found.counts.tolist(), found.missing, scaling)

    def by_value(self, column: CodedColumn, view: View, own: int = 0) -> np.ndarray:
        """(m + 1, 1) float64; `own` is 1 for the training rows, which are among those counted."""
        found = np.append(positions(column.values, self.levels), len(self.levels))
        # -1, not found, is the last of them: no row
        rows = np.array([*self.counts, self.missing, 0], dtype=float)[found]
        logs = np.log1p(np.maximum(rows - own, 0))
        return (logs if view == "tree" else self.scaling.transform(logs))[:, np.newaxis]
