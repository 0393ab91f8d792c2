"""Numbers on one scale: log of skewed counts, robust scaling, smooth clipping.

Source: Holzmüller, Grinsztajn and Steinwart 2024, arXiv:2407.04491, section 3 ("robust scale and
smooth clip"); quantiles instead of mean and standard deviation, so that outliers decide nothing.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.encoding.distribution import Distribution


@dataclass(frozen=True)
class Scaling:
    """z / sqrt(1 + (z/3)²), z = (f(x) - median) / width; f is log1p for skewed counts, else x.

    The width is the interquartile range; where that is 0, half the range.
    """

    log: bool
    centre: float
    width: float

    @classmethod
    def fit(cls, distribution: Distribution, log_skew: float) -> "Scaling":
        """Of the training rows; `log_skew` is the skewness above which the logarithm is taken."""
        values = distribution.values
        log = len(values) > 0 and bool(values[0] >= 0) and distribution.skewness() > log_skew
        if log:
            values = np.log1p(values)
        scaled = Distribution(values, distribution.counts)
        width = scaled.quantile(0.75) - scaled.quantile(0.25)
        width = width or (scaled.quantile(1) - scaled.quantile(0)) / 2
        return cls(log, scaled.quantile(0.5), float(width or 1.0))

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Numbers without NaN, any shape -> float64 in (-3, 3)."""
        if self.log:
            # a negative value where training had none counts as its smallest allowed, zero
            values = np.log1p(np.maximum(values, 0))
        with np.errstate(over="ignore"):
            z = (values - self.centre) / self.width
        # beyond 1e6 the clip has long reached 3; z² must not overflow
        z = np.clip(z, -1e6, 1e6)
        return z / np.sqrt(1 + (z / 3) ** 2)
