"""An encoder and a model as one thing, which is fitted on rows and predicts rows.

The one recipe that tune, train, the learning curve, predict and notebooks share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, overload

import numpy as np

from pipeline import models
from pipeline.early_stopping import Clusters, spread
from pipeline.encoding.categories import MOST_ONE_HOT
from pipeline.encoding.columns import CodedColumn, CodedTable, code_table
from pipeline.encoding.features import add_features
from pipeline.encoding.selection import Selection
from pipeline.encoding.views import FoldEncoder
from pipeline.errors import SettingsError, refusing_damage
from pipeline.folds import Fold
from pipeline.lookup_matrix import LookupMatrix, Matrix
from pipeline.member import Member
from pipeline.models import Model, ModelProblem, State
from pipeline.plan import MANY_ROWS
from pipeline.problem import Feature, Task
from pipeline.settings import MOST_CLASSES

if TYPE_CHECKING:
    import pandas as pd

ORIGINAL = "prediction of the extra rows' model"
BLOCK = 2**16  # rows that are predicted together; of another number, products round differently
MOST_CELLS = 100_000_000  # of a matrix of float32, 400 MB
PROCESS = 200_000_000  # bytes of a worker and its libraries
LEAST = 1e-4  # of a probability, before it becomes log-odds
OF_LOGARITHMS: Mapping[models.Loss, models.Loss] = {
    "squared_error": "squared_log_error",
    "squared_log_error": "squared_log_error",
    "absolute_error": "absolute_log_error",
    "absolute_log_error": "absolute_log_error",
}


@dataclass(frozen=True)
class Objective:
    """What a member must know of the competition: `loss` is the one that suits the metric,
    `loss_parameter` its quantile or power."""

    task: Task
    outputs: int
    loss: models.Loss
    loss_parameter: float | None = None


@dataclass(frozen=True)
class FittedMember:
    """An encoder and a model that were fitted on the same rows; state goes to the store and back.

    The encoder reads its `features` alone, of whatever a table holds. `original` is the same model
    of the extra rows, whose prediction is the last column that the model reads. `levels` (l,) are
    the numbers that the model tells apart as classes, None where it predicts values itself.
    """

    member: Member
    encoder: FoldEncoder
    model: Model
    original: "Original | None" = None
    levels: np.ndarray | None = None

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns that predictions need, those of the member's own features module too."""
        return self.encoder.features

    def predict(self, table: CodedTable | Selection) -> np.ndarray:
        """Rows -> (n, k) float64: class probabilities, or values."""
        return self.predict_matrix(self.matrix(table))

    def predict_matrix(self, matrix: Matrix) -> np.ndarray:
        """The same of rows as the model reads them, (n, d); of many a block at a time."""
        starts = range(0, len(matrix), BLOCK) if len(matrix) > MANY_ROWS else ()
        blocks = (matrix[start : start + BLOCK] for start in starts) if starts else [matrix[:]]
        predicted = np.concatenate([self.model.predict(block) for block in blocks])
        return predicted if self.levels is None else predicted @ self.levels[:, np.newaxis]

    @overload
    def matrix(self, table: CodedTable) -> np.ndarray: ...

    @overload
    def matrix(self, table: Selection) -> LookupMatrix: ...

    def matrix(self, table: CodedTable | Selection) -> Matrix:
        """Rows -> (n, d) float32, what the model reads."""
        matrix = self.encoder.transform(table, self.member.view)
        return matrix if self.original is None else self.original.beside(matrix, table)

    def places(self) -> dict[str, list[int]]:
        """By feature, the columns of `matrix` that hold what it became."""
        return self.encoder.places(self.member.view)

    def state(self) -> State:
        """Everything that was learned, as plain arrays, texts and numbers."""
        original = {} if self.original is None else {"original": self.original.state()}
        levels = {} if self.levels is None else {"levels": self.levels}
        return {"encoder": self.encoder.state(), "model": self.model.state(), **original, **levels}


@dataclass(frozen=True)
class Original:
    """A model of the extra rows alone, whose prediction of other rows is a column of theirs.

    Values stand in units of the extra rows' target: `centre` is its mean, `spread` its standard
    deviation. Of classes it is the log-odds of each but the first.
    """

    fitted: FittedMember
    centre: float = 0.0
    spread: float = 1.0

    @classmethod
    def of(cls, fitted: FittedMember, y: np.ndarray, is_value: bool) -> "Original":
        """y (e,): the extra rows' targets."""
        if not is_value:
            return cls(fitted)
        return cls(fitted, float(y.mean()), float(y.std()) or 1.0)

    def beside(self, matrix: Matrix, table: CodedTable | Selection) -> Matrix:
        """What a model reads of rows (n, d), and these columns: (n, d + max(1, k - 1))."""
        predicted = self.fitted.predict(table)
        if predicted.shape[1] > 1:
            clipped = np.clip(predicted[:, 1:], LEAST, 1 - LEAST)
            predicted = np.log(clipped / (1 - clipped))
        added = ((predicted - self.centre) / self.spread).astype(np.float32)
        if isinstance(matrix, LookupMatrix):
            return matrix.beside(added)
        return np.column_stack([matrix, added])

    def state(self) -> State:
        """As that of the fitted member, with the target's mean and spread."""
        return {**self.fitted.state(), "target": np.array([self.centre, self.spread])}


def fit(
    member: Member,
    objective: Objective,
    features: Sequence[Feature],
    table: CodedTable | Selection,
    y: np.ndarray,
    fold: Fold,
    clusters: Clusters | None = None,
    original: "Original | None" = None,
) -> FittedMember:
    """Fit on rows of the training table: encoder first, then model; no other row is looked at.

    table holds the rows of `fold.train` (n), or some of them, y (n,) their targets, and `clusters`
    what early stopping keeps together of them. `original` was fitted on other rows than these, and
    its prediction is one more column.
    """
    if member.as_logarithms and y.min() < 0:
        raise _no_logarithms(member, f"the target goes down to {y.min():g}")
    encoder, matrix = fit_encoder(member, objective, features, table, y, fold)
    levels = _levels(member, objective, y) if member.as_classes else None
    problem = _of_levels(model_problem(member, objective, encoder), levels)
    if original is not None:
        matrix = original.beside(matrix, table)
        problem = _with_columns(problem, objective.outputs)
    model = models.build(member.kind, member.settings, problem)
    target = y if levels is None else np.searchsorted(levels, y)
    model.fit(*learnt(member, matrix, target, clusters))
    return FittedMember(member, encoder, model, original, levels)


def learnt(
    member: Member, matrix: Matrix, y: np.ndarray, clusters: Clusters | None
) -> tuple[Matrix, np.ndarray, Clusters | None]:
    """What the model is given: all rows where it learns in blocks; else no more than its settings
    say, and of many rows a matrix of MOST_CELLS at most. They are a seeded sample that every class
    or size of y has its share of."""
    if models.learns_in_blocks(member.kind):
        return matrix, y, clusters
    most = asked_rows(member, len(y))
    if not isinstance(matrix, np.ndarray):
        most = most_rows(member, matrix.shape[1])
    if len(y) <= most:
        return matrix[:], y, clusters
    chosen_rows = spread(y, most / len(y), int(member.settings.get("seed", 0)))
    if y.dtype.kind in "iu":  # one row of a class, at least
        labels, first = np.unique(y, return_index=True)
        chosen_rows[first[~np.isin(labels, y[chosen_rows])]] = True
    rows = np.flatnonzero(chosen_rows)
    chosen = None if clusters is None else replace(clusters, numbers=clusters.numbers[rows])
    return matrix[rows], y[rows], chosen


def memory_needed(member: Member, objective: Objective, table: CodedTable) -> int:
    """Bytes of a fit on all rows of the table, about: how many may be under way is decided by it.

    A booster keeps a byte a cell twice, by column and by row, while the one for early stopping is
    still there, and a few numbers a row and class; of others the matrix, and two copies of it.
    """
    width = _whole_width(member, table)
    if models.learns_in_blocks(member.kind):
        return PROCESS + table.rows * (2 * width + 40 + 24 * objective.outputs)
    return PROCESS + 3 * 4 * width * learnt_rows(member, table)


def learnt_rows(member: Member, table: CodedTable) -> int:
    """Of how many of these rows a member learns, an estimate: how wide its matrix is, and so how
    many rows fit, is known after encoding."""
    if models.learns_in_blocks(member.kind):
        return table.rows
    return min(table.rows, most_rows(member, _whole_width(member, table)))


def _whole_width(member: Member, table: CodedTable) -> int:
    """About how many columns the member's view has."""
    return sum(_width(member, name, columns) for name, columns in table.columns.items())


def _width(member: Member, name: str, columns: Sequence[CodedColumn]) -> int:
    """About how many columns of the member's view a feature becomes."""
    if not member.sees(name):
        return 0
    if member.view == "tree":
        return 1 + len(columns)  # some have target means or counts beside their own
    levels = [len(each.values) if each.kind == "category" else 1 for each in columns]
    return sum(min(MOST_ONE_HOT, number) + 1 for number in levels)


def most_rows(member: Member, width: int) -> int:
    """Of how many rows a model learns at most that cannot learn in blocks."""
    return asked_rows(member, MOST_CELLS // max(1, width))


def asked_rows(member: Member, most: int) -> int:
    """`most_rows` of a model's settings, if that is less."""
    return min(most, member.settings.get("most_rows") or most)


def _levels(member: Member, objective: Objective, y: np.ndarray) -> np.ndarray | None:
    """The numbers that are told apart as classes, ascending; None where there is one alone.

    Raises SettingsError for a target that is no few whole numbers.
    """
    levels = np.unique(y)
    found = f"{len(levels):,} different values"
    if objective.task != "regression":
        found = "classes already"
    elif (levels != np.rint(levels)).any():
        found = f"{levels[levels != np.rint(levels)][0]:g}"
    elif len(levels) <= MOST_CLASSES:
        return levels if len(levels) > 1 else None
    raise SettingsError(
        f"[models] as_classes = true, of a {member.kind}: the target has {found}; allowed are up "
        f'to {MOST_CLASSES} whole numbers and task = "regression". Remove the line.'
    )


def _of_levels(problem: ModelProblem, levels: np.ndarray | None) -> ModelProblem:
    """What a model has to know that tells these numbers apart."""
    if levels is None:
        return problem
    task: Task = "binary" if len(levels) == 2 else "multiclass"
    return replace(problem, task=task, outputs=len(levels), loss="log_loss", loss_parameter=None)


def _with_columns(problem: ModelProblem, outputs: int) -> ModelProblem:
    """With the names of the columns that `Original` adds, each a part by itself."""
    added = [f"{ORIGINAL} {place}" for place in range(max(1, outputs - 1))]
    width = len(problem.columns)
    parts = {name: (width + place,) for place, name in enumerate(added)}
    return replace(problem, columns=(*problem.columns, *added), parts={**problem.parts, **parts})


def fit_encoder(
    member: Member,
    objective: Objective,
    features: Sequence[Feature],
    table: CodedTable | Selection,
    y: np.ndarray,
    fold: Fold,
) -> tuple[FoldEncoder, Matrix]:
    """The encoder alone, and the matrix (n, d) that the model learns from; as in `fit`.

    Target means are those of what the model learns: of logarithms, where these are scored.
    """
    encoder = _encoder(member, objective, features)
    rng = np.random.default_rng([member.encoder.seed, fold.repeat, fold.number])
    if models.learns_logarithms(_loss(member, objective), y):
        y = np.log1p(y)
    return encoder, encoder.fit_transform(table, y, rng, member.view)


def restore(
    member: Member, objective: Objective, features: Sequence[Feature], state: State
) -> FittedMember:
    """The fitted member that had this state: the same predictions to the byte.

    Raises DataError where it is no state of such a member.
    """
    original = None
    if member.extra_feature and "original" in state:
        original = _restore_original(member, objective, features, state["original"])
    with refusing_damage(f"a stored fit of {member.kind}"):
        stored_encoder, stored_model = state["encoder"], state["model"]
    encoder = _encoder(member, objective, features).set_state(stored_encoder)
    levels = _restore_levels(member, state)
    problem = _of_levels(model_problem(member, objective, encoder), levels)
    problem = problem if original is None else _with_columns(problem, objective.outputs)
    model = models.restore(member.kind, member.settings, problem, stored_model)
    return FittedMember(member, encoder, model, original, levels)


def _restore_levels(member: Member, state: State) -> np.ndarray | None:
    if not member.as_classes or "levels" not in state:
        return None
    with refusing_damage(f"a stored fit of {member.kind}"):
        levels = np.array(state["levels"], dtype=float)
        if levels.ndim != 1 or len(levels) < 2 or not (np.diff(levels) > 0).all():
            raise ValueError("its levels are no ascending numbers")
    return levels


def _restore_original(
    member: Member, objective: Objective, features: Sequence[Feature], state: State
) -> Original:
    with refusing_damage(f"a stored fit of {member.kind}"):
        centre, spread = map(float, state["target"])
        if not (np.isfinite([centre, spread]).all() and spread > 0):
            raise ValueError("the extra rows' target has no mean and spread")
    plain = replace(member, extra_feature=False)
    return Original(restore(plain, objective, features, state), centre, spread)


def code_frame(member: Member, frame: "pd.DataFrame", features: Sequence[Feature]) -> CodedTable:
    """Rows as they are in a file, as `predict` takes them: what the member's module adds too."""
    return code_table(add_features(member.encoder.features, frame), features)


def model_problem(member: Member, objective: Objective, encoder: FoldEncoder) -> ModelProblem:
    """What the model has to know: the objective, and the columns of its view."""
    return ModelProblem(
        objective.task,
        objective.outputs,
        _loss(member, objective),
        encoder.names(member.view),
        encoder.categorical(member.view),
        encoder.parts(member.view),
        objective.loss_parameter,
    )


def _loss(member: Member, objective: Objective) -> models.Loss:
    """What the member makes small: of logarithms, where it learns these.

    Raises SettingsError where nothing takes their place.
    """
    if not member.as_logarithms:
        return objective.loss
    if objective.loss not in OF_LOGARITHMS:
        raise _no_logarithms(member, f"the metric has it learn {objective.loss}")
    if member.as_classes:
        raise _no_logarithms(member, "as_classes = true as well")
    return OF_LOGARITHMS[objective.loss]


def _no_logarithms(member: Member, found: str) -> SettingsError:
    return SettingsError(
        f"[models] as_logarithms = true, of a {member.kind}: {found}; allowed are a target of "
        "values from 0 on and a metric of absolute or squared errors. Remove the line."
    )


def _encoder(member: Member, objective: Objective, features: Sequence[Feature]) -> FoldEncoder:
    classes = None if objective.task == "regression" else objective.outputs
    return FoldEncoder(member.encoder, member.reads(features), classes)
