"""Where the blend confuses classes, how well it ranks rows, and whether its probabilities hold.

Of all rows that are validated: y (n,) are class codes, predictions (n, k) out-of-fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline import figures, page
from pipeline.estimates import share_interval, with_error
from pipeline.metrics import METRICS, Estimate, estimate
from pipeline.report.evidence import Evidence
from pipeline.report.value_errors import tenths

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Errors"
DRAWN = 8  # curves in one figure
POINTS = 200  # of a ROC curve
COUNTED_CLASSES, WRITTEN_CLASSES = 3, 12  # in cells of the confusion matrix: rows, shares
LARGEST_MATRIX, LABELLED_CLASSES = 14.0, 100  # inches; of more classes only some are labelled
LETTERS = 28  # on the x axis of a small matrix; more are turned


@dataclass(frozen=True)
class CalibrationBin:
    """Rows that were predicted alike: their mean prediction, and the share of positives among them
    with its 95% interval."""

    predicted: float
    observed: float
    low: float
    high: float
    rows: int

    @property
    def is_off(self) -> bool:
        return not self.low <= self.predicted <= self.high


@dataclass(frozen=True)
class ClassErrors:
    """`confusion` (k, k): rows of each true class (down) by predicted class (across).

    `area` is the blend's under its ROC curve. `curves` are (2, points), false and true positive
    shares: by model for two classes, by class of the blend for more, of which there are `lines`.
    `calibration` holds the bins of the second of two classes, or of each of several, by label.
    """

    confusion: np.ndarray
    area: Estimate
    curves: Mapping[str, np.ndarray]
    lines: int
    calibration: Mapping[str, tuple[CalibrationBin, ...]]


def compute(evidence: Evidence) -> ClassErrors | None:
    if not evidence.classes:
        return None
    predictions = {name: evidence.validated(name) for name in evidence.predictions}
    y, blend, classes = evidence.validated_y, evidence.validated(), evidence.classes
    if len(classes) == 2:
        lines = {name: (y == 1, prediction[:, 1]) for name, prediction in predictions.items()}
    else:
        lines = {label: (y == code, blend[:, code]) for code, label in enumerate(classes)}
    chosen = [1] if len(classes) == 2 else range(len(classes))
    return ClassErrors(
        confusion_matrix(y, blend),
        estimate(METRICS["roc_auc"], y, blend, clusters=evidence.split.validated_clusters),
        {name: roc_curve(*line) for name, line in list(lines.items())[:DRAWN]},
        len(lines),
        {classes[code]: calibration_bins(y == code, blend[:, code]) for code in chosen},
    )


def plots(errors: ClassErrors, evidence: Evidence) -> list[figures.Draft]:
    classes = evidence.classes
    colours = evidence.colours if len(classes) == 2 else figures.colours(classes)
    return [
        confusion_plot(errors.confusion, classes),
        roc_plot(errors, classes, colours),
        calibration_plot(errors.calibration),
    ]


# -- confusion matrix ------------------------------------------------------------------------------


def confusion_matrix(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """(k, k): rows of each true class (down) that are predicted to be of each class (across)."""
    k = prediction.shape[1]
    return np.bincount(k * y + prediction.argmax(axis=1), minlength=k * k).reshape(k, k)


def confusion_plot(counts: np.ndarray, classes: Sequence[str]) -> figures.Draft:
    """True against predicted classes: shares of each true class, and rows."""
    k = len(classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(0.45 * k, LARGEST_MATRIX)
    figure, axes = figures.new(max(3.5, side + 1.6), max(3.2, side + 1.3))
    axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    axes.grid(False)
    _label_classes(axes, classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    for true, column in np.ndindex(k, k) if k <= WRITTEN_CLASSES else ():
        share, rows = shares[true, column], f"{counts[true, column]:,}"
        text = f"{rows}\n{share:.1%}" if k <= COUNTED_CLASSES else f"{share:.0%}"
        color = "white" if share > 0.5 else figures.INK
        axes.text(column, true, text, ha="center", va="center", color=color)
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
    axes.set_xticks(shown, labels, rotation=90 if k * max(map(len, labels)) > LETTERS else 0)
    axes.set_yticks(shown, labels)
    points = 72 * LARGEST_MATRIX / len(shown)  # from one label to the next
    if 0.45 * k > LARGEST_MATRIX:
        axes.tick_params(labelsize=min(9.0, 0.8 * points))


def _confusion_caption(counts: np.ndarray, classes: Sequence[str]) -> str:
    rows, wrong = int(counts.sum()), counts - np.diag(np.diag(counts))
    total = int(wrong.sum())
    if total == 0:
        return f"All {rows:,} rows are classified correctly. Look for a leak."
    true, predicted = np.unravel_index(wrong.argmax(), wrong.shape)
    low, high = share_interval(total, rows)
    return (
        f"{total:,} of {rows:,} rows are misclassified: {page.percent(total / rows)} "
        f"(95% interval {page.percent(low)} to {page.percent(high)}). The most frequent error is "
        f"class {classes[true]} predicted as class {classes[predicted]}: {wrong.max():,} rows, "
        f"{page.percent(wrong.max() / counts[true].sum())} of class {classes[true]}. Percentages "
        "are shares of each true class."
    )


# -- ROC curves ------------------------------------------------------------------------------------


def roc_curve(positive: np.ndarray, score: np.ndarray, points: int = POINTS) -> np.ndarray:
    """False and true positive shares at falling thresholds, (2, at most `points`).

    Empty where all rows are positive, or none is. (As scikit-learn's roc_curve, whose import takes
    more memory than the whole report.)
    """
    if positive.all() or not positive.any():
        return np.empty((2, 0))
    order = np.argsort(-score, kind="stable")
    thresholds = np.flatnonzero(np.diff(score[order], append=-np.inf))  # after each run of ties
    true = np.append(0, np.cumsum(positive[order])[thresholds])
    false = np.append(0, thresholds + 1) - true
    kept = np.unique(np.linspace(0, len(true) - 1, points).round().astype(int))
    return np.stack([false[kept] / false[-1], true[kept] / true[-1]])


def roc_plot(
    errors: ClassErrors, classes: Sequence[str], colours: Mapping[str, str]
) -> figures.Draft:
    """True against false positives: of all models for two classes, of the blend's classes else."""
    figure, axes = figures.new(3.7, 3.5)
    for name, curve in errors.curves.items():
        axes.plot(*curve, color=colours[name], linewidth=1.3, label=name)
    axes.plot([0, 1], [0, 1], color=figures.GREY, linestyle="--", linewidth=1)
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate")
    axes.legend(loc="lower right")
    return figures.Draft(
        figure,
        name="roc",
        title="ROC curves",
        caption=_roc_caption(errors, classes),
        alt="True positive rate against false positive rate.",
    )


def _roc_caption(errors: ClassErrors, classes: Sequence[str]) -> str:
    area = errors.area
    pairs = (
        f"a row of class {classes[1]} and one of class {classes[0]}, the former has the higher "
        "probability of its class"
        if len(classes) == 2
        else "a row of a class and one of any other, the former has the higher probability of that "
        "class (mean over classes)"
    )
    hidden = f" The first {DRAWN} of {errors.lines} curves are drawn." * (errors.lines > DRAWN)
    return (
        f"The area under the blend's curve is {with_error(area)} (standard error): in "
        f"{page.percent(area.score)} of pairs of {pairs}; guessing would give 50%.{hidden}"
    )


# -- calibration -----------------------------------------------------------------------------------


def calibration_bins(positive: np.ndarray, probability: np.ndarray) -> tuple[CalibrationBin, ...]:
    """Predicted probability against the share of positives, in bins of equal numbers of rows."""
    bins = []
    for rows in tenths(probability):
        low, high = share_interval(positive[rows].sum(), len(rows))
        predicted, observed = float(probability[rows].mean()), float(positive[rows].mean())
        bins.append(CalibrationBin(predicted, observed, low, high, len(rows)))
    return tuple(bins)


def calibration_plot(calibration: Mapping[str, Sequence[CalibrationBin]]) -> figures.Draft:
    """Do the probabilities hold? One curve, or one a class."""
    figure, axes = figures.new(3.7, 3.5)
    axes.plot([0, 1], [0, 1], color=figures.GREY, linestyle="--", linewidth=1)
    for label, bins in list(calibration.items())[:DRAWN]:
        observed = np.array([part.observed for part in bins])
        ends = np.array([[part.low, part.high] for part in bins]).T
        # rounding may put an end of the interval past the share itself
        reach = np.maximum([observed - ends[0], ends[1] - observed], 0)
        x = [part.predicted for part in bins]
        axes.errorbar(x, observed, yerr=reach, fmt="o-", ms=4, elinewidth=1, label=label)
    one = next(iter(calibration)) if len(calibration) == 1 else ""
    axes.set_xlabel(f"predicted probability of class {one}" if one else "predicted probability")
    axes.set_ylabel(f"observed share of class {one}" if one else "observed share of the class")
    if not one:
        figures.legend_above(axes, "class")
    return figures.Draft(
        figure,
        name="calibration",
        title="Calibration of the blend",
        caption=_calibration_caption([part for bins in calibration.values() for part in bins]),
        alt="Predicted probability against the observed share, with 95% intervals.",
    )


def _calibration_caption(bins: Sequence[CalibrationBin]) -> str:
    from scipy.special import bdtr

    off, expected = sum(part.is_off for part in bins), 0.05 * len(bins)
    gap = sum(part.rows * abs(part.observed - part.predicted) for part in bins)
    gap /= sum(part.rows for part in bins)
    text = (
        "Predicted probabilities and observed shares differ by "
        f"{100 * gap:.1f} percentage points on average; {off} of {len(bins)} groups of rows lie "
        f"outside their 95% interval, where chance alone would put about {expected:.1f} of them."
    )
    if off == 0 or bdtr(off - 1, len(bins), 0.05) < 0.95:  # fewer have a chance below 95%
        return f"{text} The probabilities are calibrated, as far as these rows show."
    return f"{text} The probabilities are not calibrated: do not take them at face value."
