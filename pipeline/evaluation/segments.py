"""Where the final blend errs: groups of rows with the highest error."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import page
from pipeline.evaluation.leaderboard import NORMAL_95

if TYPE_CHECKING:
    import pandas as pd

SEGMENT_ROWS = 30  # smaller groups say nothing
SHOWN = 12  # segments in the table
LEVELS = 12  # a number with at most so many different values counts as levels


@dataclass(frozen=True)
class Segment:
    """A group of rows, its mean error with a 95% interval, and the mean error of all other rows.

    `stands_out` allows for the number of groups that were looked at (Bonferroni, 5% in all).
    """

    column: str
    value: str
    rows: int
    error: float
    low: float
    high: float
    rest: float
    stands_out: bool

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def find_segments(
    frame: "pd.DataFrame", columns: Sequence[Mapping[str, str]], errors: np.ndarray
) -> list[Segment]:
    """Every category and level with enough rows, the highest mean error first.

    `errors` (n,) is 0 or 1 a row (wrong class), or an absolute error. `columns` is the schema's.
    """
    groups = [
        (column["name"], value, mask)
        for column in columns
        for value, mask in _levels(frame[column["name"]], column["kind"])
        if SEGMENT_ROWS <= mask.sum() <= len(frame) - SEGMENT_ROWS
    ]
    found = [
        _segment(name, value, errors[mask], errors[~mask], len(groups))
        for name, value, mask in groups
    ]
    return sorted(found, key=lambda segment: -segment.error)


def _levels(values: "pd.Series", kind: str) -> list[tuple[str, np.ndarray]]:
    """(value, mask) of each level of a column; missing values are a level too."""
    missing = values.isna().to_numpy()
    levels = [("missing", missing)] if missing.any() else []
    known = values.dropna()
    if kind not in ("category", "number") or known.empty:
        return levels
    # what cannot have enough rows is dropped before any mask is made
    if kind == "number" and known.nunique() > LEVELS:
        return levels
    counts = known.value_counts()
    common = counts.index[counts >= SEGMENT_ROWS].sort_values()
    return levels + [(_shown(value), (values == value).to_numpy(bool)) for value in common]


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)


def _segment(
    column: str, value: str, inside: np.ndarray, outside: np.ndarray, looked_at: int
) -> Segment:
    mean, rest = float(inside.mean()), float(outside.mean())
    low, high = _wilson(inside) if _is_share(inside) else _normal(inside)
    # pooled, so that a group without any error has a spread as well
    spread = float(np.concatenate([inside, outside]).std())
    error = spread * math.sqrt(1 / len(inside) + 1 / len(outside))
    p = math.erfc(abs(mean - rest) / error / math.sqrt(2)) if error > 0 else 1.0
    return Segment(
        column, value, len(inside), mean, low, high, rest, mean > rest and p * looked_at < 0.05
    )


def _is_share(errors: np.ndarray) -> bool:
    return bool(np.isin(errors, (0.0, 1.0)).all())


def _normal(values: np.ndarray) -> tuple[float, float]:
    half = NORMAL_95 * float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) - half, float(values.mean()) + half


def _wilson(hits: np.ndarray) -> tuple[float, float]:
    return wilson(float(hits.sum()), len(hits))


def wilson(successes: float, n: int) -> tuple[float, float]:
    """95% interval of a share (Wilson 1927): holds near 0 and 1, where the normal one does not."""
    z2 = NORMAL_95**2
    share = successes / n
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return centre - half, centre + half


def conclusion(found: Sequence[Segment]) -> str:
    if not found:
        return (
            f"There is no group of at least {SEGMENT_ROWS} rows to look at: no column has a value "
            f"that so many rows share and that as many others lack."
        )
    clear = [segment for segment in found if segment.stands_out]
    were = "group of at least {} rows was" if len(found) == 1 else "groups of at least {} rows were"
    looked = f"{len(found)} {were.format(SEGMENT_ROWS)} looked at"
    if not clear:
        return f"{looked}; none has an error above the rest's beyond what so many looks explain."
    worst = clear[0]
    return (
        f"{looked}; {len(clear)} stand{'s' * (len(clear) == 1)} out beyond what so "
        "many looks explain. "
        f"The worst of these: {worst.column} = {worst.value}."
    )


def table(found: Sequence[Segment], target: str, is_share: bool) -> page.Table:
    """The groups with the highest error; `is_share`: errors are shares of rows, not values."""
    error = "Error rate" if is_share else f"Mean absolute error in units of {target}"
    return page.Table(
        f"Groups of rows with the highest error of the blend. {error}, with its 95% interval, "
        "and that of all other rows.",
        ("Group", "Rows", "Error", "95% interval", "Other rows", "Verdict"),
        [_row(segment, is_share) for segment in found[:SHOWN]],
    )


def _row(segment: Segment, is_share: bool) -> list[Any]:
    values = (segment.error, segment.low, segment.high, segment.rest)
    shown = [page.percent(value) for value in values] if is_share else page.alike(values)
    error, low, high, rest = shown
    return [
        f"{segment.column} = {segment.value}",
        segment.rows,
        page.Cell(error, segment.error),
        page.Cell(f"{low} to {high}", segment.low),
        page.Cell(rest, segment.rest),
        page.Cell("stands out", "stands out", "warn") if segment.stands_out else "within noise",
    ]
