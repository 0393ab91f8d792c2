"""What was submitted and how it did: one JSON object a line in submissions/<c>/ledger.jsonl.

A submission is entered once, when its file is first written; its leaderboard score is filled in by
hand, with `python -m pipeline score FILE SCORE`.
"""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.artifacts import write_atomically
from pipeline.errors import DataError, SettingsError

FILENAME = "ledger.jsonl"
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
    entries = read(path)
    if any(known["file"] == entry["file"] for known in entries):
        return False
    _write(path, [*entries, dict(entry)])
    return True


def record_score(path: Path, score: float) -> dict[str, Any]:
    """Fill in what the leaderboard said of submissions/<c>/<file>; returns the changed entry."""
    if not math.isfinite(score):
        raise SettingsError(
            f"score: found {score}, allowed are finite numbers. "
            "Give the number that the leaderboard shows."
        )
    ledger = path.parent / FILENAME
    entries = read(ledger)
    changed = [{**e, "leaderboard": float(score)} for e in entries if e["file"] == path.name]
    if not changed:
        known = ", ".join(str(entry["file"]) for entry in entries) or "none"
        raise DataError(
            f"{path}: {ledger} has no submission of this name; known are: {known}. "
            "Give the path that `submit` printed."
        )
    _write(ledger, [changed[-1] if entry["file"] == path.name else entry for entry in entries])
    return changed[-1]


def scored(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Those whose leaderboard score is known."""
    return [dict(entry) for entry in entries if entry.get("leaderboard") is not None]


def _entry(line: str, where: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where}: this is not JSON ({error}). Correct or remove the line."
        ) from None
    if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
        raise DataError(
            f'{where}: found {line[:60]!r}, allowed are JSON objects with a "file". '
            "Correct or remove the line."
        )
    for key in NUMBERS:
        if not _is_number_or_missing(entry.get(key)):
            raise DataError(
                f'{where}: "{key}" is {entry[key]!r}, allowed are numbers and null. '
                "Correct the line."
            )
    return entry


def _is_number_or_missing(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _write(path: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    lines = (
        json.dumps(entry, sort_keys=True, ensure_ascii=False, allow_nan=False) for entry in entries
    )
    write_atomically(path, "".join(f"{line}\n" for line in lines))
