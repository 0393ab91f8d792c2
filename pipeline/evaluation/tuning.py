"""How a model's settings were searched: the trials one after another, and which settings mattered.

A setting's importance is its rank correlation with the trials' scores, with a bootstrap interval.
Optuna's own importances (fANOVA, PED-ANOVA) give a share without a sign or an interval, and read
the study, which is no artifact of a stage; the twenty trials of a usual search carry no more than
ranks anyway.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline import figures, page
from pipeline.exploration.association import middle_ranks
from pipeline.metrics import METRICS, Metric, smooth_metric
from pipeline.wording import count, some

FEWEST_TRIALS = 8  # to say which settings mattered
DRAWS = 500
SHOWN = 12  # settings


@dataclass(frozen=True)
class Search:
    """The trials of one model, in order: scores (n,), which of them were complete, and settings.

    Trial 0 is the TOML's settings. A pruned trial has the mean score of the folds it came to.
    """

    model: str
    metric: Metric
    values: np.ndarray
    complete: np.ndarray
    params: list[dict[str, Any]]

    @property
    def named(self) -> str:
        """The model's name as part of a file name."""
        return self.model.replace("_", "-")

    @property
    def best(self) -> int:
        """Number of the best complete trial; of equal ones the first."""
        worst = np.inf if not self.metric.greater_is_better else -np.inf
        values = np.where(self.complete, self.values, worst)
        return int(values.argmax() if self.metric.greater_is_better else values.argmin())


@dataclass(frozen=True)
class Influence:
    """Rank correlation of a setting with how good the trials were: above 0, more was better.

    Of a setting that is no number it is the correlation ratio of the ranks, which has no sign.
    """

    name: str
    correlation: float
    low: float
    high: float
    signed: bool

    @property
    def is_clear(self) -> bool:
        """Beyond noise; a ratio's bootstrap is never below 0, so that it proves nothing."""
        return self.signed and not self.low <= 0 <= self.high


def read_search(
    model: str, best: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], asked: Metric
) -> Search | None:
    """The search that best.json and trials.json tell of; None where nothing was searched."""
    known = [trial for trial in trials if trial["value"] is not None]
    complete = np.array([trial["state"] == "complete" for trial in known], dtype=bool)
    if not complete.any():
        return None
    values = np.array([trial["value"] for trial in known], dtype=float)
    metric = smooth_metric(asked)
    # where a fold lacks a class, the search falls back from ROC AUC to log loss
    greatest = best["value"] is not None and best["value"] >= values[complete].max()
    if metric.greater_is_better and not greatest:
        metric = METRICS["log_loss"]
    return Search(model, metric, values, complete, [dict(trial["params"]) for trial in known])


# -- which settings mattered -----------------------------------------------------------------------


def influences(search: Search, seed: int) -> list[Influence]:
    """Of every setting that varied, the strongest first; none where the trials are too few."""
    if len(search.values) < FEWEST_TRIALS:
        return []
    sign = 1 if search.metric.greater_is_better else -1
    names = sorted({name for params in search.params for name in params})
    found: list[Influence] = []
    for name in names:
        rows = np.array([place for place, each in enumerate(search.params) if name in each])
        settings = [search.params[place][name] for place in rows]
        if len(rows) >= FEWEST_TRIALS and len(set(map(repr, settings))) > 1:
            rng = np.random.default_rng([seed, len(found)])
            found.append(_influence(name, settings, sign * search.values[rows], rng))
    return sorted(found, key=lambda influence: -abs(influence.correlation))


def _influence(
    name: str, settings: Sequence[Any], goodness: np.ndarray, rng: np.random.Generator
) -> Influence:
    signed = all(isinstance(value, int | float) for value in settings)
    measure = rank_correlation if signed else correlation_ratio
    x = np.array(settings, dtype=float) if signed else _codes(settings)
    draws = np.empty(DRAWS)
    for draw in range(DRAWS):
        rows = rng.integers(len(x), size=len(x))
        draws[draw] = measure(x[rows], goodness[rows])
    low, high = np.quantile(draws, [0.025, 0.975])
    return Influence(name, measure(x, goodness), float(low), float(high), signed)


def _codes(settings: Sequence[Any]) -> np.ndarray:
    return np.unique([repr(value) for value in settings], return_inverse=True)[1]


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's ρ of x (n,) and y (n,), ties at middle ranks; 0 where either is constant."""
    one, other = middle_ranks(x), middle_ranks(y)
    one, other = one - one.mean(), other - other.mean()
    size = np.sqrt((one @ one) * (other @ other))
    return float(one @ other / size) if size > 0 else 0.0


def correlation_ratio(codes: np.ndarray, y: np.ndarray) -> float:
    """η of the ranks of y (n,) between the groups of equal codes (n,)."""
    ranks = middle_ranks(y) - (len(y) + 1) / 2
    rows = np.bincount(codes)
    sums = np.bincount(codes, weights=ranks)
    between = (sums[rows > 0] ** 2 / rows[rows > 0]).sum()
    return float(np.sqrt(between / (ranks @ ranks))) if ranks.any() else 0.0


# -- figures and their words -----------------------------------------------------------------------


def history_plot(search: Search, error: float | None) -> figures.Draft:
    """Every trial's score and the best so far; `error`: standard error of a score, if known."""
    from matplotlib.ticker import MaxNLocator

    numbers, label = np.arange(len(search.values)), search.metric.label
    with figures.style():
        figure, axes = figures.new(4.6, 3.0)
        axes.plot(numbers, so_far(search), drawstyle="steps-post", color=figures.INK, linewidth=1)
        axes.axhline(search.values[0], color=figures.GREY, linestyle="--", linewidth=1)
        for part, marker, colour, text in (
            (search.complete, "o", figures.BLUE, "complete"),
            (~search.complete, "x", figures.VERMILION, "pruned"),
        ):
            if part.any():
                style: dict[str, Any] = {
                    "marker": marker,
                    "color": colour,
                    "linestyle": "none",
                    "ms": 5,
                }
                axes.plot(numbers[part], search.values[part], label=text, **style)
        axes.plot([0], search.values[:1], "D", color=figures.INK, ms=6, label="the TOML's settings")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("trial")
        axes.set_ylabel(f"{label}, mean of folds")
        axes.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1), columnspacing=1)
        told = history_caption(search, error)
        return figures.Draft(
            figure,
            name=f"tuning-{search.named}",
            title=f"Tuning of {search.model}",
            caption=told,
            alt=f"Scores of {count(len(search.values), 'trial')} in order. {told}",
        )


def so_far(search: Search) -> np.ndarray:
    """The best complete score up to each trial, (n,); NaN before the first."""
    up = search.metric.greater_is_better
    values = np.where(search.complete, search.values, -np.inf if up else np.inf)
    best = (np.maximum if up else np.minimum).accumulate(values)
    return np.where(np.isfinite(best), best, np.nan)


def history_caption(search: Search, error: float | None) -> str:
    """What the search found beyond the TOML's settings, and whether that is more than noise."""
    best, first = search.values[search.best], search.values[0]
    digits = 4 if error is None or not error > 0 else max(0, 2 - int(np.floor(np.log10(error))))
    trials, pruned = count(len(search.values), "trial"), int((~search.complete).sum())
    gain = (best - first) * (1 if search.metric.greater_is_better else -1)
    text = f"{trials}, {pruned} of them pruned as hopeless. "
    if search.best == 0:
        return f"{text}None beat the TOML's settings ({first:,.{digits}f}); they are kept."
    text += (
        f"Trial {search.best} is the best with {best:,.{digits}f}, {gain:,.{digits}f} better than "
        f"the TOML's {first:,.{digits}f}."
    )
    if error is None:
        return text
    told = f"the score's own standard error over rows, {error:,.{digits}f}"
    if gain <= 2 * error:
        return (
            f"{text} That is less than twice {told}: other rows might choose otherwise, and the "
            "tuned score flatters a little, for it was chosen."
        )
    return f"{text} That is more than twice {told}."


def influence_plot(search: Search, found: Sequence[Influence]) -> figures.Draft:
    """Bars with 95% intervals, the strongest setting on top."""
    shown, trials = found[:SHOWN], len(search.values)
    with figures.style():
        figure, axes = figures.new(4.6, 1.1 + 0.28 * len(shown))
        values = [item.correlation for item in shown]
        bounds = np.array([[item.low, item.high] for item in shown])
        around = np.abs(bounds.T - values)
        axes.barh(
            range(len(shown)),
            values,
            xerr=around,
            color=[figures.BLUE if item.is_clear else figures.GREY for item in shown],
            error_kw={"elinewidth": 1, "ecolor": figures.INK},
        )
        axes.axvline(0, color=figures.INK, linewidth=0.8)
        axes.set_yticks(range(len(shown)), figures.labels([item.name for item in shown], 24))
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(-1.05, 1.05)
        axes.set_xlabel("rank correlation with the score\n(right: more is better, left: less is)")
        told = influence_caption(found, trials)
        return figures.Draft(
            figure,
            name=f"parameters-{search.named}",
            title=f"Which settings of {search.model} mattered",
            caption=told,
            alt=f"Rank correlations of {len(shown)} settings with 95% intervals. {told}",
        )


def influence_caption(found: Sequence[Influence], trials: int) -> str:
    """Which settings moved the score beyond noise, and how far to trust that."""
    clear = [item for item in found if item.is_clear]
    caution = (
        " Bars are rank correlations, whiskers their bootstrapped 95% intervals; pruned trials "
        "count with the folds they came to. Later trials crowd where earlier ones were good, so "
        "take it for a hint."
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
