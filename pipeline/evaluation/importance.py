"""What the final blend leans on: permutation importance (Breiman 2001).

How much worse the score gets when one raw column is shuffled among rows that the models never saw.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline import figures
from pipeline.evaluation.leaderboard import NORMAL_95, in_sentence
from pipeline.exploration.findings import all_columns
from pipeline.exploration.related import most_related
from pipeline.folds import Fold
from pipeline.metrics import METRICS, Estimate, Metric
from pipeline.parallel import Map
from pipeline.predictor import Predictor

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 20  # columns in the figure
FEWEST_SHUFFLED = 5
SHUFFLED = 30  # columns at most: each costs as many predictions as any other
MOST_READ = 50_000  # columns times predictions
LEVELS, TENTHS = 12, 10  # a column's bins, where its relation to the target is taken


@dataclass(frozen=True)
class Shuffles:
    """What permutation importance does: `rows` in all, `repeats` shuffles a column and fold."""

    metric: str
    rows: int
    repeats: int
    seed: int


@dataclass(frozen=True)
class Importance:
    """How much worse the metric gets without a column: mean and standard error."""

    column: str
    loss: Estimate


def permutation_importance(
    predictor: Predictor, folds: Sequence[Fold], shuffles: Shuffles, parallel_map: Map
) -> list[Importance]:
    """The raw columns, the most important first; of many the SHUFFLED most related to the target.

    The standard error is taken over folds x repeats. Columns that say nearly the same stand in for
    each other, so that each of them looks less important than both are.
    """
    columns = shuffled_columns(predictor)
    first = affordable(folds, len(columns), len(predictor.columns))
    share = math.ceil(shuffles.rows / len(first))
    work = functools.partial(_fold_losses, predictor, columns, shuffles, share)
    losses = list(parallel_map(work, first))
    draws = np.concatenate(losses, axis=1)
    draws = draws[:, ~np.isnan(draws).any(axis=0)]
    if draws.shape[1] == 0:
        return []
    spread = draws.std(axis=1, ddof=1) if draws.shape[1] > 1 else np.zeros(len(draws))
    found = [
        Importance(column, Estimate(float(mean), float(error)))
        for column, mean, error in zip(
            columns, draws.mean(axis=1), spread / np.sqrt(draws.shape[1]), strict=True
        )
    ]
    return sorted(found, key=lambda importance: -importance.loss.score)


def affordable(folds: Sequence[Fold], asked: int, width: int) -> list[Fold]:
    """The folds of the first repeat, fewer where rows of `width` columns are dear to predict.

    `asked` predictions are made in each fold; the bound is a number of columns read in all, so that
    it is the same on every machine.
    """
    first = [fold for fold in folds if fold.repeat == 0]
    return first[: max(1, MOST_READ // max(1, asked * width))]


def shuffled_columns(predictor: Predictor) -> list[str]:
    """All columns, or the SHUFFLED that alone say most about the target, in their order.

    Of very many columns fewer: `MOST_READ` must allow for at least one fold.
    """
    columns = list(predictor.columns)
    if len(columns) <= SHUFFLED:
        return columns
    most = int(np.clip(MOST_READ // len(columns), FEWEST_SHUFFLED, SHUFFLED))
    frame, y = predictor.load.read_table("train", columns), predictor.load.read_array("y")
    classes = len(predictor.schema["classes"] or ())
    columns = [name for name, _ in most_related(frame, y, all_columns(predictor.schema), classes)]
    aims = np.eye(classes)[y] if classes else np.asarray(y)[:, np.newaxis]
    strengths = [explained(frame[column], aims) for column in columns]
    return [columns[place] for place in np.sort(np.argsort(strengths)[::-1][:most])]


def explained(values: "pd.Series", aims: np.ndarray) -> float:
    """Share of the variance of `aims` (n, k) between a column's levels or tenths, corrected.

    ε² = 1 - (1 - η²)(n - 1) / (n - bins) (Kelley 1935): 0 on average where there is no relation.
    """
    import pandas as pd

    is_binned = not pd.api.types.is_string_dtype(values) and values.nunique() > LEVELS
    binned = pd.qcut(values.rank(), TENTHS, duplicates="drop") if is_binned else values
    codes = pd.factorize(binned, use_na_sentinel=False)[0]
    rows = np.bincount(codes)
    if len(rows) == 1:
        return -math.inf  # to shuffle it changes nothing
    if len(rows) == len(codes):
        return 0.0
    centred = aims - aims.mean(axis=0)
    sums = np.stack([np.bincount(codes, weights=aim) for aim in centred.T])
    eta2 = float((sums**2 / rows).sum() / (centred**2).sum())
    return 1 - (1 - eta2) * (len(codes) - 1) / (len(codes) - len(rows))


def _fold_losses(
    predictor: Predictor, columns: Sequence[str], shuffles: Shuffles, share: int, fold: Fold
) -> np.ndarray:
    """Rise of the loss in one fold, (columns, repeats); NaN where the metric has no value."""
    metric, rng = METRICS[shuffles.metric], np.random.default_rng([shuffles.seed, fold.number])
    rows = np.sort(rng.permutation(fold.valid)[:share])
    y = predictor.load.read_array("y")[rows]
    frame = predictor.load.read_table("train", predictor.columns).iloc[rows]
    base = metric.loss(y, predictor.predict_fold(frame, fold.name))
    exchange = predictor.exchanging(frame, fold.name)
    copies = np.tile(np.arange(len(rows)), shuffles.repeats)
    rise = np.empty((len(columns), shuffles.repeats))
    for place, column in enumerate(columns):
        orders = [rng.permutation(len(rows)) for _ in range(shuffles.repeats)]
        predictions = exchange.predict(copies, column, np.concatenate(orders))
        parts = np.split(predictions, shuffles.repeats)
        rise[place] = [metric.loss(y, part) - base for part in parts]
    return rise


def importance_plot(found: Sequence[Importance], metric: Metric, columns: int) -> figures.Draft:
    """The leading columns as bars with 95% intervals; `columns`: how many there are in all."""
    shown, label = found[:SHOWN], in_sentence(metric)
    change = "lost" if metric.greater_is_better else "added"
    with figures.style():
        figure, axes = figures.new(5.2, 0.9 + 0.23 * len(shown))
        axes.barh(
            range(len(shown)),
            [item.loss.score for item in shown],
            xerr=[NORMAL_95 * item.loss.standard_error for item in shown],
            color=figures.BLUE,
            ecolor=figures.INK,
            error_kw={"elinewidth": 1},
        )
        axes.set_yticks(range(len(shown)), figures.labels([item.column for item in shown], 34))
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlabel(f"{label} {change} when the column is shuffled")
        return figures.Draft(
            figure,
            name="importance",
            title="What the blend leans on",
            caption=f"{_importance_caption(found, label)}{_left_out(len(found), columns)}",
            alt=f"Permutation importance of {len(shown)} columns with 95% intervals.",
        )


def _left_out(shuffled: int, columns: int) -> str:
    if shuffled == columns:
        return ""
    chosen = f"the {shuffled} that alone say most about the target"
    return f" Of {columns:,} columns {chosen} were shuffled."


def _importance_caption(found: Sequence[Importance], label: str) -> str:
    clear = [item for item in found if item.loss.score > NORMAL_95 * item.loss.standard_error]
    if not clear:
        return f"No single column costs more {label} than noise when it is shuffled."
    leading = ", ".join(item.column for item in clear[:3])
    hidden = f" The {SHOWN} leading columns are drawn." if len(found) > SHOWN else ""
    return (
        f"{len(clear)} of {len(found)} columns matter beyond noise; the blend leans most on "
        f"{leading}. Columns that say nearly the same stand in for each other and look less "
        f"important than they are.{hidden}"
    )
