"""How numbers and dates move together: Spearman's rank correlation of each pair of columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pipeline import figures, page
from pipeline.exploration import heat_map
from pipeline.exploration.bins import as_numbers
from pipeline.exploration.part import Part
from pipeline.exploration.target import Target
from pipeline.figures import Draft, labels
from pipeline.page import signed
from pipeline.problem import Feature
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.exploration.findings import Exploration

MOST_COLUMNS = 100
LARGEST, MOST_WRITTEN = 25, 16  # columns of the figure, and of one with numbers in it
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


def part(exploration: "Exploration") -> Part | None:
    found = exploration.findings.correlations
    if found is None:
        return None
    pairs = found.strongest[:LISTED]
    table = page.SortableTable(
        f"The {len(pairs)} strongest rank correlations.",
        ("Column", "And", "Spearman"),
        [[one, other, page.decimal_cell(value, 3)] for one, other, value in pairs],
    )
    text = (
        "Spearman's rank correlation of the columns that hold numbers or dates, over the rows "
        "where both are known."
    )
    return Part("correlations", "Correlations", [text], [partial(plot, found)], [table])


def plot(found: Correlations) -> Draft:
    shown = found.most_correlated(LARGEST)
    size = len(shown.names)
    with figures.style():
        side = 2.2 + 0.28 * size
        figure, axes = figures.new(side + 0.9, side)
        matrix = np.where(np.eye(size, dtype=bool), np.nan, shown.matrix)
        sides = (labels(shown.names, 24),) * 2
        mesh = heat_map.draw(axes, matrix, sides, "rank correlation", largest=1.0)
        if size <= MOST_WRITTEN:
            heat_map.write(axes, mesh, matrix, _short)
        axes.tick_params(axis="x", rotation=90)
        axes.set_aspect("equal")
        text = caption(shown)
        if len(found.names) > size:
            text += (
                f" Of {len(found.names)} columns the {size} most correlated with any other are "
                "shown."
            )
        alt = f"Heat map of rank correlations. {text}"
        return Draft(figure, "correlations", "Correlations", text, alt)


def _short(value: float) -> str:
    """'.91', '−.30'."""
    return signed(value).replace("0.", ".").replace("−.00", ".00")
