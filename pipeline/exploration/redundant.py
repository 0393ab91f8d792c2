"""Columns that add nothing: those of one value in train, and those that copy another one."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.exploration.part import Part
from pipeline.reading import distinct
from pipeline.wording import count, some

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.exploration.findings import Exploration
    from pipeline.table import Frame

MOST_NAMED = 5
LOOKED_AT = 500  # rows of each table, at first


@dataclass(frozen=True)
class Redundant:
    """`constant` have one value in train; `copies` are equal to an earlier column in every row of
    train and test, by name."""

    constant: tuple[str, ...] = ()
    copies: Mapping[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """How many there are, and the first of them; "" where there are none."""
        found, constant = [], list(map(repr, self.constant))
        copies = [f"{name!r} ({of!r})" for name, of in self.copies.items()]
        if constant:
            what = count(len(constant), "column holds", "columns hold")
            found.append(f"{what} one value in train: {some(constant, MOST_NAMED)}")
        if copies:
            what = count(len(copies), "column copies", "columns copy")
            found.append(f"{what} another one: {some(copies, MOST_NAMED)}")
        return f"{'; '.join(found)}; [load] drop leaves columns out" if found else ""


def find_redundant(train: "Frame", test: "Frame", names: Sequence[str]) -> Redundant:
    """Of these columns of train (n rows) and test (m rows)."""
    constant, alike = [], dict[str, list[str]]()  # by some of their rows
    for name in names:
        if _is_constant(train[name]):
            constant.append(name)
        else:
            alike.setdefault(_some_rows(train[name], test[name]), []).append(name)
    copies = dict[str, str]()
    for group in (group for group in alike.values() if len(group) > 1):
        originals = dict[str, str]()
        for name in group:
            original = originals.setdefault(_digest(train[name], test[name]), name)
            if original != name:
                copies[name] = original
    return Redundant(tuple(constant), {name: copies[name] for name in names if name in copies})


def _is_constant(values: "pd.Series") -> bool:
    """Every row has the same value, or none has any."""
    found = len(distinct.first(values, 2))
    return found == 0 or (found == 1 and not values.hasnans)


def _some_rows(*sides: "pd.Series") -> str:
    """Of rows spread over both tables: nearly all columns differ in these."""
    return _digest(*(side.iloc[:: max(1, len(side) // LOOKED_AT)] for side in sides))


def _digest(*sides: "pd.Series") -> str:
    """Missing values are equal."""
    import pandas as pd

    rows = (pd.util.hash_pandas_object(side, index=False).to_numpy() for side in sides)
    return hashlib.sha256(b"".join(each.tobytes() for each in rows)).hexdigest()


# -- on the page -----------------------------------------------------------------------------------


def part(exploration: "Exploration") -> Part:
    text = exploration.findings.redundant.summary
    return Part("redundant", "Redundant columns", conclusion=f"{text}." * bool(text))
