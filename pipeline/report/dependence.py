"""How the prediction changes with one column: partial dependence (Friedman 2001).

One column is set to the same value in every row of a sample while all others stay as they are; the
mean prediction, at one value after another, is the curve. Each fold's models predict rows that they
never saw. As these rows differ, so does the level of the curves: each is moved to the mean level.
What is left between them is the curve's uncertainty.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import figures, page
from pipeline.changed_rows import Change, Changes
from pipeline.exploration.bins import as_numbers
from pipeline.folds import Fold
from pipeline.predictor import Predictor
from pipeline.problem import Kind
from pipeline.report.evidence import Evidence
from pipeline.report.importance import Importances
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

TITLE = "Partial dependence"
SINGLE_VALUES = 12  # a column of numbers with at most so many keeps them all
QUANTILES = 9  # of any other column of numbers
LEVELS = 8  # of a category: the most common
FEWEST_ROWS = 10  # that hold a single value or level, to be shown
DRAWN_CLASSES = 3
MARKERS = ("o", "s", "^")
MISSING = "missing"


@dataclass(frozen=True)
class Grid:
    """Values that a column is set to: their labels, a row that holds each (points,), and, for
    numbers, where they stand on the axis; missing, if it is one, comes last and has no place.
    """

    column: str
    labels: tuple[str, ...]
    rows: np.ndarray
    places: tuple[float, ...] | None


@dataclass(frozen=True)
class Dependence:
    """Mean predictions of each fold's blend over a column's values, (folds, points, outputs).

    Every fold's curves are moved to the mean level of all folds.
    """

    grid: Grid
    curves: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """(points, outputs)"""
        return np.asarray(self.curves.mean(axis=0))

    @property
    def outputs(self) -> list[int]:
        """Those that are drawn, the one that changes most first: the second of two classes, the
        value, or the classes that change most."""
        number = self.curves.shape[2]
        if number <= 2:
            return [number - 1]
        change = np.ptp(self.mean, axis=0)
        return np.argsort(-change, kind="stable")[:DRAWN_CLASSES].tolist()


@dataclass(frozen=True)
class Dependences:
    """Of the most important columns, in that order."""

    found: tuple[Dependence, ...]


def compute(evidence: Evidence) -> Dependences | None:
    """Of the most important columns; texts and columns of one value have none.

    The rows that the settings ask for are spread over the folds of the first repeat.
    """
    settings, train = evidence.settings, evidence.load.train
    importances: Importances | None = evidence.results["importance"]
    if importances is None or evidence.predictor is None or not settings.dependence_rows:
        return None
    kinds = {feature.name: feature.kind for feature in evidence.problem.features}
    names = [item.column for item in importances.found[: settings.dependence_columns]]
    grids = [grid for grid in (grid_of(train[name], kinds[name]) for name in names) if grid]
    if not grids:
        return None
    folds = evidence.affordable(len(grids))
    share = math.ceil(evidence.fewer(settings.dependence_rows) / len(folds))
    # others than those of the importances
    drawn = [evidence.sample(fold, share, stream=[1]) for fold in folds]
    shown = [np.concatenate([rows, *(grid.rows for grid in grids)]) for rows in drawn]
    changes = [
        _set_columns(grids, len(rows), each) for rows, each in zip(drawn, shown, strict=True)
    ]
    evidence.send(list(zip(folds, changes, strict=True)))
    tasks = list(zip(folds, evidence.frames(shown), changes, strict=True))
    work = functools.partial(_curves, evidence.predictor, grids)
    by_fold = list(evidence.map(work, tasks))
    return Dependences(
        tuple(
            Dependence(grid, level(np.stack([curves[place] for curves in by_fold])))
            for place, grid in enumerate(grids)
        )
    )


def level(curves: np.ndarray) -> np.ndarray:
    """Curves (folds, points, outputs), each moved to the mean level of all."""
    own = curves.mean(axis=1, keepdims=True)
    return np.asarray(curves - own + own.mean(axis=0, keepdims=True))


def _set_columns(grids: Sequence[Grid], rows: int, shown: np.ndarray) -> Changes:
    """The first `rows` of those that are shown, with each grid's column set to its values in turn:
    below these rows stand those of the grids."""
    changes, first = [], rows
    for grid in grids:
        points = len(grid.rows)
        copies = np.tile(np.arange(rows), points)
        donors = np.repeat(np.arange(first, first + points), rows)
        changes.append(Change(grid.column, copies, donors))
        first += points
    return Changes(shown, tuple(changes))


def _curves(
    predictor: Predictor, grids: Sequence[Grid], task: "tuple[Fold, pd.DataFrame, Changes]"
) -> list[np.ndarray]:
    """Curves (points, outputs) of one fold's blend."""
    fold, frame, changes = task
    predictions = predictor.predict_changed(frame, fold, changes)
    return [
        each.reshape(len(grid.rows), -1, each.shape[1]).mean(axis=1)
        for grid, each in zip(grids, predictions, strict=True)
    ]


# -- the values ------------------------------------------------------------------------------------


def grid_of(values: "pd.Series", kind: Kind) -> Grid | None:
    """Values of a column (n,) that stand for all: the common ones, or quantiles; None for texts."""
    if kind == "text":
        return None
    missing = np.flatnonzero(values.isna().to_numpy())
    labels, rows, places = (_levels if kind == "category" else _numbers)(values, kind)
    if len(missing) >= FEWEST_ROWS:
        labels, rows = [*labels, MISSING], [*rows, int(missing[0])]
    if len(rows) < 2:
        return None
    return Grid(str(values.name), tuple(labels), np.array(rows), places)


Values = tuple[list[str], list[int], tuple[float, ...] | None]  # labels, rows, places


def _levels(values: "pd.Series", kind: Kind) -> Values:
    counts = values.value_counts()
    common = list(counts.index[counts >= FEWEST_ROWS][:LEVELS])
    rows = [int((values == each).to_numpy(dtype=bool, na_value=False).argmax()) for each in common]
    return figures.labels(common), rows, None


def _numbers(values: "pd.Series", kind: Kind) -> Values:
    numbers = as_numbers(values, kind)
    all_known = numbers[np.isfinite(numbers)]
    known, rows = np.unique(all_known, return_counts=True)
    is_many = len(known) > SINGLE_VALUES
    if is_many:
        shares = np.linspace(0.05, 0.95, QUANTILES)
        known = np.unique(np.quantile(all_known, shares, method="closest_observation"))
    else:
        known = known[rows >= FEWEST_ROWS]
    holding = [int((numbers == value).argmax()) for value in known]
    if kind == "date":
        labels = [str(values.iloc[row])[:10] for row in holding]
    else:
        labels = page.alike(known.tolist()) if is_many else list(map(page.number, known))
    return labels, holding, tuple(map(float, known))


# -- figures ---------------------------------------------------------------------------------------


def plots(dependences: Dependences, evidence: Evidence) -> list[figures.Draft]:
    """A figure a column, all on one scale."""
    found, target = dependences.found, evidence.problem.target
    shown = [item.curves[:, :, item.outputs] for item in found]
    low, high = min(part.min() for part in shown), max(part.max() for part in shown)
    margin = 0.06 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    drafts = [
        plot(item, limits, evidence.classes, target, f"dependence-{number}")
        for number, item in enumerate(found, 1)
    ]
    return [replace(each, caption=each.caption + evidence.without_foreign) for each in drafts]


def plot(
    item: Dependence,
    limits: tuple[float, float],
    classes: Sequence[str],
    target: str,
    name: str,
) -> figures.Draft:
    """`classes` are labels as they are shown, none for regression."""
    figure, axes = figures.new(3.7, 2.9)
    for order, output in enumerate(item.outputs):
        _draw(axes, item, output, order, classes[output] if classes else "")
    _label_axes(axes, item, classes, target)
    axes.set_ylim(*limits)
    if len(item.outputs) > 1:
        figures.legend_above(axes, "class")
    return figures.Draft(
        figure,
        name=name,
        title=f"Partial dependence on {item.grid.column}",
        caption=caption(item, classes, target),
        alt=_alt(item, classes, target),
    )


def _draw(axes: "Axes", item: Dependence, output: int, order: int, label: str) -> None:
    """One output's mean curve and the lowest and highest fold."""
    curves, mean, x = item.curves[:, :, output], item.mean[:, output], _axis(item.grid)
    low, high = curves.min(axis=0), curves.max(axis=0)
    colour, marker = figures.PALETTE[order], MARKERS[order]
    known = len(item.grid.places) if item.grid.places is not None else 0
    style: dict[str, Any] = {"color": colour, "marker": marker, "ms": 4}
    axes.plot(x[:known], mean[:known], label=label if known else None, **style)
    axes.fill_between(x[:known], low[:known], high[:known], color=colour, alpha=0.25, linewidth=0)
    if len(x) > known:
        axes.errorbar(
            x[known:],
            mean[known:],
            yerr=np.stack([mean - low, high - mean])[:, known:].clip(0),
            linestyle="none",
            capsize=3,
            label=None if known else label,
            **style,
        )


def _axis(grid: Grid) -> np.ndarray:
    """Where the points stand, (points,); missing goes to the right of the numbers."""
    if grid.places is None:
        return np.arange(len(grid.labels), dtype=float)
    places = np.array(grid.places)
    right = places.max() + 0.15 * (np.ptp(places) or 1.0)
    return np.append(places, [right] * (len(grid.labels) - len(places)))


def _label_axes(axes: "Axes", item: Dependence, classes: Sequence[str], target: str) -> None:
    from matplotlib.ticker import PercentFormatter

    grid, x = item.grid, _axis(item.grid)
    if grid.places is not None:
        kept = figures.uncrowded(x, grid.labels)
        axes.set_xticks(x[kept], [grid.labels[place] for place in kept])
    else:
        axes.set_xticks(x, [figures.label(text, 16) for text in grid.labels])
        figures.slant_if_crowded(axes, grid.labels)
        axes.set_xlim(-0.6, len(x) - 0.4)
    axes.set_xlabel(figures.label(grid.column, 40))
    if not classes:
        axes.set_ylabel(f"mean prediction of {figures.label(target, 20)}")
        return
    one = f"class {figures.label(classes[1], 12)}" if len(classes) == 2 else "the class"
    axes.set_ylabel(f"mean probability of {one}")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))


# -- words -----------------------------------------------------------------------------------------


def caption(item: Dependence, classes: Sequence[str], target: str) -> str:
    """Between what values the prediction changes, and whether all folds agree."""
    output, labels = item.outputs[0], item.grid.labels
    mean = item.mean[:, output]
    low, high = int(mean.argmin()), int(mean.argmax())
    steps = item.curves[:, high, output] - item.curves[:, low, output]
    what = (
        f"mean probability of class {classes[output]}"
        if classes
        else f"mean prediction of {target}"
    )
    shown = _with_units([mean[low], mean[high], steps.mean(), steps.min(), steps.max()], classes)
    change = (
        f"The {what} is {shown[0]} at {labels[low]} and {shown[1]} at {labels[high]}, all other "
        f"columns unchanged: {shown[2]} more ({shown[3]} to {shown[4]} over "
        f"{count(len(steps), 'fold')})."
    )
    if steps.min() <= 0:
        return f"{change} The folds disagree, so there may be no effect."
    return f"{change} {_shape(item, mean)}".strip()


def _with_units(values: Sequence[float], classes: Sequence[str]) -> list[str]:
    """Two levels and three differences: values, or shares and percentage points."""
    if not classes:
        return page.alike(values)
    levels = [page.percent(value, 0) for value in values[:2]]
    points = page.alike([100 * value for value in values[2:]], 2)
    return [*levels, f"{points[0]} percentage points", *points[1:]]


def _shape(item: Dependence, mean: np.ndarray) -> str:
    """The direction of the curve, where its values have an order."""
    if item.grid.places is None or len(item.grid.places) < 3:
        return ""
    known = len(item.grid.places)
    steps = np.diff(item.curves[:, :known, item.outputs[0]], axis=1)
    # a step counts where all folds agree on it, and where it can be seen
    large = np.abs(steps.mean(axis=0)) >= 0.05 * np.ptp(mean)
    rises = bool((large & (steps > 0).all(axis=0)).any())
    falls = bool((large & (steps < 0).all(axis=0)).any())
    if rises and falls:
        return "It rises and falls: a straight line would miss this."
    return f"It {'rises' if rises else 'falls'} throughout." if rises or falls else ""


def _alt(item: Dependence, classes: Sequence[str], target: str) -> str:
    """The curve's points in words, for those who do not see it."""
    output = item.outputs[0]
    values = item.mean[:, output]
    shown = [page.percent(value, 0) for value in values] if classes else page.alike(values.tolist())
    points = ", ".join(f"{a}: {b}" for a, b in zip(item.grid.labels, shown, strict=True))
    what = f"probability of class {classes[output]}" if classes else target
    return f"Mean predicted {what} by {item.grid.column}. {points}."


def render(
    dependences: Dependences, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    return [
        "The blend's mean prediction when one column is set to the same value in every row of a "
        "sample and all others stay as they are. The band reaches from the lowest to the highest "
        "fold; each fold's models predict rows that they never saw. All figures share one scale. "
        "Where two columns depend on each other, some of these rows could not exist.",
        page.Gallery(list(plots.values())),
    ]
