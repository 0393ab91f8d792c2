"""The columns of a wide table that are looked at: those most related to the target, taken alone.

A page of thousands of columns is read by nobody, and looking at them takes longer than learning
from them. The choice follows from the table alone, so that it is the same in every run.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.exploration.association import cut, strength

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS = 200
MOST_ROWS = 5_000  # by which the columns are compared, evenly spaced

Column = tuple[str, str]  # name, kind


def most_related(
    frame: "pd.DataFrame",
    y: np.ndarray,
    columns: Sequence[Column],
    classes: int,
    most: int = MOST_COLUMNS,
) -> list[Column]:
    """At most so many of the columns, in their order; all of them where they are no more.

    frame and y have n rows, `classes` is 0 for values. Equally related columns: the earlier one.
    """
    if len(columns) <= most:
        return list(columns)
    rows = np.unique(np.linspace(0, len(y) - 1, MOST_ROWS).astype(int))
    part, y = frame.iloc[rows], np.asarray(y)[rows]
    found = [strength(cut(part[name], kind).codes, y, classes) for name, kind in columns]
    order = sorted(range(len(columns)), key=lambda place: (-found[place][0], found[place][1]))
    return [columns[place] for place in sorted(order[:most])]


def related_told(looked_at: int, columns: int) -> str:
    """Which columns a page shows; empty where it shows all."""
    if looked_at >= columns:
        return ""
    return f"the {looked_at:,} columns most related to the target of {columns:,}"
