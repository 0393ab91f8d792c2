"""How the members' settings were found: the trials of each search, and which settings mattered.

A setting's importance is its rank correlation with the trials' scores. Optuna's own importances
(fANOVA, PED-ANOVA) give a share without a sign or an interval, and need the study; the twenty
trials of a usual search carry no more than ranks anyway.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from pipeline import figures, page
from pipeline.estimates import decimals
from pipeline.member import Member
from pipeline.metrics import METRICS, Metric
from pipeline.report.evidence import Evidence
from pipeline.report.leaderboard import Leaderboard
from pipeline.tuning import FinishedTrial, Tuned
from pipeline.wording import count, some

TITLE = "Tuning"
FEWEST_TRIALS = 8  # to see which settings mattered
SHOWN = 12  # settings


@dataclass(frozen=True)
class Influence:
    """Rank correlation of a setting with how good the trials were, with its 95% interval.

    Above 0, more was better. Of a setting that is no number it is the correlation ratio of the
    ranks, which has no sign, and no interval.
    """

    name: str
    correlation: float
    low: float
    high: float
    signed: bool

    @property
    def is_clear(self) -> bool:
        """Beyond noise, as far as the interval shows it."""
        return self.signed and not self.low <= 0 <= self.high


@dataclass(frozen=True)
class SearchHistory:
    """The trials of one member that have a score, in order, and which settings mattered.

    Trial 0 is the TOML's settings. A pruned trial has the mean score of the folds it came to.
    """

    model: str
    metric_name: str
    trials: tuple[FinishedTrial, ...]
    influences: tuple[Influence, ...]

    @property
    def metric(self) -> Metric:
        return METRICS[self.metric_name]

    @property
    def values(self) -> np.ndarray:
        """Scores, (trials,)."""
        return np.array([trial.value for trial in self.trials], dtype=float)

    @property
    def complete(self) -> np.ndarray:
        """Which trials were not pruned, (trials,)."""
        return np.array([trial.state == "complete" for trial in self.trials], dtype=bool)

    @property
    def goodness(self) -> np.ndarray:
        """Scores of complete trials, greater is better; -inf for those that were pruned."""
        return np.where(self.complete, self.metric.sign * self.values, -np.inf)

    @property
    def best(self) -> int:
        """Number of the best complete trial; of equal ones the first."""
        return int(self.goodness.argmax())

    @property
    def best_so_far(self) -> np.ndarray:
        """The best complete score up to each trial, (n,); NaN before the first."""
        best = np.maximum.accumulate(self.goodness)
        return np.where(np.isfinite(best), self.metric.sign * best, np.nan)


@dataclass(frozen=True)
class SearchHistories:
    """Those of the members that were tuned."""

    found: tuple[SearchHistory, ...]


def compute(evidence: Evidence) -> SearchHistories:
    found = (history_of(name, evidence.tune[name]) for name in evidence.fitted)
    return SearchHistories(tuple(each for each in found if each is not None))


def history_of(name: str, tuned: Tuned) -> SearchHistory | None:
    """None where no trial was completed."""
    known = tuple(trial for trial in tuned.trials if trial.value is not None)
    if not any(trial.state == "complete" for trial in known):
        return None
    return SearchHistory(name, tuned.metric, known, influences(known, METRICS[tuned.metric]))


# -- which settings mattered -----------------------------------------------------------------------


def influences(trials: Sequence[FinishedTrial], metric: Metric) -> tuple[Influence, ...]:
    """Of every setting that varied, the strongest first; none where the trials are too few."""
    found = []
    for name in sorted({name for trial in trials for name in trial.params}):
        pairs = [(each.params[name], each.value) for each in trials if name in each.params]
        settings = [setting for setting, _ in pairs]
        goodness = metric.sign * np.array([value for _, value in pairs], dtype=float)
        varies = len(set(map(repr, settings))) > 1 and np.ptp(goodness) > 0
        if len(pairs) >= FEWEST_TRIALS and varies:
            found.append(influence(name, settings, goodness))
    return tuple(sorted(found, key=lambda influence: -abs(influence.correlation)))


def influence(name: str, settings: Sequence[Any], goodness: np.ndarray) -> Influence:
    """Spearman's ρ with Fisher's interval; for groups √(H / (n - 1)), H of Kruskal and Wallis."""
    from scipy.stats import kruskal, pearsonr, rankdata

    if all(isinstance(setting, int | float) for setting in settings):
        found = pearsonr(rankdata(settings), rankdata(goodness))
        low, high = found.confidence_interval(0.95)
        return Influence(name, float(found.statistic), float(low), float(high), True)
    labels = np.array([repr(setting) for setting in settings])
    groups = [goodness[labels == label] for label in np.unique(labels)]
    ratio = float(np.sqrt(kruskal(*groups).statistic / (len(goodness) - 1)))
    return Influence(name, ratio, ratio, ratio, False)


# -- figures and their words -----------------------------------------------------------------------


def plots(histories: SearchHistories, evidence: Evidence) -> list[figures.Draft]:
    """The trials of every tuned member and, if they are many, which settings mattered."""
    board: Leaderboard = evidence.results["leaderboard"]
    drafts = []
    for history in histories.found:
        entry = board.entry(history.model)
        known = {board.metric_name: entry.estimate, board.second_name: entry.second}
        score = known.get(history.metric_name)
        drafts.append(history_plot(history, score.standard_error if score else None))
        if history.influences:
            drafts.append(influence_plot(history))
    return drafts


def _file_name(model: str) -> str:
    return model.replace("_", "-")


def history_plot(history: SearchHistory, error: float | None) -> figures.Draft:
    """Every trial's score and the best so far; `error`: standard error of a score, if known."""
    from matplotlib.ticker import MaxNLocator

    values, numbers = history.values, np.arange(len(history.trials))
    figure, axes = figures.new(4.6, 3.0)
    axes.plot(numbers, history.best_so_far, drawstyle="steps-post", color=figures.INK, linewidth=1)
    axes.axhline(values[0], color=figures.GREY, linestyle="--", linewidth=1)
    for part, form, colour, text in (
        (history.complete, "o", figures.BLUE, "complete"),
        (~history.complete, "x", figures.VERMILION, "pruned"),
    ):
        if part.any():
            axes.plot(numbers[part], values[part], form, color=colour, label=text, ms=5)
    axes.plot([0], values[:1], "D", color=figures.INK, ms=6, label="the TOML's settings")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial")
    axes.set_ylabel(f"{history.metric.label}, mean of folds")
    figures.legend_above(axes)
    caption = history_caption(history, error)
    return figures.Draft(
        figure,
        name=f"tuning-{_file_name(history.model)}",
        title=f"Tuning of {history.model}",
        caption=caption,
        alt=f"Scores of {count(len(values), 'trial')} in order. {caption}",
    )


def history_caption(history: SearchHistory, error: float | None) -> str:
    """What the search found beyond the TOML's settings, and whether that is more than noise."""
    best, first = history.values[history.best], history.values[0]
    digits = 4 if error is None or not error > 0 else decimals(error) + 1
    trials, pruned = count(len(history.trials), "trial"), int((~history.complete).sum())
    text = f"{trials}, of which {pruned} {'was' if pruned == 1 else 'were'} pruned early. "
    if history.best == 0:
        return f"{text}None was better than the TOML's settings ({first:,.{digits}f})."
    gain = history.metric.sign * (best - first)
    text += (
        f"Trial {history.best} is the best with {best:,.{digits}f}, {gain:,.{digits}f} better than "
        f"the TOML's settings with {first:,.{digits}f}."
    )
    if error is None:
        return text
    noise = f"the score's own standard error over rows, {error:,.{digits}f}"
    if gain <= 2 * error:
        return (
            f"{text} That is less than twice {noise}: on other rows another trial might win, and "
            "the best score is slightly too optimistic, because it was selected."
        )
    return f"{text} That is more than twice {noise}."


def influence_plot(history: SearchHistory) -> figures.Draft:
    """Bars with 95% intervals, the strongest setting on top."""
    shown = history.influences[:SHOWN]
    values = np.array([item.correlation for item in shown])
    bounds = np.array([[item.low, item.high] for item in shown])
    figure, axes = figures.new(4.6, 1.1 + 0.28 * len(shown))
    axes.barh(
        range(len(shown)),
        values,
        xerr=np.abs(bounds.T - values),
        color=[figures.BLUE if item.is_clear else figures.GREY for item in shown],
        error_kw={"elinewidth": 1, "ecolor": figures.INK},
    )
    axes.axvline(0, color=figures.INK, linewidth=0.8)
    figures.name_rows(axes, [item.name for item in shown], 24)
    axes.set_xlim(-1.05, 1.05)
    axes.set_xlabel("rank correlation with the score\n(right: more is better, left: less is)")
    caption = influence_caption(history.influences, len(history.trials))
    return figures.Draft(
        figure,
        name=f"parameters-{_file_name(history.model)}",
        title=f"Which settings of {history.model} mattered",
        caption=caption,
        alt=f"Rank correlations of {len(shown)} settings with 95% intervals. {caption}",
    )


def influence_caption(found: Sequence[Influence], trials: int) -> str:
    """Which settings changed the score beyond noise, and how far to trust that."""
    clear = [item for item in found if item.is_clear]
    caution = (
        " Bars are rank correlations, whiskers their 95% intervals; pruned trials "
        "count with the folds that they completed. Later trials lie where earlier ones were good, "
        "so this is a hint, not a test."
    )
    if not clear:
        return (
            f"Over {count(trials, 'trial')} no setting is related to the score beyond noise: the "
            f"model is not sensitive to them in these ranges, or the trials are too few.{caution}"
        )
    listed = [
        f"{item.name} ({'more' if item.correlation > 0 else 'less'} is better: ρ "
        f"{page.signed(item.correlation)}, {page.signed(item.low)} to {page.signed(item.high)})"
        for item in clear
    ]
    return f"Beyond noise over {count(trials, 'trial')}: {some(listed, 3)}.{caution}"


# -- the page --------------------------------------------------------------------------------------


def render(
    histories: SearchHistories, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    untuned = Markup(
        "No model was tuned: each has the settings of the TOML. <code>trials</code> above 0 in a "
        "model's table starts a search."
    )
    pairs = [
        [plots[name] for name in plots if name.endswith(f"-{_file_name(history.model)}")]
        for history in histories.found
    ]
    return [
        None if histories.found else untuned,
        *(page.Gallery(pair, halves=True) for pair in pairs),
        settings_table(histories, evidence),
    ]


def settings_table(histories: SearchHistories, evidence: Evidence) -> page.SortableTable:
    """The settings that every member was trained with, and where they come from."""
    known = {history.model: history for history in histories.found}
    return page.SortableTable(
        "Settings of the models.",
        ("Model", "Found by", "Settings"),
        [
            [evidence.described(name), found_by(known.get(name)), settings_of(trained.member)]
            for name, trained in evidence.fitted.items()
        ],
    )


def found_by(history: SearchHistory | None) -> str:
    """Where a member's settings come from; trial 0 is the TOML's own settings."""
    if history is None:
        return "as in the TOML"
    trials = count(len(history.trials), "trial")
    return f"as in the TOML: none of {trials} was better" if history.best == 0 else trials


def settings_of(member: Member) -> str:
    """'l2 0.01, seed 0; drop Gate location'."""
    model = ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in sorted(member.settings.items())
    )
    names = {"columns": member.encoder.columns, "drop": member.encoder.drop}
    of_encoder = [f"{key} {', '.join(found)}" for key, found in names.items() if found]
    return "; ".join([model, *of_encoder])
