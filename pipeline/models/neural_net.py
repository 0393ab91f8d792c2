"""A small network from the library, several seeds averaged.

Brings smooth interactions, where trees have steps; costs a few seconds a fit. On few rows it is
regularisation that decides: a sparse first layer, dropout, decoupled weight decay, label smoothing.
benchmarks/README.md says what each piece brings.
"""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, PositiveInt

from pipeline.early_stopping import Clusters
from pipeline.engines.neural_network import (
    NeuralNetwork,
    NeuralNetworkClassifier,
    NeuralNetworkRegressor,
)
from pipeline.lookup_matrix import Matrix
from pipeline.models import FromScratch, ModelProblem, Trial, parameters, regression_loss
from pipeline.settings import ModelSettings

VIEW = "dense"
MOST_EMBEDDED = 100  # of 500 columns a fit would take ten times as long
ROWS = 3000  # what the penalties are meant for
Share = Annotated[float, Field(ge=0, lt=1)]


class Settings(ModelSettings):
    hidden: tuple[PositiveInt, ...] | None = Field(
        None,
        min_length=1,
        description="width of each layer; left out: one of 256, and for regression one of 128 more",
    )
    activation: Literal["relu", "mish", "selu", "tanh", "sigmoid"] = "relu"
    lr: float = Field(0.005, gt=0)
    schedule: Literal["constant", "step", "cosine", "coslog4"] = "cosine"
    epochs: int = Field(40, ge=1)
    batch_size: int = Field(128, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    betas: tuple[Share, Share] = Field((0.9, 0.95), description="of AdamW")
    weight_decay: float = Field(0.5, ge=0, description="decoupled, as in AdamW; at 3,000 rows")
    sparsity: float = Field(0.12, ge=0, description="L1 on the first layer; at 3,000 rows")
    label_smoothing: float | None = Field(
        None, ge=0, lt=1, description="for classes; 0.2 where the metric counts labels, else 0.02"
    )
    n_networks: int = Field(2, ge=1, description="seeds to average")
    submodels: int = Field(1, ge=1, description="TabM submodels in each network")
    averaging: float = Field(0.0, ge=0, lt=1, description="decay of the weights' moving average")
    batch_normalisation: bool = False
    parametric_activation: bool = False
    scaling: float = Field(
        0.0, ge=0, description="learning-rate factor of a trainable scale per column; 0: none"
    )
    numbers: Literal["plain", "plr", "pbld", "piecewise"] = Field(
        "pbld",
        description="embedding of quantities, numbers that are not one-hot, too; of 100 at most",
    )
    number_width: int = Field(4, ge=2, description="width of that embedding")
    frequency_std: float = Field(0.3, gt=0, description="of its frequencies, for plr and pbld")
    most_rows: int | None = Field(
        None, ge=2, description="of more rows a sample of that many is used; left out: all"
    )


def suggest(trial: Trial) -> None:
    trial.suggest_float("lr", 1e-3, 2e-2, log=True)
    trial.suggest_int("epochs", 10, 80, log=True)
    trial.suggest_float("dropout", 0.0, 0.6)
    trial.suggest_float("weight_decay", 0.05, 3.0, log=True)
    trial.suggest_float("sparsity", 0.02, 0.3, log=True)


def build(settings: Settings, problem: ModelProblem) -> FromScratch:
    chosen = {**parameters(settings), "embedded": quantities(problem)}
    chosen.pop("most_rows")  # pipeline/fitting.py draws them
    if settings.hidden is None:
        chosen["hidden"] = (256, 128) if problem.task == "regression" else (256,)
    if problem.task == "regression":
        chosen.pop("label_smoothing")
        chosen |= regression_loss(problem)
        return Restrained(NeuralNetworkRegressor(**chosen), problem)
    if settings.label_smoothing is None:
        # softer targets put more rows on the right side, and make worse probabilities
        chosen["label_smoothing"] = 0.2 if problem.loss == "zero_one" else 0.02
    return Restrained(NeuralNetworkClassifier(**chosen), problem)


def quantities(problem: ModelProblem) -> tuple[int, ...]:
    """The places of numbers that have no one-hot levels beside them; none if they are too many."""
    ratings: set[int] = set()
    for name, places in problem.parts.items():
        if any(problem.columns[place].startswith(f"{name}=") for place in places):
            ratings.update(places)
    found = tuple(place for place in range(len(problem.columns)) if place not in ratings)
    return found if len(found) <= MOST_EMBEDDED else ()


class Restrained(FromScratch):
    """The penalties fall with the root of the number of rows, as the noise of a gradient does."""

    def __init__(self, estimator: NeuralNetwork, problem: ModelProblem) -> None:
        super().__init__(estimator, problem)
        self.penalties = {
            name: getattr(estimator, name) * ROWS**0.5 for name in ("weight_decay", "sparsity")
        }

    def fit(self, X: Matrix, y: np.ndarray, clusters: Clusters | None = None) -> Self:
        root = len(X) ** 0.5
        self.estimator.set_params(**{name: c / root for name, c in self.penalties.items()})
        return super().fit(X, y, clusters)
