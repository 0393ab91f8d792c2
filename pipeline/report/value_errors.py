"""Where the blend's predictions of a number are off: against the true values, and by size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline import figures, page
from pipeline.config import BLEND
from pipeline.estimates import NORMAL_95, with_error
from pipeline.metrics import METRICS, Estimate, estimate
from pipeline.report.evidence import Evidence, looked_at, sample_remark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Errors"
GROUPS, FEWEST_ROWS = 10, 30  # tenths of the rows; fewer where a group would be smaller
POINTS = 2000  # more are drawn as a density


@dataclass(frozen=True)
class ResidualGroup:
    """Rows that were predicted alike: mean prediction, mean residual, half of its 95% interval."""

    predicted: float
    residual: float
    half: float

    @property
    def is_off(self) -> bool:
        return abs(self.residual) > self.half


@dataclass(frozen=True)
class ValueErrors:
    """R² of the blend, its correlation with the target, and residuals (true - predicted)."""

    r2: Estimate
    correlation: float
    groups: tuple[ResidualGroup, ...]


def compute(evidence: Evidence) -> ValueErrors | None:
    if evidence.classes:
        return None
    y, prediction = evidence.validated_y, evidence.validated()
    predicted = prediction[:, 0]
    correlation = float(np.corrcoef(y, predicted)[0, 1]) if predicted.std() > 0 else 0.0
    groups = tuple(_group(predicted[rows], y[rows]) for rows in tenths(predicted))
    clusters = evidence.split.validated_clusters
    r2 = estimate(METRICS["r2"], y, prediction, clusters=clusters)
    return ValueErrors(r2, correlation, groups)


def tenths(values: np.ndarray) -> list[np.ndarray]:
    """Row numbers, cut into up to ten parts by rising value."""
    count = min(GROUPS, max(1, len(values) // FEWEST_ROWS))
    return np.array_split(np.argsort(values, kind="stable"), count)


def _group(predicted: np.ndarray, y: np.ndarray) -> ResidualGroup:
    residual = y - predicted
    half = NORMAL_95 * residual.std(ddof=1) / math.sqrt(len(y))
    return ResidualGroup(float(predicted.mean()), float(residual.mean()), float(half))


def plots(errors: ValueErrors, evidence: Evidence) -> list[figures.Draft]:
    rows = looked_at(evidence.rows)
    y, predicted = evidence.y[rows], evidence.predictions[BLEND][rows, 0]
    drafts = [
        truth_plot(errors, y, predicted, evidence.problem.target),
        residual_plot(errors, y, predicted, evidence),
    ]
    drawn = sample_remark(len(evidence.rows), "Drawn")
    return [replace(each, caption=each.caption + drawn) for each in drafts]


# -- figures ---------------------------------------------------------------------------------------


def truth_plot(
    errors: ValueErrors, y: np.ndarray, predicted: np.ndarray, target: str
) -> figures.Draft:
    """True against predicted values; `target` is the column's name."""
    figure, axes = figures.new(3.7, 3.5)
    _cloud(axes, predicted, y)
    axes.axline((predicted.mean(), predicted.mean()), slope=1, color=figures.INK, linewidth=1)
    axes.set_xlabel(f"predicted {figures.label(target)}")
    axes.set_ylabel(f"true {figures.label(target)}")
    return figures.Draft(
        figure,
        name="truth",
        title="Predicted and true values",
        caption="On the line the prediction is right. The blend explains "
        f"{page.percent(max(errors.r2.score, 0))} of the target's variance (R² "
        f"{with_error(errors.r2)}); the correlation is {errors.correlation:.3f}.",
        alt="True values against the blend's predictions, with the line of equality.",
    )


def residual_plot(
    errors: ValueErrors, y: np.ndarray, predicted: np.ndarray, evidence: Evidence
) -> figures.Draft:
    """True minus predicted, by prediction, with the mean of each tenth of the rows."""
    target = evidence.problem.target
    places = [group.predicted for group in errors.groups]
    means = [group.residual for group in errors.groups]
    halves = [group.half for group in errors.groups]
    figure, axes = figures.new(3.7, 3.5)
    _cloud(axes, predicted, y - predicted)
    axes.axhline(0, color=figures.INK, linewidth=1)
    line = axes.errorbar(places, means, yerr=halves, fmt="o-", color=figures.VERMILION, ms=4)
    line.set_label("mean, 95% interval")
    axes.set_xlabel(f"predicted {figures.label(target)}")
    axes.set_ylabel("true - predicted")
    figures.legend_above(axes)
    return figures.Draft(
        figure,
        name="residuals",
        title="Residuals of the blend",
        caption=_residual_caption(errors.groups, evidence.metric.whole_values),
        alt="True minus predicted values against predictions, with means of ten groups.",
    )


def _residual_caption(groups: Sequence[ResidualGroup], whole: bool) -> str:
    """`whole`: the metric compares whole numbers, so that no transform of them could help."""
    off = [group for group in groups if group.is_off]
    number, verb = (len(off), "have") if len(off) > 1 else ("one" if off else "none", "has")
    text = (
        f"Of {len(groups)} groups of rows, {number} {verb} a mean residual that differs from zero "
        "beyond noise."
    )
    if len(off) <= 1:
        return f"{text} There is no sign of a curve that the models missed."
    first, last = ("low" if group.residual > 0 else "high" for group in (off[0], off[-1]))
    advice = "other features" if whole else "a transformed target or other features"
    return f"{text} Small predictions are too {first}, large ones too {last}: {advice} may help."


def _cloud(axes: "Axes", x: np.ndarray, y: np.ndarray) -> None:
    """Points, or their density where they would hide each other."""
    from matplotlib.ticker import EngFormatter

    for axis, values in ((axes.xaxis, x), (axes.yaxis, y)):
        if np.abs(values).max() >= 10_000:
            axis.set_major_formatter(EngFormatter(sep=""))
    if len(x) <= POINTS:
        axes.scatter(x, y, s=8, alpha=0.5, color=figures.BLUE, linewidths=0)
        return
    axes.hexbin(x, y, gridsize=40, mincnt=1, bins="log", cmap="Blues", linewidths=0.1)
