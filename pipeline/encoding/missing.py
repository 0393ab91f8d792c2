"""Missing values: the training rows' median stands in, and an indicator marks where.

Trees need neither: they are given NaN and choose a side for it at every split.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.encoding.distribution import Distribution


@dataclass(frozen=True)
class Median:
    """x where there is one, else the median of the training rows (0 if all of them miss it)."""

    value: float

    @classmethod
    def fit(cls, distribution: Distribution) -> "Median":
        return cls(distribution.quantile(0.5))

    def fill(self, values: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(values), self.value, values)


def indicator(values: int) -> np.ndarray:
    """1 for missing, 0 for each of the values, (values + 1, 1) float32."""
    table = np.zeros((values + 1, 1), dtype=np.float32)
    table[-1] = 1
    return table
