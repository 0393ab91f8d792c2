"""Each column against the target: how strong the relation is, and in which bins it shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pipeline import figures, page
from pipeline.estimates import NORMAL_95
from pipeline.exploration.bins import MISSING, Bins, as_numbers, cut
from pipeline.exploration.part import Drawing, Part
from pipeline.exploration.profile import missing_and_zeros
from pipeline.exploration.significance import SIGNIFICANT, holm
from pipeline.exploration.strength import contingency, strength
from pipeline.exploration.target import HISTOGRAM_BINS, Target, histogram_edges
from pipeline.figures import Draft, label, labels
from pipeline.page import number, p_value, percent
from pipeline.problem import Feature, Kind
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from pipeline.exploration.findings import Exploration, Findings

FEWEST_SHARE, FEWEST_ROWS = 0.01, 20  # of a bin that is compared with others
COLUMNS_DRAWN = 60
CARD, TALLEST = (3.6, 2.6), 4.4  # inches: a figure of the gallery


@dataclass(frozen=True)
class Association:
    """One column against the target.

    For classes `shares` is (bins, classes), the classes' shares in each bin; for values `means` and
    `errors` are (bins,), the target's mean in each bin and its standard error.
    """

    column: str
    kind: Kind
    strength: float
    p: float
    p_corrected: float
    labels: tuple[str, ...]
    levels: bool
    rows: np.ndarray
    shares: np.ndarray | None
    means: np.ndarray | None
    errors: np.ndarray | None

    @property
    def varies(self) -> bool:
        return len(self.labels) > 1

    @property
    def is_noise(self) -> bool:
        return self.p_corrected >= SIGNIFICANT

    @property
    def shown_class(self) -> int:
        """The class whose share differs most from bin to bin; of two classes the second."""
        assert self.shares is not None
        if self.shares.shape[1] == 2:
            return 1
        return int(np.ptp(self.shares[self.filled], axis=0).argmax())

    @property
    def values(self) -> np.ndarray:
        """What is compared from bin to bin, (bins,): the share of the shown class, or the mean."""
        if self.shares is not None:
            return self.shares[:, self.shown_class]
        assert self.means is not None
        return self.means

    @property
    def filled(self) -> np.ndarray:
        """Numbers of the bins with enough rows to compare; of all with rows where none has."""
        enough = self.rows >= max(FEWEST_ROWS, FEWEST_SHARE * self.rows.sum())
        return np.flatnonzero(enough if enough.any() else self.rows > 0)

    @property
    def lowest(self) -> int:
        return int(self.filled[self.values[self.filled].argmin()])

    @property
    def highest(self) -> int:
        return int(self.filled[self.values[self.filled].argmax()])


def associations(
    frame: "pd.DataFrame", y: np.ndarray, features: Sequence[Feature], classes: int, among: int = 0
) -> list[Association]:
    """Every feature against y (n,), strongest first; `classes` is 0 for regression.

    among: of how many columns these were picked for their relation to y: all were tested.
    """
    made = [_association(each, cut(frame[each.name], each.kind), y, classes) for each in features]
    corrected = holm(np.array([each.p for each in made]), among)
    made = [replace(each, p_corrected=float(p)) for each, p in zip(made, corrected, strict=True)]
    return sorted(made, key=lambda each: (-each.strength, each.p))


def _association(feature: Feature, bins: Bins, y: np.ndarray, classes: int) -> Association:
    """Its p-value is not corrected yet."""
    import pandas as pd

    value, p = strength(bins.codes, y, classes)
    rows = np.bincount(bins.codes)  # no bin is empty
    shares, means, errors = None, None, None
    if classes:
        shares = contingency(bins.codes, y, len(rows), classes) / rows[:, None]
    else:
        groups = pd.Series(y).groupby(bins.codes)
        means, errors = groups.mean().to_numpy(), groups.sem().fillna(0.0).to_numpy()
    about = feature.name, feature.kind, value, p, p, bins.labels, bins.levels
    return Association(*about, rows, shares, means, errors)


# -- on the page -----------------------------------------------------------------------------------


def measure(target: Target) -> str:
    """The name of the strength."""
    return "Cramér's V" if target.classes else "correlation ratio"


def caption(found: Association, target: Target) -> str:
    """How strong the relation is, and the bins with the lowest and the highest value."""
    strong = f"{measure(target)} {found.strength:.2f}, corrected p {p_value(found.p_corrected)}"
    if found.is_noise:
        return f"Alone, not related to the target beyond noise ({strong})."
    low, high = found.lowest, found.highest
    if low == high:
        return (
            f"{_adverb(found.strength)} related to the target ({strong}), through values that are "
            "too rare to name one."
        )
    if target.classes:
        what = f"the share of '{target.classes[found.shown_class]}' is"
        ends = [percent(found.values[each], 0) for each in (low, high)]
    else:
        what = "the mean is"
        ends = [number(float(found.values[each])) for each in (low, high)]
    return (
        f"{_adverb(found.strength)} related to the target ({strong}): {what} {ends[0]} "
        f"{_where(found, low)} and {ends[1]} {_where(found, high)}."
    )


def _where(found: Association, place: int) -> str:
    """A bin in words."""
    text = label(found.labels[place], 30)
    if text == MISSING:
        return "where it is missing"
    if found.kind == "category":
        return f"at '{text}'"
    return f"at {text}" if found.levels or " to " not in text else f"from {text}"


def _adverb(value: float) -> str:
    for least, word in ((0.5, "Strongly"), (0.3, "Clearly"), (0.1, "Weakly")):
        if value >= least:
            return word
    return "Very weakly"


def summary(found: Sequence[Association]) -> str:
    """How many columns are related to the target; empty where none is."""
    related = [each for each in found if not each.is_noise]
    if not related:
        return ""
    best = ", ".join(f"'{each.column}' ({each.strength:.2f})" for each in related[:3])
    return (
        f"{len(related)} of {count(len(found), 'column')} {'is' if len(related) == 1 else 'are'} "
        f"related to the target when taken alone; the strongest: {best}."
    )


def part(exploration: "Exploration") -> Part:
    from markupsafe import Markup

    findings = exploration.findings
    varying = [each for each in findings.associations if each.varies]
    undrawn = len(varying) - COLUMNS_DRAWN
    others = Markup('<a href="#pairs">another</a>') if findings.pairs else "others"
    text = Markup(
        "Each column alone, the strongest first. A column that is not related to the target "
        "when taken alone may still matter together with {}."
    ).format(others)
    more = page.Soft(f"{undrawn:,} more columns, the least related ones, are in the table only.")
    return Part(
        "relations",
        "Columns by target",
        [text, _table(findings.associations, exploration.target)],
        [_drawing(exploration, each, at) for at, each in enumerate(varying[:COLUMNS_DRAWN])],
        [more] if undrawn > 0 else [],
        gallery=True,
        conclusion=summary(findings.associations),
    )


def _table(found: Sequence[Association], target: Target) -> page.SortableTable:
    noise, related = page.Cell("noise", "noise", "muted"), page.Cell("related", "related", "good")
    rows = [
        [
            each.column,
            page.decimal_cell(each.strength, 3),
            page.p_cell(each.p),
            page.p_cell(each.p_corrected),
            noise if each.is_noise else related,
        ]
        for each in found
    ]
    name = measure(target)
    return page.SortableTable(
        "Each column alone against the target; p corrected for the number of columns (Holm).",
        ("Column", name[0].upper() + name[1:], "p", "Corrected p", "Verdict"),
        rows,
    )


def _drawing(exploration: "Exploration", found: Association, place: int) -> Drawing:
    sample = exploration.sample
    values = np.empty(0)
    if found.kind != "category":
        values = as_numbers(sample.train[found.column], found.kind)
    about = _beside(exploration.findings, found.column)
    return partial(plot, found, values, sample.target, place, about)


def _beside(findings: "Findings", column: str) -> str:
    """What a column's figure does not show: missing values, zeros and drift."""
    (own,) = [item for item in findings.profiles if item.column == column]
    found = [item.summary for item in findings.drifts if item.column == column]
    rows = findings.rows
    text = "; ".join([*missing_and_zeros(own, rows.train, rows.test), *found])
    return f"{text[0].upper()}{text[1:]}." if text else ""


def plot(
    found: Association, values: np.ndarray, target: Target, place: int, about: str = ""
) -> Draft:
    """One column by target. values (n,): the column as numbers, or empty for a category.

    `about` ends the caption: what else there is to know of the column.
    """
    # bins below each other, each with its label
    listed = found.kind == "category" or target.classes is None
    series = len(target.series()[0]) if target.classes else 1
    with figures.style():
        height = 0.9 + len(found.labels) * (0.16 + 0.07 * series) if listed else 0.0
        figure, axes = figures.new(CARD[0], min(max(CARD[1], height), TALLEST))
        if target.classes is None:
            _draw_means(axes, found)
        elif listed or found.levels:
            _draw_shares(axes, found, target, listed)
        else:
            _draw_histograms(axes, values, target, is_date=found.kind == "date")
        if not listed:
            axes.set_xlabel(label(_axis_name(found), 40))
        if target.classes:
            figures.legend_above(axes, target.name)
        text = f"{caption(found, target)} {about}".strip()
        alt = f"Distribution of {found.column} by {target.name}. {text}"
        return Draft(figure, f"column-{place:02d}", label(found.column, 60), text, alt)


def _axis_name(found: Association) -> str:
    return f"length of {found.column}" if found.kind == "text" else found.column


def _draw_shares(axes: "Axes", found: Association, target: Target, listed: bool) -> None:
    """Of the rows of each class, the share in each bin."""
    assert found.shares is not None
    names, series = target.series()
    rows = np.zeros((len(found.labels), len(names)))
    np.add.at(rows.T, series, (found.shares * found.rows[:, None]).T)
    texts = [label(text, 16) for text in found.labels] if listed else found.labels
    shares = rows / np.maximum(rows.sum(axis=0), 1)
    figures.grouped_bars(axes, texts, shares, names, upright=not listed)
    (axes.set_xlabel if listed else axes.set_ylabel)("share of the class")


def _draw_histograms(
    axes: "Axes", values: np.ndarray, target: Target, *, is_date: bool = False
) -> None:
    names, series = target.series()
    known = np.isfinite(values)
    bins = HISTOGRAM_BINS if len(names) == 2 else HISTOGRAM_BINS // 2
    edges = histogram_edges(values[known], bins)
    clipped = np.clip(values, edges[0], edges[-1])
    for position, name in enumerate(names):
        own = clipped[known & (series[target.y] == position)]
        shares = np.histogram(own, edges)[0] / max(len(own), 1)
        colour = figures.PALETTE[position]
        axes.stairs(shares, edges, color=colour, label=label(name, 18), linewidth=1.6)
        if len(names) == 2:
            axes.stairs(shares, edges, color=colour, fill=True, alpha=0.15)
    axes.set_ylabel("share of the class")
    if is_date:
        axes.xaxis_date()
        axes.tick_params(axis="x", rotation=30)


def _draw_means(axes: "Axes", found: Association) -> None:
    """Mean of the target in each bin with its 95% interval."""
    assert found.means is not None and found.errors is not None
    places, half = np.arange(len(found.labels)), NORMAL_95 * found.errors
    axes.errorbar(found.means, places, xerr=half, fmt="o", color=figures.BLUE, markersize=4)
    axes.set_yticks(places, labels(found.labels, 26))
    axes.set_ylabel(label(_axis_name(found), 30) if found.kind != "category" else "")
    axes.invert_yaxis()
    axes.set_xlabel("mean of the target")
    axes.locator_params(axis="x", nbins=3)
