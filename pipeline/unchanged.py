"""Has anything changed since the last run? If not, there is nothing to do, and that is known soon.

Everything that a run depends on is compared byte by byte with what the last run saw: times count
for nothing. What the run left is looked at too: what is missing or damaged is computed again.
"""

import hashlib
import json
import os
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.files import digest_of, read_checked, with_checksum, write_atomically
from pipeline.raw_files import checksums, data_files
from pipeline.store import Key, Store
from pipeline.workspace import Workspace

PACKAGE = Path(__file__).parent
READ = (".py", ".html", ".css", ".js")
FILENAME = "last_run.json"


@dataclass(frozen=True)
class Seen:
    """What the last run of everything saw and left: `headline` is one line on it."""

    preset: str
    fingerprint: str
    headline: str
    keys: tuple[tuple[str, str], ...]
    files: Mapping[str, str]


def fingerprint(workspace: Workspace, preset: str, toml: bytes | None = None) -> str:
    """One hash of all that a run depends on: code, packages, settings, raw files and scores.

    `toml` is what the run has read of its settings, by default what the file holds now.
    """
    content = workspace.toml.read_bytes() if toml is None and workspace.toml.is_file() else toml
    parts = {
        "preset": preset,
        "python": sys.version_info[:2],
        "code": _hash_of(_sources(), PACKAGE),
        "settings": hashlib.sha256(content or b"").hexdigest(),
        "packages": sorted(p.name for p in _packages().glob("*.dist-info")),
        "raw": checksums(workspace.raw),
        "scores": _scores(workspace.submissions / "ledger.jsonl"),
    }
    return digest_of(parts)


def is_unchanged(workspace: Workspace, goal: str, preset: str) -> Seen | None:
    """The last run, where this one would do just the same and all that it left is whole."""
    seen = _read(workspace.build / FILENAME) if goal == "all" else None
    if seen is None or seen.preset != preset:
        return None
    if seen.fingerprint != fingerprint(workspace, preset):
        return None
    store = Store(workspace.store)
    there = all(store.manifest(Key(*key)) for key in seen.keys)
    whole = all(_hash_of([workspace.root / name]) == sum for name, sum in seen.files.items())
    return seen if there and whole else None


def remember(workspace: Workspace, seen: Seen) -> None:
    """Keep what this run saw, for the next one to compare with."""
    content = {**vars(seen), "files": dict(seen.files)}
    write_atomically(workspace.build / FILENAME, with_checksum(content))


def files_left(workspace: Workspace, paths: Iterable[Path]) -> dict[str, str]:
    """Hashes of the files that a run left outside the store, by their path below the root."""
    return {os.path.relpath(path, workspace.root): _hash_of([path]) for path in paths}


def _read(path: Path) -> Seen | None:
    try:
        known = read_checked(path)
        keys = tuple((str(kind), str(hash)) for kind, hash in known.pop("keys"))
        return Seen(**known, keys=keys)
    except (OSError, ValueError, TypeError, LookupError):
        return None  # whatever it is, it is no reason to do nothing


def _sources() -> list[Path]:
    """The package's files, and those that features may read."""
    own = (path for path in PACKAGE.rglob("*") if path.suffix in READ and path.is_file())
    return sorted({*own, *data_files(PACKAGE)})


def _scores(ledger: Path) -> list[Any]:
    """What the leaderboard said of each submission; a run's own entries change nothing."""
    try:
        lines = ledger.read_text(encoding="utf-8").split("\n")
        entries = [json.loads(line) for line in lines if line.strip()]
        return [[e["file"], e["leaderboard"]] for e in entries if e.get("leaderboard") is not None]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return [_hash_of([ledger])]


def _packages() -> Path:
    return Path(sysconfig.get_path("purelib"))


def _hash_of(paths: Iterable[Path], folder: Path | None = None) -> str:
    """Of contents, and of paths below a folder; a file that is not there is empty."""
    total = hashlib.sha256()
    for path in paths:
        content = path.read_bytes() if path.is_file() else b""
        name = path.relative_to(folder).as_posix() if folder else path.name
        total.update(f"{name} {len(content)} ".encode() + content)
    return total.hexdigest()
