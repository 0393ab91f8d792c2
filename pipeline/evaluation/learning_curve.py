"""Would more rows help? Each model refitted on growing shares of the training rows of two folds.

The full-size point costs nothing: it is the out-of-fold prediction that training left behind. The
smaller ones use the fold's matrices as they are, so that their encoder has seen all of the fold's
training rows: the curve shows what the model gains from rows, not what the encoder gains.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline import figures, models
from pipeline.artifacts import Folder
from pipeline.evaluation.leaderboard import NORMAL_95, in_sentence, interval, with_interval
from pipeline.folds import Fold, read_view
from pipeline.metrics import METRICS, Estimate, Metric, estimate, paired_difference
from pipeline.parallel import Map

FOLDS = 2  # of the first repeat: the curve's shape shows, at 40% of the cost of five
REFIT_ROWS = 20_000  # larger shares are left out; the full size needs no refit
REFIT_CELLS = 5_000_000  # rows times dense columns; larger shares are left out as well
SMALLEST = 20  # rows


@dataclass(frozen=True)
class Curve:
    """One model's scores on the validation rows of the folds, by number of training rows.

    `last_step` is the paired difference of the last score to the one before it, None where there is
    only one size.
    """

    model: str
    rows: tuple[int, ...]
    points: tuple[Estimate, ...]
    last_step: Estimate | None

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "rows": list(self.rows),
            "scores": [_known(point.score) for point in self.points],
            "standard_errors": [_known(point.standard_error) for point in self.points],
        }


def _known(value: float) -> float | None:
    """JSON has no NaN, which is ROC AUC where the validation rows lack a class."""
    return value if np.isfinite(value) else None


@dataclass(frozen=True)
class Refits:
    """What the refits read: the folders of earlier stages and the competition's metric by name."""

    load: Folder
    encode: Folder
    train: Folder
    metric: str
    seed: int


@dataclass(frozen=True)
class _Fit:
    model: str
    fold: Fold
    rows: int


def learning_curves(
    refits: Refits,
    names: Sequence[str],
    folds: Sequence[Fold],
    shares: Sequence[float],
    parallel_map: Map,
) -> list[Curve]:
    """One curve a model, over the first folds of the first repeat."""
    chosen = [fold for fold in folds if fold.repeat == 0][:FOLDS]
    full = min(len(fold.train) for fold in chosen)
    width = read_view(refits.encode, chosen[0], "dense").train.shape[1]
    refitted = tuple(n for n in refit_sizes(full, shares) if n * width <= REFIT_CELLS)
    # the longest first, so that no process is left alone with it at the end
    fits = [_Fit(name, fold, n) for n in reversed(refitted) for name in names for fold in chosen]
    predictions = parallel_map(functools.partial(_validate, refits), fits)
    found = {
        (fit.model, fit.rows, fit.fold.name): p for fit, p in zip(fits, predictions, strict=True)
    }
    for name in names:
        out_of_fold = refits.train.folder(name).read_array("oof")[0]
        found |= {(name, full, fold.name): out_of_fold[fold.valid] for fold in chosen}
    rows = np.concatenate([fold.valid for fold in chosen])
    y = np.asarray(refits.load.read_array("y"))[rows]
    sizes = (*refitted, full)
    pooled = [
        (
            name,
            [np.concatenate([found[name, size, fold.name] for fold in chosen]) for size in sizes],
        )
        for name in names
    ]
    return list(parallel_map(functools.partial(_curve, refits, y, sizes), pooled))


def refit_sizes(full: int, shares: Sequence[float]) -> tuple[int, ...]:
    """Numbers of training rows to refit on, ascending, below the full size."""
    sizes = {max(SMALLEST, min(REFIT_ROWS, round(share * full))) for share in shares if share < 1}
    return tuple(sorted(size for size in sizes if size < full))


def _validate(refits: Refits, fit: _Fit) -> np.ndarray:
    """Fit on some of the fold's training rows, predict all of its validation rows, (n_valid, k)."""
    view = read_view(refits.encode, fit.fold, models.module(fit.model).VIEW)
    schema = refits.load.read_json("schema")
    y = refits.load.read_array("y")[fit.fold.train]
    classes = y if schema["task"] != "regression" else None
    # one order a fold: every model meets the same rows, and a larger size keeps those of a smaller
    rng = np.random.default_rng([refits.seed, fit.fold.number])
    rows = np.sort(nested_order(len(y), classes, rng)[: fit.rows])
    settings = refits.train.folder(fit.model).read_json("settings")
    problem = models.describe(schema, view.columns, view.categorical, refits.metric)
    model = models.build(fit.model, settings, problem)
    model.fit(view.train[rows], y[rows])
    return model.predict(view.valid)


def nested_order(n: int, classes: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Row numbers 0..n-1 in an order whose every beginning is a stratified sample.

    Row i of a class with m rows, in random order, gets the place (i + 1/2) / m; rows are sorted by
    place. Two rows of every class lead, so that no class is missing from a small share.
    """
    shuffled = rng.permutation(n)
    if classes is None:
        return shuffled
    place = np.empty(n)
    for label in np.unique(classes):
        members = shuffled[classes[shuffled] == label]
        rank = np.arange(len(members))
        place[members] = np.where(rank < 2, rank - 2.0, (rank + 0.5) / len(members))
    return np.argsort(place, kind="stable")


def _curve(
    refits: Refits, y: np.ndarray, sizes: tuple[int, ...], named: tuple[str, list[np.ndarray]]
) -> Curve:
    name, predictions = named
    metric = METRICS[refits.metric]
    points = tuple(estimate(metric, y, prediction, refits.seed) for prediction in predictions)
    if len(predictions) < 2:
        return Curve(name, sizes, points, None)
    step = paired_difference(metric, y, predictions[-1], predictions[-2], refits.seed)
    return Curve(name, sizes, points, step)


def conclusion(curves: Sequence[Curve], metric: Metric) -> str:
    """Whether the best model still gains from rows, by the interval of its last step."""
    best = min(curves, key=lambda curve: -_sign(metric) * curve.points[-1].score)
    step = best.last_step
    if step is None:
        return (
            f"There is no curve: too few rows, only {best.rows[-1]:,} to train on, or so many "
            f"columns that smaller sizes have more than {REFIT_CELLS:,} cells to fit again."
        )
    low, high = sorted(_sign(metric) * bound for bound in interval(step))
    change = (
        f"from {best.rows[-2]:,} to {best.rows[-1]:,} training rows {best.model}'s "
        f"{in_sentence(metric)} changed by {with_interval(step)} (95% interval)"
    )
    if low > 0:
        return f"More rows would help: {change}; the curve is not flat yet."
    if high < 0:
        return f"More rows made it worse: {change}. Look at the data's order and at the settings."
    return f"More rows would help little, if at all: {change}, which is within noise."


def _sign(metric: Metric) -> int:
    return 1 if metric.greater_is_better else -1


def curve_plot(
    curves: Sequence[Curve], metric: Metric, colours: Mapping[str, str]
) -> figures.Draft:
    """Score against training rows, a line a model in its colour, with 95% intervals."""
    with figures.style():
        figure, axes = figures.new(5.2, 3.6)
        for place, curve in enumerate(curves):
            # side by side, so that no interval hides another
            rows = np.array(curve.rows) * (1 + 0.02 * (place - (len(curves) - 1) / 2))
            scores = [point.score for point in curve.points]
            halves = [NORMAL_95 * point.standard_error for point in curve.points]
            style: dict[str, Any] = {"color": colours[curve.model], "label": curve.model}
            axes.errorbar(rows, scores, yerr=halves, fmt="o-", ms=4, elinewidth=0.8, **style)
        axes.set_xscale("log")
        sizes = curves[0].rows
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("training rows")
        axes.set_ylabel(metric.label)
        axes.legend()
        return figures.Draft(
            figure,
            name="learning-curves",
            title="Learning curves",
            caption=f"{conclusion(curves, metric)} Bars are 95% intervals of single scores; "
            "the conclusion compares row by row, which is sharper.",
            alt=f"{metric.label} of each model by number of training rows.",
        )
