"""A column as numbers, and cut into bins: its levels where there are few, else quantiles."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.page import number
from pipeline.problem import Kind
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd

MOST_LEVELS = 12
FEWEST_OF_LEVEL = 5  # rarer levels would make a chi-square test too sure
MISSING = "missing"
DECILES = np.arange(1, 10) / 10
MOST_FINE, ROWS_OF_FINE = 200, 30  # fine bins of a number: how many, and of how many rows


@dataclass(frozen=True)
class Bins:
    """A column cut into bins: codes (n,) into `labels`; `levels`: each bin is one value."""

    codes: np.ndarray
    labels: tuple[str, ...]
    levels: bool


def as_numbers(values: "pd.Series", kind: Kind) -> np.ndarray:
    """A column as float64 (n,), NaN where missing; dates are days since 1970, text its length."""
    if kind == "date":
        days = values.to_numpy("datetime64[us]").astype("datetime64[us]").view("int64") / 86_400e6
        return np.where(values.isna(), np.nan, days)
    if kind == "text":
        return values.str.len().to_numpy(dtype=float, na_value=np.nan)
    return values.to_numpy(dtype=float, na_value=np.nan)


def cut(
    values: "pd.Series",
    kind: Kind,
    most_levels: int = MOST_LEVELS,
    quantiles: np.ndarray = DECILES,
) -> Bins:
    """Levels where there are few of them, else the rows in parts of equal size, by default tenths;
    missing values are a bin of their own."""
    if kind == "category":
        return _cut_levels(values, most_levels)
    numbers = as_numbers(values, kind)
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    known = np.unique(numbers[~np.isnan(numbers)])
    levels = len(known) <= most_levels
    edges = known[1:] if levels else _quantile_edges(numbers, known, quantiles)
    groups = [group for group in np.split(known, np.searchsorted(known, edges)) if len(group)]
    codes = np.searchsorted([group[0] for group in groups], numbers, side="right") - 1
    labels = [_span(group[0], group[-1], kind) for group in groups]
    if np.isnan(numbers).any():
        codes = np.where(np.isnan(numbers), len(groups), codes)
        labels.append(MISSING)
    return Bins(codes, tuple(labels), levels)


def _quantile_edges(numbers: np.ndarray, known: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Where bins begin; a value that fills several parts of the rows gets a bin of its own."""
    cuts = np.nanquantile(numbers, quantiles, method="higher")
    edges, times = np.unique(cuts, return_counts=True)
    above = np.searchsorted(known, edges[times > 1], side="right")
    return np.union1d(edges, known[above[above < len(known)]])


def _span(first: float, last: float, kind: Kind) -> str:
    if kind == "date":
        start, end = (str(np.datetime64(int(day), "D")) for day in (first, last))
    else:
        start, end = number(first), number(last)
    return start if first == last else f"{start} to {end}"


def _cut_levels(values: "pd.Series", most_levels: int) -> Bins:
    """The commonest levels by name, the others together, then missing."""
    import pandas as pd

    codes, levels = pd.factorize(values.astype(object))
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    order = np.argsort(-counts, kind="stable")
    rank = np.argsort(order)
    kept = min(int((counts >= FEWEST_OF_LEVEL).sum()), most_levels - 1)
    if len(levels) - kept == 1:
        kept += 1  # a single level left over may as well have its name
    labels = [str(levels[level]) for level in order[:kept]]
    if kept < len(levels):
        labels.append(f"{count(len(levels) - kept, 'other level')}")
    binned = np.full(len(codes), len(labels))
    binned[codes >= 0] = np.minimum(rank[codes[codes >= 0]], kept)
    if (codes < 0).any():
        labels.append(MISSING)
    return Bins(binned, tuple(labels), True)


def fine_codes(values: "pd.Series", kind: Kind) -> np.ndarray:
    """Codes (n,) of fine bins: every level of a category that is not rare, up to 200 quantiles of
    all else."""
    most = int(np.clip(len(values) // ROWS_OF_FINE, 10, MOST_FINE))
    levels = len(values) if kind == "category" else most
    return cut(values, kind, levels, np.arange(1, most) / most).codes
