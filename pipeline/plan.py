"""[budget] minutes as a plan: how many trials and repeats each member gets, decided once and kept.

The minutes are shared among pieces, tune and train of each member. A piece gets what is left of
them, in proportion to its weight among the pieces still open; a member's first repeat may take half
of it all, since without it the member is lost. Whatever a piece does not need passes on to the
others, if it was completed; one that is cut short counts as having used all it might have. So more
minutes give no piece less: a piece with share s and cost c takes min(s, c), and what that leaves
grows with s.

A table of many rows has a strongest model that is known beforehand. Half of the minutes are kept
for it until its first repeat is there, whatever the order of the TOML, and that repeat is finished
in any case. Pieces whose first trial or repeat would not fit into their share are not begun
(pace.py measures that); they count as having used it, like all that is cut short.

A plan is a file, named by a hash of everything that it is about. A run that finds a piece in it
follows it, whatever the clock says; other minutes, settings, data or code are another plan.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import Field

from pipeline.errors import DataError
from pipeline.files import digest_of, locked, read_sealed, sealed, write_atomically
from pipeline.settings import Settings
from pipeline.stopwatch import Stopwatch
from pipeline.wording import duration

TUNING = 1 / 3  # of a member's share goes to its tuning, if it is tuned
FIRST = 1 / 2  # of what is left may go to a member's first repeat
WORTH = 0.8  # a trial or repeat is begun if so much of the time that it should take is left
MANY_ROWS = 10_000  # more of them: which model is the strongest is known, and pace is measured
STRONGEST = "lightgbm"  # on many rows; benchmarks/README.md has the figures


@dataclass(frozen=True)
class Shares:
    """Who shares the minutes: `kinds` and `trials` by member, in the order of the TOML.

    `minutes` None: no bound. `rows` is how many the training table has.
    """

    minutes: float | None
    kinds: Mapping[str, str]
    trials: Mapping[str, int]
    rows: int

    @property
    def weights(self) -> dict[str, float]:
        """By piece: each member's 1 is parted between its tuning, if it is tuned, and training."""
        parts = {name: TUNING if self.trials[name] else 0.0 for name in self.kinds}
        return {f"tune/{name}": part for name, part in parts.items()} | {
            f"train/{name}": 1 - part for name, part in parts.items()
        }

    @property
    def first(self) -> str:
        """The first member of the TOML."""
        return next(iter(self.kinds))

    @property
    def strongest(self) -> str:
        """The member that is never left out: of few rows the first of the TOML."""
        if self.rows <= MANY_ROWS:
            return self.first
        return next((name for name, kind in self.kinds.items() if kind == STRONGEST), self.first)


class Decision(Settings):
    """What was decided about a piece: so many trials or repeats, `done` of `asked`.

    `seconds` are those that the others cannot have; `reason` says why it was cut short.
    """

    done: int = Field(ge=0)
    asked: int = Field(ge=0)
    seconds: float = Field(ge=0)
    reason: str = ""

    @property
    def is_cut(self) -> bool:
        return self.done < self.asked


class Content(Settings):
    """What a plan's file holds: which attempt at these minutes it is, and decisions by piece."""

    attempt: int = Field(1, ge=1)
    decisions: dict[str, Decision] = Field(default_factory=dict)


class Plan:
    """The decisions about the pieces of one run. Runs side by side share them: the first wins."""

    def __init__(
        self, path: Path, shares: Shares, stopwatch: Callable[[], Stopwatch] = Stopwatch
    ) -> None:
        self.path, self.shares, self.stopwatch = path, shares, stopwatch

    @classmethod
    def open(cls, folder: Path, key: str, shares: Shares) -> "Plan":
        """The plan of this key, as far as it is decided; `key` hashes all that it is about."""
        return cls(folder / f"{key}.json", shares)

    @property
    def id(self) -> str:
        """A hash that names this attempt: what depends on its decisions depends on this."""
        return digest_of([self.path.stem, self.read().attempt])

    def allowance(self, piece: str) -> "Allowance":
        """What a piece such as `train/lightgbm` may take, or what was decided about it."""
        if self.shares.minutes is None:
            return Allowance()
        share, left = self._share(piece)
        is_strongest = piece == f"train/{self.shares.strongest}"
        first = FIRST * left if piece.startswith("train/") else 0.0
        bound = Bound(self, piece, share, max(share, first), at_least=1 if is_strongest else 0)
        return Allowance(bound, self.stopwatch)

    def decision(self, piece: str) -> Decision | None:
        """None while it is open."""
        return self.read().decisions.get(piece)

    def decide(self, piece: str, decision: Decision) -> Decision:
        """Keep a decision, unless another run was first; returns the one that counts."""
        with locked(self._lock):
            content = self.read()
            known = content.decisions.setdefault(piece, decision)
            self._write(content)
        return known

    def renew(self) -> bool:
        """Open again what was cut short, as another attempt; returns whether anything was."""
        with locked(self._lock):
            content = self.read()
            kept = {name: each for name, each in content.decisions.items() if not each.is_cut}
            if len(kept) == len(content.decisions):
                return False
            self._write(Content(attempt=content.attempt + 1, decisions=kept))
        return True

    def read(self) -> Content:
        """What the file says. Raises DataError where it is damaged."""
        try:
            return Content.model_validate(read_sealed(self.path), strict=True)
        except FileNotFoundError:
            return Content()
        except ValueError:
            raise DataError(
                f"{self.path}: this plan of how [budget] minutes are shared is damaged. Delete it "
                "and run the same command again: they are shared anew."
            ) from None

    def _write(self, content: Content) -> None:
        write_atomically(self.path, sealed(content.model_dump(mode="json")))

    @property
    def _lock(self) -> Path:
        return self.path.with_name(".lock")

    def _share(self, piece: str) -> tuple[float, float]:
        """Seconds for a piece, and those left in all: the open ones share these by weight."""
        assert self.shares.minutes is not None
        total, weights = 60 * self.shares.minutes, self.shares.weights
        decided = {n: each for n, each in self.read().decisions.items() if n != piece}
        used = sum(each.seconds for each in decided.values())
        strongest, member = self.shares.strongest, piece.partition("/")[2]
        if f"train/{strongest}" not in decided and strongest not in (member, self.shares.first):
            used += FIRST * total
        left = max(0.0, total - used)
        still_open = sum(weight for name, weight in weights.items() if name not in decided)
        return (left * weights[piece] / still_open if still_open else 0.0), left


@dataclass(frozen=True)
class Bound:
    """What a plan grants a piece: `share` seconds, and `first` until its first unit is done.

    The strongest member finishes its first repeat in any case (`at_least` 1): a run has one model.
    """

    plan: Plan
    piece: str
    share: float
    first: float
    at_least: int = 0


class Allowance:
    """The time of one piece: whether to go on, and how long what is under way may take.

    The clock starts when it is first looked at. `earlier` are the seconds that took, when it was
    computed, what is found and need not be computed again: they count alike. Without a bound there
    is no end to the time, and nothing is recorded.
    """

    def __init__(
        self, bound: Bound | None = None, stopwatch: Callable[[], Stopwatch] = Stopwatch
    ) -> None:
        self.bound, self._stopwatch = bound, stopwatch
        self.earlier, self._done = 0.0, 0

    @property
    def follow(self) -> int | None:
        """How many trials or repeats the plan asks for; None while that is open."""
        decision = self.bound and self.bound.plan.decision(self.bound.piece)
        return decision.done if decision else None

    @property
    def is_bound(self) -> bool:
        """Whether the clock decides."""
        return self.bound is not None and self.follow is None

    def seconds(self) -> float:
        """What the piece took so far, in this run and in those before."""
        return self.earlier + self._watch.seconds()

    def left(self) -> float:
        """Seconds until what is under way has to be stopped."""
        seconds = self.seconds()  # in any case: the stopwatch is to be read often
        if self.bound is None or not self.is_bound or self._done < self.bound.at_least:
            return math.inf
        return (self.bound.share if self._done else self.bound.first) - seconds

    def affords(self, seconds: float) -> bool:
        """Whether to begin what should take so long."""
        left = self.left()
        return left > 0 and left >= WORTH * seconds

    def goes_on(self, done: int) -> bool:
        """Whether to begin another trial or repeat after so many."""
        self._done, follow = done, self.follow
        if follow is not None:
            return done < follow
        return self.affords(self.seconds() / done if done else 0.0)

    def too_long(self, what: str, seconds: float) -> str:
        """Why something was not begun: 'one repeat would take about 12 minutes, with 2 ...'."""
        left = self.left()
        if left <= 0 or math.isinf(seconds):
            return f"there is no time for {what} in {self._share}"
        expected, there_is = duration(seconds), duration(left)
        return f"{what} would take about {expected}, with {there_is} left of {self._share}"

    def settle(self, done: int, asked: int, unit: str, reason: str = "") -> Decision:
        """Record how far the piece came; returns what counts, which another run may have decided.

        Where that is more than what was done, the caller goes on until it is reached.
        """
        seconds = self.seconds()
        if self.bound is None:
            return Decision(done=done, asked=asked, seconds=seconds)
        if done < asked:
            seconds = max(self.bound.share, seconds) if done else self.bound.first
            none_fits = f"no more {unit}s fit" if done else f"no {unit} fits"
            reason = reason or f"{none_fits} into {self._share}"
        decision = Decision(done=done, asked=asked, seconds=seconds, reason=reason)
        return self.bound.plan.decide(self.bound.piece, decision)

    @property
    def _share(self) -> str:
        assert self.bound is not None
        return f"its share of [budget] minutes = {self.bound.plan.shares.minutes:g}"

    @cached_property
    def _watch(self) -> Stopwatch:
        return self._stopwatch()
