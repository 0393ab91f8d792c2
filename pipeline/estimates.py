"""How a score is written: with its standard error or interval, and as many digits as suit it."""

import math
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pipeline.metrics import Estimate, Metric

Verdict = Literal["better", "worse", "within noise", "the same"]
NORMAL_95 = 1.959964  # half the width of a 95% interval, in standard errors


def interval(value: "Estimate") -> tuple[float, float]:
    """The 95% interval by the normal approximation."""
    half = NORMAL_95 * value.standard_error
    return value.score - half, value.score + half


def verdict(difference: "Estimate", greater_is_better: bool) -> Verdict:
    """What a paired difference amounts to, by its 95% interval."""
    low, high = interval(difference)
    if low == high == 0:
        return "the same"
    if low <= 0 <= high:
        return "within noise"
    return "better" if (low > 0) == greater_is_better else "worse"


def share_interval(hits: float, rows: int) -> tuple[float, float]:
    """The 95% interval of a share of rows (Wilson 1927), which holds near 0 and 1 too."""
    share, z2 = round(hits) / rows, NORMAL_95**2 / rows
    middle = (share + z2 / 2) / (1 + z2)
    reach = math.sqrt(z2 * (share * (1 - share) + z2 / 4)) / (1 + z2)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def decimals(standard_error: float) -> int:
    """How many decimals show two digits of the standard error, 0 to 6; 4 where it is zero."""
    if not standard_error > 0:
        return 4
    return min(6, max(0, 1 - math.floor(math.log10(standard_error))))


def with_error(value: "Estimate", digits: int | None = None) -> str:
    """`0.9347 ± 0.0045`: a score with its standard error."""
    digits = decimals(value.standard_error) if digits is None else digits
    return f"{value.score:,.{digits}f} ± {value.standard_error:,.{digits}f}"


def ends(value: "Estimate", metric: "Metric", digits: int | None = None) -> str:
    """`0.9259 to 0.9435`: the 95% interval of a score, within what the metric can give."""
    digits = decimals(value.standard_error) if digits is None else digits
    low, high = map(metric.clip, interval(value))
    return f"{low:,.{digits}f} to {high:,.{digits}f}"


def signed(difference: "Estimate") -> str:
    """`+0.0012 ± 0.0007`: a difference with its standard error."""
    digits = decimals(difference.standard_error)
    return f"{difference.score:+,.{digits}f} ± {difference.standard_error:,.{digits}f}"


def with_interval(value: "Estimate", digits: int | None = None) -> str:
    """`-0.0051 to +0.0025`: the 95% interval of a difference.

    One that excludes zero gets as many decimals as keep its ends from reading as zero, up to 10.
    """
    digits = decimals(value.standard_error) if digits is None else digits
    low, high = interval(value)
    while low * high > 0 and digits < 10 and 0.0 in (round(low, digits), round(high, digits)):
        digits += 1
    return f"{low:+,.{digits}f} to {high:+,.{digits}f}"
