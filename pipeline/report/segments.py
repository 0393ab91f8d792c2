"""Segments: groups of rows on which the blend errs most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import figures, metrics, page
from pipeline.config import BLEND
from pipeline.estimates import NORMAL_95, share_interval
from pipeline.problem import Feature
from pipeline.report.evidence import Evidence, looked_at, sample_remark
from pipeline.table import take
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Segments"
FEWEST_ROWS = 30  # smaller segments show nothing but noise
SHOWN = 12  # segments in the table
LEVELS = 12  # a number with at most so many different values counts as levels


@dataclass(frozen=True)
class Segment:
    """The rows that have one value in a column: their mean error with its 95% interval, and the
    mean error of all other rows.

    `stands_out` allows for the number of segments that were looked at (Bonferroni, 5% in all).
    """

    column: str
    value: str
    rows: int
    error: float
    low: float
    high: float
    rest: float
    stands_out: bool


@dataclass(frozen=True)
class Segments:
    """Those with enough rows, the highest mean error first; errors are 0 or 1 where `is_share`."""

    found: tuple[Segment, ...]
    is_share: bool

    def conclusion(self) -> str:
        if not self.found:
            return (
                f"There is no segment of at least {FEWEST_ROWS} rows to look at: no column has a "
                "value that this many rows share and as many others lack."
            )
        clear = [segment for segment in self.found if segment.stands_out]
        looked = (
            f"{count(len(self.found), 'segment')} of at least {FEWEST_ROWS} rows "
            f"{'was' if len(self.found) == 1 else 'were'} compared with all other rows"
        )
        if not clear:
            return f"{looked}; none has a higher error by more than chance allows among them."
        return (
            f"{looked}; {len(clear)} stand{'s' * (len(clear) == 1)} out with a higher error, by "
            f"more than chance allows among them, above all {clear[0].column} = {clear[0].value}."
        )


def compute(evidence: Evidence) -> Segments:
    """By the blend's error in each row: 1 for a wrong class, or the absolute error."""
    rows = looked_at(evidence.rows)
    y, prediction = evidence.y[rows], evidence.predictions[BLEND][rows]
    is_share = bool(evidence.classes)
    errors = 1 - metrics.hits(y, prediction) if is_share else metrics.absolute_error(y, prediction)
    frame = take(evidence.load.train, rows, evidence.problem.names)
    return Segments(find_segments(frame, evidence.problem.features, errors), is_share)


def find_segments(
    frame: "pd.DataFrame", features: Sequence[Feature], errors: np.ndarray
) -> tuple[Segment, ...]:
    """Every category and level with enough rows; `errors` (n,) belong to the rows of the frame."""
    groups = [
        (feature.name, value, mask)
        for feature in features
        for value, mask in _levels(frame[feature.name], feature.kind)
        if FEWEST_ROWS <= mask.sum() <= len(frame) - FEWEST_ROWS
    ]
    found = []
    for name, value, mask in groups:
        inside, outside = errors[mask], errors[~mask]
        mean, rest = float(inside.mean()), float(outside.mean())
        is_higher = mean > rest and _p_value(inside, outside) * len(groups) < 0.05
        found.append(Segment(name, value, len(inside), mean, *_interval(inside), rest, is_higher))
    return tuple(sorted(found, key=lambda segment: -segment.error))


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
    common = counts.index[counts >= FEWEST_ROWS].sort_values()
    return levels + [(_shown(value), (values == value).to_numpy(bool)) for value in common]


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)


def _p_value(inside: np.ndarray, outside: np.ndarray) -> float:
    """Of a difference between two means (Student's t-test)."""
    from scipy.stats import ttest_ind

    if np.ptp(inside) == 0 and np.ptp(outside) == 0:
        return float(inside[0] == outside[0])
    return float(ttest_ind(inside, outside).pvalue)


def _interval(errors: np.ndarray) -> tuple[float, float]:
    """Of their mean, 95%."""
    if np.isin(errors, (0.0, 1.0)).all():
        return share_interval(errors.sum(), len(errors))
    half = NORMAL_95 * float(errors.std(ddof=1)) / np.sqrt(len(errors))
    return float(errors.mean() - half), float(errors.mean() + half)


# -- the page --------------------------------------------------------------------------------------


def render(
    segments: Segments, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    return [
        segments.conclusion() + sample_remark(len(evidence.rows)),
        table(segments, evidence.problem.target) if segments.found else None,
    ]


def table(segments: Segments, target: str) -> page.SortableTable:
    error = "Error rate" if segments.is_share else f"Mean absolute error in units of {target}"
    return page.SortableTable(
        f"Segments with the highest error of the blend. {error}, with its 95% interval, and that "
        "of all other rows.",
        ("Segment", "Rows", "Error", "95% interval", "Other rows", "Verdict"),
        [_row(segment, segments.is_share) for segment in segments.found[:SHOWN]],
    )


def _row(segment: Segment, is_share: bool) -> list[object]:
    values = (segment.error, segment.low, segment.high, segment.rest)
    shown = [page.percent(value) for value in values] if is_share else page.alike(values)
    error, low, high, rest = shown
    return [
        f"{segment.column} = {segment.value}",
        segment.rows,
        page.Cell(error, segment.error),
        page.Cell(f"{low} to {high}", segment.low),
        page.Cell(rest, segment.rest),
        page.toned("stands out", "warn") if segment.stands_out else "within noise",
    ]
