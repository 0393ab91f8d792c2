"""Is each column distributed alike in train and test?

A column's statistic is how far apart the two are; its p-value is how often chance alone makes them
differ so much.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from pipeline import figures, page
from pipeline.exploration.bins import as_numbers
from pipeline.exploration.part import Part
from pipeline.exploration.significance import SIGNIFICANT, chi_square, holm
from pipeline.figures import Draft, labels
from pipeline.page import p_value, percent
from pipeline.problem import Feature
from pipeline.wording import count, some

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.exploration.findings import Exploration

SMALL = 0.1  # of either statistic: less is real but hardly matters to a model
FEWEST_EXPECTED = 5.0
MOST_TIED = 50  # values: of more, ties hardly change the p-value
SHUFFLES = 9_999
COLUMNS_SHOWN = 30

Statistic = Literal[
    "Kolmogorov-Smirnov",
    "Kolmogorov-Smirnov, length",
    "total variation",
    "none, all levels are rare",
]
Verdict = Literal["drift", "small drift", "noise", "not tested"]


@dataclass(frozen=True)
class ColumnDrift:
    """How far one column of test is from train; `unseen`: share of test rows with a new level."""

    column: str
    statistic: Statistic
    value: float
    p: float
    p_corrected: float
    unseen: float | None

    @property
    def is_tested(self) -> bool:
        return self.statistic != "none, all levels are rare"

    @property
    def is_noise(self) -> bool:
        return self.p_corrected >= SIGNIFICANT

    @property
    def verdict(self) -> Verdict:
        if not self.is_tested:
            return "not tested"
        if self.is_noise:
            return "noise"
        return "small drift" if self.value < SMALL else "drift"

    @property
    def summary(self) -> str:
        """For the caption of the column's figure."""
        if not self.is_tested:
            return "drift not tested, its levels are rare"
        if self.is_noise:
            return "no drift beyond noise"
        return f"{self.verdict} between train and test ({self.value:.2f})"


def column_drifts(
    train: "pd.DataFrame", test: "pd.DataFrame", features: Sequence[Feature]
) -> list[ColumnDrift]:
    """One test a column, p-values corrected together; none without rows to predict."""
    if not len(test):
        return []
    found = [_test(train[each.name], test[each.name], each) for each in features]
    corrected = holm(np.array([each.p for each in found]))
    return [replace(each, p_corrected=float(p)) for each, p in zip(found, corrected, strict=True)]


def _test(train: "pd.Series", test: "pd.Series", feature: Feature) -> ColumnDrift:
    """Its p-value is not corrected yet."""
    if feature.kind != "category":
        one, other = (as_numbers(values, feature.kind) for values in (train, test))
        distance, p = kolmogorov_smirnov(one, other)
        is_text = feature.kind == "text"
        name: Statistic = "Kolmogorov-Smirnov, length" if is_text else "Kolmogorov-Smirnov"
        return ColumnDrift(feature.name, name, distance, p, p, None)
    counts = level_counts(train, test)
    unseen = float(counts[1, 1:][counts[0, 1:] == 0].sum() / len(test))
    pooled = pool_rare(counts)
    if (counts.sum(axis=0) > 0).sum() > 1 and (pooled.sum(axis=0) > 0).sum() == 1:
        return ColumnDrift(feature.name, "none, all levels are rare", 0.0, 1.0, 1.0, unseen)
    distance, p = total_variation(*pooled)
    return ColumnDrift(feature.name, "total variation", distance, p, p, unseen)


def kolmogorov_smirnov(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """D = max |F(x) - G(x)| and its p-value: asymptotic, or by shuffling where values are few.

    A missing value counts as the smallest value, so that missing more often is drift too.
    """
    from scipy.stats import ks_2samp

    one, other = (np.where(np.isnan(values), -np.inf, values) for values in (one, other))
    found = ks_2samp(one, other, method="asymp")
    values, rows = np.unique(np.concatenate([one, other]), return_counts=True)
    if len(values) > MOST_TIED:
        return float(found.statistic), float(found.pvalue)
    return float(found.statistic), shuffled_p(found.statistic, rows, len(one))


def shuffled_p(distance: float, rows: np.ndarray, size: int) -> float:
    """How often D is so large if `size` of all rows are drawn at random; rows (values,).

    Where values are few, the usual p-value, which is that of values without ties, is too great.
    """
    rng, ends = np.random.default_rng(0), np.cumsum(rows)
    drawn = rng.multivariate_hypergeometric(rows, size, SHUFFLES, method="marginals").cumsum(axis=1)
    distances = np.abs(drawn / size - (ends - drawn) / (ends[-1] - size)).max(axis=1)
    return float((1 + (distances >= distance - 1e-9).sum()) / (1 + SHUFFLES))


def level_codes(train: "pd.Series", test: "pd.Series") -> np.ndarray:
    """Train above test, each value as the number of its level, missing -1.

    Levels are numbered by the alphabet: by their appearance, those of train would come first, and
    their numbers alone would separate train from test.
    """
    import pandas as pd

    both = pd.concat([train.astype("str"), test.astype("str")], ignore_index=True)
    return np.asarray(pd.factorize(both, sort=True)[0])


def level_counts(train: "pd.Series", test: "pd.Series") -> np.ndarray:
    """Rows a level in train and in test, (2, 1 + levels); the first counts the missing values."""
    codes = level_codes(train, test) + 1
    levels = codes.max(initial=0) + 1
    sides = np.split(codes, [len(train)])
    return np.array([np.bincount(side, minlength=levels) for side in sides])


def pool_rare(counts: np.ndarray) -> np.ndarray:
    """Count levels together that are too rare for chi-square to hold, (2, levels) -> (2, fewer).

    Rare: fewer than 5 rows expected in the smaller of the two.
    """
    smaller = counts.sum(axis=1).min() / counts.sum()
    rare = counts.sum(axis=0) * smaller < FEWEST_EXPECTED
    kept = counts[:, ~rare]
    kept = kept[:, np.argsort(-kept.sum(axis=0), kind="stable")]
    pool = counts[:, rare].sum(axis=1, keepdims=True)
    if pool.sum() * smaller < FEWEST_EXPECTED and kept.shape[1]:
        kept, pool = kept[:, :-1], pool + kept[:, -1:]
    return np.hstack([kept, pool])


def total_variation(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """½ Σ |p - q| over the levels, and the p-value of the chi-square test of equal shares."""
    p, q = one / max(one.sum(), 1), other / max(other.sum(), 1)
    return float(np.abs(p - q).sum() / 2), chi_square(np.array([one, other]))[1]


# -- on the page -----------------------------------------------------------------------------------


def caption(drifts: Sequence[ColumnDrift]) -> str:
    """Which columns differ beyond noise."""
    drifts = [drift for drift in drifts if drift.is_tested]
    if not drifts:
        return "No column could be tested: all their levels are rare."
    tested = f"{count(len(drifts), 'column')} tested, p-values corrected for that number (Holm)"
    real = sorted((d for d in drifts if not d.is_noise), key=lambda drift: -drift.value)
    if not real:
        smallest = min(drifts, key=lambda drift: drift.p)
        return (
            f"{tested}: no column differs between train and test by more than chance. The "
            f"differences seen are noise; the smallest p-value, {p_value(smallest.p)} for "
            f"'{smallest.column}', is {p_value(smallest.p_corrected)} once corrected."
        )
    named = some([f"'{drift.column}' ({drift.value:.2f})" for drift in real], 5)
    return (
        f"{tested}: {count(len(real), 'column')} {'differs' if len(real) == 1 else 'differ'} "
        f"between train and test beyond chance: {named}. The rest is noise."
    )


def part(exploration: "Exploration") -> Part | None:
    drifts = exploration.findings.drifts
    if not drifts:
        return None
    conclusion, worst = caption(drifts), max(drifts, key=lambda drift: drift.unseen or 0.0)
    if worst.unseen:
        conclusion += (
            f" {percent(worst.unseen)} of the test rows have a level of '{worst.column}' that does "
            "not occur in train."
        )
    text = (
        "Is each column distributed alike in train and test? Numbers, dates and lengths of texts "
        "are compared by the Kolmogorov-Smirnov distance (missing values count as the smallest), "
        "categories by total variation with a chi-square p-value (rare levels together)."
    )
    real, columns = sum(not drift.is_noise for drift in drifts), count(len(drifts), "column")
    return Part(
        "drift",
        "Drift",
        [text],
        [partial(plot, drifts)],
        [_table(drifts)],
        conclusion=conclusion,
        facts=[("Drift", count(real), f"of {columns}")],
    )


def _table(drifts: Sequence[ColumnDrift]) -> page.SortableTable:
    tones: dict[str, page.Tone] = {"small drift": "warn", "drift": "bad"}
    rows = [
        [
            drift.column,
            drift.statistic,
            page.decimal_cell(drift.value, 3),
            page.p_cell(drift.p),
            page.p_cell(drift.p_corrected),
            page.Cell(drift.verdict, drift.verdict, tones.get(drift.verdict, "muted")),
            None if drift.unseen is None else page.Cell(percent(drift.unseen), drift.unseen),
        ]
        for drift in drifts
    ]
    heads = ("Column", "Statistic", "Distance", "p", "Corrected p", "Verdict")
    text = "Train against test, column by column."
    return page.SortableTable(text, (*heads, "Test rows with new levels"), rows)


def plot(drifts: Sequence[ColumnDrift]) -> Draft:
    """How far test is from train, column by column; what is beyond noise stands out."""
    ordered = sorted(drifts, key=lambda drift: (drift.is_noise, -drift.value))[:COLUMNS_SHOWN]
    with figures.style():
        figure, axes = figures.new(5.8, 1.2 + 0.24 * len(ordered))
        for name, colour in (("noise", figures.GREY), ("drift", figures.VERMILION)):
            places = [k for k, drift in enumerate(ordered) if drift.is_noise == (name == "noise")]
            if places:
                values = [ordered[place].value for place in places]
                axes.barh(places, values, color=colour, height=0.7, label=name)
        axes.set_yticks(np.arange(len(ordered)), labels([drift.column for drift in ordered], 34))
        axes.invert_yaxis()
        axes.margins(y=0.02)
        axes.set_xlim(0, max(0.1, 1.1 * max(drift.value for drift in ordered)))
        axes.set_xlabel("distance between train and test, 0 to 1")
        axes.grid(axis="y", visible=False)
        axes.legend(loc="lower right")
        text = caption(drifts)
        alt = f"Bars: distance between train and test by column. {text}"
        return Draft(figure, "drift", "Drift by column", text, alt)
