"""Single files, replaced in one step: a reader sees the old content or the new, never a part."""

import contextlib
import errno
import fcntl
import hashlib
import json
import math
import os
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from pipeline.errors import BusyError

PAUSE = 0.02  # seconds, before a lock is tried again
LARGEST_RECORD = 2**26  # bytes


def to_json(value: Any) -> str:
    """JSON as every file has it: sorted keys, two spaces, a newline at the end, no NaN."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def digest_of(value: Any) -> str:
    """SHA-256 of plain JSON."""
    return hashlib.sha256(to_json(value).encode()).hexdigest()


def with_checksum(content: Mapping[str, Any]) -> str:
    """JSON with a checksum of itself, for `read_checked`."""
    return to_json({**content, "checksum": digest_of(dict(content))})


def read_checked(path: Path) -> dict[str, Any]:
    """What `with_checksum` made of a mapping, without its checksum.

    Raises FileNotFoundError, or ValueError for anything else that `with_checksum` did not write: a
    link, a device, or a file of which a bit has changed.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_RECORD:
        raise ValueError("this is no plain file of a record's size")
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        if content.pop("checksum") == digest_of(content):
            return content
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        pass
    raise ValueError("its checksum does not match")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all, and see it on the disk before it takes its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        error.filename = str(path)  # not the temporary name, which says nothing to the user
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path, patience: float = math.inf) -> Iterator[None]:
    """One process at a time holds the lock of this file; a lock goes with its process.

    Raises BusyError where another process holds it for more than `patience` seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + patience
    with path.open("w") as file:
        while not _takes(file, fcntl.LOCK_EX):
            if time.monotonic() > end:
                raise BusyError(
                    f"{path.parent}: another process has been changing what is there for "
                    f"{patience:.0f} seconds. Wait until it ends, or stop it, and run the same "
                    "command again."
                )
            time.sleep(PAUSE)
        yield


@contextlib.contextmanager
def in_use(path: Path, alone: str = "") -> Iterator[None]:
    """Several processes at once use what belongs to this lock; or one, which needs it `alone`.

    Raises BusyError, saying what is needed alone, while others use it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        while not _takes(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH):
            if alone:
                raise BusyError(
                    f"{path.parent}: a run is under way, and {alone} would take from it what it "
                    "needs. Wait until it ends, or stop it with Ctrl-C."
                )
            time.sleep(PAUSE)
        yield


def _takes(file: IO[str], kind: int) -> bool:
    """Take the lock, if no other process has it."""
    try:
        fcntl.lockf(file, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True
