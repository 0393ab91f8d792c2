"""What [budget] minutes left undone of a model: repeats of its training, trials of its search."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CutShort:
    """(done, asked) of what was cut short; None for what is complete."""

    repeats: tuple[int, int] | None = None
    trials: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        return self.repeats is not None or self.trials is not None

    def __str__(self) -> str:
        if self.repeats is not None and self.repeats[0] == 0:
            return "left out"
        parts = (("repeats", self.repeats), ("trials", self.trials))
        return ", ".join(f"{n[0]} of {n[1]} {unit}" for unit, n in parts if n is not None)


def describe(models: Mapping[str, CutShort]) -> str:
    """`rnn (1 of 3 repeats), kernel (left out)`."""
    return ", ".join(f"{name} ({each})" for name, each in models.items())
