"""[budget] minutes as a plan: how many trials and repeats each member gets, decided once and kept.

The minutes are shared among parts, tune and train of each member. A part gets what is left of
them, in proportion to its weight among the parts still open; a member's first repeat may take half
of it all, since without it the member is lost. Whatever a part does not need passes on to the
others, if it was completed; one that is begun and cut short counts as having used all it might
have. So more minutes give no part less: a part with share s and cost c takes min(s, c), and what
that leaves grows with s. Only a part that is begun with more minutes, and was not with fewer, or
that memory cuts short, may leave less to those after it.

A table of many rows has a strongest model that is known beforehand. Half of the minutes are kept
for it until its first repeat is there, whatever the order of the TOML, and that repeat is finished
in any case, with as many rounds of boosting as should fit. Parts whose first trial or repeat would
not fit into their share are not begun (pace.py foresees that), and the others get the time; models
that learn from a sample learn from as many rows as should fit.

A plan is a file, named by a hash of everything that it is about. A run that finds a part in it
follows it, whatever the clock says; other minutes, settings, data or code are another plan.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import Field, TypeAdapter

from pipeline.errors import DataError
from pipeline.files import locked, read_checked, with_checksum, write_atomically
from pipeline.settings import Settings
from pipeline.wording import duration

TUNING = 1 / 3  # of a member's share goes to its tuning, if it is tuned
FIRST = 1 / 2  # of what is left may go to a member's first repeat
WORTH = 0.8  # a trial or repeat is begun if so much of the time that it should take is left
MANY_ROWS = 10_000  # more of them: which model is the strongest is known, and pace is measured
STRONGEST = "lightgbm"  # on many rows; benchmarks/README.md has the figures
COSTLY = 10_000_000  # cells that a round of boosting reads; of more, pace is measured too
LEAVES, BINS = 31, 255  # LightGBM's defaults: a leaf has a histogram of so many bins a column
ROWS_OF_BIN = 3  # at least
RAN_OUT = "memory ran out in one of its fits"
FEWEST_ROWS = 10_000  # of many; a sample of fewer brings less than boosting that has all of them
# by the unit that a member may have fewer of, the setting that says how many: rounds of boosting,
# rows of a model that may learn from a sample
LIMITS = {"rounds": "max_rounds", "rows": "most_rows"}
LONGEST_GAP = 5.0  # seconds between two readings by a process that waits for its workers
Clock = Callable[[], float]


def trees_a_round(outputs: int) -> int:
    """That boosting grows: one a class where there are more than two, else one."""
    return outputs if outputs > 2 else 1


def cells_a_round(rows: int, columns: int, outputs: int, leaves: int = LEAVES) -> float:
    """Cells that a round of boosting reads: of the table, and of the leaves' histograms, which
    outweigh few rows."""
    histograms = leaves * min(BINS, rows / ROWS_OF_BIN)
    return (rows + histograms) * columns * trees_a_round(outputs)


class Stopwatch:
    """Seconds at work since it was made: none pass while the process is stopped (Ctrl-Z, SIGSTOP).

    Whoever waits reads it once a second. A gap of more than LONGEST_GAP is then a computation, of
    which the processor's time counts, or the process was stopped, and nothing of it counts.
    """

    def __init__(
        self, clock: Clock = time.perf_counter, processor: Clock = time.process_time
    ) -> None:
        self._clock, self._processor = clock, processor
        self._total, self._read = 0.0, (clock(), processor())

    def seconds(self) -> float:
        """So far."""
        now = self._clock(), self._processor()
        gap, computed = now[0] - self._read[0], now[1] - self._read[1]
        self._total += gap if gap <= LONGEST_GAP else min(gap, computed)
        self._read = now
        return self._total


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
        """By part: each member's 1 is parted between its tuning, if it is tuned, and training."""
        tuning = {name: TUNING if self.trials[name] else 0.0 for name in self.kinds}
        return {f"tune/{name}": weight for name, weight in tuning.items()} | {
            f"train/{name}": 1 - weight for name, weight in tuning.items()
        }

    @property
    def first(self) -> str:
        """The first member of the TOML."""
        return next(iter(self.kinds))

    @property
    def strongest(self) -> str:
        """The member that time never leaves out: of few rows the first of the TOML."""
        if self.rows <= MANY_ROWS:
            return self.first
        return next((name for name, kind in self.kinds.items() if kind == STRONGEST), self.first)


class Decision(Settings):
    """What was decided about a part: so many trials or repeats, `done` of `asked`.

    `seconds` are those that the others cannot have; `reason` says why it was cut short. `ran_out`:
    memory did, not the time.
    """

    done: int = Field(ge=0)
    asked: int = Field(ge=0)
    seconds: float = Field(ge=0)
    reason: str = ""
    ran_out: bool = False

    @property
    def is_cut(self) -> bool:
        return self.done < self.asked


DECISIONS = TypeAdapter(dict[str, Decision])


class Plan:
    """The decisions about the parts of one run. Runs side by side share them: the first wins."""

    def __init__(
        self, path: Path, shares: Shares, stopwatch: Callable[[], Stopwatch] = Stopwatch
    ) -> None:
        self.path, self.shares, self.stopwatch = path, shares, stopwatch

    def allowance(self, part: str) -> "Allowance":
        """What a part such as `train/lightgbm` may take, or what was decided about it."""
        if self.shares.minutes is None:
            return Allowance()
        share, left = self._share(part)
        is_strongest = part == f"train/{self.shares.strongest}"
        first = FIRST * left if part.startswith("train/") else 0.0
        bound = Bound(self, part, share, max(share, first), at_least=1 if is_strongest else 0)
        return Allowance(bound, self.stopwatch)

    def decision(self, part: str) -> Decision | None:
        """None while it is open."""
        return self.read().get(part)

    def decide(self, part: str, decision: Decision) -> Decision:
        """Keep a decision, unless another run was first; returns the one that counts."""
        with locked(self._lock):
            decisions = self.read()
            known = decisions.setdefault(part, decision)
            self._write(decisions)
        return known

    def cut(self, part: str) -> tuple[Decision, ...]:
        """What cut a part short; the limits of a member belong to its training."""
        found = map(self.decision, (part, *limits_of(part)))
        return tuple(each for each in found if each is not None and each.is_cut)

    def renew(self) -> bool:
        """Open again what was cut short; returns whether anything was."""
        with locked(self._lock):
            decisions = self.read()
            cut = {name for name, each in decisions.items() if each.is_cut}
            # with limits that are open again all repeats would be fitted, whatever the clock says
            kept = {n: each for n, each in decisions.items() if not {n, *limits_of(n)} & cut}
            self._write(kept)
        return len(kept) < len(decisions)

    def read(self) -> dict[str, Decision]:
        """The decisions by part. Raises DataError where the file is damaged."""
        try:
            return DECISIONS.validate_python(read_checked(self.path)["decisions"], strict=True)
        except FileNotFoundError:
            return {}
        except (ValueError, LookupError):
            raise DataError(
                f"{self.path}: this plan of how [budget] minutes are shared is damaged. Delete it "
                "and run the same command again: the minutes are divided again."
            ) from None

    def _write(self, decisions: dict[str, Decision]) -> None:
        write_atomically(self.path, with_checksum({"decisions": DECISIONS.dump_python(decisions)}))

    @property
    def _lock(self) -> Path:
        return self.path.with_name(".lock")

    def _share(self, part: str) -> tuple[float, float]:
        """Seconds for a part, and those left in all: the open ones share these by weight."""
        assert self.shares.minutes is not None
        total, weights = 60 * self.shares.minutes, self.shares.weights
        decided = {n: each for n, each in self.read().items() if n != part}
        used = sum(each.seconds for each in decided.values())
        strongest, member = self.shares.strongest, part.partition("/")[2]
        if f"train/{strongest}" not in decided and strongest not in (member, self.shares.first):
            used += FIRST * total
        left = max(0.0, total - used)
        still_open = sum(weight for name, weight in weights.items() if name not in decided)
        return (left * weights[part] / still_open if still_open else 0.0), left


def limits_of(part: str) -> tuple[str, ...]:
    """The parts that limit a member's rounds or rows; training follows them."""
    stage, _, member = part.partition("/")
    return tuple(f"{each}/{member}" for each in LIMITS) if stage == "train" else ()


@dataclass(frozen=True)
class Bound:
    """What a plan grants a part: `share` seconds, and `first` until its first unit is done.

    The strongest member finishes its first repeat however long it takes (`at_least` 1).
    """

    plan: Plan
    part: str
    share: float
    first: float
    at_least: int = 0


class Allowance:
    """The time of one part: whether to go on, and how long what is under way may take.

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
        decision = self.bound and self.bound.plan.decision(self.bound.part)
        return decision.done if decision else None

    def limited(self, unit: str, asked: int, measure: Callable[[float], int]) -> int:
        """How many `unit` (one of LIMITS) a member is fitted with: as many as the plan says, or as
        `measure` finds for the seconds that its first repeat has, which the plan then keeps."""
        if self.bound is None:
            return asked
        plan, part = self.bound.plan, f"{unit}/{self.bound.part.partition('/')[2]}"
        decision = plan.decision(part)
        if decision is None and self.is_bound:
            done = min(asked, measure(max(0.0, self.bound.first - self.seconds())))
            decision = plan.decide(part, Decision(done=done, asked=asked, seconds=0.0))
        return decision.done if decision else asked

    @property
    def finishes(self) -> bool:
        """Whether the first repeat is finished in any case."""
        return self.bound is not None and self.bound.at_least > 0

    @property
    def is_bound(self) -> bool:
        """Whether the clock decides."""
        return self.bound is not None and self.follow is None

    def seconds(self) -> float:
        """What the part took so far, in this run and in those before."""
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

    def settle(
        self, done: int, asked: int, unit: str, reason: str = "", ran_out: bool = False
    ) -> Decision:
        """Record how far the part came; returns what counts, which another run may have decided.

        Where that is more than what was done, the caller goes on until it is reached. The others
        get what is left of the time where memory ran out before it did, and where a `reason` says
        why the part was not begun.
        """
        seconds = self.seconds()
        if self.bound is None:
            return Decision(done=done, asked=asked, seconds=seconds)
        if ran_out:
            reason = RAN_OUT
        elif done < asked and not reason:
            seconds = max(self.bound.share, seconds) if done else self.bound.first
            none_fits = f"no more {unit}s fit" if done else f"no {unit} fits"
            reason = f"{none_fits} into {self._share}"
        decision = Decision(done=done, asked=asked, seconds=seconds, reason=reason, ran_out=ran_out)
        return self.bound.plan.decide(self.bound.part, decision)

    @property
    def _share(self) -> str:
        assert self.bound is not None
        return f"its share of [budget] minutes = {self.bound.plan.shares.minutes:g}"

    @cached_property
    def _watch(self) -> Stopwatch:
        return self._stopwatch()
