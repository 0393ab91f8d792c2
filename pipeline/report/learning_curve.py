"""Would more rows help? Each member fitted on growing shares of the training rows of two folds.

The full size costs nothing: it is the out-of-fold prediction that training left behind.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline import figures
from pipeline.answers import aggregated, train_groups
from pipeline.estimates import NORMAL_95, interval, with_interval
from pipeline.fits import Fits
from pipeline.folds import Fold
from pipeline.member import Member
from pipeline.metrics import METRICS, Estimate, Metric, estimate, paired_difference
from pipeline.parallel import Distributed
from pipeline.plan import MANY_ROWS, trees_a_round
from pipeline.report.evidence import Evidence

if TYPE_CHECKING:
    from pipeline.cluster.requests import Asked
    from pipeline.training import Trained

TITLE = "Learning curves"
FOLDS = 2  # of the first repeat: the curve's shape shows, at 40% of the cost of five
MOST_ROWS = 20_000  # larger shares are left out; the full size needs no fit
MOST_CELLS = 5_000_000  # rows times columns, times classes of more than two; larger are left out
SMALLEST = 20  # rows


@dataclass(frozen=True)
class Curve:
    """One member's scores on the validation rows of the folds, by number of training rows.

    `last_step` is the paired difference of the last score to the one before it, None where there is
    only one size.
    """

    model: str
    rows: tuple[int, ...]
    points: tuple[Estimate, ...]
    last_step: Estimate | None


@dataclass(frozen=True)
class LearningCurves:
    """One a member, of the same sizes."""

    curves: tuple[Curve, ...]

    def best(self, metric: Metric) -> Curve:
        """That of the member with the best score at the full size."""
        return max(self.curves, key=lambda curve: metric.sign * curve.points[-1].score)


def compute(evidence: Evidence) -> LearningCurves | None:
    """Over the first folds of the first repeat; None where nothing was fitted."""
    settings, folds = evidence.settings, evidence.split.repeat(0)[:FOLDS]
    full = min(len(fold.train) for fold in folds)
    drawn = _drawn(evidence)
    members = [trained.member for trained in drawn.values()]
    if not members:
        return None
    width = max(
        len(evidence.fits.fitted(member, folds[0]).encoder.names(member.view)) for member in members
    )
    smaller = smaller_sizes(full, settings.learning_curve)
    trees = trees_a_round(len(evidence.classes))
    sizes = tuple(size for size in smaller if size * width * trees <= MOST_CELLS)
    found = _predictions(evidence, drawn, folds, sizes)
    for name, trained in drawn.items():
        found[name, full] = [trained.oof[0][fold.valid] for fold in folds]
    sizes = (*sizes, full)
    pooled = [
        (name, [np.concatenate(_answers(evidence, folds, found[name, size])) for size in sizes])
        for name in drawn
    ]
    rows = np.concatenate(_answers(evidence, folds, [fold.valid for fold in folds]))
    clusters = evidence.split.clusters
    alike = None if clusters is None else clusters[rows]
    work = functools.partial(
        _curve, evidence.metric.name, settings.seed, (evidence.y[rows], alike), sizes
    )
    return LearningCurves(tuple(evidence.map(work, pooled)))


def _drawn(evidence: Evidence) -> "dict[str, Trained]":
    """The models that have a curve: all, or of many rows those of the blend, because every fit also
    predicts the validation rows of its fold."""
    fitted = evidence.fitted
    if len(evidence.y) <= MANY_ROWS:
        return fitted
    used = {name: each for name, each in fitted.items() if name in evidence.blend.blend.needed}
    return used or fitted


def _answers(
    evidence: Evidence, folds: Sequence[Fold], found: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """What is found of each fold's validation rows, (n_valid, ...): of those that are scored."""
    answers = evidence.split.answers
    if answers is None:
        return list(found)
    pairs = zip(folds, found, strict=True)
    return [each[np.isin(fold.valid, answers)] for fold, each in pairs]


def _predictions(
    evidence: Evidence, models: Iterable[str], folds: Sequence[Fold], sizes: Sequence[int]
) -> dict[tuple[str, int], list[np.ndarray]]:
    """By member and size, predictions of each fold's validation rows by fits on so many rows; of
    groups that have one answer, the group's, as out-of-fold predictions are."""
    # the longest first, so that no process is left alone with it at the end
    named = [(name, size) for size in reversed(sizes) for name in models]
    orders = [_order(evidence, fold) for fold in folds]
    tasks = [
        (evidence.train[name].member, fold, np.sort(order[:size]))
        for name, size in named
        for fold, order in zip(folds, orders, strict=True)
    ]
    given = evidence.fits
    work = Distributed(functools.partial(_validate, given), functools.partial(_ask, given))
    found = list(evidence.map(work, tasks))
    groups, how = train_groups(evidence.load), evidence.problem.form.aggregate
    if groups is not None:
        pairs = zip(found, tasks, strict=True)
        found = [aggregated(each, groups[fold.valid], how) for each, (_, fold, _) in pairs]
    return {each: found[place * len(folds) :][: len(folds)] for place, each in enumerate(named)}


def _ask(fits: Fits, task: tuple[Member, Fold, np.ndarray]) -> "Asked":
    return fits.ask(*task)


def smaller_sizes(full: int, shares: Sequence[float]) -> tuple[int, ...]:
    """Numbers of training rows to fit on, ascending, below the full size."""
    sizes = {max(SMALLEST, min(MOST_ROWS, round(share * full))) for share in shares if share < 1}
    return tuple(sorted(size for size in sizes if size < full))


def _order(evidence: Evidence, fold: Fold) -> np.ndarray:
    """The fold's training rows in one order: every member sees the same rows, and a larger size
    keeps those of a smaller one."""
    y = evidence.y[fold.train]
    rng = np.random.default_rng([evidence.settings.seed, fold.number])
    return fold.train[nested_order(len(y), y if evidence.classes else None, rng)]


def nested_order(n: int, classes: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Row numbers 0..n-1 in an order whose every beginning is a stratified sample.

    Row i of a class with m rows, in random order, gets the place (i + 1/2) / m; rows are sorted by
    place. Two rows of every class come first, so that no class is missing from a small share.
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


def _validate(fits: Fits, task: tuple[Member, Fold, np.ndarray]) -> np.ndarray:
    """Predictions of a fold's validation rows by a fit on these of its training rows."""
    return fits.validate(*task)


def _curve(
    metric_name: str,
    seed: int,
    rows: tuple[np.ndarray, np.ndarray | None],
    sizes: tuple[int, ...],
    named: tuple[str, list[np.ndarray]],
) -> Curve:
    """rows = (their targets (n,), numbers of those that err alike (n,) or None)."""
    (name, predictions), (y, clusters), metric = named, rows, METRICS[metric_name]
    points = tuple(estimate(metric, y, each, seed, clusters) for each in predictions)
    step = None
    if len(predictions) > 1:
        step = paired_difference(metric, y, predictions[-1], predictions[-2], seed, clusters)
    return Curve(name, sizes, points, step)


# -- the page --------------------------------------------------------------------------------------


def conclusion(curves: LearningCurves, metric: Metric) -> str:
    """Whether the best model still gains from rows, by the interval of its last step."""
    best = curves.best(metric)
    step = best.last_step
    if step is None:
        return (
            f"There is no curve: too few rows, only {best.rows[-1]:,} to train on, or "
            f"more than {MOST_CELLS:,} cells to fit again at smaller sizes."
        )
    low, high = sorted(metric.sign * bound for bound in interval(step))
    change = (
        f"from {best.rows[-2]:,} to {best.rows[-1]:,} training rows the {metric.in_sentence} of "
        f"{best.model} changed by {with_interval(step)} (95% interval)"
    )
    if low > 0:
        return f"More rows would help: {change}; the curve is not flat yet."
    if high < 0:
        return f"More rows made it worse: {change}. Look at the data's order and at the settings."
    return f"It is not clear whether more rows would help: {change}, which is within noise."


def plots(curves: LearningCurves, evidence: Evidence) -> list[figures.Draft]:
    are_all = len(curves.curves) == len(evidence.fitted)
    remark = "" if are_all else f" Of more than {MANY_ROWS:,} rows, only the models of the blend."
    return [curve_plot(curves, evidence.metric, evidence.colours, remark)]


def curve_plot(
    curves: LearningCurves, metric: Metric, colours: Mapping[str, str], remark: str = ""
) -> figures.Draft:
    """Score against training rows, a line a model in its colour, with 95% intervals."""
    figure, axes = figures.new(5.2, 3.6)
    for place, curve in enumerate(curves.curves):
        # side by side, so that no interval hides another
        rows = np.array(curve.rows) * (1 + 0.02 * (place - (len(curves.curves) - 1) / 2))
        axes.errorbar(
            rows,
            [point.score for point in curve.points],
            yerr=[NORMAL_95 * point.standard_error for point in curve.points],
            fmt="o-",
            ms=4,
            elinewidth=0.8,
            color=colours[curve.model],
            label=curve.model,
        )
    axes.set_xscale("log")
    sizes = curves.curves[0].rows
    texts = [f"{size:,}" for size in sizes]
    shown = figures.uncrowded(np.log(sizes), texts)
    axes.set_xticks([sizes[i] for i in shown], [texts[i] for i in shown])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("training rows")
    axes.set_ylabel(metric.label)
    figures.legend_above(axes)
    return figures.Draft(
        figure,
        name="learning-curves",
        title="Learning curves",
        caption=f"{conclusion(curves, metric)} Vertical lines are 95% intervals of single scores; "
        f"the conclusion compares the predictions row by row, which has less noise.{remark}",
        alt=f"{metric.label} by number of training rows, a line a model.",
    )
