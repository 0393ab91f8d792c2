"""What a fit predicts of rows in which one column has the values of other rows.

The rows are encoded once, and entries of the matrix are exchanged. Features of the competition's
own, combinations and the prediction of the extra rows' model are of several columns: where a member
has some, the rows are encoded again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline import code
from pipeline.files import digest_of
from pipeline.fits import Fits, array_digest
from pipeline.fitting import FittedMember, code_frame
from pipeline.folds import Fold
from pipeline.member import Member
from pipeline.prediction import check
from pipeline.problem import Feature
from pipeline.store import Key
from pipeline.table import take

if TYPE_CHECKING:
    import pandas as pd

REMEDY = "What was stored of it is damaged: delete the store and run the competition again."


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
class Exchanges:
    """Changes of the frame that these rows (n,) of the training table are."""

    rows: np.ndarray
    changes: tuple[Change, ...]

    @property
    def digest(self) -> str:
        arrays = [self.rows, *(part for each in self.changes for part in (each.rows, each.donors))]
        return digest_of([[each.column for each in self.changes], *map(array_digest, arrays)])


@dataclass(frozen=True)
class Exchanged:
    """One fit's predictions (m, k), a change after the other."""

    predictions: tuple[np.ndarray, ...]


def key(member: Member, path: str, exchanges: Exchanges) -> Key:
    """The name of what the fit with this path in the store predicts."""
    how = code.key("pipeline.exchange", f"pipeline.models.{member.kind}")
    return Key.of("exchanged", {"fit": path, "exchanges": exchanges.digest, "code": how})


def exchanged(
    fits: Fits,
    member: Member,
    fold: Fold,
    path: str,
    exchanges: Exchanges,
    frame: "pd.DataFrame | None" = None,
) -> tuple[np.ndarray, ...]:
    """What the fit with this path predicts, from the store or computed now; `frame` are the rows,
    read where it is None.

    Raises DataError for what no sound encoder or model predicts.
    """
    known = fits.store.get(key(member, path, exchanges), Exchanged)
    if known is not None:
        return known.predictions
    if frame is None:
        loaded = fits.load.value
        frame = take(loaded.train, exchanges.rows, loaded.problem.names)
    fitted, features = fits.stored(member, fold, path), fits.features(member)
    found = tuple(_predicted(fitted, frame, features, exchanges.changes))
    for change, each in zip(exchanges.changes, found, strict=True):
        where = f"{member.kind}, fold {fold.name},"
        check(each, len(change.rows), fits.objective.outputs, where, REMEDY)
    return found


def leave(fits: Fits, member: Member, fold: Fold, path: str, exchanges: Exchanges) -> None:
    """Keep in the store what `exchanged` gives, unless it is there."""
    name = key(member, path, exchanges)
    if fits.store.manifest(name) is None:
        found = exchanged(fits, member, fold, path, exchanges)
        fits.store.put(name, Exchanged(found), part_of=path.partition("/")[2])


def _predicted(
    fitted: FittedMember,
    frame: "pd.DataFrame",
    features: Sequence[Feature],
    changes: Sequence[Change],
) -> Iterator[np.ndarray]:
    member = fitted.member

    def matrix_of(rows: "pd.DataFrame") -> np.ndarray:
        return fitted.matrix(code_frame(member, rows, features))

    with np.errstate(all="ignore"):  # what is no number is refused, not warned of
        if member.encoder.features or fitted.encoder.combinations or fitted.original:
            for change in changes:
                yield fitted.predict_matrix(matrix_of(change.of(frame)))
            return
        matrix, places = matrix_of(frame), fitted.places()
        for change in changes:
            # none where the member does not see the column
            own = places.get(change.column, []) if change.column is not None else []
            changed = matrix[change.rows]
            changed[:, own] = matrix[change.donors[:, np.newaxis], own]
            yield fitted.predict_matrix(changed)
