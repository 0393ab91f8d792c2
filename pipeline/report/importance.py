"""Which columns the blend depends on: permutation importance (Breiman 2001).

How much worse the score gets when one raw column is shuffled among rows that the models never saw.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline import figures, page
from pipeline.estimates import NORMAL_95
from pipeline.exploration.strength import most_related
from pipeline.folds import Fold
from pipeline.metrics import METRICS, Estimate
from pipeline.predictor import Predictor
from pipeline.report.evidence import Evidence

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Important columns"
SHOWN = 20  # columns in the figure
FEWEST_SHUFFLED, MOST_SHUFFLED = 5, 30  # columns: each costs as many predictions as any other
MOST_READ = 50_000  # columns times predictions


@dataclass(frozen=True)
class Importance:
    """How much worse the metric gets without a column: mean and standard error."""

    column: str
    loss: Estimate

    @property
    def is_clear(self) -> bool:
        return self.loss.score > NORMAL_95 * self.loss.standard_error


@dataclass(frozen=True)
class Importances:
    """The columns that were shuffled, the most important first, of `columns` in all."""

    found: tuple[Importance, ...]
    columns: int


def compute(evidence: Evidence) -> Importances | None:
    """The standard error is taken over folds x repeats.

    Columns with nearly the same content replace each other, so that each looks less important.
    """
    settings, names = evidence.settings, shuffled_columns(evidence)
    if not settings.importance_rows:
        return None
    width = len(evidence.problem.features)
    folds = affordable(evidence.split.repeat(0), len(names), width)
    share = math.ceil(settings.importance_rows / len(folds))
    tasks = [_sample(evidence, fold, share) for fold in folds]
    work = functools.partial(
        _losses, evidence.predictor, evidence.metric.name, names, settings.importance_repeats
    )
    draws = np.concatenate(list(evidence.map(work, tasks)), axis=1)
    draws = draws[:, ~np.isnan(draws).any(axis=0)]
    if draws.shape[1] == 0:
        return None
    spread = draws.std(axis=1, ddof=1) if draws.shape[1] > 1 else np.zeros(len(draws))
    errors = spread / np.sqrt(draws.shape[1])
    found = [
        Importance(name, Estimate(float(mean), float(error)))
        for name, mean, error in zip(names, draws.mean(axis=1), errors, strict=True)
    ]
    return Importances(tuple(sorted(found, key=lambda item: -item.loss.score)), width)


def affordable(folds: Sequence[Fold], predictions: int, width: int) -> list[Fold]:
    """These folds, or fewer where rows of `width` columns take long to predict.

    `predictions` are made in each fold; the bound is a number of columns read in all, so that it is
    the same on every machine.
    """
    return list(folds[: max(1, MOST_READ // max(1, predictions * width))])


def shuffled_columns(evidence: Evidence) -> list[str]:
    """All columns, or those that alone are most related to the target, in their order.

    Of very many columns fewer: `MOST_READ` must allow for at least one fold.
    """
    features = evidence.problem.features
    if len(features) <= MOST_SHUFFLED:
        return evidence.problem.names
    most = int(np.clip(MOST_READ // len(features), FEWEST_SHUFFLED, MOST_SHUFFLED))
    classes = len(evidence.classes)
    chosen = most_related(evidence.load.train, evidence.y, features, classes, most)
    return [feature.name for feature in chosen]


@dataclass(frozen=True)
class _Sample:
    """Rows that a fold validates, and their targets."""

    fold: Fold
    frame: "pd.DataFrame"
    y: np.ndarray
    seed: int


def _sample(evidence: Evidence, fold: Fold, rows: int) -> _Sample:
    seed = evidence.settings.seed
    rng = np.random.default_rng([seed, fold.number])
    drawn = np.sort(rng.permutation(fold.valid)[:rows])
    frame = evidence.load.train[evidence.problem.names].iloc[drawn]
    return _Sample(fold, frame, evidence.y[drawn], seed)


def _losses(
    predictor: Predictor, metric_name: str, names: Sequence[str], repeats: int, sample: _Sample
) -> np.ndarray:
    """Rise of the loss in one fold, (columns, repeats); NaN where the metric has no value."""
    metric, fold, y = METRICS[metric_name], sample.fold, sample.y
    rng = np.random.default_rng([sample.seed, fold.number, 1])
    base = metric.loss(y, predictor.predict_fold(sample.frame, fold))
    exchange = predictor.exchanging(sample.frame, fold)
    copies = np.tile(np.arange(len(y)), repeats)
    rise = np.empty((len(names), repeats))
    for place, name in enumerate(names):
        orders = np.concatenate([rng.permutation(len(y)) for _ in range(repeats)])
        parts = np.split(exchange.predict(copies, name, orders), repeats)
        rise[place] = [metric.loss(y, part) - base for part in parts]
    return rise


# -- the page --------------------------------------------------------------------------------------


def plots(importances: Importances, evidence: Evidence) -> list[figures.Draft]:
    metric = evidence.metric
    shown, label = importances.found[:SHOWN], metric.in_sentence
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
        draft = figures.Draft(
            figure,
            name="importance",
            title="Permutation importance",
            caption=caption(importances, label),
            alt=f"Permutation importance of {len(shown)} columns with 95% intervals.",
        )
        return [draft]


def caption(importances: Importances, label: str) -> str:
    found, columns = importances.found, importances.columns
    left_out = (
        f" Of {columns:,} columns the {len(found)} that alone are most related to the target were "
        "shuffled."
    ) * (len(found) < columns)
    clear = [item for item in found if item.is_clear]
    if not clear:
        return f"No single column changes {label} by more than noise when it is shuffled.{left_out}"
    hidden = f" The first {SHOWN} are drawn." if len(found) > SHOWN else ""
    return (
        f"{len(clear)} of {len(found)} columns matter beyond noise; the blend depends most on "
        f"{', '.join(item.column for item in clear[:3])}. Columns with nearly the same content "
        "can replace each other, so that each looks less important than it is."
        f"{hidden}{left_out}"
    )


def render(
    importances: Importances, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    return list(plots.values())
