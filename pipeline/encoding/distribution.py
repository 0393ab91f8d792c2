"""The distinct values of some rows and how often each occurs: all that an encoder may fit on."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Distribution:
    """Values (m,) in ascending order, counts (m,) of at least 1, and the number of missing rows.

    It depends on no row but those that it was counted on, nor on their order: what is fitted
    on it cannot leak, and is the same to the byte however the rows are shuffled.
    """

    values: np.ndarray
    counts: np.ndarray
    missing: int = 0

    @property
    def rows(self) -> int:
        """How many rows have a value."""
        return int(self.counts.sum())

    def quantile(self, share: float) -> float:
        """np.quantile of the rows, by linear interpolation of order statistics; 0 without rows."""
        if self.rows == 0:
            return 0.0
        position = (self.rows - 1) * share
        below, above = int(np.floor(position)), int(np.ceil(position))
        low, high = self.values[np.searchsorted(np.cumsum(self.counts), [below, above], "right")]
        return float(low + (high - low) * (position - below))

    def skewness(self) -> float:
        """g1 = m3 / m2^(3/2) from central moments; 0 where nothing varies."""
        if len(self.values) < 2:
            return 0.0
        share = self.counts / self.rows
        away = self.values - np.sum(share * self.values)
        variance = np.sum(share * away**2)
        return float(np.sum(share * away**3) / variance**1.5) if variance > 0 else 0.0
