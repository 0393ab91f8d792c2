"""What the train stage gives: a member's out-of-fold and test predictions, and its fits."""

import math
from dataclasses import dataclass, field

import numpy as np

from pipeline.foreign import Origin
from pipeline.member import Member
from pipeline.plan import LIMITS, MANY_ROWS
from pipeline.store import MEASURED

COMPARED = 100_000  # test rows on which folds are compared, of a table of many rows


def compared(test_rows: int, train_rows: int) -> slice:
    """The test rows of which each fold's prediction is kept: all, or of many rows every n-th."""
    most = COMPARED if train_rows > MANY_ROWS else test_rows
    return slice(None, None, max(1, math.ceil(test_rows / most)) if most else 1)


@dataclass(frozen=True)
class FoldScore:
    """One fit: the fold that it validates, its score there (None where the metric has no value),
    and the key under which the store keeps the fitted member.

    The key names the code too, and is no part of the value: other code that fits the same changes
    nothing.
    """

    repeat: int
    fold: int
    score: float | None
    key: str = field(metadata=MEASURED)


@dataclass(frozen=True)
class CutShort:
    """What [budget] minutes left undone of a model: (done, asked), None for what is complete.
    `ran_out`: of its repeats memory did."""

    repeats: tuple[int, int] | None = None
    trials: tuple[int, int] | None = None
    rounds: tuple[int, int] | None = None
    ran_out: bool = False
    rows: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        found = self.repeats, self.trials, self.rounds, self.rows
        return any(each is not None for each in found)

    def __str__(self) -> str:
        why = ", as memory ran out" if self.ran_out else ""
        if self.repeats is not None and self.repeats[0] == 0:
            return f"left out{why}"
        repeats = self.repeats and f"{self.repeats[0]} of {self.repeats[1]} repeats{why}"
        parts = (("trials", self.trials), ("rounds", self.rounds), ("rows", self.rows))
        others = [f"{n[0]:,} of {n[1]:,} {unit}" for unit, n in parts if n is not None]
        return ", ".join([repeats, *others] if repeats else others)


@dataclass(frozen=True)
class Trained:
    """A member that was fitted on every fold of `repeats` repeats, of `asked`.

    oof (repeats, n, k) are out-of-fold predictions, NaN for rows that no fold validates; test
    (m, k) is the mean over all fits; test_by_fold (folds, rows, k) that of each fold's fits over
    the repeats, of the test rows that are `compared`. A member that was left out has no
    repeat and no fit. `trials` of `trials_asked` were made to find its settings. `limit_asked`:
    rounds of boosting, or rows to learn from, where it had fewer. `ran_out`: memory did, in one of
    its fits.

    Predictions from elsewhere have an `origin`, one repeat, no fit, and test_by_fold (1, rows, k).
    """

    member: Member
    oof: np.ndarray
    test: np.ndarray
    test_by_fold: np.ndarray
    fits: tuple[FoldScore, ...]
    asked: int
    fit_seconds: float = field(metadata=MEASURED)
    predict_seconds: float = field(metadata=MEASURED)
    trials: int = 0
    trials_asked: int = 0
    limit_asked: int | None = None
    origin: Origin | None = None
    ran_out: bool = False

    @property
    def is_foreign(self) -> bool:
        """Whether it was read from files: there is nothing fitted that could predict other rows."""
        return self.origin is not None

    @property
    def repeats(self) -> int:
        return len(self.oof)

    @property
    def mean_oof(self) -> np.ndarray:
        """(n, k): the mean over the repeats."""
        return np.asarray(self.oof.mean(axis=0))

    @property
    def cut_short(self) -> CutShort:
        """What is less than was asked for; false where nothing is."""
        repeats, trials = (self.repeats, self.asked), (self.trials, self.trials_asked)
        limits, settings = {}, self.member.settings
        if self.limit_asked is not None:
            unit, setting = next(each for each in LIMITS.items() if each[1] in settings)
            limits[unit] = settings[setting], self.limit_asked
        return CutShort(
            repeats if self.repeats < self.asked else None,
            trials if self.trials < self.trials_asked else None,
            ran_out=self.ran_out,
            **limits,
        )
