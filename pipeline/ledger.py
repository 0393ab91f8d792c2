"""What was submitted and how it did: one JSON object a line in submissions/<c>/ledger.jsonl.

A submission is entered once, when its file is first written; its leaderboard score is filled in by
hand, with `python -m pipeline score FILE SCORE`. Lines that do not change stay as they are.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, FiniteFloat, TypeAdapter, ValidationError

from pipeline.errors import DataError, SettingsError
from pipeline.files import locked, write_atomically
from pipeline.metrics import METRICS
from pipeline.training import CutShort

FILENAME = "ledger.jsonl"
# what computes and draws: their versions are kept
LIBRARIES = (
    *("lightgbm", "matplotlib", "numpy", "optuna", "pandas", "pyarrow", "scikit-learn", "scipy"),
)
LOCK = ".ledger.lock"
PATIENCE = 20.0  # seconds; nobody needs the ledger for more than a moment
MOST_NAMED = 3  # in a message
LONGEST = 60  # letters of what was found


def _file_name(name: str) -> str:
    if name in ("", ".", "..") or set("/\0") & set(name):
        raise ValueError("allowed are names of files beside the ledger, without a folder")
    return name


@dataclass(frozen=True)
class Entry:
    """A submission: its file, the score that was expected, what made it, what the leaderboard says.

    `weights` and `cut_short` go by model, `data` are SHA-256 of the organiser's files by role.
    `experiment` is its number, `created` an ISO time. `targets` are the expected scores of several
    targets, whose mean `score` is. What a line lacks is unknown.
    """

    file: Annotated[str, AfterValidator(_file_name)]
    competition: str | None = None
    metric: str | None = None
    score: FiniteFloat | None = None
    standard_error: FiniteFloat | None = None
    method: str | None = None
    weights: Mapping[str, FiniteFloat] = field(default_factory=dict)
    cut_short: Mapping[str, CutShort] = field(default_factory=dict)
    simulated: bool = False
    data: Mapping[str, str] = field(default_factory=dict)
    experiment: int | None = None
    note: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str | None = None
    leaderboard: FiniteFloat | None = None
    targets: Mapping[str, FiniteFloat] | None = None


ENTRY = TypeAdapter(Entry)


def read(path: Path) -> list[Entry]:
    """Every entry, oldest first; none where there is no ledger yet."""
    return [entry for _, entry in _lines(path)]


def append(path: Path, entry: Entry) -> bool:
    """Enter a submission, unless its file is in the ledger already; says whether it was new."""
    with locked(path.with_name(LOCK), PATIENCE):
        lines = _lines(path)
        if any(known.file == entry.file for _, known in lines):
            return False
        plain = ENTRY.dump_python(entry, mode="json", exclude_none=True)
        _write(path, [*(line for line, _ in lines), _dumped(plain)])
        return True


def find(file: Path, submissions: Path) -> Path:
    """The submission meant by a path, or by a bare name that a ledger in `submissions`/*/ knows.

    Raises DataError where no ledger knows it.
    """
    file = file.expanduser()
    if len(file.parts) > 1 or (file.parent / FILENAME).exists():
        ledgers = [file.parent / FILENAME]
    else:
        ledgers = sorted(submissions.glob(f"*/{FILENAME}"))
    known = [ledger.with_name(entry.file) for ledger in ledgers for entry in read(ledger)]
    for path in known:
        if path.name == file.name:
            return path
    where = str(ledgers[0]) if len(ledgers) == 1 else f"{submissions}/*/{FILENAME}"
    raise DataError(
        f"{file}: {where} has no submission of this name; known are: "
        f"{_nearest(file.name, [path.name for path in known])}. Give the path that the run printed."
    )


def _nearest(name: str, known: Sequence[str]) -> str:
    """The few that are named most alike, or the last ones, and how many others there are."""
    named = {*get_close_matches(name, known, n=MOST_NAMED)} or {*known[-MOST_NAMED:]}
    shown = list(dict.fromkeys(each for each in known if each in named))
    more = len({*known}) - len(shown)
    return (", ".join(shown) or "none") + (f" and {more:,} more" if more else "")


def competition_of(path: Path, submissions: Path) -> str:
    """The competition whose folder in `submissions` holds this file; links are not followed.

    Raises DataError for a file that lies elsewhere.
    """
    folder = Path(os.path.abspath(path)).parent
    if not folder.parent.exists() or not folder.parent.samefile(submissions):
        raise DataError(
            f"{path}: this lies outside {submissions}/COMPETITION. Give the path that the "
            "run printed, and run this where that project lies."
        )
    return folder.name


def parse_score(text: str) -> float:
    """What a person types -> the score. Raises SettingsError naming what is no finite number."""
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise SettingsError(
            f"score: found {text[:LONGEST]!r}, allowed are finite numbers such as 0.941. "
            "Give the number that the leaderboard shows."
        )
    return score


def record_score(path: Path, score: float, competition: str | None = None) -> Entry:
    """Fill in what the leaderboard says of submissions/<c>/<file>; returns the changed entry."""
    path = find(path, path.parent.parent)
    with locked(path.with_name(LOCK), PATIENCE):
        lines = _lines(path.with_name(FILENAME))
        line, entry = next(pair for pair in reversed(lines) if pair[1].file == path.name)
        _refuse_score(path, entry, score, competition)
        entry = replace(entry, leaderboard=float(score))
        changed = {**json.loads(line), "leaderboard": entry.leaderboard}
        kept = [_dumped(changed) if other is line else other for other, _ in lines]
        _write(path.with_name(FILENAME), kept)
    return entry


def _refuse_score(path: Path, entry: Entry, score: float, competition: str | None) -> None:
    """Raise UserError for a submission of another competition, a simulated one, a score that the
    metric cannot give; a metric that is not known allows every finite number."""
    if competition is not None and entry.competition not in (None, competition):
        raise DataError(
            f"{path}: this is a submission of {entry.competition!r}, not of {competition!r}: "
            f"its folder is {path.parent.resolve()}. Name the submission where it belongs."
        )
    if entry.simulated:
        raise DataError(
            f"{path}: this predicts SIMULATED data, so no leaderboard has scored it. "
            "Give the score of a submission made from the organiser's files."
        )
    parse_score(str(score))
    metric = METRICS.get(entry.metric or "")
    if metric is None or metric.clip(score) == score:
        return
    low, high = metric.lowest, metric.highest
    allowed = f"{low:g} to {high:g}" if math.isfinite(low + high) else ""
    allowed = allowed or (f"{low:g} or more" if math.isfinite(low) else f"{high:g} or less")
    meant = f"; did you mean {score / 100:.10g}?" if high == 1 and 1 < score <= 100 else "."
    raise SettingsError(
        f"score: found {score:.10g}, allowed are {allowed} for {metric.name}{meant} If the "
        "competition uses another metric, correct [competition] metric in its TOML."
    )


def scored(entries: Iterable[Entry]) -> list[Entry]:
    """Those whose leaderboard score is known."""
    return [entry for entry in entries if entry.leaderboard is not None]


def _lines(path: Path) -> list[tuple[str, Entry]]:
    """Each line that is not empty, as it stands, and its entry."""
    if not path.exists():
        return []
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        raise DataError(f"{path}: this is not UTF-8 text. Restore it, or move it away.") from None
    # not splitlines: a note may hold one of Unicode's other line ends
    lines = enumerate(text.split("\n"), start=1)
    return [(line, _entry(line, f"{path}, line {n}")) for n, line in lines if line.strip()]


def _entry(line: str, where: str) -> Entry:
    try:
        _dumped(json.loads(line))  # keys that are not known are to be written again, too
        return ENTRY.validate_json(line, strict=True)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: {_reason(error)}. Correct or remove the line.") from None


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"this is not JSON ({error})"
    found = error.errors()[0]
    key = ".".join(map(str, found["loc"]))
    rule = found["msg"].removeprefix("Value error, ").replace("Input", "it")
    return f"found {found['input']!r:.{LONGEST}}{f' for {key}' * bool(key)}: {rule:.200}"


def _dumped(plain: Mapping[str, object]) -> str:
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _write(path: Path, lines: Iterable[str]) -> None:
    write_atomically(path, "".join(f"{line}\n" for line in lines))
