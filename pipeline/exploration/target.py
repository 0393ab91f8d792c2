"""What is predicted: how it is spread, and the scores that need no features."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import figures
from pipeline.exploration.part import Part
from pipeline.figures import Draft, label, labels
from pipeline.page import alike, number, percent

if TYPE_CHECKING:
    from pipeline.exploration.findings import Exploration

UNBALANCED = 3.0
SKEWED = 2.0
CLASSES_SHOWN = 30
SERIES = 5  # classes with a colour of their own
HISTOGRAM_BINS = 30


@dataclass(frozen=True)
class Target:
    """y (n,) class codes or values; `classes` is None for regression."""

    name: str
    y: np.ndarray
    classes: tuple[str, ...] | None

    @property
    def counts(self) -> np.ndarray:
        """Rows of each class, (classes,)."""
        assert self.classes is not None
        return np.bincount(self.y, minlength=len(self.classes))

    @property
    def skewness(self) -> float:
        from scipy.stats import skew

        return float(skew(self.y)) if np.ptp(self.y) > 0 else 0.0

    def series(self) -> tuple[list[str], np.ndarray]:
        """Up to five series of a figure: the commonest classes, then the others together.

        Returns their names and, for each class code, the number of its series (classes,).
        """
        assert self.classes is not None
        if len(self.classes) <= SERIES:
            return list(self.classes), np.arange(len(self.classes))
        order = np.argsort(-self.counts, kind="stable")[: SERIES - 1]
        series = np.full(len(self.classes), SERIES - 1)
        series[order] = np.arange(len(order))
        others = len(self.classes) - len(order)
        return [*(self.classes[code] for code in order), f"{others} other classes"], series

    def of(self, code: int | None) -> tuple[str, str]:
        """What a cell of a heat map shows, and its measure: ("'yes'", "share of")."""
        if code is None or self.classes is None:
            return self.name, "mean of"
        return f"'{self.classes[code]}'", "share of"


def part(exploration: "Exploration") -> Part:
    target = exploration.target
    fact = "Target", number(float(np.median(target.y))), "median"
    if target.classes is not None:
        commonest = int(target.counts.argmax())
        share = target.counts[commonest] / target.counts.sum()
        fact = "Target", percent(share), f"of rows are '{target.classes[commonest]}'"
    return Part("target", "Target", drawings=[partial(plot, target)], facts=[fact])


def balance(target: Target) -> str:
    """'balance 46.5% / 53.5%', 'target mostly 2.2 to 44.4'."""
    if target.classes is None:
        low, high = np.quantile(target.y, [0.25, 0.75])
        return "target mostly {} to {}".format(*alike((float(low), float(high))))
    shares = [f"{tenths / 10:.1f}%" for tenths in tenths_of_percent(target.counts)]
    return f"balance {' / '.join([*shares[:5], *['…'] * (len(shares) > 5)])}"


def tenths_of_percent(counts: np.ndarray) -> list[int]:
    """Shares in tenths of a percent that add up to 1000: the largest remainders are rounded up."""
    exact = 1000 * counts / counts.sum()
    whole = np.floor(exact).astype(int)
    up = np.argsort(whole - exact, kind="stable")[: 1000 - whole.sum()]
    whole[up] += 1
    return [int(share) for share in whole]


def to_json(target: Target) -> dict[str, Any]:
    about: dict[str, Any] = {"name": target.name}
    if target.classes is not None:
        return about | {"classes": list(target.classes), "rows": target.counts.tolist()}
    return about | {
        "mean": float(target.y.mean()),
        "standard_deviation": float(target.y.std()),
        "skewness": target.skewness,
        "quartiles": np.quantile(target.y, [0.0, 0.25, 0.5, 0.75, 1.0]).tolist(),
    }


# -- on the page -----------------------------------------------------------------------------------


def caption(target: Target) -> str:
    """How the target is spread, and the scores to beat."""
    return _class_balance(target) if target.classes else _value_spread(target)


def _class_balance(target: Target) -> str:
    from scipy.stats import entropy

    assert target.classes is not None
    shares = target.counts / target.counts.sum()
    most, least = int(shares.argmax()), int(shares.argmin())
    unbalanced = shares[most] > UNBALANCED * shares[least]
    text = (
        f"The {len(shares)} classes are {'unbalanced' if unbalanced else 'roughly balanced'}: "
        f"{percent(shares[most])} of the rows are '{target.classes[most]}', "
        f"{percent(shares[least])} are '{target.classes[least]}'. Baselines that ignore the "
        f"features: predicting '{target.classes[most]}' for every row has an accuracy of "
        f"{shares[most]:.3f} and a balanced accuracy of {1 / len(shares):.3f}; predicting the "
        f"class shares has a log loss of {entropy(shares):.3f} and a ROC AUC of 0.500. A model "
        "must beat the baseline of the competition's metric."
    )
    return text + " Look at each class: accuracy alone shows little here." * bool(unbalanced)


def _value_spread(target: Target) -> str:
    middle = float(np.median(target.y))
    low, high = np.quantile(target.y, [0.25, 0.75])
    spreads = float(target.y.std()), float(np.abs(target.y - middle).mean())
    shown = alike([float(low), float(high), middle, float(target.y.mean()), *spreads])
    text = (
        f"Half of the values lie between {shown[0]} and {shown[1]}, the median is {shown[2]}. "
        f"Baselines that ignore the features: predicting the mean, {shown[3]}, has an RMSE of "
        f"{shown[4]} and an R² of 0; predicting the median has an MAE of {shown[5]}. A model must "
        "beat the baseline of the competition's metric."
    )
    if abs(target.skewness) > SKEWED:
        text += (
            f" The values are skewed (skewness {number(target.skewness)}): a few extreme ones will "
            "dominate squared errors."
        )
    return text


def plot(target: Target) -> Draft:
    """Rows of each class, or the distribution of the values."""
    shown = 0 if target.classes is None else min(len(target.classes), CLASSES_SHOWN)
    with figures.style():
        figure, axes = figures.new(4.4, 1.0 + 0.35 * shown if shown else 2.6)
        axes.grid(axis="y", visible=not shown)
        if target.classes is None:
            edges = histogram_edges(target.y)
            rows, _ = np.histogram(np.clip(target.y, edges[0], edges[-1]), edges)
            axes.stairs(rows, edges, fill=True, color=figures.BLUE)
            axes.set_xlabel(label(target.name, 50))
            axes.set_ylabel("rows")
        else:
            order = np.argsort(-target.counts, kind="stable")[:shown]
            bars = axes.barh(range(shown), target.counts[order], color=figures.BLUE, height=0.7)
            axes.bar_label(bars, [f"{rows:,}" for rows in target.counts[order]], padding=3)
            axes.set_yticks(range(shown), labels([target.classes[code] for code in order], 24))
            axes.set_xlabel("rows")
            axes.invert_yaxis()
            axes.margins(x=0.15, y=0.02)
        text = caption(target)
        alt = f"Distribution of the target {target.name}. {text}"
        return Draft(figure, "target", label(target.name, 60), text, alt)


def histogram_edges(values: np.ndarray, bins: int = HISTOGRAM_BINS) -> np.ndarray:
    """Borders of bins: halves for whole numbers; far outliers are left to the end bins."""
    low, high = (float(edge) for edge in (values.min(), values.max()))
    inner = np.quantile(values, [0.005, 0.995])
    if high - low > 1.5 * (inner[1] - inner[0]) > 0:
        low, high = (float(edge) for edge in inner)
    if np.all(values == np.round(values)):
        low, high = np.floor(low), np.ceil(high)
        width = max(1.0, np.ceil((high - low + 1) / bins))
        return np.arange(low - 0.5, high + width, width)
    return np.linspace(low, high, bins + 1)
