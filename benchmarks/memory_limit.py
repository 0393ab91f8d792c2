"""A bound on the memory of a command and all that it starts, of which Linux has two kinds."""

import contextlib
import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MOUNTED = Path("/sys/fs/cgroup")
FILES = ("memory.max", "memory.limit_in_bytes")  # of cgroup v2 and v1


@dataclass(frozen=True)
class Limit:
    """`enter` is called by the command's process before it begins; `how` describes the limit."""

    enter: Callable[[], None] | None = None
    how: str = ""


@contextlib.contextmanager
def limited(gigabytes: float | None) -> Iterator[Limit]:
    """Of a cgroup, which counts all processes together, where this user may make one; else of the
    address space of each process, which counts more than it uses."""
    if gigabytes is None:
        yield Limit()
        return
    most = round(gigabytes * 1e9)
    group = _group(most)
    if group is None:
        address_space = resource.RLIMIT_AS, (most, most)
        how = f"{gigabytes:g} GB of address space a process (RLIMIT_AS)"
        yield Limit(lambda: resource.setrlimit(*address_space), how)
        return
    try:
        yield Limit(
            lambda: _write(group / "cgroup.procs", os.getpid()),
            f"{gigabytes:g} GB for all processes together (cgroup)",
        )
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()


def _group(most: int) -> Path | None:
    """A cgroup of so many bytes below the one of this process; None where none can be made."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, below = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        for mount in (MOUNTED / controllers, MOUNTED / "unified"):
            group = mount / below.lstrip("/") / f"scale-{os.getpid()}"
            with contextlib.suppress(OSError):
                group.mkdir()
                with contextlib.suppress(OSError):
                    _write(group / "memory.swap.max", 0)
                for name in FILES:
                    if (group / name).exists():
                        _write(group / name, most)
                        return group
                group.rmdir()
    return None


def _write(file: Path, value: int) -> None:
    file.write_text(str(value))
