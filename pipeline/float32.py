"""What float32 keeps of numbers: models learn from float32, which has some seven decimal digits.

Numbers far from zero that differ in their last digits only, such as account numbers, times in
milliseconds or 100,000,000.3, would become one number there.
"""

from dataclasses import dataclass

import numpy as np

MERGED_SHARE = 0.001  # of the rows; fewer of them make no difference to a model
MERGED_ROWS = 4
SMALLEST, LARGEST = 2.0**-10, 2.0**40  # sizes of a target that every model copes with


def merges(values: np.ndarray, counts: np.ndarray) -> bool:
    """Whether float32 gives one number to different values of more rows than do no harm.

    values (m,) float64, distinct and ascending; counts (m,) rows of each.
    """
    rounded = values.astype(np.float32)
    starts = np.flatnonzero(np.append(True, rounded[1:] != rounded[:-1])[: len(values)])
    if len(starts) == len(values):
        return False
    rows = np.add.reduceat(counts, starts)
    several = np.diff(np.append(starts, len(values))) > 1
    return bool(rows[several].max() > max(MERGED_ROWS, MERGED_SHARE * counts.sum()))


@dataclass(frozen=True)
class TargetScale:
    """(y - origin) / unit for the model, and back in float64 for the prediction.

    The origin is 0 unless float32 would merge targets; then it is their median. The unit is 1
    unless the targets are so large or so small that a model overflows or takes them for constant;
    then it is a power of two, which rounds nothing.
    """

    origin: float = 0.0
    unit: float = 1.0

    @classmethod
    def fit(cls, y: np.ndarray) -> "TargetScale":
        """Of the training rows' targets y (n,)."""
        values, counts = np.unique(y, return_counts=True)
        comparable = values / _power_of_two(values)
        origin = np.sort(y)[len(y) // 2] if merges(comparable, counts) else 0.0
        unit = _power_of_two(y / 2 - origin / 2) * 2
        return cls(float(origin), 1.0 if SMALLEST <= unit <= LARGEST else unit)

    def apply(self, y: np.ndarray) -> np.ndarray:
        """y (n,) -> (n,) float64; the same bytes where there is nothing to do."""
        return np.asarray(y, dtype=float) / self.unit - self.origin / self.unit

    def undo(self, prediction: np.ndarray) -> np.ndarray:
        """Predictions of any shape in the unit of y, float64."""
        return np.asarray(prediction, dtype=float) * self.unit + self.origin


def _power_of_two(y: np.ndarray) -> float:
    """The power of two next below the largest |y|; 1 where all are 0."""
    largest = float(np.abs(y).max(initial=0.0))
    return float(2.0 ** (np.frexp(largest)[1] - 1)) if largest > 0 else 1.0
