"""What each column holds: missing values, zeros, the range, the commonest value."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pipeline import figures, page
from pipeline.exploration.bins import as_numbers
from pipeline.exploration.part import Part
from pipeline.figures import Draft, label
from pipeline.page import percent
from pipeline.problem import Feature, Kind
from pipeline.wording import count, some

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.exploration.findings import Exploration
    from pipeline.table import Frame

COLUMNS_SHOWN = 30
FEWEST_ZEROS = 0.001  # share that a caption mentions
HEADS = (
    "Column",
    "Kind",
    "Distinct",
    "Missing, train",
    "Missing, test",
    "Zeros, train",
    "Zeros, test",
    "Min",
    "Median",
    "Max",
    "Most common",
)


@dataclass(frozen=True)
class Profile:
    """One column of train and test. Zeros and the range are None where they mean nothing."""

    column: str
    kind: Kind
    distinct: int
    missing_train: int
    missing_test: int
    zeros_train: int | None
    zeros_test: int | None
    minimum: float | str | None
    median: float | str | None
    maximum: float | str | None
    commonest: str | None
    commonest_share: float | None

    @property
    def missing(self) -> int:
        return self.missing_train + self.missing_test


def profile(train: "Frame", test: "Frame", feature: Feature) -> Profile:
    """Of one column."""
    one, other, kind = train[feature.name], test[feature.name], feature.kind
    counts, is_number = one.value_counts(), kind == "number"
    minimum, median, maximum = _range(one, kind)
    return Profile(
        column=feature.name,
        kind=kind,
        distinct=len(counts),
        missing_train=int(one.isna().sum()),
        missing_test=int(other.isna().sum()),
        zeros_train=int((as_numbers(one, kind) == 0).sum()) if is_number else None,
        zeros_test=int((as_numbers(other, kind) == 0).sum()) if is_number else None,
        minimum=minimum,
        median=median,
        maximum=maximum,
        commonest=str(counts.index[0]) if len(counts) and kind == "category" else None,
        commonest_share=float(counts.iloc[0] / len(one)) if len(counts) else None,
    )


def _range(values: "pd.Series", kind: Kind) -> tuple[float | str | None, ...]:
    """Minimum, median and maximum; dates as text; None for words."""
    known = as_numbers(values, kind) if kind in ("number", "date") else np.empty(0)
    known = known[np.isfinite(known)]
    if not len(known):
        return None, None, None
    three = (known.min(), np.median(known), known.max())
    if kind == "number":
        return tuple(float(value) for value in three)
    return tuple(str(np.datetime64(int(np.floor(value)), "D")) for value in three)


# -- on the page -----------------------------------------------------------------------------------


def missing_summary(profiles: Sequence[Profile]) -> str:
    """'no missing values', 'missing values in 3 columns'."""
    found = sum(item.missing > 0 for item in profiles)
    return f"missing values in {count(found, 'column')}" if found else "no missing values"


def missing_and_zeros(profile: Profile, rows_train: int, rows_test: int) -> Iterator[str]:
    """Both in words, for the caption of the column's figure."""

    def both(train: int, test: int) -> str:
        found = f"{percent(train / rows_train)} of train"
        return f"{found} and {percent(test / rows_test)} of test" if rows_test else found

    if profile.missing:
        yield f"missing in {both(profile.missing_train, profile.missing_test)}"
    zeros = profile.zeros_train or 0, profile.zeros_test or 0
    if max(zeros[0] / rows_train, zeros[1] / max(1, rows_test)) >= FEWEST_ZEROS:
        yield f"zero in {both(*zeros)}"


def missing_caption(shares: Mapping[str, tuple[float, float]], columns: int) -> str:
    """`shares` of train and test by column, the largest first."""
    worst, (train, test) = next(iter(shares.items()))
    text = (
        f"{count(len(shares), 'column')} of {columns} {'has' if len(shares) == 1 else 'have'} "
        f"missing values, most of them '{worst}': {percent(train)} of train and {percent(test)} "
        "of test."
    )
    more = len(shares) > COLUMNS_SHOWN
    return text + f" The {COLUMNS_SHOWN} columns with most are shown." * more


def part(exploration: "Exploration") -> Part:
    rows, profiles = exploration.findings.rows, exploration.findings.profiles
    cells, missing = sum(each.missing for each in profiles), missing_summary(profiles)
    text = f"{missing[0].upper()}{missing[1:]}."
    zeros = {
        each.column: (each.zeros_train or 0) / rows.train for each in profiles if each.distinct > 2
    }
    mostly = [f"'{name}' ({percent(share, 0)})" for name, share in zeros.items() if share > 0.5]
    if mostly:
        text += f" Zero in more than half of the rows: {some(mostly, 5)}."
    return Part(
        "columns",
        "Columns",
        [text],
        [partial(missing_plot, profiles, rows.train, rows.test)] if cells else [],
        [_table(profiles, rows.train, rows.test)],
        facts=[("Missing values", count(cells), missing)],
    )


def missing_plot(profiles: Sequence[Profile], rows_train: int, rows_test: int) -> Draft:
    """Share of missing values in train and test, of the columns that have any."""
    shares = {
        item.column: (item.missing_train / rows_train, item.missing_test / max(1, rows_test))
        for item in profiles
        if item.missing
    }
    shares = {name: shares[name] for name in sorted(shares, key=lambda name: -max(shares[name]))}
    shown = list(shares)[:COLUMNS_SHOWN]
    with figures.style():
        figure, axes = figures.new(5.2, 1.1 + 0.3 * len(shown))
        values = np.array([shares[name] for name in shown])
        figures.grouped_bars(axes, shown, values, ("train", "test"))
        axes.set_xlabel("share missing")
        figures.legend_above(axes)
        text = missing_caption(shares, len(profiles))
        alt = f"Bars: share of missing values by column. {text}"
        return Draft(figure, "missing", "Missing values", text, alt)


def _table(profiles: Sequence[Profile], train: int, test: int) -> page.SortableTable:
    rows = [
        [
            item.column,
            item.kind,
            item.distinct,
            _share(item.missing_train, train),
            _share(item.missing_test, test),
            _share(item.zeros_train, train),
            _share(item.zeros_test, test),
            item.minimum,
            item.median,
            item.maximum,
            None
            if item.commonest is None
            else f"{label(item.commonest, 18)} ({percent(item.commonest_share)})",
        ]
        for item in profiles
    ]
    text = "Values in train; missing values and zeros in percent of the rows of train and of test."
    return page.SortableTable(text, HEADS, rows)


def _share(rows: int | None, of: int) -> page.Cell | None:
    if rows is None or not of:
        return None
    tone: page.Tone = "" if rows else "muted"
    return page.Cell(percent(rows / of) if rows else "0", rows / of, tone)
