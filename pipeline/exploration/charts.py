"""The exploration's charts, each with the caption that says what to conclude."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import figures
from pipeline.exploration.association import Relation
from pipeline.exploration.captions import (
    adversarial_caption,
    drift_caption,
    missing_caption,
    relation_caption,
    target_caption,
)
from pipeline.exploration.drift import Adversarial, ColumnDrift
from pipeline.exploration.profile import Profile, Target
from pipeline.figures import Draft, label, labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLASSES_SHOWN = 5
COLUMNS_SHOWN = 30
HISTOGRAM_BINS = 30
CARD = (3.6, 2.6)  # inches: a figure of the gallery
TALLEST = 4.4


def target_plot(target: Target) -> Draft:
    """Rows of each class, or the distribution of the values."""
    shown = 0 if target.classes is None else min(len(target.classes), COLUMNS_SHOWN)
    with figures.style():
        figure, axes = figures.new(4.4, 1.0 + 0.35 * shown if shown else 2.6)
        if target.classes is None:
            edges = _edges(target.y)
            rows, _ = np.histogram(np.clip(target.y, edges[0], edges[-1]), edges)
            axes.stairs(rows, edges, fill=True, color=figures.BLUE)
            axes.set_xlabel(label(target.name, 50))
            axes.set_ylabel("rows")
        else:
            order = np.argsort(-target.counts, kind="stable")[:shown]
            _bars(axes, [target.classes[code] for code in order], target.counts[order])
        caption = target_caption(target)
        return Draft(
            figure,
            name="target",
            title=label(target.name, 60),
            caption=caption,
            alt=f"Distribution of the target {target.name}. {caption}",
        )


def _bars(axes: "Axes", names: Sequence[str], widths: np.ndarray) -> None:
    """Horizontal bars with their numbers, the first on top."""
    positions = np.arange(len(names))
    bars = axes.barh(positions, widths, color=figures.BLUE, height=0.7)
    axes.bar_label(bars, [f"{width:,}" for width in widths], padding=3)
    axes.set_yticks(positions, labels(names, 24))
    axes.set_xlabel("rows")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.15, y=0.02)


def missing_plot(profiles: Sequence[Profile], rows_train: int, rows_test: int) -> Draft | None:
    """Share of missing values in train and test, of the columns that have any."""
    shares = {
        item.column: (item.missing_train / rows_train, item.missing_test / rows_test)
        for item in profiles
        if item.missing_train or item.missing_test
    }
    if not shares:
        return None
    shares = {name: shares[name] for name in sorted(shares, key=lambda name: -max(shares[name]))}
    shown = list(shares)[:COLUMNS_SHOWN]
    with figures.style():
        figure, axes = figures.new(5.2, 1.1 + 0.3 * len(shown))
        _paired_bars(axes, shown, np.array([shares[name] for name in shown]), ("train", "test"))
        axes.set_xlabel("share missing")
        _legend_above(axes)
        caption = missing_caption(shares, len(profiles))
        if len(shares) > len(shown):
            caption += f" The {len(shown)} with most are shown."
        return Draft(
            figure,
            name="missing",
            title="Missing values",
            caption=caption,
            alt=f"Bars: share of missing values by column. {caption}",
        )


def _paired_bars(
    axes: "Axes", names: Sequence[str], shares: np.ndarray, series: Sequence[str]
) -> None:
    """Horizontal bars, one colour a series; the first name on top. shares (names, series)."""
    positions, height = np.arange(len(names)), 0.8 / len(series)
    for place, name in enumerate(series):
        offset = (place - (len(series) - 1) / 2) * height
        axes.barh(
            positions + offset,
            shares[:, place],
            height=height,
            color=figures.PALETTE[place],
            label=label(name, 18),
        )
    axes.set_yticks(positions, labels(names, 24))
    axes.invert_yaxis()
    axes.margins(y=0.02)
    axes.grid(axis="y", visible=False)


def distribution_plot(
    relation: Relation, values: np.ndarray, target: Target, place: int, about: str = ""
) -> Draft:
    """One column by target. values (n,): the column as numbers, or empty for a category.

    `about` ends the caption: what else there is to know of the column.
    """
    listed = _is_listed(relation, target)
    series = len(shown_classes(target)[0]) if target.classes else 1
    with figures.style():
        height = 0.9 + len(relation.labels) * (0.16 + 0.07 * series) if listed else 0.0
        figure, axes = figures.new(CARD[0], min(max(CARD[1], height), TALLEST))
        if target.classes is None:
            _draw_means(axes, relation, listed)
        elif listed:
            _draw_levels(axes, relation, target)
        elif relation.levels:
            _draw_few_values(axes, relation, target)
        else:
            _draw_histograms(axes, values, target, is_date=relation.kind == "date")
        if not listed:
            axes.set_xlabel(label(_named(relation), 40))
        if target.classes:
            _legend_above(axes, target.name)
        caption = f"{relation_caption(relation, target)} {about}".strip()
        return Draft(
            figure,
            name=f"column-{place:02d}",
            title=label(relation.column, 60),
            caption=caption,
            alt=f"Distribution of {relation.column} by {target.name}. {caption}",
        )


def _is_listed(relation: Relation, target: Target) -> bool:
    """Bins below each other, each with its label: categories, and the bins of a mean."""
    return relation.kind == "category" or (target.classes is None and not relation.levels)


def _named(relation: Relation) -> str:
    return f"length of {relation.column}" if relation.kind == "text" else relation.column


def _legend_above(axes: "Axes", title: str = "") -> None:
    """Outside the axes, where it hides nothing."""
    handles, texts = axes.get_legend_handles_labels()
    axes.figure.legend(
        handles,
        texts,
        title=label(title, 30) or None,
        loc="outside upper center",
        ncols=2 if max(map(len, texts)) > 8 else len(texts),
        fontsize=8,
        title_fontsize=8,
    )


def shown_classes(target: Target) -> tuple[list[str], np.ndarray]:
    """Up to five series: the commonest classes, then the others together.

    Returns their names and, for each class code, the number of its series (classes,).
    """
    assert target.classes is not None
    if len(target.classes) <= CLASSES_SHOWN:
        return list(target.classes), np.arange(len(target.classes))
    order = np.argsort(-target.counts, kind="stable")[: CLASSES_SHOWN - 1]
    series = np.full(len(target.classes), CLASSES_SHOWN - 1)
    series[order] = np.arange(len(order))
    others = len(target.classes) - len(order)
    return [*(target.classes[code] for code in order), f"{others} other classes"], series


def _shares_by_class(relation: Relation, target: Target) -> tuple[list[str], np.ndarray]:
    """Series and, of the rows of each, the share in each bin, (bins, series)."""
    assert relation.shares is not None
    names, series = shown_classes(target)
    rows = np.zeros((len(relation.labels), len(names)))
    np.add.at(rows.T, series, (relation.shares * relation.rows[:, None]).T)
    return names, rows / np.maximum(rows.sum(axis=0), 1)


def _draw_levels(axes: "Axes", relation: Relation, target: Target) -> None:
    names, shares = _shares_by_class(relation, target)
    _paired_bars(axes, [label(text, 16) for text in relation.labels], shares, names)
    axes.set_xlabel("share of the class")


def _draw_few_values(axes: "Axes", relation: Relation, target: Target) -> None:
    names, shares = _shares_by_class(relation, target)
    positions, width = np.arange(len(relation.labels)), 0.8 / len(names)
    for series, name in enumerate(names):
        offset = (series - (len(names) - 1) / 2) * width
        colour = figures.PALETTE[series]
        axes.bar(positions + offset, shares[:, series], width, color=colour, label=label(name, 18))
    axes.set_xticks(positions, labels(relation.labels, 10))
    axes.set_ylabel("share of the class")
    axes.grid(axis="x", visible=False)


def _draw_histograms(
    axes: "Axes", values: np.ndarray, target: Target, *, is_date: bool = False
) -> None:
    names, series = shown_classes(target)
    known = np.isfinite(values)
    edges = _edges(values[known], HISTOGRAM_BINS if len(names) == 2 else HISTOGRAM_BINS // 2)
    clipped = np.clip(values, edges[0], edges[-1])
    for position, name in enumerate(names):
        mine = clipped[known & (series[target.y] == position)]
        shares = np.histogram(mine, edges)[0] / max(len(mine), 1)
        colour = figures.PALETTE[position]
        axes.stairs(shares, edges, color=colour, label=label(name, 18), linewidth=1.6)
        if len(names) == 2:
            axes.stairs(shares, edges, color=colour, fill=True, alpha=0.15)
    axes.set_ylabel("share of the class")
    if is_date:
        axes.xaxis_date()
        axes.tick_params(axis="x", rotation=30)


def _edges(values: np.ndarray, bins: int = HISTOGRAM_BINS) -> np.ndarray:
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


def _draw_means(axes: "Axes", relation: Relation, listed: bool) -> None:
    """Mean of the target in each bin with its 95% interval."""
    assert relation.means is not None and relation.errors is not None
    positions = np.arange(len(relation.labels))
    means, reach = relation.means, 1.96 * relation.errors
    style: dict[str, Any] = {"fmt": "o", "color": figures.BLUE, "markersize": 4}
    if listed:
        axes.errorbar(means, positions, xerr=reach, **style)
        axes.set_yticks(positions, labels(relation.labels, 26))
        axes.set_ylabel(label(_named(relation), 30) if relation.kind != "category" else "")
        axes.invert_yaxis()
        axes.set_xlabel("mean of the target")
        axes.locator_params(axis="x", nbins=3)
        return
    axes.errorbar(positions, means, yerr=reach, **style)
    axes.set_xticks(positions, labels(relation.labels, 10))
    axes.set_ylabel("mean of the target")


def drift_plot(drifts: Sequence[ColumnDrift]) -> Draft:
    """How far test is from train, column by column; what is no noise stands out."""
    ordered = sorted(drifts, key=lambda drift: (drift.is_noise, -drift.value))[:COLUMNS_SHOWN]
    with figures.style():
        figure, axes = figures.new(5.8, 1.2 + 0.24 * len(ordered))
        _bars_by_verdict(axes, ordered)
        axes.set_yticks(np.arange(len(ordered)), labels([drift.column for drift in ordered], 34))
        axes.invert_yaxis()
        axes.margins(y=0.02)
        axes.set_xlim(0, max(0.1, 1.1 * max(drift.value for drift in ordered)))
        axes.set_xlabel("distance between train and test, 0 to 1")
        axes.grid(axis="y", visible=False)
        axes.legend(loc="lower right")
        caption = drift_caption(drifts)
        return Draft(
            figure,
            name="drift",
            title="Drift by column",
            caption=caption,
            alt=f"Bars: distance between train and test by column. {caption}",
        )


def _bars_by_verdict(axes: "Axes", drifts: Sequence[ColumnDrift]) -> None:
    for noise, colour, text in ((True, figures.GREY, "noise"), (False, figures.VERMILION, "drift")):
        places = [place for place, drift in enumerate(drifts) if drift.is_noise == noise]
        if places:
            values = [drifts[place].value for place in places]
            axes.barh(places, values, color=colour, height=0.7, label=text)


def adversarial_plot(found: Adversarial) -> Draft:
    """The AUC of telling test from train among those with shuffled labels."""
    with figures.style():
        figure, axes = figures.new(4.4, 2.6)
        axes.hist(found.shuffled, bins=15, color=figures.GREY, label="shuffled labels")
        axes.axvline(found.auc, color=figures.VERMILION, linewidth=2.5, label="true labels")
        axes.set_xlabel("AUC of telling test from train")
        axes.set_ylabel("shuffles")
        _legend_above(axes)
        caption = adversarial_caption(found)
        return Draft(
            figure,
            name="adversarial",
            title="Adversarial validation",
            caption=caption,
            alt=f"Histogram of AUCs under shuffled labels, with the true one. {caption}",
        )
