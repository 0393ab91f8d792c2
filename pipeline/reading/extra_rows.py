"""Rows to learn from that no fold validates: the original data behind a synthetic table, say.

They have the target and train's features. What is a row of test is refused, for its target would be
known; what is a row of train is left out, for a fold would learn from what it validates.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import DataError
from pipeline.problem import ExtraRows, Feature, SideTable
from pipeline.reading import kinds
from pipeline.reading.contract import WHOLE
from pipeline.reading.joins import join_rows
from pipeline.reading.notation import numbers, read_numbers
from pipeline.reading.schema import RawTables, Roles
from pipeline.wording import count, quoted

if TYPE_CHECKING:
    import pandas as pd

ROLE = "extra"
MOST_KNOWN = 0.01  # of the extra rows, beyond what train shares with test by chance


def read_extra(
    words: "pd.DataFrame",
    tables: RawTables,
    roles: Roles,
    features: Sequence[Feature],
    typed: "tuple[pd.DataFrame, pd.DataFrame]",
) -> tuple[ExtraRows, list[str]]:
    """The extra rows with their features and targets, and notes on what was left out.

    typed: train and test as later stages see them. Raises DataError where there is no target, or no
    feature, or rows are test's.
    """
    needed = [feature.column for feature in features]
    words, _ = kinds.align(words, [*needed, roles.target, *tables.train.columns])
    if roles.target not in words:
        raise DataError(
            f"[load] extra: there is no column {roles.target!r}, the target; found "
            f"{quoted(words.columns)}. Extra rows are labelled rows: name another file."
        )
    words = _with_sides(words, tables.sides)
    absent = [name for name in needed if name not in words]
    if len(absent) == len(needed):
        raise DataError(
            f"[load] extra: it has none of train's features {quoted(needed, 5)}; found "
            f"{quoted(words.columns)}. Name another file, or give its columns train's names."
        )
    words = words.assign(**dict.fromkeys(absent)).astype(dict.fromkeys(absent, "str"))
    y = _targets(words[roles.target], roles)
    table = kinds.conform(words, features, "extra")
    notes = [f"extra: missing in all rows: {quoted(absent, 5)}"] if absent else []
    kept = _kept(table, y, *typed, features)
    left = {"without a target that train has": np.isnan(y), "that train or test has too": ~kept}
    known = kept & ~np.isnan(y)
    if not known.any():
        raise DataError(
            f"[load] extra: no row is left of {len(y):,}: {_counted(left)}. Name another file, or "
            "remove the line."
        )
    notes += [
        f"extra: {count(int(known.sum()), 'row')}, never validated; models learn from them whose "
        "table has extra = 1.0, or another share"
    ]
    notes += [f"extra: left out {_counted(left)}"] if not known.all() else []
    table = table[known].reset_index(drop=True)
    values = y[known] if roles.classes is None else y[known].astype(np.int64)
    return ExtraRows(table, values), notes


def _counted(left: Mapping[str, np.ndarray]) -> str:
    found = {why: int(rows.sum()) for why, rows in left.items() if rows.any()}
    return ", ".join(f"{count(rows, 'row')} {why}" for why, rows in found.items())


def _with_sides(words: "pd.DataFrame", sides: Mapping[str, SideTable]) -> "pd.DataFrame":
    """With the columns of the side tables whose keys are there."""
    for name, side in sides.items():
        if all(key.column in words for key in side.keys):
            words = join_rows(words, {name: side})
    return words


def _targets(words: "pd.Series", roles: Roles) -> np.ndarray:
    """Class codes or values (e,) float64; NaN where there is none, or none that train has."""
    if roles.classes is None or roles.labels is None:
        known = words.dropna()
        found = read_numbers(known) if len(known) else None
        if found is None or found.strays:
            shown = next(iter(found.strays)) if found else "no number"
            raise DataError(
                f"[load] extra: the target {roles.target!r} must be numbers; found {shown!r}. "
                "Correct the file."
            )
        return numbers(words, found.notation).to_numpy(dtype=float)
    codes = {_plain(word): roles.classes.index(label) for word, label in roles.labels.items()}
    return words.map(_plain, na_action="ignore").map(codes).to_numpy(dtype=float)


def _plain(word: str) -> str:
    """1 for 1.0, and no blanks around."""
    return WHOLE.sub(r"\1", " ".join(word.split()))


def _kept(
    extra: "pd.DataFrame",
    y: np.ndarray,
    train: "pd.DataFrame",
    test: "pd.DataFrame",
    features: Sequence[Feature],
) -> np.ndarray:
    """Which extra rows are no rows of train or test, (e,) bool.

    Tables of few different rows share some by chance: these are kept where train's own rows repeat
    one another, or test's, as often.
    """
    prints = [_prints(table, features) for table in (extra, train, test)]
    own, ours, theirs = prints
    in_test, in_train = np.isin(own, theirs), np.isin(own, ours)
    by_chance = float(np.isin(ours, theirs).mean())
    repeated = 1 - len(np.unique(ours)) / len(ours)
    if in_test.mean() > MOST_KNOWN + 2 * by_chance:
        raise DataError(
            f"[load] extra: {count(int(in_test.sum()), 'row')} of {len(own):,} are rows of test "
            f"(all features are equal; of train's rows {by_chance:.1%} are). With targets they "
            "would be its answers: leave them out of the file."
        )
    kept = np.ones(len(own), dtype=bool)
    if in_test.mean() > 2 * by_chance:
        kept &= ~in_test
    if in_train.mean() > 2 * repeated:
        kept &= ~in_train
    return kept


def _prints(table: "pd.DataFrame", features: Sequence[Feature]) -> np.ndarray:
    """A hash of each row's features (n,), the same in tables of other types."""
    import pandas as pd

    total = np.zeros(len(table), dtype=np.uint64)
    for place, feature in enumerate(features):
        values = table[feature.name]
        if feature.kind == "number":
            values = values.astype("float64") + 0.0
        elif feature.kind == "date":
            values = values.astype("datetime64[ns]")
        hashed = pd.util.hash_array(values.to_numpy(dtype=object).astype(str))
        with np.errstate(over="ignore"):
            total = total * np.uint64(1_000_003) + hashed + np.uint64(place)
    return total
