"""The target at each value of each rating column: whole numbers with few values."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pipeline import figures
from pipeline.errors import SettingsError
from pipeline.exploration import heat_map
from pipeline.exploration.bins import as_numbers
from pipeline.exploration.part import Part
from pipeline.exploration.target import Target
from pipeline.figures import Draft, label, labels
from pipeline.page import number, percent
from pipeline.problem import Feature
from pipeline.wording import count, did_you_mean, quoted

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.exploration.findings import Exploration

MOST_LEVELS = 12
GREATEST_RATING = 20
FEWEST_ROWS = 20  # of a value that has a mean


@dataclass(frozen=True)
class Ratings:
    """Target by column and value, each (columns, values): rows, and of those the mean and its
    standard error, NaN where rows are few.

    `code` is the class whose shares the means are, None for values; `ordered`: the settings name
    the columns, in order.
    """

    columns: tuple[str, ...]
    values: np.ndarray
    rows: np.ndarray
    means: np.ndarray
    errors: np.ndarray
    code: int | None
    ordered: bool

    @property
    def heading(self) -> str:
        """Whole numbers are only called ratings where somebody has named them so."""
        return "Ratings" if self.ordered else "Whole numbers"

    @property
    def turning(self) -> list[str]:
        """Columns whose means both rise and fall from value to value, by over 2 standard errors."""
        names = []
        for column, means, errors in zip(self.columns, self.means, self.errors, strict=True):
            known = ~np.isnan(means)
            steps, noise = np.diff(means[known]), errors[known]
            sure = steps[np.abs(steps) > 2 * np.hypot(noise[1:], noise[:-1])]
            if (sure > 0).any() and (sure < 0).any():
                names.append(column)
        return names


def find_ratings(
    frame: "pd.DataFrame",
    y: np.ndarray,
    features: Sequence[Feature],
    code: int | None,
    ordered: Sequence[str] = (),
) -> Ratings | None:
    """Share of class `code`, or mean of y (n,), at each value of each rating column.

    The columns that `ordered` names, or else all that hold ratings; None where there are none, or
    too few rows.
    """
    names = in_order(ordered, frame, features) if ordered else rating_columns(frame, features)
    if not names:
        return None
    truth = np.asarray(y if code is None else y == code, dtype=float)
    cells = _cells(frame, names, truth)
    rows, means, errors = (cells[name].unstack() for name in ("size", "mean", "sem"))
    kept = means.notna().sum(axis=1) > 1
    if not kept.any():
        return None
    seen = means[kept].notna().any()
    rows, means, errors = (part.loc[kept, seen] for part in (rows, means, errors))
    return Ratings(
        columns=tuple(names[place] for place in means.index),
        values=means.columns.to_numpy(),
        rows=rows.fillna(0).to_numpy(dtype=int),
        means=means.to_numpy(),
        errors=errors.to_numpy(),
        code=code,
        ordered=bool(ordered),
    )


def _cells(frame: "pd.DataFrame", names: Sequence[str], truth: np.ndarray) -> "pd.DataFrame":
    """By the place of a column and a value: rows, the mean of truth (n,) and its standard error.

    Mean and error are NaN where rows are too few.
    """
    import pandas as pd

    parts = [
        pd.DataFrame({"column": place, "value": as_numbers(frame[name], "number"), "target": truth})
        for place, name in enumerate(names)
    ]
    cells = pd.concat(parts).groupby(["column", "value"])["target"].agg(["size", "mean", "sem"])
    cells.loc[cells["size"] < FEWEST_ROWS, ["mean", "sem"]] = np.nan
    return cells


def rating_columns(frame: "pd.DataFrame", features: Sequence[Feature]) -> list[str]:
    """Whole-number columns with 3 to 12 values, none negative and none above 20."""
    numbers = [each.name for each in features if each.kind == "number"]
    return [name for name in numbers if 3 <= len(_scale(frame[name])) <= MOST_LEVELS]


def in_order(names: Sequence[str], frame: "pd.DataFrame", features: Sequence[Feature]) -> list[str]:
    """The named columns; SettingsError for a name that holds no ratings."""
    kinds = {each.name: each.kind for each in features}
    for name in names:
        if kinds.get(name) == "number" and 0 < len(_scale(frame[name])) <= MOST_LEVELS:
            continue
        known = list(rating_columns(frame, features))
        meant = did_you_mean(name, known, "Correct the name, or remove it.")
        raise SettingsError(
            f"[explore] ratings: '{name}' is no column of up to {MOST_LEVELS} whole numbers from 0 "
            f"to {GREATEST_RATING}; such columns are: {quoted(known) or 'none'}. {meant}"
        )
    return list(dict.fromkeys(names))


def _scale(column: "pd.Series") -> np.ndarray:
    """The different values, ascending; none unless all are whole numbers from 0 to 20."""
    values = as_numbers(column, "number")
    known = np.unique(values[~np.isnan(values)])
    fits = (known == np.round(known)) & (known >= 0) & (known <= GREATEST_RATING)
    return known if fits.all() else known[:0]


# -- on the page -----------------------------------------------------------------------------------


def caption(ratings: Ratings, target: Target) -> str:
    def shown(mean: float) -> str:
        return number(float(mean)) if ratings.code is None else percent(mean, 0)

    spans = np.nanmax(ratings.means, axis=1) - np.nanmin(ratings.means, axis=1)
    steepest = int(spans.argmax())
    row = ratings.means[steepest]
    low, high = int(np.nanargmin(row)), int(np.nanargmax(row))
    what, measure = target.of(ratings.code)
    text = (
        f"Each cell shows the {measure} {what} among the rows with that value, and below it in "
        f"small type the number of these rows. It differs most along "
        f"'{ratings.columns[steepest]}': {shown(row[low])} at {number(ratings.values[low])}, "
        f"{shown(row[high])} at {number(ratings.values[high])}."
    )
    turning = len(ratings.turning)
    if turning:
        text += (
            f" In {count(turning, 'column')} of {len(ratings.columns)} it both rises and falls as "
            "the value grows, by more than noise: there a straight line does not fit, but a tree "
            "or a column for each value does."
        )
    else:
        text += " No column both rises and falls by more than noise: straight lines may fit."
    return f"{text} Cells of fewer than {FEWEST_ROWS} rows show the number of rows only."


def part(exploration: "Exploration") -> Part | None:
    ratings = exploration.findings.ratings
    if ratings is None:
        return None
    text = "Columns of whole numbers with few values, and the target at each value."
    if ratings.ordered:
        text = "The columns in the order given in [explore] ratings; the target at each value."
    drawing = partial(plot, ratings, exploration.sample.target)
    return Part("ratings", ratings.heading, [text], [drawing])


def plot(ratings: Ratings, target: Target) -> Draft:
    """The mean of each column (rows) and value (columns), and the rows of each cell."""
    rows, values = ratings.means.shape
    names = list(ratings.columns)
    if ratings.ordered:
        names = [f"{place}. {name}" for place, name in enumerate(names, 1)]
    what, measure = target.of(ratings.code)
    with figures.style():
        figure, axes = figures.new(max(5.2, 2.9 + 0.55 * values), 1.4 + 0.4 * rows)
        sides = labels(names, 36), [number(value) for value in ratings.values]
        mesh = heat_map.draw(axes, ratings.means, sides, f"{measure} {label(what, 18)}")
        show = _short if ratings.code is None else partial(percent, decimals=0)
        heat_map.write(axes, mesh, ratings.means, show, y=0.36, size=9)
        rows_there = np.where(ratings.rows > 0, ratings.rows, np.nan)
        heat_map.write(axes, mesh, rows_there, _short, y=0.74, size=6.5)
        axes.set_xlabel("rating" if ratings.ordered else "value")
        text = caption(ratings, target)
        alt = f"Heat map of {what} by column and value. {text}"
        return Draft(figure, "ratings", f"{ratings.heading} and the target", text, alt)


def _short(value: float) -> str:
    """At most three digits, so that it fits into a cell: 287,298 becomes 287k."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * unit:
            return f"{number(round(value / unit))}{name}"
    return number(value)
