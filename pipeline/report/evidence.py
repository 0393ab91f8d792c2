"""What the sections of the report look at: the values of all stages, and one another's results."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import figures, metrics
from pipeline.blending import Blended
from pipeline.changed_rows import Changes, keep_changed
from pipeline.config import BLEND
from pipeline.encoded import Encoded
from pipeline.exploration.findings import Explored
from pipeline.fits import Fits
from pipeline.folds import Fold, Folds
from pipeline.ledger import Entry
from pipeline.member import Member
from pipeline.parallel import Distributed, Map, in_turn
from pipeline.predictor import Predictor
from pipeline.problem import Loaded, Problem
from pipeline.stage_settings import EvaluateStage
from pipeline.table import take
from pipeline.training import Trained
from pipeline.tuning import Tuned
from pipeline.wording import some

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.cluster.requests import Asked

MOST_NAMED = 3
MOST_READ = 50_000  # columns times predictions
FEW_CLASSES = 20
MOST_LOOKED_AT = 100_000  # rows, where a sample answers a question as well as all of them do


@dataclass(frozen=True)
class Evidence:
    """The values of the stages, by parameter name, and what follows from them.

    `scores` are the submissions whose leaderboard score is known. `predictions` (n, k) are
    out-of-fold, means over the repeats, by name: the blend's, then those of the members that were
    trained at all. `predictor` is the blend's without predictions from elsewhere, None where
    nothing is left. `results` are those of the sections so far, by name; `map` may use several
    processes.
    """

    settings: EvaluateStage
    load: Loaded
    explore: Explored
    split: Folds
    encode: Encoded
    tune: Mapping[str, Tuned]
    train: Mapping[str, Trained]
    blend: Blended
    fits: Fits
    predictor: Predictor | None
    scores: Sequence[Entry]
    map: Map = in_turn
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def problem(self) -> Problem:
        return self.load.problem

    @cached_property
    def metric(self) -> metrics.Metric:
        return metrics.get_metric(self.settings.metric, self.problem.task)

    @cached_property
    def y(self) -> np.ndarray:
        """(n,): class codes or values, as the metric takes them."""
        return self.metric.target(self.load)

    @property
    def trained(self) -> dict[str, Trained]:
        """The members that have a fit; the budget may have left out others."""
        return {name: found for name, found in self.train.items() if found.repeats}

    @property
    def fitted(self) -> dict[str, Trained]:
        """Those of them that were not made elsewhere: they can be fitted and predict again."""
        return {name: found for name, found in self.trained.items() if not found.is_foreign}

    @property
    def foreign(self) -> dict[str, Trained]:
        """Predictions from elsewhere."""
        return {name: found for name, found in self.trained.items() if found.is_foreign}

    @property
    def without_foreign(self) -> str:
        """A remark on what is computed of changed rows; empty where the blend is fitted alone."""
        absent = [name for name in self.blend.blend.needed if name in self.foreign]
        if not absent:
            return ""
        return (
            f" Of the blend without predictions from elsewhere ({some(absent, MOST_NAMED)}), which "
            "cannot be made again for changed rows."
        )

    def folds(self, name: str) -> list[Fold]:
        """The folds that a member was fitted on: fewer repeats where the budget was too small."""
        fitted = {(fit.repeat, fit.fold) for fit in self.train[name].fits}
        return [fold for fold in self.split.folds if (fold.repeat, fold.number) in fitted]

    @cached_property
    def predictions(self) -> dict[str, np.ndarray]:
        members = {name: found.mean_oof for name, found in self.trained.items()}
        return {BLEND: self.blend.oof, **members}

    @cached_property
    def rows(self) -> np.ndarray:
        """The rows on which predictions are scored, ascending: those that folds validate."""
        return self.split.validated

    @property
    def validated_y(self) -> np.ndarray:
        """The targets of those rows."""
        return self._of_rows(self.y)

    def validated(self, name: str = BLEND) -> np.ndarray:
        """The predictions of those rows."""
        return self._of_rows(self.predictions[name])

    def _of_rows(self, values: np.ndarray) -> np.ndarray:
        """Values (n, ...) of those rows; nothing is copied where these are all."""
        return values if len(self.rows) == len(values) else values[self.rows]

    @property
    def classes(self) -> list[str]:
        """Labels as they are shown, in code order; none for regression."""
        return figures.labels(self.problem.classes or [], 18)

    @property
    def colours(self) -> dict[str, str]:
        """A colour for the blend and for each member: the same in every figure."""
        return figures.colours(self.predictions)

    @cached_property
    def validated_folds(self) -> list[np.ndarray]:
        """For each fold of each repeat, the places among those rows of the ones it validates."""
        places = np.full(self.split.rows, -1)
        places[self.rows] = np.arange(len(self.rows))
        found = (np.sort(places[fold.valid]) for fold in self.split.folds)
        return [each[each >= 0] for each in found]

    def affordable(self, predictions: int) -> list[Fold]:
        """The folds of the first repeat, or fewer where so many predictions in each take long.

        The bound is a number of columns read in all, so that it is the same on every machine.
        """
        width = len(self.problem.features)
        return list(self.split.repeat(0)[: max(1, MOST_READ // max(1, predictions * width))])

    def fewer(self, rows: int) -> int:
        """Of so many rows to predict again and again: of very many classes, for each of which
        boosting has trees, fewer in proportion."""
        classes = max(FEW_CLASSES, len(self.classes))
        return math.ceil(rows * FEW_CLASSES / classes)

    def sample(self, fold: Fold, rows: int, stream: Sequence[int] = ()) -> np.ndarray:
        """So many of the rows that a fold validates, drawn by the seed, ascending."""
        rng = np.random.default_rng([self.settings.seed, *stream, fold.number])
        return np.sort(rng.permutation(fold.valid)[:rows])

    def frames(self, several: Sequence[np.ndarray]) -> "list[pd.DataFrame]":
        """The features of several sets of rows; each column is read once."""
        joined = take(self.load.train, np.concatenate(several), self.problem.names)
        ends = np.cumsum([len(rows) for rows in several])
        parts = zip(several, ends, strict=True)
        return [joined.iloc[end - len(rows) : end].reset_index(drop=True) for rows, end in parts]

    def send(self, asked: Sequence[tuple[Fold, Changes]]) -> None:
        """Have a cluster's workers predict changed rows, which the predictor then finds in the
        store."""
        if self.fits.cluster is None or self.predictor is None:
            return
        members = self.predictor.members
        tasks = [
            (members[name], fold, path, changes)
            for fold, changes in asked
            for name, path in self.predictor.fitted_on(fold).items()
        ]
        work = Distributed(partial(_keep, self.fits), partial(_ask, self.fits))
        for _ in self.map(work, tasks):
            pass

    def described(self, name: str) -> str:
        """A member's name, with its kind where that is another one: 'small (lightgbm)'."""
        member = self.train[name].member if name in self.train else None
        return name if member is None or member.kind == name else f"{name} ({member.kind})"


def _keep(fits: Fits, task: tuple[Member, Fold, str, Changes]) -> None:
    keep_changed(fits, *task)


def _ask(fits: Fits, task: tuple[Member, Fold, str, Changes]) -> "Asked":
    from pipeline.cluster.requests import ask_changed

    return ask_changed(fits, *task)


def looked_at(rows: np.ndarray, most: int | None = None) -> np.ndarray:
    """Of row numbers, ascending, those that are looked at: all, or so many of them, by default
    MOST_LOOKED_AT, drawn at random."""
    most = most or MOST_LOOKED_AT
    if len(rows) <= most:
        return rows
    rng = np.random.default_rng(len(rows))  # the same rows in every section, and every time
    return np.sort(rng.choice(rows, most, replace=False))


def sample_remark(rows: int, what: str = "Looked at") -> str:
    """Where of so many rows a sample is looked at; empty where all are."""
    if rows <= MOST_LOOKED_AT:
        return ""
    return f" {what} were {MOST_LOOKED_AT:,} of {rows:,} rows, drawn at random."
