"""How the prediction moves with one column: partial dependence (Friedman 2001).

One column is set to the same value in every row of a sample while all others stay as they are; the
mean prediction, at one value after another, is the curve. Each fold's models answer for rows that
they never saw. Their curves are laid over each other, for their rows differ in level; what is left
between them is the curve's uncertainty.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import figures, page
from pipeline.evaluation.importance import affordable
from pipeline.exploration.drift import as_numbers
from pipeline.folds import Fold
from pipeline.parallel import Map
from pipeline.predictor import Predictor
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SINGLE_VALUES = 12  # a column of numbers with at most so many keeps them all
QUANTILES = 9  # of any other column of numbers
LEVELS = 8  # of a category: the most common
FEWEST_ROWS = 10  # that hold a single value or level, to be shown
DRAWN_CLASSES = 3
MARKERS = ("o", "s", "^")
MISSING = "missing"


@dataclass(frozen=True)
class Grid:
    """Values that a column is set to: how they are called, a row that holds each (points,), and,
    for numbers, where they stand on the axis; missing, if it is one, comes last and has no place.
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
    def output(self) -> int:
        """The output that moves most; of two classes the second."""
        outputs = self.curves.shape[2]
        return 1 if outputs == 2 else int(np.ptp(self.mean, axis=0).argmax())

    def to_json(self) -> dict[str, Any]:
        output = self.output
        return {
            "column": self.grid.column,
            "values": list(self.grid.labels),
            "output": output,
            "mean": self.mean[:, output].tolist(),
            "lowest_fold": self.curves[:, :, output].min(axis=0).tolist(),
            "highest_fold": self.curves[:, :, output].max(axis=0).tolist(),
        }


def partial_dependence(
    predictor: Predictor,
    folds: Sequence[Fold],
    columns: Sequence[str],
    *,
    rows: int,
    seed: int,
    parallel_map: Map,
) -> list[Dependence]:
    """Of these raw columns, in their order; texts and columns of one value have none.

    `rows` in all are asked, over the folds of the first repeat.
    """
    kinds = {column["name"]: column["kind"] for column in predictor.schema["columns"]}
    frame = predictor.load.read_table("train", list(columns)) if columns else None
    grids = [grid_of(frame[name], kinds[name]) for name in columns] if frame is not None else []
    found = [grid for grid in grids if grid is not None]
    first = affordable(folds, len(found), len(predictor.columns))
    if not found:
        return []
    work = functools.partial(_fold_curves, predictor, found, math.ceil(rows / len(first)), seed)
    by_fold = list(parallel_map(work, first))
    return [
        Dependence(grid, level(np.stack([curves[place] for curves in by_fold])))
        for place, grid in enumerate(found)
    ]


def level(curves: np.ndarray) -> np.ndarray:
    """Curves (folds, points, outputs), each moved to the mean level of all."""
    own = curves.mean(axis=1, keepdims=True)
    return np.asarray(curves - own + own.mean(axis=0, keepdims=True))


def _fold_curves(
    predictor: Predictor, grids: Sequence[Grid], share: int, seed: int, fold: Fold
) -> list[np.ndarray]:
    """The curves (points, outputs) of one fold's blend on `share` of its validation rows."""
    rng = np.random.default_rng([seed, 1, fold.number])
    rows = np.sort(rng.permutation(fold.valid)[:share])
    shown = np.concatenate([rows, *(grid.rows for grid in grids)])
    train = predictor.load.read_table("train", predictor.columns)
    exchange = predictor.exchanging(train.iloc[shown], fold.name)
    curves, first = [], len(rows)
    for grid in grids:
        points = len(grid.rows)
        copies = np.tile(np.arange(len(rows)), points)
        donors = np.repeat(np.arange(first, first + points), len(rows))
        predictions = exchange.predict(copies, grid.column, donors)
        curves.append(predictions.reshape(points, len(rows), -1).mean(axis=1))
        first += points
    return curves


# -- the values ------------------------------------------------------------------------------------


def grid_of(values: "pd.Series", kind: str) -> Grid | None:
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


def _levels(values: "pd.Series", kind: str) -> Values:
    counts = values.value_counts()
    common = list(counts.index[counts >= FEWEST_ROWS][:LEVELS])
    rows = [int((values == each).to_numpy(dtype=bool, na_value=False).argmax()) for each in common]
    return figures.labels(common), rows, None


def _numbers(values: "pd.Series", kind: str) -> Values:
    numbers = as_numbers(values, kind)
    known, rows = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
    if len(known) > SINGLE_VALUES:
        shares = np.linspace(0.05, 0.95, QUANTILES)
        all_known = numbers[np.isfinite(numbers)]
        known = np.unique(np.quantile(all_known, shares, method="closest_observation"))
    else:
        known = known[rows >= FEWEST_ROWS]
    holding = [int((numbers == value).argmax()) for value in known]
    if kind == "date":
        labels = [str(values.iloc[row])[:10] for row in holding]
    else:
        labels = (
            page.alike(known.tolist())
            if len(known) > SINGLE_VALUES
            else list(map(page.number, known))
        )
    return labels, holding, tuple(map(float, known))


# -- figures and their words -----------------------------------------------------------------------


def dependence_plots(
    found: Sequence[Dependence], classes: Sequence[str], target: str
) -> list[figures.Draft]:
    """A figure a column, all on one scale; `classes` are shown labels, none for regression."""
    if not found:
        return []
    drawn = [outputs_drawn(item) for item in found]
    shown = [item.curves[:, :, part] for item, part in zip(found, drawn, strict=True)]
    low, high = min(part.min() for part in shown), max(part.max() for part in shown)
    margin = 0.06 * (high - low) or 1.0
    return [
        _plot(item, (low - margin, high + margin), classes, target, f"dependence-{number}")
        for number, item in enumerate(found, 1)
    ]


def outputs_drawn(item: Dependence) -> list[int]:
    """The second of two classes, the value, or the classes that move most."""
    outputs = item.curves.shape[2]
    if outputs <= 2:
        return [outputs - 1]
    return np.argsort(-np.ptp(item.mean, axis=0), kind="stable")[:DRAWN_CLASSES].tolist()


def _plot(
    item: Dependence,
    limits: tuple[float, float],
    classes: Sequence[str],
    target: str,
    name: str,
) -> figures.Draft:
    with figures.style():
        figure, axes = figures.new(3.7, 2.9)
        drawn = outputs_drawn(item)
        for order, output in enumerate(drawn):
            name_of = classes[output] if classes else ""
            _draw(axes, item, output, order, name_of)
        _name_axes(axes, item, classes, target)
        axes.set_ylim(*limits)
        if len(drawn) > 1:
            axes.legend(title="class", ncols=len(drawn), loc="lower left", bbox_to_anchor=(0, 1))
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
    around = np.stack([mean - low, high - mean])[:, known:].clip(0)
    if len(x) > known:
        axes.errorbar(
            x[known:],
            mean[known:],
            yerr=around,
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


def _name_axes(axes: "Axes", item: Dependence, classes: Sequence[str], target: str) -> None:
    from matplotlib.ticker import PercentFormatter

    grid, x = item.grid, _axis(item.grid)
    is_numeric = grid.places is not None
    if is_numeric and len(x) <= SINGLE_VALUES and _are_apart(x):
        axes.set_xticks(x, grid.labels)
    elif is_numeric:
        _few_ticks(axes, x, grid.labels)
    else:
        slanted = max(map(len, grid.labels)) * len(grid.labels) > 36
        axes.set_xticks(x, [figures.label(text, 16) for text in grid.labels])
        axes.tick_params(axis="x", rotation=35 if slanted else 0)
        axes.set_xlim(-0.6, len(x) - 0.4)
    axes.set_xlabel(figures.label(grid.column, 40))
    if not classes:
        axes.set_ylabel(f"mean prediction of {figures.label(target, 20)}")
        return
    one = f" {figures.label(classes[1], 12)}" if len(classes) == 2 else "the class"
    axes.set_ylabel(f"mean probability of{' class' if len(classes) == 2 else ' '}{one}")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))


def _are_apart(x: np.ndarray) -> bool:
    """Whether labels at these places do not run into each other."""
    return bool(np.diff(np.sort(x)).min() > 0.07 * np.ptp(x))


def _few_ticks(axes: "Axes", x: np.ndarray, labels: Sequence[str]) -> None:
    """Labels of the ends, the middle and what else has room between them."""
    kept: list[int] = []
    for place in (0, len(x) - 1, len(x) // 2, *range(len(x))):
        if all(abs(x[place] - x[other]) > 0.16 * np.ptp(x) for other in kept):
            kept.append(place)
    axes.set_xticks(x[kept], [labels[place] for place in kept])


def caption(item: Dependence, classes: Sequence[str], target: str) -> str:
    """From where to where the prediction moves, and whether all folds say so."""
    output, labels = item.output, item.grid.labels
    mean = item.mean[:, output]
    low, high = int(mean.argmin()), int(mean.argmax())
    steps = item.curves[:, high, output] - item.curves[:, low, output]
    what = f"the mean probability of class {classes[output]}" if classes else f"mean {target}"
    told = _told([mean[low], mean[high], steps.mean(), steps.min(), steps.max()], bool(classes))
    folds = count(len(steps), "fold")
    moved = (
        f"{what[0].upper()}{what[1:]} is {told[0]} at {labels[low]} and {told[1]} at "
        f"{labels[high]}, other columns left as they are: {told[2]} more ({told[3]} to {told[4]} "
        f"over {folds})."
    )
    if steps.min() <= 0:
        return f"{moved} The folds do not agree on it: take it for none."
    return f"{moved} {_shape(item, mean)}".strip()


def _told(values: Sequence[float], is_share: bool) -> list[str]:
    """Two levels and three differences, with the unit of the one and of the other."""
    if not is_share:
        return page.alike(values)
    levels = [page.percent(value, 0) for value in values[:2]]
    points = page.alike([100 * value for value in values[2:]], 2)
    return [*levels, f"{points[0]} points", *points[1:]]


def _shape(item: Dependence, mean: np.ndarray) -> str:
    """How the curve runs, where its values have an order."""
    if item.grid.places is None or len(item.grid.places) < 3:
        return ""
    known = len(item.grid.places)
    steps = np.diff(item.curves[:, :known, item.output], axis=1)
    # a step is one where all folds agree on it, and where it is part of the picture
    large = np.abs(steps.mean(axis=0)) >= 0.05 * np.ptp(mean)
    rises = bool((large & (steps > 0).all(axis=0)).any())
    falls = bool((large & (steps < 0).all(axis=0)).any())
    if rises and falls:
        return "It turns on the way: a straight line would miss this."
    return f"It {'rises' if rises else 'falls'} all the way." if rises or falls else ""


def _alt(item: Dependence, classes: Sequence[str], target: str) -> str:
    """The curve's points in words, for those who do not see it."""
    output = item.output
    values = item.mean[:, output]
    told = [page.percent(value, 0) for value in values] if classes else page.alike(values.tolist())
    points = ", ".join(f"{a}: {b}" for a, b in zip(item.grid.labels, told, strict=True))
    what = f"probability of class {classes[output]}" if classes else target
    return f"Mean predicted {what} by {item.grid.column}. {points}."
