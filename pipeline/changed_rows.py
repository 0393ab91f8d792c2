"""What a fit predicts of rows in which one column has the values of other rows.

The rows are encoded once, and entries of the matrix are exchanged. Features of the competition's
own, combinations and the prediction of the extra rows' model are of several columns: where a member
has some, the rows are encoded again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pipeline import code
from pipeline.encoding.columns import CodedTable
from pipeline.errors import memory_errors
from pipeline.files import digest_of
from pipeline.fits import Fits, array_digest
from pipeline.fitting import FittedMember, code_frame
from pipeline.folds import Fold
from pipeline.member import Member
from pipeline.problem import Feature
from pipeline.store import Key
from pipeline.table import take

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Change:
    """Rows (m,) of a frame, in which `column` has the values of its rows `donors` (m,); as they are
    where that is None."""

    column: str | None
    rows: np.ndarray
    donors: np.ndarray

    def of(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """These rows, renumbered."""
        changed = frame.iloc[self.rows].reset_index(drop=True)
        if self.column is not None:
            changed[self.column] = frame[self.column].array.take(self.donors)
        return changed


@dataclass(frozen=True)
class Changes:
    """Changes of the frame that these rows (n,) of the training table are."""

    rows: np.ndarray
    changes: tuple[Change, ...]

    @cached_property
    def digest(self) -> str:
        arrays = [self.rows, *(part for each in self.changes for part in (each.rows, each.donors))]
        return digest_of([[each.column for each in self.changes], *map(array_digest, arrays)])


@dataclass(frozen=True)
class ChangedPredictions:
    """One fit's predictions (m, k), a change after the other."""

    predictions: tuple[np.ndarray, ...]


class Rows:
    """A frame and its latest change, coded once for all members that read the same columns."""

    def __init__(self, frame: "pd.DataFrame") -> None:
        self.frame = frame
        self._latest: Change | None = None
        self._tables: dict[tuple[str | None, tuple[Feature, ...]], CodedTable] = {}

    def coded(
        self, member: Member, features: tuple[Feature, ...], change: Change | None = None
    ) -> CodedTable:
        if change is not self._latest:
            self._latest, self._tables = change, {}
        read = member.encoder.features, features
        if read not in self._tables:
            frame = self.frame if change is None else change.of(self.frame)
            self._tables[read] = code_frame(member, frame, features)
        return self._tables[read]


def key(member: Member, path: str, changes: Changes) -> Key:
    """The name of what the fit with this path in the store predicts."""
    about = {"fit": path, "changes": changes.digest, "code": code.key(*_code(member))}
    return Key.of("changed", about)


def predict_changed(
    fits: Fits, member: Member, fold: Fold, path: str, changes: Changes, rows: Rows | None = None
) -> Iterator[np.ndarray]:
    """What the fit with this path predicts after each change, from the store or computed now;
    `rows` are those of the frame, which are read where it is None."""
    known = fits.store.get(key(member, path, changes), ChangedPredictions)
    if known is not None:
        yield from known.predictions
        return
    if rows is None:
        loaded = fits.load.value
        rows = Rows(take(loaded.train, changes.rows, loaded.problem.names))
    yield from _predicted(fits.stored(member, fold, path), rows, fits.features(member), changes)


def keep_changed(fits: Fits, member: Member, fold: Fold, path: str, changes: Changes) -> None:
    """Put what `predict_changed` gives into the store, unless it is there."""
    name = key(member, path, changes)
    if fits.store.manifest(name) is None:
        found = ChangedPredictions(tuple(predict_changed(fits, member, fold, path, changes)))
        code.confirm(*_code(member))
        fits.store.put(name, found, part_of=path.partition("/")[2])


def _predicted(
    fitted: FittedMember, rows: Rows, features: tuple[Feature, ...], changes: Changes
) -> Iterator[np.ndarray]:
    member = fitted.member
    again = member.encoder.features or fitted.encoder.combinations or fitted.original
    places = {} if again else fitted.places()
    # what is no number is refused, not warned of
    with np.errstate(all="ignore"), memory_errors():
        matrix = None if again else fitted.matrix(rows.coded(member, features))
    for change in changes.changes:
        with np.errstate(all="ignore"), memory_errors():
            if matrix is None:
                changed = fitted.matrix(rows.coded(member, features, change))
            else:
                # none where the member does not see the column
                own = places.get(change.column or "", [])
                changed = matrix[change.rows]
                changed[:, own] = matrix[change.donors[:, np.newaxis], own]
            found = fitted.predict_matrix(changed)
        yield found


def _code(member: Member) -> tuple[str, str]:
    return "pipeline.changed_rows", f"pipeline.models.{member.kind}"
