"""A small network from the library, several seeds averaged.

Brings smooth interactions, where trees have steps; costs a few seconds a fit. On few rows it is
regularisation that decides: dropout, decoupled weight decay, label smoothing, averaged seeds.
"""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from pipeline.config import ModelSettings
from pipeline.from_scratch.neural_network import NeuralNetworkClassifier, NeuralNetworkRegressor
from pipeline.models import FromScratch, Problem

if TYPE_CHECKING:
    import optuna

VIEW = "dense"


class Settings(ModelSettings):
    hidden: tuple[int, ...] = Field((256,), min_length=1, description="width of each layer")
    activation: Literal["relu", "mish", "selu", "tanh", "sigmoid"] = "relu"
    lr: float = Field(0.005, gt=0)
    schedule: Literal["constant", "step", "cosine", "coslog4"] = "cosine"
    epochs: int = Field(40, ge=1)
    batch_size: int = Field(128, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    weight_decay: float = Field(1.5, ge=0, description="decoupled, as in AdamW")
    label_smoothing: float = Field(0.02, ge=0, lt=1, description="for classes")
    n_networks: int = Field(2, ge=1, description="seeds to average")
    members: int = Field(1, ge=1, description="TabM members in each network")
    averaging: float = Field(0.0, ge=0, lt=1, description="decay of the weights' moving average")
    batch_normalisation: bool = False
    parametric_activation: bool = False
    scaling: float = Field(0.0, ge=0, description="speed of a learned factor a column; 0: none")
    numbers: Literal["plain", "plr", "pbld", "piecewise"] = Field(
        "plain", description="embedding of the columns with more than two values"
    )
    number_width: int = Field(4, ge=2, description="width of that embedding")
    frequency_std: float = Field(0.1, gt=0, description="of its waves, for plr and pbld")


def suggest(trial: "optuna.Trial") -> dict[str, Any]:
    return {
        "lr": trial.suggest_float("lr", 1e-3, 2e-2, log=True),
        "epochs": trial.suggest_int("epochs", 10, 80, log=True),
        "dropout": trial.suggest_float("dropout", 0.0, 0.6),
        "weight_decay": trial.suggest_float("weight_decay", 1e-2, 5.0, log=True),
    }


def build(settings: Settings, problem: Problem) -> FromScratch:
    chosen = settings.model_dump(exclude={"trials", "seconds"})
    if problem.task == "regression":
        chosen.pop("label_smoothing")
        return FromScratch(NeuralNetworkRegressor(**chosen), problem)
    return FromScratch(NeuralNetworkClassifier(**chosen), problem)
