"""What the tune stage gives: the trials of a search, and the settings that it found best."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.member import Member


@dataclass(frozen=True)
class FinishedTrial:
    """One trial; `value` is the mean score over the folds that it was scored on."""

    number: int
    value: float | None
    state: Literal["complete", "pruned"]
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Tuned:
    """The member with the best settings that were found; with no trials those of the TOML.

    `value` is the best trial's mean score over folds by `metric`, None without trials; `asked` is
    how many trials the TOML asks for.
    """

    member: Member
    metric: str
    value: float | None
    trials: tuple[FinishedTrial, ...]
    asked: int

    @property
    def settings(self) -> Mapping[str, Any]:
        """The model's own settings."""
        return self.member.settings

    @property
    def cut_short(self) -> bool:
        """Whether the budget allowed for fewer trials than were asked for."""
        return len(self.trials) < self.asked
