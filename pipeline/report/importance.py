"""Which columns the blend depends on: permutation importance (Breiman 2001).

How much worse the score gets when one raw column is shuffled among rows that the models never saw.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline import figures
from pipeline.answers import answer_rows, train_groups
from pipeline.changed_rows import Change, Changes
from pipeline.estimates import NORMAL_95
from pipeline.exploration.strength import most_related
from pipeline.folds import Fold
from pipeline.metrics import METRICS, Estimate
from pipeline.predictor import Predictor
from pipeline.report.evidence import MOST_READ, Evidence
from pipeline.stage_settings import EvaluateStage

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Feature importance"
SHOWN = 20  # columns in the figure
FEWEST_SHUFFLED, MOST_SHUFFLED = 5, 30  # columns: each costs as many predictions as any other


@dataclass(frozen=True)
class Importance:
    """How much worse the metric gets without a column: mean and standard error."""

    column: str
    loss: Estimate

    @property
    def is_clear(self) -> bool:
        return self.loss.score > NORMAL_95 * self.loss.standard_error


@dataclass(frozen=True)
class Shown:
    """Rows of a fold in which columns are shuffled: their features, as they are and after each
    column's turn, targets (n,), and where groups have one answer their numbers (n,)."""

    fold: Fold
    frame: "pd.DataFrame"
    changes: Changes
    y: np.ndarray
    groups: np.ndarray | None = None


@dataclass(frozen=True)
class Importances:
    """The columns that were shuffled, the most important first, of `columns` in all."""

    found: tuple[Importance, ...]
    columns: int


def compute(evidence: Evidence) -> Importances | None:
    """The standard error is taken over folds x repeats; None where the metric has no value."""
    settings, names = evidence.settings, shuffled_columns(evidence)
    if not settings.importance_rows or evidence.predictor is None:
        return None
    folds = evidence.affordable(len(names))
    share = math.ceil(evidence.fewer(settings.importance_rows) / len(folds))
    answered = train_groups(evidence.load)
    drawn = [_sample(evidence, fold, share, answered) for fold in folds]
    tasks = [
        Shown(
            fold,
            frame,
            _shuffled(fold, rows, names, settings),
            evidence.y[rows],
            None if answered is None else np.unique(answered[rows], return_inverse=True)[1],
        )
        for fold, rows, frame in zip(folds, drawn, evidence.frames(drawn), strict=True)
    ]
    evidence.send([(task.fold, task.changes) for task in tasks])
    repeats = settings.importance_repeats
    work = functools.partial(_losses, evidence.predictor, evidence.metric.name, repeats)
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
    found.sort(key=lambda item: -item.loss.score)
    return Importances(tuple(found), len(evidence.problem.features))


def _sample(evidence: Evidence, fold: Fold, share: int, answered: np.ndarray | None) -> np.ndarray:
    """So many of the rows that a fold validates; of groups that have one answer whole ones."""
    rows = evidence.sample(fold, share)
    if answered is None:
        return rows
    own = answered[fold.valid]
    chosen = np.unique(answered[rows])
    sizes = np.bincount(own, minlength=int(own.max()) + 1)[chosen]
    return fold.valid[np.isin(own, chosen[: max(1, np.searchsorted(sizes.cumsum(), share))])]


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


def _shuffled(
    fold: Fold, rows: np.ndarray, names: Sequence[str], settings: EvaluateStage
) -> Changes:
    """The rows as they are, then repeats of them with each of the columns shuffled."""
    rng = np.random.default_rng([settings.seed, fold.number, 1])
    places, repeats = np.arange(len(rows)), settings.importance_repeats
    copies, changes = np.tile(places, repeats), [Change(None, places, places)]
    for name in names:
        orders = np.concatenate([rng.permutation(len(rows)) for _ in range(repeats)])
        changes.append(Change(name, copies, orders))
    return Changes(rows, tuple(changes))


def _losses(predictor: Predictor, metric_name: str, repeats: int, shown: Shown) -> np.ndarray:
    """Rise of the loss on rows of one fold, (columns, repeats); NaN where the metric has no
    value."""
    metric, changes = METRICS[metric_name], shown.changes.changes
    places, groups = np.arange(len(shown.y)), None
    if shown.groups is not None:
        places = answer_rows(shown.groups)
        each = shown.groups.max() + 1
        copies = np.concatenate([shown.groups + each * copy for copy in range(repeats)])
        groups = [shown.groups, *[copies] * (len(changes) - 1)]
    y = shown.y[places]
    plain, *shuffled = predictor.predict_changed(shown.frame, shown.fold, shown.changes, groups)
    base = metric.loss(y, plain[places])
    rise = [
        [metric.loss(y, part[places]) - base for part in np.split(each, repeats)]
        for each in shuffled
    ]
    return np.array(rise).reshape(len(shuffled), repeats)


def plots(importances: Importances, evidence: Evidence) -> list[figures.Draft]:
    shown, metric = importances.found[:SHOWN], evidence.metric.in_sentence
    change = "lost" if evidence.metric.greater_is_better else "added"
    figure, axes = figures.new(5.2, 0.9 + 0.23 * len(shown))
    axes.barh(
        range(len(shown)),
        [item.loss.score for item in shown],
        xerr=[NORMAL_95 * item.loss.standard_error for item in shown],
        color=figures.BLUE,
        ecolor=figures.INK,
        error_kw={"elinewidth": 1},
    )
    figures.name_rows(axes, [item.column for item in shown], 34)
    axes.set_xlabel(f"{metric} {change} when the column is shuffled")
    draft = figures.Draft(
        figure,
        name="importance",
        title="Permutation importance",
        caption=caption(importances, metric) + evidence.without_foreign,
        alt=f"Permutation importance of {len(shown)} columns with 95% intervals.",
    )
    return [draft]


def caption(importances: Importances, metric: str) -> str:
    """What the blend depends on; `metric` as in a sentence."""
    found, columns = importances.found, importances.columns
    left_out = (
        f" Of {columns:,} columns the {len(found)} that alone are most related to the target were "
        "shuffled."
    ) * (len(found) < columns)
    clear = [item.column for item in found if item.is_clear]
    if not clear:
        return (
            f"No single column changes the {metric} by more than noise when it is shuffled."
            f"{left_out}"
        )
    hidden = f" The first {SHOWN} are drawn." * (len(found) > SHOWN)
    return (
        f"{len(clear)} of {len(found)} columns matter beyond noise; the blend depends most on "
        f"{', '.join(clear[:3])}. Columns with nearly the same content can replace each other, so "
        f"that each looks less important than it is. Lines are 95% intervals.{hidden}{left_out}"
    )
