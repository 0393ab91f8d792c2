"""The mean over several targets: its score, its standard error, and what is known of all blends.

Each target is a competition of its own: its own task, metric, models and blend. What counts is the
mean of their scores. Where greater is better for some targets and worse for others, it is the mean
of losses: 1 - accuracy beside RMSE. An organiser's own metric may score all targets at once instead
(`over_targets`). With one target everything here is that target's own.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np

from pipeline.blending import Blended, Expected
from pipeline.errors import DataError, SettingsError
from pipeline.estimates import interval, with_interval
from pipeline.expectation import WIDER
from pipeline.metrics import (
    METRICS,
    Estimate,
    Metric,
    clustering,
    estimate,
    get_metric,
    paired_difference,
    row_losses,
)
from pipeline.metrics.own import PREFIX, simulated, tried_rows
from pipeline.metrics.uncertainty import drawn_rows, spread_on_all
from pipeline.problem import Loaded
from pipeline.training import CutShort
from pipeline.wording import count

T = TypeVar("T")
DRAWS = 200  # of the bootstrap
SAME = Estimate(0.0, 0.0)  # the difference of predictions that are the same
LONGEST_FOLDER = 40  # letters
LOSS = Metric(
    "mean_loss",
    "Mean loss",
    needs="values",
    loss_for_models="squared_error",
    formula="mean of 1 - score or of the loss",
    lowest=-math.inf,
)


class ByTarget(dict[str, T]):
    """Values of one stage by target, in the order of the TOML; of one target under the name ""."""


# -- the metric ------------------------------------------------------------------------------------


def metrics_of(load: Mapping[str, Loaded], blend: Mapping[str, Blended]) -> dict[str, Metric]:
    """The metric of each target."""
    return {name: get_metric(blend[name].metric, load[name].problem.task) for name in load}


def mean_metric(metrics: Sequence[Metric], over: str | None = None) -> Metric:
    """What the mean of these metrics' scores is called, and whether greater is better; or the
    metric of this name, which scores all targets at once.

    A mean is for its label and its bounds: targets are scored by their own metrics.
    """
    if over is not None:
        return METRICS[over]
    first, number = metrics[0], count(len(metrics), "target")
    if len(metrics) == 1:
        return first
    if all(metric.name == first.name for metric in metrics):
        return replace(first, label=f"Mean {first.in_sentence} of {number}", unit="")
    if is_of_losses(metrics):
        return replace(LOSS, label=f"{LOSS.label} of {number}")
    names = " and ".join(dict.fromkeys(metric.in_sentence for metric in metrics))
    low, high = min(m.lowest for m in metrics), max(m.highest for m in metrics)
    mean = replace(first, name="mean", label=f"Mean of {names} over {number}", unit="")
    return replace(mean, lowest=low, highest=high)


def is_of_losses(metrics: Sequence[Metric]) -> bool:
    """Whether greater is better for some, and worse for others."""
    return len({metric.greater_is_better for metric in metrics}) > 1


def mean_score(metrics: Sequence[Metric], scores: Sequence[float]) -> float:
    """The mean of the targets' scores; of their losses, where their metrics point two ways."""
    if len(scores) == 1:
        return scores[0]
    if is_of_losses(metrics):
        scores = [_loss(*pair) for pair in zip(metrics, scores, strict=True)]
    return float(np.mean(scores))


def _loss(metric: Metric, score: float) -> float:
    """1 - accuracy, -R² of a metric without bound, RMSE itself."""
    if not metric.greater_is_better:
        return score
    return (metric.highest if math.isfinite(metric.highest) else 0.0) - score


# -- its standard error ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Scored:
    """One target's validated rows: y (n,), predictions (n, k), and the metric.

    `rows` (n,) are their numbers in the training file; None where these are not known, as rows
    without a target were left out. `clusters` (n,) number those that err alike; `labels` (k,) are
    what codes of classes stand for.
    """

    metric: Metric
    y: np.ndarray
    prediction: np.ndarray
    rows: np.ndarray | None
    clusters: np.ndarray | None = None
    labels: np.ndarray | None = None

    @property
    def estimate(self) -> Estimate:
        return estimate(self.metric, self.y, self.prediction, clusters=self.clusters)

    def difference(self, other: "Scored") -> Estimate:
        """This prediction's score minus another one's of the same rows."""
        return paired_difference(
            self.metric, self.y, self.prediction, other.prediction, clusters=self.clusters
        )


def scored(
    load: Loaded,
    metric: Metric,
    oof: np.ndarray,
    valid: np.ndarray,
    clusters: np.ndarray | None = None,
) -> Scored:
    """The rows of these numbers (v,) of out-of-fold predictions (n, k)."""
    rows = valid if has_all_rows(load) else None
    target = metric.target(load)[valid]
    return Scored(metric, target, oof[valid], rows, clusters, load.problem.labels)


def has_all_rows(load: Loaded) -> bool:
    """Whether no row of the training file was left out for lack of a target."""
    return "train" in load.files and load.files["train"].rows == len(load.y)


def refuse_other_rows(loads: Sequence[Loaded]) -> None:
    """Raise DataError where targets are known in different rows: no table has them together."""
    if len(loads) > 1 and not all(map(has_all_rows, loads)):
        raise DataError(
            "the targets are known in different rows of train, so that no table has the "
            "out-of-fold predictions of all. Ask one of them: run.of(...).out_of_fold."
        )


def mean_estimate(targets: Sequence[Scored], over: Metric | None = None) -> Estimate:
    """The mean over targets with its standard error over rows; or what `over` makes of them all."""
    if len(targets) == 1:
        return targets[0].estimate
    if over is not None and over.over_targets:
        together = estimate(over, *joint(targets, over))
        return replace(together, standard_error=_most_times(targets) * together.standard_error)
    metrics = [each.metric for each in targets]
    found = [each.estimate for each in targets]
    score = mean_score(metrics, [each.score for each in found])
    return Estimate(score, _error(targets, _own(metrics), [each.standard_error for each in found]))


def mean_difference(
    ones: Sequence[Scored], others: Sequence[Scored], over: Metric | None = None
) -> Estimate:
    """The mean of `ones` minus that of `others`, target by target on the same rows; or what `over`
    makes of all targets."""
    if over is not None and over.over_targets and len(ones) > 1:
        (y, one), (_, other) = joint(ones, over), joint(others, over)
        difference = paired_difference(over, y, one, other)
        return replace(difference, standard_error=_most_times(ones) * difference.standard_error)
    pairs = list(zip(ones, others, strict=True))
    found = [one.difference(other) for one, other in pairs]
    if len(found) == 1:
        return found[0]
    if all(each == SAME for each in found):
        return SAME
    metrics = [one.metric for one in ones]
    score = sum(s * each.score for s, each in zip(_own(metrics), found, strict=True)) / len(found)
    both = [*ones, *others]
    signs = [*_own(metrics), *(-sign for sign in _own(metrics))]
    error = _error(both, signs, [each.standard_error for each in found])
    return Estimate(score, 2 * error)


def joint(targets: Sequence[Scored], over: Metric) -> tuple[np.ndarray, np.ndarray]:
    """What is true and what is predicted of all targets, (n, t) each: labels, probabilities of the
    positive class, or values. Raises DataError where no table has them together."""
    if not _of_same_rows(targets):
        raise DataError(
            f"{over.formula} scores all targets of a row together, but the targets are known in "
            "different rows of train. Complete the file, or remove over_targets from that one."
        )
    pairs = [_as_given(each, over) for each in targets]
    true, predicted = (_columns(side) for side in zip(*pairs, strict=True))
    return true, predicted


def try_over_targets(over: Metric, targets: Sequence[tuple[Metric, Loaded]]) -> None:
    """Call a metric over all targets with simulated predictions of some rows, before hours of fits.

    Raises SettingsError where it fails or returns something else than one number, DataError where
    the targets are known in different rows.
    """
    sides = [scored(load, metric, simulated(load), tried_rows(load)) for metric, load in targets]
    over.score(*joint(sides, over))


def _as_given(target: Scored, over: Metric) -> tuple[np.ndarray, np.ndarray]:
    y, prediction = np.asarray(target.y), target.prediction
    if target.labels is None:
        return y, prediction[:, 0]
    if over.needs == "labels":
        return target.labels[y], target.labels[prediction.argmax(axis=1)]
    if prediction.shape[1] > 2:
        raise SettingsError(
            f"{over.formula} takes probabilities of several targets at once, which are those of "
            f"two classes; one target has {prediction.shape[1]}. Let it take labels."
        )
    return target.labels[y], prediction[:, 1]


def _columns(side: Sequence[np.ndarray]) -> np.ndarray:
    """(n, t): numbers where all are, else objects."""
    if all(each.dtype.kind in "iuf" for each in side):
        return np.column_stack(side).astype(float)
    return np.column_stack([each.astype(object) for each in side])


def _own(metrics: Sequence[Metric]) -> list[int]:
    """1 for each target; -1 where the mean is of losses, and greater is better for the target."""
    of_losses = is_of_losses(metrics)
    return [-1 if of_losses and metric.greater_is_better else 1 for metric in metrics]


def _error(targets: Sequence[Scored], signs: Sequence[int], errors: Sequence[float]) -> float:
    """The standard error of the mean of signed scores.

    Targets of the same rows err together: rows are summed over targets, or drawn for all of them
    alike. Of other rows little is known: the mean of the targets' own errors is the most it can be.
    """
    if not _of_same_rows(targets):
        return float(np.sum(errors) / len(targets))
    if all(each.metric.per_row is not None for each in targets):
        shares = [s * _contributions(each) for s, each in zip(signs, targets, strict=True)]
        rows = np.mean(shares, axis=0)
        return _times(targets, rows) * float(rows.std(ddof=1) / np.sqrt(len(rows)))
    return _most_times(targets) * _bootstrap_error(targets, signs)


def _of_same_rows(targets: Sequence[Scored]) -> bool:
    first = targets[0].rows
    return first is not None and all(
        each.rows is not None and np.array_equal(each.rows, first) for each in targets
    )


def _most_times(targets: Sequence[Scored]) -> float:
    """How many times larger the error is for rows that err alike, of the target that it is most."""
    losses = [row_losses(each.metric, each.y, each.prediction) for each in targets]
    return max(_times(targets, each) for each in losses)


def _times(targets: Sequence[Scored], losses: np.ndarray) -> float:
    """How many times larger the error is for rows that err alike, of losses (n,)."""
    clusters = targets[0].clusters
    return 1.0 if clusters is None else clustering(losses, clusters)


def _contributions(target: Scored) -> np.ndarray:
    """What each row adds to the score, to first order (n,): d sqrt(m) = dm / (2 sqrt(m))."""
    assert target.metric.per_row is not None
    rows = target.metric.per_row(target.y, target.prediction)
    root = math.sqrt(float(rows.mean())) if target.metric.root else 0.0
    return rows / (2 * root) if root > 0 else rows


def _bootstrap_error(targets: Sequence[Scored], signs: Sequence[int]) -> float:
    rng, number = np.random.default_rng(0), len(targets[0].y)
    means, size = np.empty(DRAWS), max(drawn_rows(each.metric, each.y) for each in targets)
    for draw in range(DRAWS):
        rows = rng.integers(number, size=size)
        scores = [each.metric.score(each.y[rows], each.prediction[rows]) for each in targets]
        means[draw] = np.dot(signs, scores) / len(targets)
    means = means[np.isfinite(means)]
    scores = [each.metric.score(each.y, each.prediction) for each in targets]
    mean = float(np.dot(signs, scores)) / len(targets)
    is_own = any(each.metric.is_own for each in targets)
    return spread_on_all(means, mean, math.sqrt(size / number), is_own) * float(means.std(ddof=1))


# -- the blends ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AverageBlend:
    """What is known of the targets' blends together: their methods, the mean of their weights, the
    mean score to expect, and what had no time."""

    method: str
    metric: str
    weights: Mapping[str, float]
    expected: Expected
    cut_short: Mapping[str, CutShort]


def average_blend(
    load: Mapping[str, Loaded], blend: Mapping[str, Blended], over: str | None = None
) -> AverageBlend:
    """Of one target, its blend's own; `over` names a metric that scores all targets at once."""
    metrics = metrics_of(load, blend)
    several = len(blend) > 1
    cut_short = {
        f"{model} of {target}" if several else model: each
        for target, blended in blend.items()
        for model, each in blended.cut_short.items()
    }
    return AverageBlend(
        "+".join(dict.fromkeys(each.method for each in blend.values())),
        mean_metric(list(metrics.values()), over).name,
        mean_weights([each.weights for each in blend.values()]),
        _expected(load, blend, metrics, over),
        cut_short,
    )


def mean_weights(weights: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By model; one that is not in a target's blend has no weight there."""
    names = dict.fromkeys(name for each in weights for name in each)
    return {name: sum(w.get(name, 0.0) for w in weights) / len(weights) for name in names}


def _expected(
    load: Mapping[str, Loaded],
    blend: Mapping[str, Blended],
    metrics: Mapping[str, Metric],
    over: str | None,
) -> Expected:
    """What averaging all fits brings is known of each target, and not of a metric over all."""
    if len(blend) == 1:
        return next(iter(blend.values())).expected
    kinds = list(metrics.values())
    targets = [
        scored(load[name], metrics[name], each.oof, _known_rows(each.oof))
        for name, each in blend.items()
    ]

    def mean(value: Callable[[Expected], float]) -> float:
        return mean_score(kinds, [value(each.expected) for each in blend.values()])

    score, validated = mean(lambda e: e.score), mean(lambda e: e.cross_validated)
    clustering = max(each.expected.clustering for each in blend.values())
    found = mean_estimate(targets, None if over is None else METRICS[over])
    if over is not None:
        score = validated = found.score
    error = WIDER * clustering * found.standard_error
    return Expected(score, error, validated, score - validated, clustering)


def _known_rows(oof: np.ndarray) -> np.ndarray:
    """Numbers of the rows that some fold validates."""
    return np.flatnonzero(~np.isnan(oof).any(axis=1))


def metric_named(name: str, of_targets: Sequence[str]) -> Metric:
    """The metric of an experiment: of this name, or the mean of those that its targets have."""
    if name.startswith(PREFIX) and METRICS[name].over_targets:
        return METRICS[name]
    return mean_metric([METRICS[each] for each in of_targets]) if of_targets else METRICS[name]


# -- a ranking -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mean:
    """A member or the blend: its mean over targets, its estimate for each of them.

    `to_best` is the paired difference to the best entry, None for the best itself.
    """

    name: str
    estimate: Estimate
    by_target: Mapping[str, Estimate]
    to_best: Estimate | None

    @property
    def verdict(self) -> str:
        if self.to_best is None:
            return "best"
        low, high = interval(self.to_best)
        if low == high == 0:
            return "the same"
        return "not distinguishable" if low <= 0 <= high else "worse"

    def against_best(self, digits: int) -> str:
        """The 95% interval of the difference to the best."""
        return "–" if self.to_best is None else with_interval(self.to_best, digits)

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


def ranked(targets: Mapping[str, Mapping[str, Scored]], metric: Metric) -> list[Mean]:
    """By name, then by target -> the means, best first; the blend first among equals."""
    means = {name: mean_estimate(list(of.values()), metric) for name, of in targets.items()}
    order = sorted(means, key=lambda name: -metric.sign * means[name].score)
    best = list(targets[order[0]].values())
    return [
        Mean(
            name,
            means[name],
            {target: each.estimate for target, each in targets[name].items()},
            None
            if name == order[0]
            else mean_difference(list(targets[name].values()), best, metric),
        )
        for name in order
    ]


def folder_of(place: int, target: str) -> str:
    """Where a target's pages lie: its place in the TOML and its letters and digits."""
    letters = re.sub(r"\W+", "_", target)[:LONGEST_FOLDER].strip("_")
    return f"{place}_{letters}".strip("_")
