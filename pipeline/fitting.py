"""An encoder and a model as one thing, which is fitted on rows and predicts rows.

The one recipe that tune, train, the learning curve, predict and notebooks share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline import models
from pipeline.early_stopping import Clusters
from pipeline.encoding.columns import CodedTable, code_table
from pipeline.encoding.features import add_features
from pipeline.encoding.views import FoldEncoder
from pipeline.errors import refusing_damage
from pipeline.folds import Fold
from pipeline.member import Member
from pipeline.models import Model, ModelProblem, State
from pipeline.problem import Feature, Task

if TYPE_CHECKING:
    import pandas as pd


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

    The encoder reads its `features` alone, of whatever a table holds.
    """

    member: Member
    encoder: FoldEncoder
    model: Model

    @property
    def features(self) -> tuple[Feature, ...]:
        """The columns that predictions need, those of the member's own features module too."""
        return self.encoder.features

    def predict(self, table: CodedTable) -> np.ndarray:
        """Rows -> (n, k) float64: class probabilities, or values."""
        return self.model.predict(self.matrix(table))

    def matrix(self, table: CodedTable) -> np.ndarray:
        """Rows -> (n, d) float32, what the model reads."""
        return self.encoder.transform(table, self.member.view)

    def places(self) -> dict[str, list[int]]:
        """By feature, the columns of `matrix` that hold what it became."""
        return self.encoder.places(self.member.view)

    def state(self) -> State:
        """Everything that was learned, as plain arrays, texts and numbers."""
        return {"encoder": self.encoder.state(), "model": self.model.state()}


def fit(
    member: Member,
    objective: Objective,
    features: Sequence[Feature],
    table: CodedTable,
    y: np.ndarray,
    fold: Fold,
    clusters: Clusters | None = None,
) -> FittedMember:
    """Fit on rows of the training table: encoder first, then model; no other row is looked at.

    table holds the rows of `fold.train` (n), or some of them, y (n,) their targets, and `clusters`
    what early stopping keeps together of them.
    """
    encoder, matrix = fit_encoder(member, objective, features, table, y, fold)
    model = models.build(member.kind, member.settings, model_problem(member, objective, encoder))
    model.fit(matrix, y, clusters)
    return FittedMember(member, encoder, model)


def fit_encoder(
    member: Member,
    objective: Objective,
    features: Sequence[Feature],
    table: CodedTable,
    y: np.ndarray,
    fold: Fold,
) -> tuple[FoldEncoder, np.ndarray]:
    """The encoder alone, and the matrix (n, d) that the model learns from; as in `fit`.

    Target means are those of what the model learns: of logarithms, where these are scored.
    """
    encoder = _encoder(member, objective, features)
    rng = np.random.default_rng([member.encoder.seed, fold.repeat, fold.number])
    if models.learns_logarithms(objective.loss, y):
        y = np.log1p(y)
    return encoder, encoder.fit_transform(table, y, rng, member.view)


def restore(
    member: Member, objective: Objective, features: Sequence[Feature], state: State
) -> FittedMember:
    """The fitted member that had this state: the same predictions to the byte.

    Raises DataError where it is no state of such a member.
    """
    with refusing_damage(f"a stored fit of {member.kind}"):
        stored_encoder, stored_model = state["encoder"], state["model"]
    encoder = _encoder(member, objective, features).set_state(stored_encoder)
    problem = model_problem(member, objective, encoder)
    model = models.restore(member.kind, member.settings, problem, stored_model)
    return FittedMember(member, encoder, model)


def code_frame(member: Member, frame: "pd.DataFrame", features: Sequence[Feature]) -> CodedTable:
    """Rows as they are in a file, as `predict` takes them: what the member's module adds too."""
    return code_table(add_features(member.encoder.features, frame), features)


def model_problem(member: Member, objective: Objective, encoder: FoldEncoder) -> ModelProblem:
    """What the model has to know: the objective, and the columns of its view."""
    return ModelProblem(
        objective.task,
        objective.outputs,
        objective.loss,
        encoder.names(member.view),
        encoder.categorical(member.view),
        encoder.parts(member.view),
        objective.loss_parameter,
    )


def _encoder(member: Member, objective: Objective, features: Sequence[Feature]) -> FoldEncoder:
    classes = None if objective.task == "regression" else objective.outputs
    return FoldEncoder(member.encoder, member.reads(features), classes)
