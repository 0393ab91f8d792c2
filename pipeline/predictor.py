"""Raw rows -> the blend's prediction: own features, each fit's encoder and model, mean, blend.

A fold's fits never saw its validation rows, so that what they predict of these is out-of-fold.
"""

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from pipeline.answers import aggregated
from pipeline.changed_rows import Changes, Rows, predict_changed
from pipeline.encoded import Tables
from pipeline.encoding.columns import CodedTable, code_table
from pipeline.encoding.features import add_features
from pipeline.errors import DataError
from pipeline.fits import Fits
from pipeline.fitting import BLOCK, FittedMember, code_frame
from pipeline.folds import Fold, Folds
from pipeline.parallel import Map, in_turn
from pipeline.postprocessing import postprocessed
from pipeline.prediction import check, off_rounding
from pipeline.problem import Loaded
from pipeline.table import take
from pipeline.training import Trained

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.blending import Blended

CHECKED_ROWS = 1000
REMEDY = "What was stored of it is damaged: delete the store and run the competition again."
Predicted: TypeAlias = tuple[tuple[int, int], dict[str, np.ndarray]]  # (repeat, fold), by member


class Predictor:
    """The blend and its fitted members, each of which is read when it is first asked for, and kept.

    Members are those that the blend cannot do without. Another process is sent no fitted ones.
    """

    def __init__(
        self,
        loaded: Loaded,
        split: Folds,
        train: Mapping[str, Trained],
        blend: "Blended",
        fits: Fits,
    ) -> None:
        self.problem = loaded.problem
        self.blend, self.fits, self.postprocess = blend.blend, fits, blend.postprocess
        names = self.blend.needed
        self.members = {name: train[name].member for name in names}
        self.keys = {
            name: {(fit.repeat, fit.fold): fit.key for fit in train[name].fits} for name in names
        }
        refits = {member.refit for member in self.members.values()} or {0.0}
        asked = [fold for refit in sorted(refits) for fold in split.predicting(refit)]
        self.folds = tuple({fold.name: fold for fold in asked}.values())
        self.divisors = {name: self._divisors(name, split) for name in names}
        self._fitted: dict[str, FittedMember] = {}
        modules = {member.encoder.features for member in self.members.values()}
        some = np.arange(min(CHECKED_ROWS, len(loaded.test)))
        for module in sorted(module for module in modules if module):
            first = take(loaded.test, some, self.problem.names)
            tables = fits.encode.value.tables[module]
            check_added_features(module, first, tables)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_fitted": {}}

    def predict(
        self,
        frame: "pd.DataFrame",
        parallel_map: Map[Fold, Predicted] = in_turn,
        groups: np.ndarray | None = None,
    ) -> np.ndarray:
        """Rows -> (n, k): each member's mean over its fits, then blended.

        A member that was cut short has the fits of fewer repeats than others. `groups` (n,) are
        those of rows that have one answer together.
        """
        work = functools.partial(self._predicted, self.code(frame, self.members))
        totals: dict[str, Any] = dict.fromkeys(self.members, 0.0)
        for place, predictions in parallel_map(work, self.folds):
            for name, prediction in predictions.items():
                own = aggregated(prediction, groups, self.problem.form.aggregate)
                totals[name] = totals[name] + own / self.divisors[name][place]
        with np.errstate(all="ignore"):  # what is no number is refused, not warned of
            blended = self.blend.combine(totals)
        check(blended, len(frame), self.problem.outputs, "the blend", REMEDY)
        blended = postprocessed(self.postprocess, blended, frame, self.problem)
        return blended if self.problem.task == "regression" else off_rounding(blended)

    def answers(
        self,
        predictions: Mapping[str, np.ndarray],
        frame: "pd.DataFrame",
        groups: np.ndarray | None = None,
    ) -> np.ndarray:
        """The members' predictions of rows -> the blend's (n, k), after the last step."""
        how = self.problem.form.aggregate
        own = {name: aggregated(each, groups, how) for name, each in predictions.items()}
        return postprocessed(self.postprocess, self.blend.combine(own), frame, self.problem)

    def predict_changed(
        self,
        frame: "pd.DataFrame",
        fold: Fold,
        changes: Changes,
        groups: Sequence[np.ndarray | None] | None = None,
    ) -> Iterator[np.ndarray]:
        """What one fold predicts after each change of the frame, (m, k); `groups` (m,) of each are
        those of its rows that have one answer together.

        Raises DataError for what no sound encoder or model predicts.
        """
        rows, keys = Rows(frame), self.fitted_on(fold)
        predictions = [
            predict_changed(self.fits, self.members[name], fold, key, changes, rows)
            for name, key in keys.items()
        ]
        for place, (change, *found) in enumerate(zip(changes.changes, *predictions, strict=True)):
            for name, each in zip(keys, found, strict=True):
                where = f"{name}, fold {fold.name},"
                check(each, len(change.rows), self.problem.outputs, where, REMEDY)
            changed = change.of(frame) if self.postprocess else frame
            by_name = dict(zip(keys, found, strict=True))
            yield self.answers(by_name, changed, None if groups is None else groups[place])

    def fitted_on(self, fold: Fold) -> dict[str, str]:
        """The keys of those members' fits that were fitted on this fold."""
        place = fold.repeat, fold.number
        return {name: keys[place] for name, keys in self.keys.items() if place in keys}

    def code(self, frame: "pd.DataFrame", names: Collection[str]) -> dict[str, CodedTable]:
        """By member, the rows as its encoder takes them, which is the same for every fold."""
        rows, tables, found = frame[self.problem.names], {}, {}
        for name in names:
            member = self.members[name]
            features = self.fits.features(member)
            read = member.encoder.features, features
            if read not in tables:
                tables[read] = code_frame(member, rows, features)
            found[name] = tables[read]
        return found

    def fitted(self, fold: Fold) -> dict[str, FittedMember]:
        """Those members that were fitted on this fold."""
        found = {}
        for name, key in self.fitted_on(fold).items():
            if key not in self._fitted:
                self._fitted[key] = self.fits.stored(self.members[name], fold, key)
            found[name] = self._fitted[key]
        return found

    def predictions(self, matrices: Mapping[str, np.ndarray], fold: Fold) -> dict[str, np.ndarray]:
        """By member, what its fit on this fold predicts of a matrix of rows, (n, k).

        Raises DataError for what no sound encoder or model predicts.
        """
        fitted, found = self.fitted(fold), {}
        for name, matrix in matrices.items():
            with np.errstate(all="ignore"):
                found[name] = fitted[name].predict_matrix(matrix)
            where = f"{name}, fold {fold.name},"
            check(found[name], len(matrix), self.problem.outputs, where, REMEDY)
        return found

    def _divisors(self, name: str, split: Folds) -> dict[tuple[int, int], float]:
        """By (repeat, fold) of a member's fits, one over its weight; none of those without any."""
        weight, whole = split.weight_of_whole(self.members[name].refit), split.whole
        place = whole.repeat, whole.number
        folds = [each for each in self.keys[name] if each != place]
        divisors = {each: len(folds) / (1 - weight) for each in folds} if weight < 1 else {}
        return {**divisors, place: 1 / weight} if weight > 0 else divisors

    def _in_blocks(
        self,
        fitted: Mapping[str, FittedMember],
        tables: Mapping[str, CodedTable],
        fold: Fold,
    ) -> dict[str, np.ndarray]:
        """Matrices of many rows are made and predicted a block of rows at a time."""
        rows = max((table.rows for table in tables.values()), default=0)
        if rows <= BLOCK:
            return self.predictions(encoded(fitted, tables), fold)
        found = []
        for start in range(0, rows, BLOCK):
            some = np.arange(start, min(start + BLOCK, rows))
            parts = {id(table): table.take(some) for table in tables.values()}
            block = {name: parts[id(table)] for name, table in tables.items()}
            found.append(self.predictions(encoded(fitted, block), fold))
        return {name: np.concatenate([each[name] for each in found]) for name in found[0]}

    def _predicted(self, tables: Mapping[str, CodedTable], fold: Fold) -> Predicted:
        """By member that predicts by its fit on this fold, and the fold's place."""
        place = fold.repeat, fold.number
        asked = {name: table for name, table in tables.items() if place in self.divisors[name]}
        fitted = {name: fit for name, fit in self.fitted(fold).items() if name in asked}
        return place, self._in_blocks(fitted, asked, fold)


def encoded(
    fitted: Mapping[str, FittedMember], tables: Mapping[str, CodedTable]
) -> dict[str, np.ndarray]:
    """By member, the matrix that its model reads.

    On one fold, members with the same encoder settings, the same view and the same share of the
    extra rows have the same matrix.
    """
    matrices: dict[tuple[str, str, float, str], np.ndarray] = {}
    found = {}
    for name, fit in fitted.items():
        original = name if fit.original is not None else ""
        member = fit.member
        same = member.encoder.model_dump_json(), member.view, member.extra, original
        if same not in matrices:
            with np.errstate(all="ignore"):  # what is no number is refused, not warned of
                matrices[same] = fit.matrix(tables[name])
        found[name] = matrices[same]
    return found


def check_added_features(module: str, rows: "pd.DataFrame", tables: Tables) -> None:
    """Raise DataError unless the module computes of test rows what it did when they were coded."""
    now = code_table(add_features(module, rows), tables.features)
    then = tables.test.take(np.arange(len(rows)))
    for name, columns in now.columns.items():
        pairs = zip(columns, then.columns[name], strict=True)
        if not all(np.array_equal(one.decoded(), other.decoded()) for one, other in pairs):
            raise DataError(
                f"pipeline/competitions/{module}.py: column '{name}' is computed differently "
                "than when the models were fitted. Run the competition again, or put the file "
                "back as it was."
            )
