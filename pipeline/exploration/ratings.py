"""The target at each value of each rating column: whole numbers with few values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import figures, page
from pipeline.errors import SettingsError
from pipeline.exploration.bins import as_numbers
from pipeline.exploration.target import Target
from pipeline.figures import Draft, Plot, label, labels
from pipeline.page import number, percent
from pipeline.problem import Feature
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

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
    columns = [as_numbers(frame[name], "number") for name in names]
    values = np.unique(np.concatenate(columns))
    values = values[~np.isnan(values)]
    rows = np.zeros((len(names), len(values)), dtype=int)
    means, errors = np.full(rows.shape, np.nan), np.full(rows.shape, np.nan)
    for cell in np.ndindex(rows.shape):
        own = truth[columns[cell[0]] == values[cell[1]]]
        rows[cell] = len(own)
        if len(own) >= FEWEST_ROWS:
            means[cell], errors[cell] = own.mean(), own.std(ddof=1) / np.sqrt(len(own))
    kept = (~np.isnan(means)).sum(axis=1) > 1
    if not kept.any():
        return None
    seen = ~np.isnan(means[kept]).all(axis=0)
    rows, means, errors = (part[kept][:, seen] for part in (rows, means, errors))
    columns_kept = tuple(name for name, full in zip(names, kept, strict=True) if full)
    return Ratings(columns_kept, values[seen], rows, means, errors, code, bool(ordered))


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
        allowed = ", ".join(f"'{known}'" for known in rating_columns(frame, features)) or "none"
        raise SettingsError(
            f"[explore] ratings: '{name}' is no column of up to {MOST_LEVELS} whole numbers from 0 "
            f"to {GREATEST_RATING}; such columns are: {allowed}. Correct the name, or remove it."
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


def section(ratings: Ratings, plots: Mapping[str, Plot]) -> page.Section:
    if ratings.ordered:
        text = "The columns in the order given in [explore] ratings; the target at each value."
    else:
        text = "Columns of whole numbers with few values, and the target at each value."
    return page.Section("ratings", ratings.heading, [text, page.Wide(plots["ratings"])])


def plot(ratings: Ratings, target: Target) -> Draft:
    """The mean of each column (rows) and value (columns), and the rows of each cell."""
    rows, values = ratings.means.shape
    names = list(ratings.columns)
    if ratings.ordered:
        names = [f"{place}. {name}" for place, name in enumerate(names, 1)]
    with figures.style():
        figure, axes = figures.new(max(5.2, 2.9 + 0.55 * values), 1.4 + 0.4 * rows)
        axes.grid(visible=False)
        mesh = axes.pcolormesh(ratings.means, cmap=figures.SEQUENTIAL, edgecolor="white", lw=0.5)
        _write_means(axes, ratings)
        axes.set_xticks(np.arange(values) + 0.5, [number(value) for value in ratings.values])
        axes.set_yticks(np.arange(rows) + 0.5, labels(names, 36))
        axes.tick_params(length=0)
        axes.invert_yaxis()
        axes.set_xlabel("rating" if ratings.ordered else "value")
        what, measure = target.of(ratings.code)
        figures.colour_bar(axes, mesh, f"{measure} {label(what, 18)}")
        text = caption(ratings, target)
        alt = f"Heat map of {what} by column and value. {text}"
        return Draft(figure, "ratings", f"{ratings.heading} and the target", text, alt)


def _write_means(axes: "Axes", ratings: Ratings) -> None:
    """The mean in large and the rows in small type; of few rows the number alone."""
    middle = (np.nanmin(ratings.means) + np.nanmax(ratings.means)) / 2
    for (row, column), mean in np.ndenumerate(ratings.means):
        held = int(ratings.rows[row, column])
        where: dict[str, Any] = {"x": column + 0.5, "ha": "center", "va": "center"}
        if held >= FEWEST_ROWS:
            ink = "white" if mean < middle else "black"
            text = _short(mean) if ratings.code is None else percent(mean, 0)
            axes.text(y=row + 0.36, s=text, color=ink, **where)
            axes.text(y=row + 0.74, s=_short(held), color=ink, fontsize=6.5, **where)
        elif held:
            axes.text(y=row + 0.74, s=_short(held), color=figures.SOFT, fontsize=6.5, **where)


def _short(value: float) -> str:
    """At most three digits, so that it fits into a cell: 287,298 becomes 287k."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * unit:
            return f"{number(round(value / unit))}{name}"
    return number(value)
