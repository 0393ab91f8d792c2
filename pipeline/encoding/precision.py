"""Numbers that float64 or float32 would merge: an exact origin for the one, ranks for the other."""

from dataclasses import dataclass

import numpy as np

from pipeline.encoding.distribution import Distribution
from pipeline.float32 import merges

EXACT = 2**53  # float64 holds all whole numbers up to here
MOST_KNOTS = 4096


def exact_origin(distribution: Distribution) -> int:
    """The median of the rows, itself one of their values; 0 for numbers that float64 holds."""
    values = distribution.values
    if values.dtype != np.int64 or not (values[-1:] > EXACT).any() | (values[:1] < -EXACT).any():
        return 0
    middle = np.searchsorted(np.cumsum(distribution.counts), distribution.rows // 2, "right")
    return int(values[middle])


def counted_from(origin: int, values: np.ndarray) -> np.ndarray:
    """x - origin, (m,) int64 or float64 -> (m,) float64, rounded once whatever their size."""
    if origin == 0:
        return values.astype(float)
    high, low, rest = _halves(values)
    origin_high, origin_low, _ = _halves(np.array([origin]))
    # both differences are exact, and so is the product
    return (high - origin_high) * 2.0**32 + (low - origin_low + rest)


def _halves(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x = high 2^32 + low + rest, low from 0 to 2^32, rest from 0 to 1; each (m,) float64."""
    if values.dtype == np.int64:
        rest = np.zeros(len(values))
        return (values >> 32).astype(float), (values & 0xFFFFFFFF).astype(float), rest
    whole = np.floor(values)
    high = np.floor(whole / 2.0**32)
    return high, whole - high * 2.0**32, values - whole


@dataclass(frozen=True)
class Ranks:
    """x -> its place among the training rows' values, by linear interpolation between them.

    Nothing changes for a tree: it asks only which of two numbers is larger. Of many values some
    4,000 knots are kept, evenly over the rows.
    """

    knots: list[float]

    @classmethod
    def fit(cls, distribution: Distribution) -> "Ranks | None":
        """None where float32 keeps the numbers distinct as they are."""
        values, counts = distribution.values, distribution.counts
        if not merges(values, counts):
            return None
        if len(values) > MOST_KNOTS:
            rows = np.linspace(0, distribution.rows - 1, MOST_KNOTS)
            values = values[np.unique(np.searchsorted(np.cumsum(counts), rows, "right"))]
        return cls(values.tolist())

    def of(self, numbers: np.ndarray) -> np.ndarray:
        """(m,) float64, NaN kept -> (m,) float64."""
        return np.interp(numbers, self.knots, np.arange(len(self.knots), dtype=float))
