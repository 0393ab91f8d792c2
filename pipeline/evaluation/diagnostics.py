"""Where the blend errs, and whether its score holds on the organiser's leaderboard: a figure each.

Throughout y (n,) are class codes or values, predictions (n, k) are out-of-fold, and `classes` are
the labels as they are shown, in code order. Every caption says what to conclude.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import figures, page
from pipeline.evaluation.leaderboard import BLEND, NORMAL_95, decimals, with_error
from pipeline.evaluation.segments import SEGMENT_ROWS, wilson
from pipeline.metrics import METRICS, Metric, estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 10  # of the calibration curve and of the residuals
DRAWN_CLASSES = 8  # curves in one figure, at most
COUNTED_CLASSES, WRITTEN_CLASSES = 3, 12  # in cells of the confusion matrix: rows, shares
LARGEST_MATRIX, LABELLED_CLASSES = 14.0, 100  # inches; of more classes only some are labelled
POINTS = 2000  # more are drawn as a density


# -- classes ---------------------------------------------------------------------------------------


def confusion_matrix(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Rows of each true class (down) that are predicted to be of each class (across), (k, k)."""
    k = prediction.shape[1]
    return np.bincount(y * k + prediction.argmax(axis=1), minlength=k * k).reshape(k, k)


def confusion_plot(y: np.ndarray, prediction: np.ndarray, classes: Sequence[str]) -> figures.Draft:
    """True against predicted classes: shares of each true class, and rows."""
    counts, k = confusion_matrix(y, prediction), len(classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with figures.style():
        side = min(0.45 * k, LARGEST_MATRIX)
        figure, axes = figures.new(max(3.5, side + 1.6), max(3.2, side + 1.3))
        axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
        axes.grid(False)
        _label_classes(axes, classes)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        for true, column in np.ndindex(k, k) if k <= WRITTEN_CLASSES else ():
            share, rows = shares[true, column], f"{counts[true, column]:,}"
            told = f"{rows}\n{share:.1%}" if k <= COUNTED_CLASSES else f"{share:.0%}"
            color = "white" if share > 0.5 else figures.INK
            axes.text(column, true, told, ha="center", va="center", color=color)
        return figures.Draft(
            figure,
            name="confusion",
            title="Confusion matrix of the blend",
            caption=_confusion_caption(counts, classes),
            alt="Rows: true classes; columns: predicted classes; each cell a count and a share.",
        )


def _label_classes(axes: "Axes", classes: Sequence[str]) -> None:
    """A tick a class on both axes, in small letters where there are many."""
    k = len(classes)
    shown = range(0, k, -(-k // LABELLED_CLASSES))
    labels = [classes[place] for place in shown]
    axes.set_xticks(shown, labels, rotation=90 if k > 4 else 0)
    axes.set_yticks(shown, labels)
    points = 72 * LARGEST_MATRIX / len(shown)  # from one label to the next
    if 0.45 * k > LARGEST_MATRIX:
        axes.tick_params(labelsize=min(9.0, 0.8 * points))


def _confusion_caption(counts: np.ndarray, classes: Sequence[str]) -> str:
    rows, wrong = int(counts.sum()), counts - np.diag(np.diag(counts))
    total = int(wrong.sum())
    if total == 0:
        return f"All {rows:,} rows are classified rightly. Look for a leak."
    true, predicted = np.unravel_index(wrong.argmax(), wrong.shape)
    low, high = wilson(total, rows)
    return (
        f"{total:,} of {rows:,} rows are wrong: {page.percent(total / rows)} "
        f"(95% interval {page.percent(low)} to {page.percent(high)}). The most frequent mistake is "
        f"class {classes[true]} taken for class {classes[predicted]}: "
        f"{wrong.max():,} rows, {page.percent(wrong.max() / counts[true].sum())} of its class. "
        "Percentages are shares of each true class."
    )


def roc_plot(
    y: np.ndarray, predictions: Mapping[str, np.ndarray], classes: Sequence[str]
) -> figures.Draft:
    """True against false positives: of all models for two classes, of the blend's classes else.

    `predictions` by name hold the blend and every model.
    """
    colours = figures.colours(predictions if len(classes) == 2 else classes)
    if len(classes) == 2:
        lines = [(name, y == 1, scores[:, 1]) for name, scores in predictions.items()]
    else:
        blend = predictions[BLEND]
        lines = [(label, y == code, blend[:, code]) for code, label in enumerate(classes)]
    with figures.style():
        figure, axes = figures.new(3.7, 3.5)
        for name, positive, score in lines[:DRAWN_CLASSES]:
            curve = roc_curve(positive, score)
            axes.plot(*curve, color=colours[name], linewidth=1.3, label=name)
        axes.plot([0, 1], [0, 1], color=figures.GREY, linestyle="--", linewidth=1)
        axes.set_xlabel("share of negatives called positive")
        axes.set_ylabel("share of positives called positive")
        axes.legend(loc="lower right")
        return figures.Draft(
            figure,
            name="roc",
            title="ROC curves",
            caption=_roc_caption(y, predictions[BLEND], classes, len(lines)),
            alt="True positive share against false positive share.",
        )


def roc_curve(
    positive: np.ndarray, score: np.ndarray, points: int = 200
) -> tuple[np.ndarray, np.ndarray]:
    """(false positive shares, true positive shares) at falling thresholds, at most `points`."""
    order = np.argsort(-score, kind="stable")
    # rows of one score pass a threshold together
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    true = np.append(0, np.cumsum(positive[order])[last])
    false = np.append(0, np.cumsum(~positive[order])[last])
    kept = np.unique(np.linspace(0, len(true) - 1, points).round().astype(int))
    return false[kept] / max(false[-1], 1), true[kept] / max(true[-1], 1)


def _roc_caption(y: np.ndarray, blend: np.ndarray, classes: Sequence[str], lines: int) -> str:
    area = estimate(METRICS["roc_auc"], y, blend)
    pairs = (
        f"it puts a row of class {classes[1]} above one of class {classes[0]}"
        if len(classes) == 2
        else "it puts a row of a class above a row of the others, on average over the classes,"
    )
    hidden = f" The first {DRAWN_CLASSES} of {lines} curves are drawn." * (lines > DRAWN_CLASSES)
    return (
        f"The area under the blend's curve is {with_error(area)} (standard error): {pairs} in "
        f"{page.percent(area.score)} of pairs; 50% would be guessing.{hidden}"
    )


@dataclass(frozen=True)
class Bin:
    """A tenth of the rows, by prediction: their mean, and what was seen with its 95% interval."""

    predicted: float
    seen: float
    low: float
    high: float
    rows: int

    @property
    def is_off(self) -> bool:
        return not self.low <= self.predicted <= self.high


def calibration_bins(positive: np.ndarray, probability: np.ndarray) -> list[Bin]:
    """Predicted probability against the share of positives, in bins of equal numbers of rows."""
    bins = []
    for rows in _tenths(probability):
        low, high = wilson(float(positive[rows].sum()), len(rows))
        predicted, seen = float(probability[rows].mean()), float(positive[rows].mean())
        bins.append(Bin(predicted, seen, low, high, len(rows)))
    return bins


def _tenths(values: np.ndarray) -> list[np.ndarray]:
    """Row numbers, cut into up to ten parts by rising value."""
    count = min(BINS, max(1, len(values) // SEGMENT_ROWS))
    return np.array_split(np.argsort(values, kind="stable"), count)


def calibration_plot(
    y: np.ndarray, prediction: np.ndarray, classes: Sequence[str]
) -> figures.Draft:
    """Are the probabilities what they say? One curve, or one a class."""
    codes = [1] if len(classes) == 2 else range(len(classes))
    curves = {code: calibration_bins(y == code, prediction[:, code]) for code in codes}
    with figures.style():
        figure, axes = figures.new(3.7, 3.5)
        axes.plot([0, 1], [0, 1], color=figures.GREY, linestyle="--", linewidth=1)
        for code, bins in list(curves.items())[:DRAWN_CLASSES]:
            _draw_bins(axes, bins, classes[code])
        axes.set_xlabel("predicted probability")
        axes.set_ylabel("share of rows that are of the class")
        axes.legend(title="class", loc="upper left")
        return figures.Draft(
            figure,
            name="calibration",
            title="Calibration of the blend",
            caption=_calibration_caption([part for bins in curves.values() for part in bins]),
            alt="Predicted probability against the observed share, with 95% intervals.",
        )


def _draw_bins(axes: "Axes", bins: Sequence[Bin], label: str) -> None:
    predicted, seen = [part.predicted for part in bins], [part.seen for part in bins]
    # rounding may put an end of the interval past the share itself
    below = [max(part.seen - part.low, 0) for part in bins]
    above = [max(part.high - part.seen, 0) for part in bins]
    axes.errorbar(predicted, seen, yerr=[below, above], fmt="o-", ms=4, elinewidth=1, label=label)


def _calibration_caption(bins: Sequence[Bin]) -> str:
    off = sum(part.is_off for part in bins)
    gap = sum(part.rows * abs(part.seen - part.predicted) for part in bins)
    gap /= sum(part.rows for part in bins)
    expected = 0.05 * len(bins)
    text = (
        f"Probabilities differ from what happened by {page.percent(gap)} on average; {off} of "
        f"{len(bins)} groups of rows miss their 95% interval, where chance alone would miss about "
        f"{expected:.1f}."
    )
    # 95% point of a binomial count, roughly
    if off <= expected + 2 * math.sqrt(expected):
        return f"{text} The probabilities can be taken at their word."
    return f"{text} Do not take the probabilities at their word."


# -- values ----------------------------------------------------------------------------------------


def truth_plot(y: np.ndarray, prediction: np.ndarray, target: str) -> figures.Draft:
    """True against predicted values; `target` is the column's name."""
    predicted = prediction[:, 0]
    with figures.style():
        figure, axes = figures.new(3.7, 3.5)
        _cloud(axes, predicted, y)
        axes.axline((predicted.mean(), predicted.mean()), slope=1, color=figures.INK, linewidth=1)
        axes.set_xlabel(f"predicted {figures.label(target)}")
        axes.set_ylabel(f"true {figures.label(target)}")
        return figures.Draft(
            figure,
            name="truth",
            title="Predicted and true values",
            caption=_truth_caption(y, prediction),
            alt="True values against the blend's predictions, with the line of equality.",
        )


def _truth_caption(y: np.ndarray, prediction: np.ndarray) -> str:
    predicted, explained = prediction[:, 0], estimate(METRICS["r2"], y, prediction)
    correlation = float(np.corrcoef(y, predicted)[0, 1]) if predicted.std() > 0 else 0.0
    return (
        "On the line the prediction is right. The blend explains "
        f"{page.percent(max(explained.score, 0))} of the target's variance (R² "
        f"{with_error(explained)}); the correlation is {correlation:.3f}."
    )


def residual_plot(y: np.ndarray, prediction: np.ndarray, target: str) -> figures.Draft:
    """True minus predicted, by prediction, with the mean of each tenth of the rows."""
    predicted, residual = prediction[:, 0], y - prediction[:, 0]
    tenths = _tenths(predicted)
    places = [predicted[rows].mean() for rows in tenths]
    means, halves = _mean_errors([residual[rows] for rows in tenths])
    with figures.style():
        figure, axes = figures.new(3.7, 3.5)
        _cloud(axes, predicted, residual)
        axes.axhline(0, color=figures.INK, linewidth=1)
        line = axes.errorbar(places, means, yerr=halves, fmt="o-", color=figures.VERMILION, ms=4)
        line.set_label("mean, 95% interval")
        axes.set_xlabel(f"predicted {figures.label(target)}")
        axes.set_ylabel("true - predicted")
        axes.legend()
        return figures.Draft(
            figure,
            name="residuals",
            title="Residuals of the blend",
            caption=_residual_caption(means, halves),
            alt="True minus predicted values against predictions, with means of ten groups.",
        )


def _mean_errors(groups: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each group, and half of its 95% interval."""
    errors = np.array([group.std(ddof=1) / math.sqrt(len(group)) for group in groups])
    return np.array([group.mean() for group in groups]), NORMAL_95 * errors


def _residual_caption(means: np.ndarray, halves: np.ndarray) -> str:
    off = np.abs(means) > halves
    text = (
        f"Of {len(means)} groups of rows, {off.sum()} {'has' if off.sum() == 1 else 'have'} a mean "
        "error beyond noise."
    )
    if off.sum() <= 1:
        return f"{text} There is no sign of a bend that the models missed."
    low, high = means[np.flatnonzero(off)[0]], means[np.flatnonzero(off)[-1]]
    sides = ["low" if mean > 0 else "high" for mean in (low, high)]
    return (
        f"{text} Among small predictions the blend is too {sides[0]}, among large ones too "
        f"{sides[1]}: a transformed target or other features may help."
    )


def _cloud(axes: "Axes", x: np.ndarray, y: np.ndarray) -> None:
    """Points, or where they would hide each other their density."""
    from matplotlib.ticker import EngFormatter

    for axis, values in ((axes.xaxis, x), (axes.yaxis, y)):
        if np.abs(values).max() >= 10_000:
            axis.set_major_formatter(EngFormatter(sep=""))
    if len(x) <= POINTS:
        axes.scatter(x, y, s=8, alpha=0.5, color=figures.BLUE, linewidths=0)
        return
    axes.hexbin(x, y, gridsize=40, mincnt=1, bins="log", cmap="Blues", linewidths=0.1)


# -- submissions -----------------------------------------------------------------------------------


def submissions_plot(entries: Sequence[Mapping[str, Any]], metric: Metric) -> figures.Draft:
    """Leaderboard against expected score of what was submitted; `entries` have both."""
    x = np.array([entry["score"] for entry in entries])
    y = np.array([entry["leaderboard"] for entry in entries])
    errors = np.array([entry.get("standard_error") or 0.0 for entry in entries])
    with figures.style():
        figure, axes = figures.new(4.6, 4.0)
        axes.axline((x[0], x[0]), slope=1, color=figures.GREY, linestyle="--", linewidth=1)
        axes.errorbar(x, y, xerr=NORMAL_95 * errors, fmt="o", color=figures.BLUE, elinewidth=1)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_xlabel(f"expected {metric.label} (95% interval)")
        axes.set_ylabel(f"leaderboard {metric.label}")
        return figures.Draft(
            figure,
            name="submissions",
            title="Cross-validation against leaderboard",
            caption=_submissions_caption(x, y, errors),
            alt="One dot a submission; on the dashed line the two scores are equal.",
        )


def _submissions_caption(x: np.ndarray, y: np.ndarray, errors: np.ndarray) -> str:
    gap, digits = float(np.mean(y - x)), decimals(float(errors.max()))
    inside = int(np.sum(np.abs(y - x) <= NORMAL_95 * errors))
    text = (
        f"The leaderboard lies {gap:+.{digits}f} from cross-validation on average over "
        f"{len(x)} submission{'s' if len(x) > 1 else ''}; {inside} of {len(x)} within the 95% "
        "interval of cross-validation (the leaderboard's own noise comes on top)."
    )
    if inside < len(x):
        return f"{text} Where they disagree, look for drift between train and test, or for a leak."
    return f"{text} They agree: trust cross-validation."
