"""A Gaussian process with a learned length scale for each column, from the library.

Brings similarity between rows, by itself and to a blend of networks; costs 4 s a fit on 3,000
rows. Time grows with their cube, so a larger table is fitted on a seeded sample of `most_rows` rows
(9 s and 1.1 GB on 5,000), and the rest of it is lost.
"""

from pydantic import Field

from pipeline.engines.gaussian_process import (
    GaussianProcessClassifier,
    GaussianProcessRegressor,
)
from pipeline.models import FromScratch, ModelProblem, Trial, parameters
from pipeline.settings import ModelSettings

VIEW = "dense"


class Settings(ModelSettings):
    steps: int = Field(60, ge=0, description="of the length scales; fewer restrain them more")
    lr: float = Field(0.1, gt=0, description="how far a step goes, in logarithms of 1 / length²")
    batch_size: int = Field(800, ge=2, description="rows that a step looks at")
    exponent: float = Field(0.6, gt=0, le=2, description="2: smooth; the lower, the rougher")
    steepness: float = Field(
        3.0, gt=0, description="for classes; of the logistic loss that is minimised"
    )
    most_rows: int = Field(5000, ge=2, description="of more rows a sample of that many is fitted")


def suggest(trial: Trial) -> None:
    trial.suggest_int("steps", 15, 120, log=True)
    trial.suggest_float("exponent", 0.3, 1.5)
    trial.suggest_float("steepness", 1.0, 10.0, log=True)


def build(settings: Settings, problem: ModelProblem) -> FromScratch:
    chosen = parameters(settings)
    if problem.task == "regression":
        chosen.pop("steepness")
        return FromScratch(GaussianProcessRegressor(**chosen), problem)
    return FromScratch(GaussianProcessClassifier(**chosen), problem)
