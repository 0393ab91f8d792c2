"""[budget] minutes, shared among the pieces (tune and train of each model), and a record of them.

A piece gets what is left of the minutes, in proportion to its weight among the pieces still open; a
model's first repeat may take half of it all, since without it the model is lost. Whatever a piece
does not need passes on to the others, if it was completed; one that is cut short counts as having
used all it might have. So more minutes give no piece less: a piece with share s and cost c takes
min(s, c), and what that leaves grows with s.

A table of many rows has a strongest model that is known beforehand. Half of the minutes are kept
for it until its first repeat is there, whatever the order of the TOML, and that repeat is finished
in any case. Pieces whose first trial or repeat would not fit into their share are not begun
(pace.py says how that is known); they count as having used it, like all that is cut short.

The record outlives the stage folders. Where it knows a piece, computed from the same inputs with
the same minutes, it is followed instead of the clock: the same number of trials and repeats.
"""

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from pipeline.artifacts import Folder, digest_of, to_json, write_atomically
from pipeline.config import BudgetShares
from pipeline.errors import DataError
from pipeline.wording import duration

TUNING = 1 / 3  # of a model's share goes to its tuning, if it is tuned
AFTER = 0.25  # seconds a process needs after its last look at the clock: to write and to end
FIRST = 1 / 2  # of what is left may go to a model's first repeat
WORTH = 0.8  # a trial or repeat is begun if so much of the time that it should take is left
KEPT = 20  # attempts that the record keeps of a piece: another preset's come back
EVERY = 1.0  # seconds between two notes in the record, at least
MANY_ROWS = 10_000  # more of them: which model is the strongest is known, and pace is measured
STRONGEST = "lightgbm"  # on many rows; benchmarks/README.md has the figures
Clock = Callable[[], float]


@dataclass(frozen=True)
class Piece:
    """Tune or train of one model; `key` is a digest of what it is computed from, `data` one of the
    rows and folds, which all pieces have in common."""

    stage: str
    model: str
    key: str
    data: str

    @property
    def name(self) -> str:
        return f"{self.stage}/{self.model}"


@dataclass(frozen=True)
class Attempt:
    """One attempt at a piece; `budget` is a digest of the minutes and of who shares them.

    `done` counts trials or repeats; times are in seconds. The first of them may take `first`.
    """

    key: str
    data: str
    budget: str
    share: float
    first: float
    seconds: float = 0.0
    done: int = 0
    state: Literal["open", "cut short", "complete"] = "open"

    @property
    def used(self) -> float:
        """What it takes from the others."""
        if self.state == "complete":
            return self.seconds
        return self.allowed if self.done == 0 else max(self.share, self.seconds)

    @property
    def allowed(self) -> float:
        return self.share if self.done else max(self.share, self.first)


class Record:
    """A JSON file a piece, `tune/lightgbm.json`, with its attempts, the newest last."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def attempts(self, piece: str) -> list[Attempt]:
        if not self.folder.has(f"{piece}.json"):
            return []
        try:
            return [Attempt(**entry) for entry in self.folder.read_json(piece)]
        except (TypeError, DataError):
            raise DataError(
                f"{self.folder.path / piece}.json: this is no record of what [budget] minutes cut "
                "short. Delete it: what it knew is then tried anew."
            ) from None

    def keep(self, piece: str, attempt: Attempt) -> None:
        """Note an attempt, in the place of what was known of it."""
        others = [
            known
            for known in self.attempts(piece)
            if (known.key, known.budget) != (attempt.key, attempt.budget)
        ]
        entries = [asdict(each) for each in (*others, attempt)][-KEPT:]
        write_atomically(self.folder.path / f"{piece}.json", to_json(entries))


class Allowance:
    """The time of one piece. Without a bound it is endless and leaves no record.

    `follow` is how many trials or repeats the record asks for, whatever the clock says. The
    strongest model finishes its first repeat in any case (`at_least` 1): a run has one model.
    """

    def __init__(
        self,
        minutes: float | None = None,
        attempt: Attempt | None = None,
        keep: Callable[[Attempt], None] | None = None,
        *,
        follow: int | None = None,
        at_least: int = 0,
        started: float = 0.0,
        clock: Clock = time.perf_counter,
    ) -> None:
        self.minutes, self.follow, self.at_least = minutes, follow, at_least
        self._attempt, self._keep, self._clock = attempt, keep, clock
        self._before = attempt.seconds if attempt else 0.0
        self._done = 0
        self._started, self._noted = started, started
        self._paced: tuple[int, float] | None = None

    @property
    def is_bound(self) -> bool:
        return self._attempt is not None and self.follow is None

    @property
    def told(self) -> str:
        return f"its share of [budget] minutes = {self.minutes:g}"

    def too_long(self, what: str, seconds: float) -> str:
        """Why something was not begun: 'one repeat would take about 12 minutes, with 2 ...'."""
        left = self.left()
        if left <= 0 or math.isinf(seconds):
            return f"there is no time for {what} in {self.told}"
        expected, there_is = duration(seconds), duration(left)
        return f"{what} would take about {expected}, with {there_is} left of {self.told}"

    def left(self) -> float:
        """Seconds until what is under way has to be stopped."""
        if self._attempt is None or self.follow is not None or self._done < self.at_least:
            return math.inf
        return replace(self._attempt, done=self._done).allowed - AFTER - self._spent()

    def affords(self, seconds: float) -> bool:
        """Whether to begin what should take so long."""
        return self.left() >= WORTH * seconds

    def goes_on(self, done: int) -> bool:
        """Whether to begin another trial or repeat after so many."""
        if self.follow is not None:
            return done < self.follow
        self._done, now = done, self._clock()
        first, began = self._paced = self._paced or (done, now)
        pace = (now - began) / (done - first) if done > first else 0.0
        return self.left() > 0 and self.affords(pace)

    def note(self, done: int) -> None:
        """So far so many are done: what a kill does not take back."""
        self._done = done
        if self._clock() - self._noted >= EVERY:
            self._write(done, "open")

    def finish(self, done: int, asked: int) -> bool:
        """That was all; says whether it was cut short."""
        self._write(done, "complete" if done >= asked else "cut short")
        return done < asked

    def _spent(self) -> float:
        return self._before + self._clock() - self._started

    def _write(self, done: int, state: Literal["open", "cut short", "complete"]) -> None:
        if self._attempt is None or self._keep is None or self.follow is not None:
            return
        self._noted = self._clock()
        seconds = self._spent() + (0.0 if state == "open" else AFTER)
        self._keep(replace(self._attempt, seconds=seconds, done=done, state=state))


UNBOUNDED = Allowance()


def allow(
    record: Record,
    budget: BudgetShares,
    piece: Piece,
    started: float,
    clock: Clock = time.perf_counter,
    paid: Collection[str] = (),
    rows: int = 0,
) -> Allowance:
    """What a piece may take that has been at work since `started`, or what the record asks for.

    `paid` names pieces that are complete, even where the record does not know them any more;
    `rows` is how many rows there are to learn from.
    """
    if budget.minutes is None:
        return UNBOUNDED
    terms = digest_of(budget.model_dump(mode="json"))
    same = [each for each in record.attempts(piece.name) if each.key == piece.key]
    ended = [each for each in same if _counts(each, piece.data, terms) and each.state != "open"]
    begun = [each for each in same if each.budget == terms and each.state == "open"]
    follow = ended[-1].done if ended else None
    if begun and not ended:
        attempt = begun[-1]
    else:
        share, left = _share(record, budget, piece, terms, paid, rows)
        first = FIRST * left if piece.stage == "train" else 0.0
        attempt = Attempt(piece.key, piece.data, terms, share, first)
    first = piece.name == f"train/{strongest(budget.models, rows)}"
    return Allowance(
        budget.minutes,
        attempt,
        lambda noted: record.keep(piece.name, noted),
        follow=follow,
        at_least=1 if first else 0,
        started=started,
        clock=clock,
    )


def strongest(models: Sequence[str], rows: int) -> str:
    """The model that is never left out: of few rows the first of the TOML."""
    return STRONGEST if rows > MANY_ROWS and STRONGEST in models else models[0]


def weights(budget: BudgetShares) -> dict[str, float]:
    """Each model's 1 is parted between its tuning, if it has trials, and its training."""
    parts = {name: TUNING if name in budget.tuned else 0.0 for name in budget.models}
    return {f"tune/{name}": part for name, part in parts.items()} | {
        f"train/{name}": 1 - part for name, part in parts.items()
    }


def _share(
    record: Record,
    budget: BudgetShares,
    piece: Piece,
    terms: str,
    paid: Collection[str],
    rows: int,
) -> tuple[float, float]:
    """Seconds for a piece, and those left in all: the open ones share these by their weights."""
    assert budget.minutes is not None
    weight, used, still_open = weights(budget), 0.0, 0.0
    first = strongest(budget.models, rows)
    for name in weight:
        known = [each for each in record.attempts(name) if _counts(each, piece.data, terms)]
        if known and name != piece.name:
            used += known[-1].used
        elif name not in paid or name == piece.name:
            still_open += weight[name]
            if name == f"train/{first}" and first not in (piece.model, budget.models[0]):
                used += FIRST * 60 * budget.minutes
    left = max(0.0, 60 * budget.minutes - used)
    return (left * weight[piece.name] / still_open if still_open else 0.0), left


def _counts(attempt: Attempt, data: str, terms: str) -> bool:
    """More minutes change nothing about a piece that is complete; the others are tried anew."""
    return attempt.data == data and (attempt.state == "complete" or attempt.budget == terms)


# -- train's work.json by model: {"repeats": [done, asked], "trials": [done, asked]} --------------

Work = Mapping[str, Mapping[str, Sequence[int]]]


def trained(work: Work) -> tuple[str, ...]:
    """The models that were not left out."""
    return tuple(name for name, of in work.items() if of["repeats"][0] > 0)


def cut_short(work: Work) -> dict[str, dict[str, list[int]]]:
    """What is less than was asked for."""
    short = {
        name: {unit: [done, asked] for unit, (done, asked) in of.items() if done < asked}
        for name, of in work.items()
    }
    return {name: of for name, of in short.items() if of}


def told(cut: Work) -> str:
    """`rnn (1 of 3 repeats), kernel (left out)`: what was cut short, in words."""
    return ", ".join(f"{name} ({_told(of)})" for name, of in cut.items())


def _told(of: Mapping[str, Sequence[int]]) -> str:
    if of.get("repeats", (1, 1))[0] == 0:
        return "left out"
    parts = [f"{done} of {asked} {unit}" for unit, (done, asked) in sorted(of.items())]
    return ", ".join(parts)
