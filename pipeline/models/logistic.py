"""Logistic regression (softmax for several classes) by gradient descent, from the library.

Brings calibrated probabilities and costs milliseconds. Classes only.
"""

from pydantic import Field

from pipeline.engines.logistic_regression import LogisticRegression
from pipeline.errors import SettingsError
from pipeline.models import FromScratch, ModelProblem, Trial
from pipeline.settings import ModelSettings

VIEW = "dense"
CLASSES_ONLY = True


class Settings(ModelSettings):
    l2: float = Field(0.003, ge=0, description="weight decay, in units of the mean loss")
    l1: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="above 0 it replaces l2: a share of the L1 penalty that makes all weights 0",
    )


def suggest(trial: Trial) -> None:
    trial.suggest_float("l2", 1e-5, 1.0, log=True)


def build(settings: Settings, problem: ModelProblem) -> FromScratch:
    if problem.task == "regression":
        raise SettingsError(
            "[models.logistic]: the target is a regression one; logistic regression needs classes. "
            "Remove the table from the competition's TOML; [models.linear] is its counterpart."
        )
    return FromScratch(LogisticRegression(l2=settings.l2, l1=settings.l1), problem)
