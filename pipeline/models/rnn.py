"""A recurrent network from the library: some columns are a sequence, the others static features.

Brings one cell for all the questions of a survey, where a plain network learns each apart; costs
two seconds a fit on 3,000 rows. On airline surveys it is as accurate in any order of the questions.
"""

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import Field, PositiveInt

from pipeline.column_order import MOST_LEVELS, found_order
from pipeline.engines.recurrent_network import RecurrentClassifier, RecurrentRegressor
from pipeline.errors import SettingsError
from pipeline.models import FromScratch, ModelProblem, Trial, parameters, regression_loss
from pipeline.settings import ModelSettings
from pipeline.wording import did_you_mean, quoted

VIEW = "dense"
Steps = tuple[tuple[int, ...], ...]
NUMBER = re.compile(r"-?\d+")


class Settings(ModelSettings):
    sequence: tuple[str, ...] = Field(
        (),
        description="columns in reading order; left out: names that end in ascending numbers, or "
        "neighbours that hold ratings of one scale",
    )
    step_width: int = Field(16, ge=1, description="of each step's embedding")
    state_width: int = Field(32, ge=1, description="of the recurrent layer")
    pooling: Literal["last", "mean", "max"] = Field("max", description="of the states")
    step_dropout: float = Field(0.1, ge=0, lt=1)
    clip: float = Field(1.0, gt=0, description="maximum norm of the gradient")
    hidden: tuple[PositiveInt, ...] = Field(
        (64,), description="width of each layer after the recurrent one"
    )
    lr: float = Field(0.02, gt=0)
    schedule: Literal["constant", "step", "cosine", "coslog4"] = "coslog4"
    epochs: int = Field(30, ge=1)
    batch_size: int = Field(128, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1, description="in the hidden layers")
    weight_decay: float = Field(0.25, ge=0, description="decoupled, as in AdamW")
    label_smoothing: float = Field(0.02, ge=0, lt=1, description="for classes")
    n_networks: int = Field(3, ge=1, description="seeds to average")


def suggest(trial: Trial) -> None:
    trial.suggest_float("lr", 3e-3, 3e-2, log=True)
    trial.suggest_int("epochs", 15, 60, log=True)
    trial.suggest_float("weight_decay", 2e-2, 2.0, log=True)
    trial.suggest_float("step_dropout", 0.0, 0.3)
    trial.suggest_int("state_width", 16, 64, log=True)


def build(settings: Settings, problem: ModelProblem) -> FromScratch:
    chosen = parameters(settings)
    chosen["sequence"] = steps(settings.sequence, problem)
    if problem.task == "regression":
        chosen.pop("label_smoothing")
        chosen |= regression_loss(problem)
        return FromScratch(RecurrentRegressor(**chosen), problem)
    return FromScratch(RecurrentClassifier(**chosen), problem)


def steps(names: Sequence[str], problem: ModelProblem) -> Steps:
    """The places in the view of each column of the sequence: the named ones, or those found.

    A column of one value in a fold has no place in its view, and is passed over if another has.
    Raises SettingsError for a name that the view doesn't have, and where no order is found.
    """
    parts = problem.parts
    absent = [name for name in names if name not in parts]
    if not any(parts.get(name) for name in names):
        absent = list(names)
    if absent:
        allowed = [name for name, places in parts.items() if places]
        meant = did_you_mean(absent[0], allowed, "Correct the name, or take it out.")
        raise SettingsError(
            f"[models.rnn] sequence: there is no column '{absent[0]}' in what the models see; "
            f"allowed are {quoted(allowed)}. {meant}"
        )
    found = names or found_order(_numbers_held(problem))
    if not found:
        raise SettingsError(
            "[models.rnn] sequence: it is left out, and the columns show no order: neither names "
            "that end in ascending numbers (bill_1, bill_2, ...) nor neighbours that hold ratings "
            'of one scale. Name the columns in reading order, sequence = ["...", "..."], or remove '
            "the table from the competition's TOML."
        )
    return tuple(parts[name] for name in found if parts[name])


def _numbers_held(problem: ModelProblem) -> dict[str, frozenset[float]]:
    """By column the numbers that it holds: the levels of a rating; of a quantity, too many."""
    held = {}
    for name, places in problem.parts.items():
        names, start = [problem.columns[place] for place in places], f"{name}="
        levels = [each.removeprefix(start) for each in names if each.startswith(start)]
        is_number = bool(names) and not names[0].startswith(start)  # itself, before its levels
        numbers = [float(level) for level in levels if NUMBER.fullmatch(level)]
        many = range(MOST_LEVELS + 1) if is_number and not levels else ()
        held[name] = frozenset([*numbers, *many] if is_number else [])
    return held
