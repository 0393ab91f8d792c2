"""The leaderboard: every member and the blend, scored on the same rows, with their noise.

All predictions are out-of-fold. Two entries differ only where the 95% interval of their paired
difference (on the same rows, so that what is hard for both cancels) excludes zero.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from markupsafe import Markup

from pipeline import figures, page
from pipeline.config import BLEND
from pipeline.estimates import NORMAL_95, decimals, interval, with_error, with_interval
from pipeline.folds import Folds
from pipeline.metrics import METRICS, Estimate, Metric, estimate, paired_difference
from pipeline.parallel import Map
from pipeline.report.evidence import Evidence
from pipeline.wording import FRAMES, count

if TYPE_CHECKING:
    import pandas as pd
    import rich.table

TITLE = "Leaderboard"
MOST_FOREIGN = 30  # of predictions from elsewhere; their own section lists them all
SHOWN = 12  # entries on the terminal and in the figure; the page's table has them all


@dataclass(frozen=True)
class LeaderboardEntry:
    """One member, or the blend.

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
    def scores(self) -> list[float]:
        """Of the folds that have one."""
        return [score for score in self.folds if score is not None]

    @property
    def fold_mean(self) -> float:
        return float(np.mean(self.scores or [self.estimate.score]))

    @property
    def fold_spread(self) -> float:
        """Standard deviation over folds; 0 where there is only one."""
        return float(np.std(self.scores, ddof=1)) if len(self.scores) > 1 else 0.0

    @property
    def verdict(self) -> Literal["best", "the same", "not distinguishable", "worse"]:
        if self.to_best is None:
            return "best"
        if self.same_as is not None:
            return "the same"
        low, high = interval(self.to_best)
        return "not distinguishable" if low <= 0 <= high else "worse"

    @property
    def comparison(self) -> str:
        """The verdict, with the name of what the entry is the same as."""
        return f"the same as {self.same_as}" if self.verdict == "the same" else self.verdict


@dataclass(frozen=True)
class Leaderboard:
    """Entries, best first, scored on `rows` rows by the metrics of these names."""

    metric_name: str
    second_name: str
    entries: tuple[LeaderboardEntry, ...]
    rows: int

    @property
    def metric(self) -> Metric:
        return METRICS[self.metric_name]

    @property
    def second(self) -> Metric:
        """What is shown beside the metric."""
        return METRICS[self.second_name]

    @property
    def best(self) -> LeaderboardEntry:
        return self.entries[0]

    @property
    def digits(self) -> int:
        """Decimals of the scores: two digits of the best entry's standard error."""
        return decimals(self.best.estimate.standard_error)

    @property
    def second_digits(self) -> int:
        return decimals(self.best.second.standard_error)

    def entry(self, name: str) -> LeaderboardEntry:
        return next(entry for entry in self.entries if entry.name == name)

    def conclusion(self) -> str:
        """Which entry is best, and which ones are as good but for noise."""
        best = self.best
        same, tied = self._called("the same"), self._called("not distinguishable")
        alike = f" ({_listed(same)} predict{'s' * (len(same) == 1)} the same)" if same else ""
        lead = (
            f"{_capital(best.called)}{alike} scores best: {self.metric.in_sentence} "
            f"{with_error(best.estimate)} (standard error)"
        )
        if len(self.entries) == 1:
            return f"{lead}; there is nothing to compare it with."
        if tied:
            return f"{lead}. On these rows it is not distinguishable from {_listed(tied)}."
        if len(self.entries) == 1 + len(same):
            return f"{lead}."
        return f"{lead}. All others are worse by more than noise."

    def frame(self) -> "pd.DataFrame":
        """A row an entry: scores, the paired difference to the best with its interval, verdict."""
        import pandas as pd

        zero = Estimate(0.0, 0.0)
        rows = []
        for entry in self.entries:
            difference = entry.to_best or zero
            low, high = interval(difference)
            rows.append(
                {
                    "model": entry.name,
                    self.metric_name: entry.estimate.score,
                    "standard_error": entry.estimate.standard_error,
                    "to_best": difference.score,
                    "low": low,
                    "high": high,
                    "verdict": entry.comparison,
                    self.second_name: entry.second.score,
                }
            )
        return pd.DataFrame(rows)

    def _called(self, verdict: str) -> list[str]:
        return [entry.called for entry in self.entries if entry.verdict == verdict]


# -- scores ----------------------------------------------------------------------------------------


def compute(evidence: Evidence) -> Leaderboard:
    return rank(
        evidence.metric,
        evidence.validated_y,
        {name: evidence.validated(name) for name in compared(evidence)},
        evidence.validated_folds,
        clusters=evidence.split.validated_clusters,
        seed=evidence.settings.seed,
        parallel_map=evidence.map,
    )


def compared(evidence: Evidence) -> list[str]:
    """The blend, the models that were fitted here, and the best of very many from elsewhere."""
    losses = {
        name: evidence.metric.loss(evidence.validated_y, evidence.validated(name))
        for name in evidence.foreign
    }
    best = sorted(losses, key=lambda name: losses[name])[:MOST_FOREIGN]
    return [name for name in evidence.predictions if name not in losses or name in best]


def rank(
    metric: Metric,
    y: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    folds: Sequence[np.ndarray],
    *,
    seed: int,
    parallel_map: Map,
    clusters: np.ndarray | None = None,
) -> Leaderboard:
    """Order predictions {name: (n, k)} by the metric; of equal ones, the earlier name comes first.

    Fold scores, on the row numbers of each fold, are taken on the same predictions, which are means
    over the repeats, so that members and blend stand on equal terms. `clusters` (n,) number rows
    that err alike.
    """
    names = sorted(predictions, key=lambda name: metric.loss(y, predictions[name]))
    best = predictions[names[0]]
    tasks = [(predictions[name], best if name != names[0] else None) for name in names]
    work = functools.partial(_scores, metric, y, seed, clusters)
    entries = [
        LeaderboardEntry(
            name,
            first,
            second,
            tuple(_score(metric, y[rows], predictions[name][rows]) for rows in folds),
            to_best,
            names[0] if to_best and _are_same(predictions[name], best) else None,
        )
        for name, (first, second, to_best) in zip(names, parallel_map(work, tasks), strict=True)
    ]
    return Leaderboard(metric.name, metric.second.name, tuple(entries), len(y))


def _scores(
    metric: Metric,
    y: np.ndarray,
    seed: int,
    clusters: np.ndarray | None,
    task: tuple[np.ndarray, np.ndarray | None],
) -> tuple[Estimate, Estimate, Estimate | None]:
    """Of a prediction: both scores, and the difference to the best prediction, if it is another."""
    prediction, best = task
    return (
        estimate(metric, y, prediction, seed, clusters),
        estimate(metric.second, y, prediction, seed, clusters),
        None if best is None else paired_difference(metric, y, prediction, best, seed, clusters),
    )


def _are_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal but for the rounding of a weighted mean, as a blend of one model is to that model."""
    return bool(np.allclose(one, other, rtol=1e-9, atol=1e-12))


def _score(metric: Metric, y: np.ndarray, prediction: np.ndarray) -> float | None:
    score = metric.score(y, prediction) if len(y) else math.nan
    return None if math.isnan(score) else score


# -- the page --------------------------------------------------------------------------------------


def plots(board: Leaderboard, evidence: Evidence) -> list[figures.Draft]:
    return [fold_plot(board, evidence.colours)]


def render(
    board: Leaderboard, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    return [
        how_to_read(board, evidence.problem.target) + of_clusters(evidence.split),
        _cut_short(evidence),
        table(board, evidence),
        plots["folds"],
    ]


def _cut_short(evidence: Evidence) -> str:
    """What there was no time or memory for; empty where there was."""
    undone = evidence.blend.undone
    text = Markup(
        "Not all of the work was done. Cut short: {}. More <code>[budget] minutes</code> allow "
        "more of it; if the machine was busy or short of memory, <code>{}</code> tries again."
    )
    is_fit = evidence.settings.name == FRAMES
    again = "pipeline.fit(..., new_plan=True)" if is_fit else Markup(f"{page.AGAIN} NEW_PLAN=1")
    return undone and text.format(undone, again)


def how_to_read(board: Leaderboard, target: str) -> str:
    """What the columns of the table are."""
    better = "higher" if board.metric.greater_is_better else "lower"
    return (
        f"{board.metric.label_with_unit(target)}: {better} is better, ± one standard error over "
        f"rows. {board.second.label_with_unit(target)} is shown beside it. Difference to the best: "
        "the 95% interval of the paired difference, row by row. Where it includes zero, two "
        "entries are not distinguishable: on other rows of the same kind their order may well "
        "change. Folds: a dot for each fold, below the dots the score on all rows with its 95% "
        "interval, on one scale for the whole table; ± is the standard deviation over folds. Fit: "
        "seconds for all folds on one core."
    )


def of_clusters(split: Folds) -> str:
    """What else the errors allow for: rows that err alike."""
    if split.clusters is None or split.answers is not None:
        return ""
    alike = f"value of '{split.group}'" if split.group else "stretch of time"
    return f" Rows of one {alike} err alike, and all errors count that."


def table(board: Leaderboard, evidence: Evidence) -> page.SortableTable:
    """Every entry."""
    scores = (board.metric.label, "Difference to the best", "Verdict", board.second.label, "Folds")
    return page.SortableTable(
        f"Out-of-fold scores on {count(board.rows, 'row')}.",
        ("Model", *scores, "Fit"),
        [
            [
                evidence.described(entry.name),
                *_score_cells(entry, board),
                _folds_cell(entry, board),
                _seconds(evidence, entry.name),
            ]
            for entry in board.entries
        ],
    )


def _score_cells(entry: LeaderboardEntry, board: Leaderboard) -> list[page.Cell]:
    digits = board.digits
    tones: dict[str, page.Tone] = {"best": "good", "worse": ""}
    against = page.Cell("–", 0.0)
    if entry.to_best is not None:
        against = page.Cell(with_interval(entry.to_best, digits), entry.to_best.score)
    return [
        page.Cell(with_error(entry.estimate, digits), entry.estimate.score),
        against,
        page.toned(entry.comparison, tones.get(entry.verdict, "warn")),
        page.Cell(with_error(entry.second, board.second_digits), entry.second.score),
    ]


def _folds_cell(entry: LeaderboardEntry, board: Leaderboard) -> page.Cell:
    """Spread over the folds, and every fold as a dot on the scale of the whole board."""
    digits, scores = board.digits, entry.scores
    shown = [s for each in board.entries for s in (*interval(each.estimate), *each.scores)]
    least, span = min(shown), max(shown) - min(shown) or 1.0
    ends = (entry.estimate.score, *interval(entry.estimate))
    words = f"{entry.name}: {count(len(scores), 'fold')}"
    if scores:
        words += f" from {min(scores):,.{digits}f} to {max(scores):,.{digits}f}"
    dots = tuple((score - least) / span for score in scores)
    middle, low, high = ((score - least) / span for score in ends)
    strip = page.Strip(dots, middle, low, high, words)
    return page.Cell(f"± {entry.fold_spread:,.{digits}f}", entry.fold_spread, strip=strip)


def _seconds(evidence: Evidence, name: str) -> page.Cell:
    if name not in evidence.train:
        return page.Cell("–", 0.0)
    seconds = evidence.train[name].fit_seconds
    return page.Cell(f"{seconds:.1f} s", seconds)


def fold_plot(board: Leaderboard, colours: Mapping[str, str]) -> figures.Draft:
    """Scores of every fold as dots in the entry's colour, and that of all rows as a diamond with
    its 95% interval."""
    entries = board.entries[:SHOWN]
    figure, axes = figures.new(5.2, 0.9 + 0.32 * len(entries))
    for place, entry in enumerate(entries):
        dots = [place] * len(entry.scores)
        axes.plot(entry.scores, dots, "o", color=colours[entry.name], alpha=0.75)
        half = NORMAL_95 * entry.estimate.standard_error
        axes.errorbar(entry.estimate.score, place, xerr=half, fmt="D", color=figures.INK, ms=5)
    figures.name_rows(axes, [entry.name for entry in entries])
    axes.set_xlabel(board.metric.label)
    return figures.Draft(
        figure,
        name="folds",
        title="Scores by fold",
        caption=_folds_caption(board),
        alt="Dots: the score of each model on each fold; diamonds: on all rows.",
    )


def _folds_caption(board: Leaderboard) -> str:
    best, digits = board.best, board.digits
    text = (
        "Each dot is the score on one fold's validation rows, each diamond that on all rows with "
        f"its 95% interval. The fold scores of {best.called} have a standard deviation of "
        f"{best.fold_spread:.{digits}f}: one fold alone cannot show which of two models is better "
        "if they are closer than that."
    )
    if len(board.entries) == 1:
        return text
    return f"{text} {_capital(_fold_wins(board, best, board.entries[1]))}"


def _fold_wins(board: Leaderboard, best: LeaderboardEntry, rival: LeaderboardEntry) -> str:
    """In how many folds the best entry beats the next one."""
    pairs = [
        (one, other)
        for one, other in zip(best.folds, rival.folds, strict=True)
        if one is not None and other is not None
    ]
    wins = sum(board.metric.is_better(*pair) for pair in pairs)
    equal = sum(one == other for one, other in pairs)
    ties = f", and equal in {equal}" if equal else ""
    folds = count(len(pairs), "fold")
    return f"{best.called} is better than {rival.called} in {wins} of {folds}{ties}."


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:] if sentence.startswith("the ") else sentence


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


# -- the terminal, JSON ----------------------------------------------------------------------------


def terminal_table(
    board: Leaderboard, seconds: Mapping[str, float], caption: str, title: str
) -> "rich.table.Table":
    """For a terminal of 80 columns, in at most 20 lines.

    `seconds` are fit times over all folds, by name; `caption` stands below the table.
    """
    from rich.table import Table
    from rich.text import Text

    shown, hidden = board.entries[:SHOWN], board.entries[SHOWN:]
    rows = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("", f"{board.metric.label} ± s.e.", "to the best (95%)"):
        rows.add_column(heading, no_wrap=True)
    rows.add_column(board.second.label, justify="right", no_wrap=True)
    rows.add_column("fit", justify="right", no_wrap=True)
    for entry in shown:
        fit = f"{seconds[entry.name]:.1f} s" if entry.name in seconds else ""
        style = "bold" if entry.verdict == "best" else None
        rows.add_row(*_score_texts(entry, board), fit, style=style)
    more = f"and {len(hidden)} more in the report\n" if hidden else ""
    # as text: [budget] is no markup
    rows.caption, rows.caption_justify = Text(more + caption), "left"
    return rows


def _score_texts(entry: LeaderboardEntry, board: Leaderboard) -> tuple[str, str, str, str]:
    """Name, score, difference to the best (in words where there is none) and second score."""
    against = entry.comparison
    if entry.to_best is not None and entry.verdict == "worse":
        against = with_interval(entry.to_best, board.digits)
    second = f"{entry.second.score:,.{board.second_digits}f}"
    return entry.name, with_error(entry.estimate, board.digits), against, second


def to_json(board: Leaderboard) -> dict[str, Any]:
    entries = [
        {**asdict(entry), "fold_mean": entry.fold_mean, "verdict": entry.verdict}
        for entry in board.entries
    ]
    return {**asdict(board), "entries": entries}
