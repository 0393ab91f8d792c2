"""The exploration's heat maps: the journey, pairs of columns, correlations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import figures
from pipeline.exploration.captions import correlation_caption, pair_caption, rating_caption
from pipeline.exploration.interactions import FEWEST_IN_CELL, Interaction
from pipeline.exploration.profile import Target
from pipeline.exploration.ratings import FEWEST_RATED, Ratings
from pipeline.figures import Draft, label, labels
from pipeline.page import number, percent, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

LARGEST = 25


def rating_plot(ratings: Ratings, target: Target, class_code: int | None) -> Draft:
    """Target mean, or a class's share, by rating column (rows) and value (columns), and the rows
    of each cell."""
    rows, values = ratings.means.shape
    with figures.style():
        figure, axes = figures.new(max(5.2, 2.9 + 0.55 * values), 1.4 + 0.4 * rows)
        axes.grid(visible=False)
        mesh = axes.pcolormesh(ratings.means, cmap=figures.SEQUENTIAL, edgecolor="white", lw=0.5)
        _write_means(axes, ratings, bool(target.classes))
        axes.set_xticks(np.arange(values) + 0.5, [number(value) for value in ratings.values])
        axes.set_yticks(np.arange(rows) + 0.5, labels(_numbered(ratings), 36))
        axes.tick_params(length=0)
        axes.invert_yaxis()
        axes.set_xlabel("rating" if ratings.heading != "Whole-number columns" else "value")
        what, measure = _followed(target, class_code)
        _colour_bar(axes, mesh, f"{measure} {label(what, 18)}")
        caption = rating_caption(ratings, target, what)
        return Draft(
            figure,
            name="ratings",
            title=f"{ratings.heading} and the target",
            caption=caption,
            alt=f"Heat map of {what} by column and value. {caption}",
        )


def _numbered(ratings: Ratings) -> list[str]:
    """A journey's steps have numbers."""
    if not ratings.is_journey:
        return list(ratings.columns)
    return [f"{place}. {name}" for place, name in enumerate(ratings.columns, 1)]


def _followed(target: Target, class_code: int | None) -> tuple[str, str]:
    """What a cell speaks of, and how it is measured."""
    if class_code is None:
        return target.name, "mean of"
    assert target.classes is not None
    return f"'{target.classes[class_code]}'", "share of"


def _write_means(axes: "Axes", ratings: Ratings, are_shares: bool) -> None:
    """The mean in large and the rows in small figures; of few rows the number alone."""
    middle = (np.nanmin(ratings.means) + np.nanmax(ratings.means)) / 2
    for (row, column), mean in np.ndenumerate(ratings.means):
        held = int(ratings.rows[row, column])
        where: dict[str, Any] = {"x": column + 0.5, "ha": "center", "va": "center"}
        if held >= FEWEST_RATED:
            ink = "white" if mean < middle else "black"
            text = percent(mean, 0) if are_shares else _short(mean)
            axes.text(y=row + 0.36, s=text, color=ink, **where)
            axes.text(y=row + 0.74, s=_short(held), color=ink, fontsize=6.5, **where)
        elif held:
            axes.text(y=row + 0.74, s=_short(held), color=figures.SOFT, fontsize=6.5, **where)


def pair_plot(found: Interaction, target: Target, place: int) -> Draft:
    """What the cells of two columns show, coloured by how far that is from the sum of all."""
    with figures.style():
        figure, axes = figures.new(*_pair_size(found))
        axes.grid(visible=False)
        _draw_cells(axes, found)
        axes.set_ylabel(label(found.columns[0], 24))
        axes.set_xlabel(label(found.columns[1], 34))
        what, _ = _followed(target, found.code)
        caption = pair_caption(found, what)
        names = [label(name, 40) for name in found.columns]
        return Draft(
            figure,
            name=f"pair-{place:02d}",
            title=f"{names[0]} with {names[1]}",
            caption=caption,
            alt=f"Heat map of {what} by {found.columns[0]} and {found.columns[1]}. {caption}",
        )


def _pair_size(found: Interaction) -> tuple[float, float]:
    height, width = found.rows.shape
    return max(3.6, 1.8 + 0.36 * width), max(2.4, 1.2 + 0.26 * height)


def _draw_cells(axes: "Axes", found: Interaction) -> None:
    """Bins that have too few rows in every cell are left out."""
    full = found.rows >= FEWEST_IN_CELL
    down, across = np.flatnonzero(full.any(axis=1)), np.flatnonzero(full.any(axis=0))
    kept = np.ix_(down, across)
    apart = np.where(full, found.observed - found.expected, np.nan)[kept]
    reach = np.nanmax(np.abs(apart), initial=1e-12)
    style: dict[str, Any] = {"cmap": figures.DIVERGING, "edgecolor": "white", "lw": 0.5}
    mesh = axes.pcolormesh(apart, vmin=-reach, vmax=reach, **style)
    for (row, column), value in np.ndenumerate(found.observed[kept]):
        if not np.isnan(apart[row, column]):
            ink = "white" if abs(apart[row, column]) > 0.6 * reach else figures.INK
            text = percent(value, 0).strip("<> ")
            where: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7}
            axes.text(column + 0.5, row + 0.5, text, color=ink, **where)
    texts = labels([found.labels[1][place] for place in across], 16)
    is_narrow = max(map(len, texts)) * len(texts) > 32
    axes.set_xticks(np.arange(len(across)) + 0.5, texts, rotation=90 if is_narrow else 0)
    rows = labels([found.labels[0][place] for place in down], 16)
    axes.set_yticks(np.arange(len(down)) + 0.5, rows)
    axes.tick_params(length=0, labelsize=8)
    axes.invert_yaxis()
    _colour_bar(axes, mesh, "beyond the sum")


def _colour_bar(axes: "Axes", mesh: "QuadMesh", text: str, shrink: float = 1.0) -> None:
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, shrink=shrink)
    bar.set_label(text)
    bar.outline.set_visible(False)


def _short(value: float) -> str:
    """At most three digits, so that it fits into a cell: 287,298 becomes 287k."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * unit:
            return f"{number(round(value / unit))}{name}"
    return number(value)


def correlation_plot(
    names: Sequence[str], matrix: np.ndarray, columns: int, target: str | None
) -> Draft:
    """Spearman's correlations, of `columns` in all; `target` is its name if it is one of them."""
    size = len(names)
    with figures.style():
        side = 2.2 + 0.28 * size
        figure, axes = figures.new(side + 0.9, side)
        axes.grid(visible=False)
        shown = np.where(np.eye(size, dtype=bool), np.nan, matrix)
        mesh = axes.pcolormesh(shown, cmap=figures.DIVERGING, vmin=-1, vmax=1)
        if size <= 16:
            _write_correlations(axes, shown)
        texts = labels(names, 24)
        axes.set_xticks(np.arange(size) + 0.5, texts, rotation=90)
        axes.set_yticks(np.arange(size) + 0.5, texts)
        axes.tick_params(length=0)
        axes.invert_yaxis()
        axes.set_aspect("equal")
        _colour_bar(axes, mesh, "rank correlation", shrink=0.7)
        caption = correlation_caption(names, matrix, target)
        if columns > size:
            caption += f" Of {columns} columns the {size} most correlated with any other are shown."
        return Draft(
            figure,
            name="correlations",
            title="Correlations",
            caption=caption,
            alt=f"Heat map of rank correlations. {caption}",
        )


def _write_correlations(axes: "Axes", matrix: np.ndarray) -> None:
    for (row, column), value in np.ndenumerate(matrix):
        if not np.isnan(value):
            ink = "white" if abs(value) > 0.6 else figures.INK
            text = signed(value).replace("0.", ".").replace("−.00", ".00")
            axes.text(
                column + 0.5, row + 0.5, text, ha="center", va="center", color=ink, fontsize=7
            )
