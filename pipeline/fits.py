"""Fits, by key: each is computed once, in whatever run or stage asks for it first, and kept.

A fit is named by a hash of the member, of the columns that it sees, of the rows that it learns from
and those that it validates, and of the code that computes it. It depends on nothing else.
"""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import code, fitting, models, parallel, pseudo_labels
from pipeline.encoded import Encoded, Tables
from pipeline.encoding.columns import CodedTable
from pipeline.encoding.selection import Selection
from pipeline.errors import DataError, memory_errors
from pipeline.files import digest_of
from pipeline.fitting import FittedMember, Objective, Original
from pipeline.folds import Fold
from pipeline.member import Member
from pipeline.models import State
from pipeline.parallel import Map
from pipeline.plan import MANY_ROWS, Stopwatch
from pipeline.prediction import check, precision, rounded
from pipeline.problem import Feature, Loaded
from pipeline.progress import Progress
from pipeline.reading import memory
from pipeline.store import MEASURED, Key, Piece, Store

if TYPE_CHECKING:
    from pipeline.cluster.client import Cluster
    from pipeline.cluster.requests import Asked

# which columns are seen, and what is in them, follows from their digests
SELECTION = {"features", "columns", "drop"}
MANY_THREADED = 200_000  # rows; benchmarks/README.md has what two threads bring
REMEDY = "Leave this model out of the competition's TOML, or change its settings."


@dataclass(frozen=True)
class Fit:
    """Predictions of the fold's validation rows (n_valid, k), and the state of what was fitted."""

    valid: np.ndarray
    state: State
    fit_seconds: float = field(metadata=MEASURED)
    predict_seconds: float = field(metadata=MEASURED)


@dataclass(frozen=True)
class Predictions:
    """Predictions of rows that a fit did not see, (rows, k)."""

    values: np.ndarray
    predict_seconds: float = field(metadata=MEASURED)


class Fits:
    """The fits of one data set: small to send to another process, which reads what it needs."""

    def __init__(
        self,
        store: Store,
        load: Piece[Loaded],
        encode: Piece[Encoded],
        objective: Objective,
        cluster: "Cluster | None" = None,
    ) -> None:
        self.store, self.load, self.encode, self.objective = store, load, encode, objective
        self.cluster = cluster
        self._latest: tuple[Key, FittedMember] | None = None
        self._originals: dict[str, Original] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_latest": None, "_originals": {}, "cluster": None}

    def at_once(self, member: Member) -> int:
        """How many fits of a member are computed at the same time: as many as the cluster has
        workers; on this machine as many as it has cores, but no more than there is memory for, and
        one in any case."""
        if self.cluster is not None:
            return self.cluster.size
        table = self.tables(member).extended or self.tables(member).train
        if table.rows <= MANY_ROWS:
            return parallel.cores()
        needed = fitting.memory_needed(member, self.objective, table)
        return max(1, min(parallel.cores(), memory.available() // needed))

    def threads(self, member: Member, number: int, at_once: int | None = None) -> list[int]:
        """Of each of so many fits: several where boosting learns from MANY_THREADED rows and cores
        would be idle beside it, as beside the last of five, or where memory allows for one fit."""
        boosts = models.learns_in_blocks(member.kind)
        if self.cluster is not None or not boosts or len(self.y) < MANY_THREADED:
            return [1] * number
        return parallel.shared_threads(number, at_once or self.at_once(member))

    @contextlib.contextmanager
    def workers(
        self,
        left: Callable[[], float] | None = None,
        progress: Progress | None = None,
        at_once: int | None = None,
    ) -> Iterator[Map]:
        """As `parallel.workers`, `at_once` of them on this machine; of what is `Distributed` the
        fits come from the cluster's workers, if there is one."""
        jobs = at_once if self.cluster is None else None
        with parallel.workers(jobs, left) as parallel_map:
            if self.cluster is None:
                yield parallel_map
            else:
                yield self.cluster.map_over(parallel_map, self.store, left, progress)

    def key(self, member: Member, fold: Fold, rows: np.ndarray | None = None) -> Key:
        """The name of a fit on `rows` of the training table, by default all of `fold.train`."""
        tables = self.tables(member)
        return Key.of(
            "fit" if rows is None else "validation",
            {
                "code": code.key(*_code(member)),
                "member": [
                    member.kind,
                    dict(member.settings),
                    member.encoder.model_dump(mode="json", exclude=SELECTION),
                ],
                "objective": list(astuple(self.objective)),
                "columns": _seen(member, tables.train_digests),
                "y": self._y_digest,
                "train": array_digest(fold.train if rows is None else rows),
                "valid": array_digest(fold.valid),
                "fold": [fold.repeat, fold.number],
                **self._extra_key(member, fold),
                **_clusters_key(fold),
                **({"as_classes": True} if member.as_classes else {}),
                **({"as_logarithms": True} if member.as_logarithms else {}),
                **self._pseudo_key(member),
            },
        )

    def _extra_key(self, member: Member, fold: Fold) -> dict[str, Any]:
        """What the extra rows add to a fit's name; nothing where it learns from none."""
        extra, tables = self.load.value.extra, self.tables(member)
        if not (member.extra or member.extra_feature) or extra is None:
            return {}
        columns = _seen(member, tables.extended_digests)
        allowed = [] if fold.extra is None else [array_digest(fold.extra)]
        how = ["feature"] if member.extra_feature else []
        return {"extra": [member.extra, columns, array_digest(extra.y), *allowed, *how]}

    def _pseudo_key(self, member: Member) -> dict[str, Any]:
        """What learning from test rows adds to a fit's name: their columns decide, too."""
        if not member.pseudo_labels:
            return {}
        columns = _seen(member, self.tables(member).test_digests)
        return {"pseudo_labels": [member.pseudo_labels, columns]}

    @memory_errors()
    def fit(self, member: Member, fold: Fold) -> Fit:
        """The fit on a fold's training rows, from the store or computed now."""
        key = self.key(member, fold)
        known = self.store.get(key, Fit)
        if known is not None:
            return known
        watch = Stopwatch()
        fitted = self._fit(member, fold, fold.train)
        seconds = watch.seconds()
        valid = self._predict(fitted, fold, fold.valid)
        result = Fit(valid, fitted.state(), seconds, watch.seconds() - seconds)
        self._keep(member, key, result, watch.seconds())
        self._latest = key, fitted  # whoever fits predicts the test rows next
        return result

    def fitted(self, member: Member, fold: Fold) -> FittedMember:
        """The fitted member itself; raises DataError where its state is no such member's."""
        fit, key = self.fit(member, fold), self.key(member, fold)
        if self._latest is not None and self._latest[0] == key:
            return self._latest[1]
        return self._restore(member, fit, key.path)

    def stored(self, member: Member, fold: Fold, path: str) -> FittedMember:
        """What a run has fitted on a fold and kept under the key of this path.

        Where it has gone or is damaged, it is fitted again, unless it would be another one now.
        Raises DataError then, and where what is stored is no such member's.
        """
        kind, _, name = path.partition("/")
        known = self.store.get(Key(kind, name), Fit)
        if known is None and self.key(member, fold).path == path:
            known = self.fit(member, fold)
        if known is None:
            raise DataError(
                f"{self.store.root / path}: this fit is missing or damaged, and the code has "
                "changed since it was computed. Run the competition again, then this."
            )
        return self._restore(member, known, path)

    def sample(self, member: Member, fold: Fold) -> int | None:
        """Of how many of the fold's training rows the member learns; None where of all."""
        if models.learns_in_blocks(member.kind):
            return None
        rows = len(fold.train)
        if rows <= MANY_ROWS:
            most = fitting.asked_rows(member, rows)
        else:
            names = self.fitted(member, fold).encoder.names(member.view)
            most = fitting.most_rows(member, len(names))
        return most if most < rows else None

    def learnt_rows(self, member: Member) -> int:
        """Of how many rows a fit on all of them learns, about."""
        return fitting.learnt_rows(member, self.tables(member).train)

    def features(self, member: Member) -> tuple[Feature, ...]:
        """The columns that a member reads, those of its features module too."""
        return member.reads(self.tables(member).features)

    def test_key(self, member: Member, fold: Fold) -> Key:
        """The name of the fold's predictions of the test rows."""
        seen = _seen(member, self.tables(member).test_digests)
        return Key.of("test", {"fit": self.key(member, fold).hash, "columns": seen})

    @memory_errors()
    def test(self, member: Member, fold: Fold) -> Predictions:
        """The fold's predictions of the test rows (m, k), from the store or computed now."""
        tables, fit, key = self.tables(member), self.key(member, fold), self.test_key(member, fold)
        known = self.store.get(key, Predictions)
        if known is not None:
            return known
        fitted, watch = self.fitted(member, fold), Stopwatch()
        values = np.empty((0, self.objective.outputs))
        if tables.test.rows:
            values = fitted.predict(_select(tables.test, np.arange(tables.test.rows)))
        seconds = watch.seconds()
        self._check(values, tables.test.rows, member, fold)
        result = Predictions(rounded(values, self._precision), seconds)
        self._keep(member, key, result, seconds, fit.hash)
        return result

    @memory_errors()
    def validate(self, member: Member, fold: Fold, rows: np.ndarray) -> np.ndarray:
        """Predictions of the fold's validation rows by a fit on these training rows alone."""
        if len(rows) == len(fold.train):
            return self.fit(member, fold).valid
        key = self.key(member, fold, rows)
        known = self.store.get(key, Predictions)
        if known is None:
            watch = Stopwatch()
            values = self._predict(self._fit(member, fold, rows), fold, fold.valid)
            known = Predictions(values, 0.0)
            whole = self.key(member, fold).hash
            self._keep(member, key, known, watch.seconds(), whole)
        return known.values

    def ask(
        self, member: Member, fold: Fold, rows: np.ndarray | None = None, test: bool = False
    ) -> "Asked":
        """Put the request for a fit into the store, for a worker on another machine; with `test`
        also for the fold's predictions of the test rows."""
        from pipeline.cluster import requests

        return requests.ask(self, member, fold, rows, test)

    def seconds(self, member: Member, fold: Fold) -> float | None:
        """How long the fit took; None where it is not in the store."""
        manifest = self.store.manifest(self.key(member, fold))
        return None if manifest is None else manifest.seconds

    def forget(self, member: Member, fold: Fold) -> None:
        """Remove the fit from the store, if it is there."""
        self.store.remove(self.key(member, fold))

    def forget_tests(self, member: Member, folds: Iterable[Fold]) -> None:
        """Remove what the folds' fits predict of the test rows; the fits stay."""
        for fold in folds:
            self.store.remove(self.test_key(member, fold))

    @memory_errors()
    def measure(
        self, member: Member, fold: Fold, rows: np.ndarray, predicted: np.ndarray
    ) -> tuple[float, float]:
        """Processor seconds of a fit on `rows`, and of predicting others; nothing is kept."""
        started = time.process_time()
        fitted = self._fit(member, fold, rows)
        between = time.process_time()
        self._predict(fitted, fold, predicted)
        return between - started, time.process_time() - between

    @property
    def y(self) -> np.ndarray:
        """The target (n,)."""
        return self.load.value.y

    def tables(self, member: Member) -> Tables:
        """Train and test as codes, with the features that the member asks for."""
        return self.encode.value.tables[member.encoder.features or ""]

    def fold_digest(self, fold: Fold) -> list[Any]:
        """What tells one fold from another: all that a worker elsewhere reads of it."""
        given = (fold.train, fold.valid, fold.clusters, fold.extra)
        digests = [None if each is None else array_digest(each) for each in given]
        return [fold.repeat, fold.number, *digests, fold.by_time]

    @cached_property
    def _precision(self) -> np.dtype:
        return precision(self.y, self.objective.outputs)

    @cached_property
    def _y_digest(self) -> str:
        return array_digest(self.y)

    def _keep(
        self, member: Member, key: Key, value: Any, seconds: float, part_of: str = ""
    ) -> None:
        code.confirm(*_code(member))
        self.store.put(key, value, seconds, part_of)

    def _restore(self, member: Member, fit: Fit, path: str) -> FittedMember:
        try:
            return fitting.restore(member, self.objective, self.tables(member).features, fit.state)
        except DataError as error:
            raise DataError(
                f"{self.store.root / path}: {error} Delete this folder and run the same command "
                "again: it is computed then."
            ) from None

    def _fit(self, member: Member, fold: Fold, rows: np.ndarray) -> FittedMember:
        features, (table, y) = self.tables(member).features, self._learnt_from(member, fold, rows)
        original = self._original(member, fold)

        def fit(table: CodedTable | Selection, y: np.ndarray) -> FittedMember:
            clusters = fold.clusters_of(rows, len(y) - len(rows))
            return fitting.fit(member, self.objective, features, table, y, fold, clusters, original)

        fitted = fit(table, y)
        if not member.pseudo_labels:
            return fitted
        table, y = pseudo_labels.added(fitted, (table, y), self.tables(member).test)
        return fit(_select(table, np.arange(table.rows)), y)

    def _original(self, member: Member, fold: Fold) -> Original | None:
        """The same model, fitted on the extra rows alone, for a member whose column it is; kept
        for the next fold that may learn from the same ones. None where the fold may from none."""
        extra, tables = self.load.value.extra, self.tables(member)
        if not member.extra_feature or extra is None or tables.extended is None:
            return None
        rows = np.arange(len(extra.y)) if fold.extra is None else fold.extra
        if not len(rows):
            return None
        name = repr((member, array_digest(rows)))
        if name not in self._originals:
            table = _select(tables.extended, tables.train.rows + rows)
            plain, alone = replace(member, extra_feature=False), Fold(0, 0, rows, rows[:0])
            y, is_value = extra.y[rows], self.objective.task == "regression"
            fitted = fitting.fit(plain, self.objective, tables.features, table, y, alone)
            self._originals[name] = Original.of(fitted, y, is_value)
        return self._originals[name]

    def _learnt_from(
        self, member: Member, fold: Fold, rows: np.ndarray
    ) -> tuple[CodedTable | Selection, np.ndarray]:
        """These training rows and the member's share of the extra rows, with their targets.

        Of fewer rows than the fold has there are fewer extra rows in proportion. Which they are is
        drawn anew for each fold.
        """
        extra, tables = self.load.value.extra, self.tables(member)
        if not member.extra or extra is None or tables.extended is None:
            return _select(tables.train, rows), self.y[rows]
        share = member.extra * min(1.0, len(rows) / len(fold.train))
        rng = np.random.default_rng([fold.repeat, fold.number])
        allowed = np.arange(len(extra.y)) if fold.extra is None else fold.extra
        drawn = np.sort(rng.permutation(allowed)[: round(share * len(allowed))])
        table = _select(tables.extended, np.concatenate([rows, tables.train.rows + drawn]))
        return table, np.concatenate([self.y[rows], extra.y[drawn]])

    def _predict(self, fitted: FittedMember, fold: Fold, rows: np.ndarray) -> np.ndarray:
        values = np.empty((0, self.objective.outputs))
        if len(rows):
            values = fitted.predict(_select(self.tables(fitted.member).train, rows))
        self._check(values, len(rows), fitted.member, fold)
        return rounded(values, self._precision)

    def _check(self, values: np.ndarray, rows: int, member: Member, fold: Fold) -> None:
        check(values, rows, self.objective.outputs, f"{member.kind}, fold {fold.name},", REMEDY)


def _select(table: CodedTable, rows: np.ndarray) -> CodedTable | Selection:
    """The table of these row numbers (n,), of which many are not copied."""
    return table.take(rows) if len(rows) <= MANY_ROWS else Selection(table, rows)


def _code(member: Member) -> tuple[str, str]:
    """The modules that fit and predict."""
    return "pipeline.fits", f"pipeline.models.{member.kind}"


def _clusters_key(fold: Fold) -> dict[str, Any]:
    """What early stopping keeps together; nothing where rows are drawn one by one."""
    return (
        {} if fold.clusters is None else {"clusters": [array_digest(fold.clusters), fold.by_time]}
    )


def _seen(member: Member, digests: Mapping[str, str]) -> list[list[str]]:
    """Name and digest of each column that the member sees, in order."""
    return [[name, digests[name]] for name in digests if member.sees(name)]


def array_digest(array: np.ndarray) -> str:
    """SHA-256 of an array's type, shape and bytes."""
    content = np.ascontiguousarray(array)
    found = hashlib.sha256(digest_of([str(content.dtype), list(content.shape)]).encode())
    found.update(content.reshape(-1).view(np.uint8).data)
    return found.hexdigest()
