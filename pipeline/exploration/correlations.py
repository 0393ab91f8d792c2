"""How numbers and dates move together: Spearman's rank correlation of each pair of columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import figures, page
from pipeline.exploration.bins import as_numbers
from pipeline.exploration.target import Target
from pipeline.figures import Draft, Plot, labels
from pipeline.page import signed
from pipeline.problem import Feature
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MOST_COLUMNS = 100
LARGEST = 25  # columns of the figure
LISTED = 15
FEWEST_ROWS = 10  # that two columns both know
REDUNDANT, WEAK = 0.95, 0.5


@dataclass(frozen=True)
class Correlations:
    """matrix (d, d) of the columns in `names`; `target` is the target's name if it is one."""

    names: tuple[str, ...]
    matrix: np.ndarray
    target: str | None

    @property
    def strongest(self) -> list[tuple[str, str, float]]:
        """All pairs with a known correlation, strongest first."""
        one, other = np.triu_indices(len(self.names), 1)
        values = self.matrix[one, other]
        order = np.argsort(-np.abs(values), kind="stable")
        return [
            (self.names[one[i]], self.names[other[i]], float(values[i]))
            for i in order
            if not np.isnan(values[i])
        ]

    def most_correlated(self, columns: int) -> "Correlations":
        """The columns that correlate most with any other, in their order."""
        if len(self.names) <= columns:
            return self
        strength = np.nan_to_num(np.abs(self.matrix - np.eye(len(self.names)))).max(axis=1)
        kept = np.sort(np.argsort(-strength, kind="stable")[:columns])
        names = tuple(self.names[place] for place in kept)
        return Correlations(names, self.matrix[np.ix_(kept, kept)], self.target)


def correlations(
    frame: "pd.DataFrame", features: Sequence[Feature], target: Target
) -> Correlations | None:
    """Of the columns that hold numbers or dates, and of the target unless it has several classes.

    None where fewer than two of them vary.
    """
    import pandas as pd

    used = [each for each in features if each.kind in ("number", "date")][:MOST_COLUMNS]
    parts = [as_numbers(frame[each.name], each.kind) for each in used]
    names, marked = [each.name for each in used], None
    if len(target.classes or ()) <= 2:
        is_named = target.name.casefold() == "target"
        marked = target.name if is_named else f"{target.name} (target)"
        parts.append(target.y.astype(float))
        names.append(marked)
    if len(parts) < 2:
        return None
    matrix = np.column_stack(parts)
    found = rank_correlations(pd.DataFrame(np.where(np.isfinite(matrix), matrix, np.nan)))
    varied = ~np.isnan(found).all(axis=0)
    kept = tuple(name for name, varies in zip(names, varied, strict=True) if varies)
    return Correlations(kept, found[np.ix_(varied, varied)], marked) if len(kept) else None


def rank_correlations(frame: "pd.DataFrame") -> np.ndarray:
    """Spearman's correlation of each pair of columns, over the rows where both are known.

    (d, d), NaN where a column does not vary. A column is ranked once, among its own known rows:
    with missing values this comes close to Spearman's, at the cost of d sorts instead of d².
    """
    return np.asarray(frame.rank().corr(min_periods=FEWEST_ROWS))


# -- on the page -----------------------------------------------------------------------------------


def caption(found: Correlations) -> str:
    pairs, target = found.strongest, found.target
    with_target = [pair for pair in pairs if target in pair[:2]]
    pairs = [pair for pair in pairs if target not in pair[:2]]
    text = ""
    if with_target:
        one, other, value = with_target[0]
        feature = one if other == target else other
        text = f"'{feature}' correlates most with the target, {signed(value)}. "
    if not pairs:
        return text or "No two columns vary together."
    one, other, value = pairs[0]
    which = "Of the other columns" if with_target else "Of the columns"
    text += f"{which} '{one}' and '{other}' correlate most, {signed(value)}."
    redundant = sum(abs(pair[2]) >= REDUNDANT for pair in pairs)
    if redundant:
        text += (
            f" {count(redundant, 'pair')} above {REDUNDANT}: the second column of such a pair adds "
            "hardly anything."
        )
    elif abs(value) < WEAK:
        text += " No column could stand in for another."
    return text


def section(found: Correlations, plots: Mapping[str, Plot]) -> page.Section:
    pairs = found.strongest[:LISTED]
    text = (
        "Spearman's rank correlation of the columns that hold numbers or dates, over the rows "
        "where both are known."
    )
    table = page.SortableTable(
        f"The {len(pairs)} strongest rank correlations.",
        ("Column", "And", "Spearman"),
        [[one, other, page.decimals(value, 3)] for one, other, value in pairs],
    )
    figure = page.Wide(plots["correlations"])
    return page.Section("correlations", "Correlations", [text, figure, table])


def plot(found: Correlations) -> Draft:
    shown = found.most_correlated(LARGEST)
    size = len(shown.names)
    with figures.style():
        side = 2.2 + 0.28 * size
        figure, axes = figures.new(side + 0.9, side)
        axes.grid(visible=False)
        matrix = np.where(np.eye(size, dtype=bool), np.nan, shown.matrix)
        mesh = axes.pcolormesh(matrix, cmap=figures.DIVERGING, vmin=-1, vmax=1)
        if size <= 16:
            _write_correlations(axes, matrix)
        texts = labels(shown.names, 24)
        axes.set_xticks(np.arange(size) + 0.5, texts, rotation=90)
        axes.set_yticks(np.arange(size) + 0.5, texts)
        axes.tick_params(length=0)
        axes.invert_yaxis()
        axes.set_aspect("equal")
        figures.colour_bar(axes, mesh, "rank correlation", shrink=0.7)
        text = caption(shown)
        if len(found.names) > size:
            text += (
                f" Of {len(found.names)} columns the {size} most correlated with any other are "
                "shown."
            )
        alt = f"Heat map of rank correlations. {text}"
        return Draft(figure, "correlations", "Correlations", text, alt)


def _write_correlations(axes: "Axes", matrix: np.ndarray) -> None:
    for (row, column), value in np.ndenumerate(matrix):
        if not np.isnan(value):
            ink = "white" if abs(value) > 0.6 else figures.INK
            text = signed(value).replace("0.", ".").replace("−.00", ".00")
            where: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7}
            axes.text(column + 0.5, row + 0.5, text, color=ink, **where)
