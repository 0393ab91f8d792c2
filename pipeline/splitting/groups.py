"""Which rows belong together: those with the same value of a column, or the same beginning."""

from typing import TYPE_CHECKING

import numpy as np

from pipeline.answers import group_numbers
from pipeline.errors import SettingsError
from pipeline.problem import Loaded
from pipeline.wording import did_you_mean, quoted

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.config import Split


def split_groups(settings: "Split", load: Loaded) -> np.ndarray:
    """The group of each training row, (n,), by [split] group and group_before."""
    if settings.group not in load.train.columns:
        raise SettingsError(
            f"[split] group: found '{settings.group}', but the training file has no such column; "
            f"allowed are {quoted(load.train.columns)}. "
            f"{did_you_mean(settings.group or '', load.train.columns)}"
        )
    if settings.group == load.problem.target:
        raise SettingsError(
            f"[split] group: found the target '{settings.group}'; rows of one label must not be "
            "kept together. Name another column."
        )
    values = load.train[settings.group]
    if settings.group_before is not None:
        values = _beginnings(settings, values)
    in_order = settings.numbering == "scikit-learn"
    return group_numbers(_as_numbers(values) if in_order else values, in_order)


def _beginnings(settings: "Split", values: "pd.Series") -> "pd.Series":
    """What stands before the last separator; a value without one is its own group."""
    found = before_last(values.astype("str"), str(settings.group_before))
    if (found == values.astype("str")).all():
        raise SettingsError(
            f"[split] group_before: found {settings.group_before!r}, which stands in no value of "
            f"column '{settings.group}', such as {values.iloc[0]!r}. Correct the separator, or "
            "remove the line."
        )
    return found


def _as_numbers(values: "pd.Series") -> "pd.Series":
    """Words that are all numbers as such, since 9 sorts before 10."""
    import pandas as pd

    found = pd.to_numeric(values, errors="coerce")
    return values if (found.isna() & values.notna()).any() else found


def before_last(words: "pd.Series", separator: str) -> "pd.Series":
    """309 of 309_1: words (n,) up to the last separator; whole where there is none."""
    return words.str.rsplit(separator, n=1).str[0]
