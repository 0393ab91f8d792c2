"""What was submitted and how it did: one JSON object a line in submissions/<c>/ledger.jsonl.

A submission is entered once, when its file is first written; its leaderboard score is filled in by
hand, with `python -m pipeline score FILE SCORE`.
"""

import contextlib
import errno
import fcntl
import json
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from pipeline.artifacts import write_atomically
from pipeline.errors import BusyError, DataError, SettingsError
from pipeline.metrics import METRICS
from pipeline.wording import some

FILENAME = "ledger.jsonl"
LOCK = ".ledger.lock"
PATIENCE = 20.0  # seconds to wait for the ledger, which nobody needs for more than a moment
MOST_NAMED = 12  # in a message
LONGEST = 60  # letters of what was found
NUMBERS = ("score", "standard_error", "leaderboard")


def read(path: Path) -> list[dict[str, Any]]:
    """Every entry, oldest first; none where there is no ledger yet."""
    if not path.exists():
        return []
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        raise DataError(f"{path}: this is not UTF-8 text. Restore it, or move it away.") from None
    # not splitlines: a note may hold one of Unicode's other line ends
    lines = enumerate(text.split("\n"), start=1)
    return [_entry(line, f"{path}, line {number}") for number, line in lines if line.strip()]


def append(path: Path, entry: Mapping[str, Any]) -> bool:
    """Enter a submission, unless its file is in the ledger already; says whether it was new."""
    with locked(path.parent):
        entries = read(path)
        if any(known["file"] == entry["file"] for known in entries):
            return False
        _write(path, [*entries, dict(entry)])
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
    known = [ledger.with_name(entry["file"]) for ledger in ledgers for entry in read(ledger)]
    for path in known:
        if path.name == file.name:
            return path
    where = some([str(ledger) for ledger in ledgers], MOST_NAMED) or f"{submissions}/*/{FILENAME}"
    names = some([path.name for path in known], MOST_NAMED) or "none"
    raise DataError(
        f"{file}: {where} has no submission of this name; known are: {names}. "
        "Give the path that `submit` printed."
    )


def competition_of(path: Path, submissions: Path) -> str:
    """The competition whose folder in `submissions` holds this file; links are not followed.

    Raises DataError for a file that lies elsewhere.
    """
    folder = Path(os.path.abspath(path)).parent
    if not folder.parent.exists() or not folder.parent.samefile(submissions):
        raise DataError(
            f"{path}: this lies outside {submissions}/COMPETITION. Give the path that `submit` "
            "printed, and run this where that project lies."
        )
    return folder.name


@contextlib.contextmanager
def locked(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Let one process at a time change the ledger of this folder; others wait for some seconds.

    The lock is the ledger's own, so that a score can be kept while a run is at work.
    """
    folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + patience
    with (folder / LOCK).open("w") as file:
        while not _is_locked(file):
            if time.monotonic() > end:
                raise BusyError(
                    f"{folder / FILENAME}: another process has been changing it for {patience:.0f} "
                    "seconds. Wait until it ends, or stop it, and run the same command again."
                )
            time.sleep(0.02)
        yield


def _is_locked(file: IO[str]) -> bool:
    """Take the lock, if no other process has it; it goes with its process."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


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


def record_score(path: Path, score: float, competition: str | None = None) -> dict[str, Any]:
    """Fill in what the leaderboard said of submissions/<c>/<file>; returns the changed entry.

    The caller holds the ledger's lock.
    """
    path = find(path, path.parent.parent)
    ledger = path.parent / FILENAME
    entries = read(ledger)
    entry = next(entry for entry in reversed(entries) if entry["file"] == path.name)
    if competition is not None and entry.get("competition", competition) != competition:
        raise DataError(
            f"{path}: this is a submission of {entry['competition']!r}, not of {competition!r}: "
            f"its folder is {path.parent.resolve()}. Name the submission where it belongs."
        )
    if entry.get("simulated"):
        raise DataError(
            f"{path}: this answers SIMULATED data, so no leaderboard has judged it. "
            "Give the score of a submission made from the organiser's files."
        )
    _refuse_impossible(score, str(entry.get("metric")))
    changed = {**entry, "leaderboard": float(score)}
    _write(ledger, [changed if entry["file"] == path.name else entry for entry in entries])
    return changed


def _refuse_impossible(score: float, metric: str) -> None:
    """A metric that is not known allows every finite number."""
    parse_score(str(score))
    low, high = bounds(metric)
    if low <= score <= high:
        return
    allowed = f"{low:g} to {high:g}" if math.isfinite(low + high) else ""
    allowed = allowed or (f"{low:g} or more" if math.isfinite(low) else f"{high:g} or less")
    meant = f"; did you mean {score / 100:.10g}?" if high == 1 and 1 < score <= 100 else "."
    raise SettingsError(
        f"score: found {score:.10g}, allowed are {allowed} for {metric}{meant} If the competition "
        "is judged otherwise, correct [competition] metric in its TOML."
    )


def bounds(metric: str) -> tuple[float, float]:
    """The smallest and the greatest score that a metric can give."""
    if metric == "r2":
        return -math.inf, 1.0
    if metric not in METRICS:
        return -math.inf, math.inf
    return 0.0, 1.0 if METRICS[metric].greater_is_better else math.inf


def scored(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Those whose leaderboard score is known."""
    return [dict(entry) for entry in entries if entry.get("leaderboard") is not None]


def _entry(line: str, where: str) -> dict[str, Any]:
    try:
        entry = json.loads(line, parse_constant=_refuse_constant)
        json.dumps(entry, ensure_ascii=False).encode()  # half a surrogate pair cannot be written
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where}: this is not JSON ({error}). Correct or remove the line."
        ) from None
    if not isinstance(entry, dict) or not _is_file_name(entry.get("file")):
        raise DataError(
            f'{where}: found {line[:LONGEST]!r}, allowed are JSON objects with a "file" that is '
            "the name of a file beside the ledger, without a folder. Correct or remove the line."
        )
    for key in NUMBERS:
        if not _is_number_or_missing(entry.get(key)):
            raise DataError(
                f'{where}: "{key}" is {entry[key]!r:.60}, allowed are numbers and null. '
                "Correct the line."
            )
    return entry


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _is_file_name(name: Any) -> bool:
    return isinstance(name, str) and name not in ("", ".", "..") and not set("/\0") & set(name)


def _is_number_or_missing(value: Any) -> bool:
    """A whole number of hundreds of digits is no float."""
    if value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max


def _write(path: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    lines = (
        json.dumps(entry, sort_keys=True, ensure_ascii=False, allow_nan=False) for entry in entries
    )
    write_atomically(path, "".join(f"{line}\n" for line in lines))
