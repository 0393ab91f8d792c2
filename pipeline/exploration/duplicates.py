"""Rows that are equal in all features: within train, between train and test, and with targets that
disagree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.exploration.bins import as_numbers
from pipeline.exploration.part import Part
from pipeline.page import percent
from pipeline.problem import Feature, Kind
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.exploration.findings import Exploration
    from pipeline.table import Frame


@dataclass(frozen=True)
class Duplicates:
    """train (n,), test (m,): each row's group number, which equal rows share, in both tables.

    Ids and the target are no features. conflicting: train rows that equal another in all but the
    target; ceiling: the best accuracy on train that features alone allow (None for regression).
    """

    train: np.ndarray
    test: np.ndarray
    conflicting: int
    ceiling: float | None

    @property
    def repeated_train(self) -> int:
        """Rows of train that repeat an earlier one."""
        return _repeated(self.train)

    @property
    def repeated_test(self) -> int:
        return _repeated(self.test)

    @property
    def shared(self) -> np.ndarray:
        """Which rows of test are in train as well, (m,) bool."""
        return np.isin(self.test, self.train)

    @property
    def repeated_share(self) -> float:
        """Share of train's rows that have an equal one in train."""
        return float((np.bincount(self.train)[self.train] > 1).mean())

    def differs(self, values: np.ndarray) -> np.ndarray:
        """Whether the rows of a group have several of these values (n,), by group number."""
        groups = 1 + int(max(self.train.max(), self.test.max(initial=0)))
        one = np.zeros(groups, dtype=values.dtype)
        one[self.train] = values
        return np.bincount(self.train[values != one[self.train]], minlength=groups) > 0


def _repeated(groups: np.ndarray) -> int:
    return len(groups) - int(np.count_nonzero(np.bincount(groups)))


def find_duplicates(
    train: "Frame",
    test: "Frame",
    y: np.ndarray,
    features: Sequence[Feature],
    *,
    is_regression: bool,
) -> Duplicates:
    """train (n rows), test (m rows), y (n,) class codes or values."""
    import pandas as pd

    prints = np.concatenate([fingerprints(train, features), fingerprints(test, features)])
    groups = np.unique(prints, return_inverse=True)[1].astype(np.int32)
    own, other = np.split(groups, [len(train)])
    repeated = np.bincount(own)[own] > 1
    among = pd.DataFrame({"group": own[repeated], "y": y[repeated]}).value_counts()
    found = among.groupby("group").agg(["size", "sum", "max"])  # targets, rows, rows of one target
    conflicting = int(found.loc[found["size"] > 1, "sum"].sum())
    right = int(found["max"].sum()) + np.count_nonzero(~repeated)
    return Duplicates(own, other, conflicting, None if is_regression else float(right / len(own)))


def fingerprints(frame: "Frame", features: Sequence[Feature]) -> np.ndarray:
    """A 64-bit hash a row, (n,): equal features have equal hashes, however they are stored.

    1 and 1.0 are equal, and so are all forms of a missing value.
    """
    import pandas as pd

    # as pd.util.hash_pandas_object does it (that of Python's tuples), a column at a time
    found, factor = np.full(len(frame), 0x345678, dtype=np.uint64), 1_000_003
    for place, each in enumerate(features):
        found ^= pd.util.hash_array(_comparable(frame[each.name], each.kind))
        found *= np.uint64(factor)
        factor += 82_520 + 2 * (len(features) - place)
    return found + np.uint64(97_531)


def _comparable(values: "pd.Series", kind: Kind) -> Any:
    if kind in ("number", "date"):
        return as_numbers(values, kind)
    return values.astype("str").array


def to_json(found: Duplicates) -> dict[str, Any]:
    return {
        "train": found.repeated_train,
        "test": found.repeated_test,
        "shared": int(found.shared.sum()),
        "conflicting": found.conflicting,
        "ceiling": found.ceiling,
    }


# -- on the page -----------------------------------------------------------------------------------


def summary(found: Duplicates) -> str:
    """Equal rows, and what follows from them."""
    train, test, shared = found.repeated_train, found.repeated_test, int(found.shared.sum())
    if not (train or test or shared):
        return "There are no duplicate rows, neither within train and test nor between them."
    text = (
        f"{count(train, 'row')} of train and {count(test, 'row')} of test repeat an earlier one; "
        f"{count(shared, 'row')} of test ({percent(shared / max(1, len(found.test)))}) are in "
        "train too."
    )
    if not found.conflicting:
        return text
    text += (
        f" {count(found.conflicting, 'row')} of train equal another in all features but not in "
        "the target"
    )
    if found.ceiling is None:
        return f"{text}."
    return (
        f"{text}: from these features alone no model can be right on more than "
        f"{percent(found.ceiling, 2)} of train."
    )


def part(exploration: "Exploration") -> Part:
    found = exploration.findings.duplicates
    repeated = count(found.repeated_train + found.repeated_test)
    shared = f"{count(int(found.shared.sum()))} shared by train and test"
    text, facts = summary(found), [("Duplicate rows", repeated, shared)]
    return Part("duplicates", "Duplicates", [text], conclusion=text, facts=facts)
