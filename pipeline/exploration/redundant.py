"""Columns that add nothing: those of one value in train, and duplicates of another one."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline import page
from pipeline.exploration.part import Part
from pipeline.reading import distinct
from pipeline.wording import count, some

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.exploration.findings import Exploration
    from pipeline.table import Frame

MOST_NAMED = 5
LOOKED_AT = 20  # rows, at first


@dataclass(frozen=True)
class Redundant:
    """`constant` have one value in train; `duplicates` are equal to an earlier column, by name, in
    every row of train and test."""

    constant: tuple[str, ...] = ()
    duplicates: Mapping[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """How many there are, and the first of them; "" where there are none."""
        found, constant = [], list(map(repr, self.constant))
        duplicates = [f"{name!r} ({of!r})" for name, of in self.duplicates.items()]
        if constant:
            what = count(len(constant), "column holds", "columns hold")
            found.append(f"{what} one value in train: {some(constant, MOST_NAMED)}")
        if duplicates:
            what = count(len(duplicates), "column duplicates", "columns duplicate")
            found.append(f"{what} another one: {some(duplicates, MOST_NAMED)}")
        return f"{'; '.join(found)}; [load] drop leaves columns out" if found else ""


def find_redundant(train: "Frame", test: "Frame", names: Sequence[str]) -> Redundant:
    """Of these columns of train (n rows) and test (m rows)."""
    constant, alike = [], dict[tuple[str, ...], list[str]]()  # by their first rows
    for name in names:
        if _is_constant(train[name]):
            constant.append(name)
        else:
            alike.setdefault(_first_rows(train[name]), []).append(name)
    duplicates = dict[str, str]()
    for group in (group for group in alike.values() if len(group) > 1):
        originals = dict[str, str]()
        for name in group:
            original = originals.setdefault(_digest(train[name], test[name]), name)
            if original != name:
                duplicates[name] = original
    in_order = {name: duplicates[name] for name in names if name in duplicates}
    return Redundant(tuple(constant), in_order)


def _is_constant(values: "pd.Series") -> bool:
    """Every row has the same value, or none has any."""
    found = len(distinct.first(values, 2))
    return found == 0 or (found == 1 and not values.hasnans)


def _first_rows(values: "pd.Series") -> tuple[str, ...]:
    """Nearly all columns differ in these, but those of few levels."""
    return tuple(map(str, values.iloc[:LOOKED_AT]))


def _digest(*sides: "pd.Series") -> str:
    """Missing values are equal."""
    import pandas as pd

    rows = (pd.util.hash_pandas_object(side, index=False).to_numpy() for side in sides)
    return hashlib.sha256(b"".join(each.tobytes() for each in rows)).hexdigest()


# -- on the page -----------------------------------------------------------------------------------


def part(exploration: "Exploration") -> Part | None:
    """None where there are none."""
    found = exploration.findings.redundant
    if not found.summary:
        return None
    rows = [
        *([name, "one value in train"] for name in found.constant),
        *([name, f"duplicate of {of!r}"] for name, of in found.duplicates.items()),
    ]
    caption = "A model learns nothing from these columns that others do not tell it."
    table = page.SortableTable(caption, ["Column", "Why"], rows)
    return Part("redundant", "Redundant columns", [table], conclusion=f"{found.summary}.")
