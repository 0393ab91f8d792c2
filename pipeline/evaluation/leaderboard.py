"""The leaderboard: every model and the blend, judged on the same rows, with their noise.

All predictions are out-of-fold. Two entries are told apart only where the 95% interval of their
paired difference (the same rows, so that what is hard for both cancels) leaves out zero.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipeline import figures
from pipeline.folds import Fold
from pipeline.metrics import METRICS, Estimate, Metric, Task, estimate, paired_difference
from pipeline.parallel import Map

if TYPE_CHECKING:
    from rich.table import Table

BLEND = "blend"  # the entry that is no model
NORMAL_95 = 1.959964  # half-width of a 95% interval, in standard errors
SHOWN = 12  # entries in the printed table; the report has them all
Verdict = Literal["best", "the same", "not distinguishable", "worse"]


@dataclass(frozen=True)
class Entry:
    """One model, or the blend.

    `folds` are the scores on the rows of each fold of each repeat (None where a fold has no score);
    `to_best` is the paired difference to the best entry, None for the best itself; `same_as` names
    the best entry where this one makes the very same predictions.
    """

    name: str
    estimate: Estimate
    second: Estimate
    folds: tuple[float | None, ...]
    to_best: Estimate | None
    same_as: str | None = None

    @property
    def called(self) -> str:
        """The name inside a sentence."""
        return "the blend" if self.name == BLEND else self.name

    @property
    def fold_mean(self) -> float:
        return float(np.mean(self._known))

    @property
    def fold_spread(self) -> float:
        """Standard deviation over folds; 0 where there is but one."""
        return float(np.std(self._known, ddof=1)) if len(self._known) > 1 else 0.0

    @property
    def verdict(self) -> Verdict:
        if self.to_best is None:
            return "best"
        if self.same_as is not None:
            return "the same"
        low, high = interval(self.to_best)
        return "not distinguishable" if low <= 0 <= high else "worse"

    @property
    def told(self) -> str:
        """The verdict, with the name of what it is the same as."""
        return f"the same as {self.same_as}" if self.verdict == "the same" else self.verdict

    @property
    def _known(self) -> list[float]:
        return [score for score in self.folds if score is not None] or [self.estimate.score]


@dataclass(frozen=True)
class Leaderboard:
    """Entries, best first, judged on `rows` rows."""

    metric: Metric
    second: Metric
    entries: tuple[Entry, ...]
    rows: int

    @property
    def best(self) -> Entry:
        return self.entries[0]

    @property
    def digits(self) -> int:
        """Decimals of the scores: two digits of the best entry's standard error."""
        return decimals(self.best.estimate.standard_error)

    @property
    def second_digits(self) -> int:
        return decimals(self.best.second.standard_error)

    def to_json(self) -> dict[str, Any]:
        return {
            "metric": self.metric.name,
            "greater_is_better": self.metric.greater_is_better,
            "second_metric": self.second.name,
            "entries": [_entry_json(entry) for entry in self.entries],
        }

    def conclusion(self) -> str:
        """Who leads, and who cannot be told from it."""
        best = self.best
        score = f"{in_sentence(self.metric)} {with_error(best.estimate)} (standard error)"
        same, tied = self._called("the same"), self._called("not distinguishable")
        alike = f" ({_listed(same)} predict{'s' * (len(same) == 1)} the same)" if same else ""
        lead = f"Best is {best.called}{alike} with {score}"
        if len(self.entries) == 1 + len(same) and same:
            return f"{lead}."
        if len(self.entries) == 1:
            return f"{lead}; there is nothing else to compare it with."
        if not tied:
            return f"{lead}, ahead of every other by more than noise."
        return f"{lead}; not distinguishable from it on these rows: {_listed(tied)}."

    def _called(self, verdict: Verdict) -> list[str]:
        return [entry.called for entry in self.entries if entry.verdict == verdict]


def second_metric(metric: Metric, task: Task) -> Metric:
    """What to show beside the metric: it sees what the first one cannot."""
    if task == "regression":
        return METRICS["rmse" if metric.name == "r2" else "r2"]
    return METRICS["roc_auc" if metric.name == "log_loss" else "log_loss"]


@dataclass(frozen=True)
class _Contest:
    """One entry's work for one process; metrics go by name, because functions do not travel."""

    metrics: tuple[str, str]
    y: np.ndarray
    prediction: np.ndarray
    best: np.ndarray | None
    seed: int


def rank(
    metrics: tuple[Metric, Metric],
    y: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    folds: Sequence[Fold],
    *,
    seed: int,
    parallel_map: Map,
) -> Leaderboard:
    """Order predictions {name: (n, k)} by the first metric; of equal ones, the earlier name leads.

    Fold scores are taken on the same predictions, which are means over the repeats, so that models
    and blend stand on equal terms.
    """
    metric, second = metrics
    names = sorted(predictions, key=lambda name: metric.loss(y, predictions[name]))
    best = predictions[names[0]]
    contests = [
        _Contest((metric.name, second.name), y, predictions[name], best if order else None, seed)
        for order, name in enumerate(names)
    ]
    entries = [
        Entry(
            name,
            first,
            other,
            _fold_scores(metric, y, predictions[name], folds),
            to_best,
            names[0] if to_best and _are_same(predictions[name], best) else None,
        )
        for name, (first, other, to_best) in zip(names, parallel_map(_judge, contests), strict=True)
    ]
    return Leaderboard(metric, second, tuple(entries), len(y))


def _judge(contest: _Contest) -> tuple[Estimate, Estimate, Estimate | None]:
    first, second = (METRICS[name] for name in contest.metrics)
    y, prediction, best, seed = contest.y, contest.prediction, contest.best, contest.seed
    return (
        estimate(first, y, prediction, seed),
        estimate(second, y, prediction, seed),
        None if best is None else paired_difference(first, y, prediction, best, seed),
    )


def _are_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal but for the rounding of a weighted mean, as a blend of one model is to that model."""
    return bool(np.allclose(one, other, rtol=1e-9, atol=1e-12))


def _fold_scores(
    metric: Metric, y: np.ndarray, prediction: np.ndarray, folds: Sequence[Fold]
) -> tuple[float | None, ...]:
    scores = [metric.score(y[fold.valid], prediction[fold.valid]) for fold in folds]
    return tuple(None if math.isnan(score) else score for score in scores)


def interval(value: Estimate) -> tuple[float, float]:
    """The 95% interval by the normal approximation."""
    half = NORMAL_95 * value.standard_error
    return value.score - half, value.score + half


def decimals(standard_error: float) -> int:
    """How many decimals show two digits of the standard error, 0 to 6; 4 where it is zero."""
    if not standard_error > 0:
        return 4
    return min(6, max(0, 1 - math.floor(math.log10(standard_error))))


def with_error(value: Estimate, digits: int | None = None) -> str:
    """`0.9347 ± 0.0045`: a score with its standard error."""
    digits = decimals(value.standard_error) if digits is None else digits
    return f"{value.score:,.{digits}f} ± {value.standard_error:,.{digits}f}"


def with_interval(value: Estimate, digits: int | None = None) -> str:
    """`-0.0051 to +0.0025`: a difference's 95% interval.

    One that leaves out zero gets as many decimals as keep its ends from reading as zero, up to 10.
    """
    digits = decimals(value.standard_error) if digits is None else digits
    low, high = interval(value)
    while low * high > 0 and digits < 10 and 0.0 in (round(low, digits), round(high, digits)):
        digits += 1
    return f"{low:+,.{digits}f} to {high:+,.{digits}f}"


def in_sentence(metric: Metric) -> str:
    """`accuracy`, `log loss`, but `RMSE`: the label inside a sentence."""
    label = metric.label
    return label if label[:2].isupper() or not label[1].islower() else label[0].lower() + label[1:]


def table(
    leaderboard: Leaderboard, seconds: Mapping[str, float], caption: str, title: str
) -> "Table":
    """The leaderboard for a terminal of 80 columns, in at most 20 lines.

    `seconds` are fit times over all folds, by name; `caption` stands below the table.
    """
    from rich.table import Table
    from rich.text import Text

    shown, hidden = leaderboard.entries[:SHOWN], leaderboard.entries[SHOWN:]
    rows = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("", f"{leaderboard.metric.label} ± s.e.", "to the best (95%)"):
        rows.add_column(heading, no_wrap=True)
    rows.add_column(leaderboard.second.label, justify="right", no_wrap=True)
    rows.add_column("fit", justify="right", no_wrap=True)
    for entry in shown:
        fit = f"{seconds[entry.name]:.1f} s" if entry.name in seconds else ""
        style = "bold" if entry.verdict == "best" else None
        rows.add_row(*_score_texts(entry, leaderboard), fit, style=style)
    more = f"and {len(hidden)} more in leaderboard.json\n" if hidden else ""
    # as text: [budget] is no markup
    rows.caption, rows.caption_justify = Text(more + caption), "left"
    return rows


def _score_texts(entry: Entry, leaderboard: Leaderboard) -> tuple[str, str, str, str]:
    """Name, score, difference to the best (in words where there is none) and second score."""
    against = entry.told
    if entry.to_best is not None and entry.verdict == "worse":
        against = with_interval(entry.to_best, leaderboard.digits)
    second = f"{entry.second.score:,.{leaderboard.second_digits}f}"
    return entry.name, with_error(entry.estimate, leaderboard.digits), against, second


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "score": entry.estimate.score,
        "standard_error": entry.estimate.standard_error,
        "second_score": entry.second.score,
        "second_standard_error": entry.second.standard_error,
        "fold_scores": list(entry.folds),
        "fold_mean": entry.fold_mean,
        "fold_spread": entry.fold_spread,
        "verdict": entry.verdict,
        "to_best": entry.to_best and _difference_json(entry.to_best),
    }


def _difference_json(difference: Estimate) -> dict[str, float]:
    low, high = interval(difference)
    return {
        "difference": difference.score,
        "standard_error": difference.standard_error,
        "low": low,
        "high": high,
    }


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def fold_plot(leaderboard: Leaderboard, colours: Mapping[str, str]) -> figures.Draft:
    """Scores of every fold as dots in the entry's colour, and that of all rows as a diamond with
    its 95% interval."""
    with figures.style():
        entries = leaderboard.entries[:SHOWN]
        figure, axes = figures.new(5.2, 0.9 + 0.32 * len(entries))
        for place, entry in enumerate(entries):
            scores = [score for score in entry.folds if score is not None]
            axes.plot(scores, [place] * len(scores), "o", color=colours[entry.name], alpha=0.75)
            half = NORMAL_95 * entry.estimate.standard_error
            axes.errorbar(entry.estimate.score, place, xerr=half, fmt="D", color=figures.INK, ms=5)
        axes.set_yticks(range(len(entries)), figures.labels([entry.name for entry in entries]))
        axes.set_ylim(len(entries) - 0.4, -0.6)
        axes.set_xlabel(leaderboard.metric.label)
        return figures.Draft(
            figure,
            name="folds",
            title="Scores by fold",
            caption=_folds_caption(leaderboard),
            alt="Dots: the score of each model on each fold; diamonds: on all rows.",
        )


def _folds_caption(leaderboard: Leaderboard) -> str:
    best, digits = leaderboard.best, leaderboard.digits
    text = (
        "Each dot is one fold's validation rows, each diamond all rows with their 95% interval. "
        f"The folds of {best.called} differ by a standard deviation of "
        f"{best.fold_spread:.{digits}f}: a single fold cannot tell apart models that are closer "
        "than that."
    )
    if len(leaderboard.entries) == 1:
        return text
    return f"{text} {_capital(_fold_wins(leaderboard, best, leaderboard.entries[1]))}"


def _fold_wins(leaderboard: Leaderboard, best: Entry, rival: Entry) -> str:
    """In how many folds the best entry beats the next one."""
    pairs = [
        (one, other)
        for one, other in zip(best.folds, rival.folds, strict=True)
        if one is not None and other is not None
    ]
    wins = sum(leaderboard.metric.is_better(*pair) for pair in pairs)
    equal = sum(one == other for one, other in pairs)
    ties = f", and equal in {equal}" if equal else ""
    return f"{best.called} is ahead of {rival.called} in {wins} of {len(pairs)} folds{ties}."


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:] if sentence.startswith("the ") else sentence
