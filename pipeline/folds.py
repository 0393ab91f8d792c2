"""Which rows a fold trains on and which it validates: pairs of row numbers, several times over."""

from dataclasses import dataclass, replace

import numpy as np

from pipeline.early_stopping import Clusters

# schemes whose folds are drawn at random, once per repeat
DRAWN = ("stratified", "plain", "group", "stratified_group")


def _narrowed(numbers: np.ndarray | None) -> np.ndarray | None:
    return None if numbers is None else numbers.astype(np.int32)


@dataclass(frozen=True)
class Fold:
    """One fold of one repeat: row numbers of the training table, ascending, train and valid.

    Together they need not be all rows: a gap in time, or rows that are never validated, are in
    neither. Where folds keep groups together or follow time, `clusters` (train,) number the
    training rows' groups, or their times from the earliest on (`by_time`); else None. `extra` are
    the numbers of the extra rows that may be learnt from, None for all: those of a group that the
    fold validates, or of a later time, may not.
    """

    repeat: int
    number: int
    train: np.ndarray
    valid: np.ndarray
    clusters: np.ndarray | None = None
    by_time: bool = False
    extra: np.ndarray | None = None

    @property
    def name(self) -> str:
        return f"r{self.repeat}-f{self.number}"

    def with_clusters(self, numbers: np.ndarray, by_time: bool) -> "Fold":
        """The same fold, of rows with these numbers (rows,) in the whole table."""
        return replace(self, clusters=numbers[self.train], by_time=by_time)

    def narrowed(self) -> "Fold":
        """The same with row numbers and groups of four bytes each."""
        return replace(
            self,
            train=self.train.astype(np.int32),
            valid=self.valid.astype(np.int32),
            clusters=_narrowed(self.clusters),
            extra=_narrowed(self.extra),
        )

    def clusters_of(self, rows: np.ndarray, others: int = 0) -> Clusters | None:
        """Of training rows, some of the fold's, and `others` after them that are never held out."""
        if self.clusters is None:
            return None
        numbers = self.clusters[np.searchsorted(self.train, rows)]
        return Clusters(np.append(numbers, np.full(others, -1)), self.by_time)


@dataclass(frozen=True)
class Folds:
    """What the split stage gives: the folds of every repeat, in order, for `rows` rows.

    `group` is the column whose rows stay together, None where rows are drawn one by one; `time` are
    the columns whose order the folds follow, none where they follow none. `refit`: rows to predict
    get the prediction of a fit on all rows, not the mean of the folds' fits, which lack the latest.
    `answers`: where groups of rows have one answer, the row of each that stands for it.
    `clusters` (rows,) number the rows that err alike, being of one group or of one stretch of time;
    None where rows are independent. `kept` (rows,) are those that early stopping keeps together:
    groups, or in folds by time single times.
    """

    rows: int
    folds: tuple[Fold, ...]
    scheme: str
    group: str | None = None
    time: tuple[str, ...] = ()
    refit: bool = False
    answers: np.ndarray | None = None
    clusters: np.ndarray | None = None
    kept: np.ndarray | None = None

    @property
    def whole(self) -> Fold:
        """The fit on all rows, which validates none."""
        nothing, every = np.empty(0, dtype=np.int64), np.arange(self.rows)
        fold = Fold(0, 1 + max(fold.number for fold in self.folds), every, nothing)
        return fold if self.kept is None else fold.with_clusters(self.kept, bool(self.time))

    def weight_of_whole(self, refit: float = 0.0) -> float:
        """Of the fit on all rows in predictions of other rows, for a member that asks for `refit`;
        the mean of the folds' fits has the rest."""
        return 1.0 if self.refit else refit

    def predicting(self, refit: float = 0.0) -> tuple[Fold, ...]:
        """Those whose fits predict other rows."""
        weight = self.weight_of_whole(refit)
        return (*(self.folds if weight < 1 else ()), *((self.whole,) if weight else ()))

    def fitted(self, repeat: int, refit: float = 0.0) -> list[Fold]:
        """All that is fitted for a repeat: its folds, and for the first one the fit on all rows."""
        asked = self.weight_of_whole(refit) > 0 and not repeat
        return [*self.repeat(repeat), *([self.whole] if asked else [])]

    def narrowed(self) -> "Folds":
        """The same with row numbers and groups of four bytes each, in files as in memory."""
        return replace(
            self,
            folds=tuple(fold.narrowed() for fold in self.folds),
            answers=_narrowed(self.answers),
            clusters=_narrowed(self.clusters),
            kept=_narrowed(self.kept),
        )

    @property
    def repeats(self) -> int:
        return self.folds[-1].repeat + 1

    def repeat(self, number: int) -> list[Fold]:
        """The folds of one repeat."""
        return [fold for fold in self.folds if fold.repeat == number]

    @property
    def validated(self) -> np.ndarray:
        """Rows that every repeat validates, ascending: those on which predictions are scored."""
        times = np.zeros(self.rows, dtype=int)
        for fold in self.folds:
            times[fold.valid] += 1
        rows = np.flatnonzero(times >= self.repeats)
        return rows if self.answers is None else np.intersect1d(rows, self.answers)

    @property
    def validated_clusters(self) -> np.ndarray | None:
        """Those of the validated rows."""
        return None if self.clusters is None else self.clusters[self.validated]

    def numbers(self, repeat: int = 0) -> np.ndarray:
        """The fold that validates each row, (rows,) int; -1 for rows that none does."""
        numbers = np.full(self.rows, -1)
        for fold in self.repeat(repeat):
            numbers[fold.valid] = fold.number
        return numbers


def folds_of(repeat: int, numbers: np.ndarray) -> list[Fold]:
    """The folds of one repeat from each row's fold number, (n,): train is all that is not valid."""
    return [
        Fold(repeat, number, np.flatnonzero(numbers != number), np.flatnonzero(numbers == number))
        for number in range(int(numbers.max()) + 1)
    ]


def pairs_together(one: np.ndarray, other: np.ndarray) -> float:
    """Of the pairs of rows that either of two partitions has in one fold, the share that both have.

    Fold numbers (n,) each, -1 for rows in no fold; 1 where the folds are the same but for their
    numbers, 0 where no pair is (the index of Jaccard).
    """
    known = (one >= 0) & (other >= 0)
    if not known.any():
        return 0.0
    table = np.zeros((int(one.max()) + 1, int(other.max()) + 1))
    np.add.at(table, (one[known], other[known]), 1)
    both, first, second = ((t**2).sum() for t in (table, table.sum(axis=1), table.sum(axis=0)))
    rows = known.sum()
    either = first + second - both - rows
    return float((both - rows) / either) if either > 0 else 1.0
