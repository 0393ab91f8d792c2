"""How much memory there is for what is about to be read."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")
OWN_GROUP = Path("/proc/self/cgroup")
UNKNOWN = 8 * 10**9  # where no system says; a laptop's


def available() -> int:
    """Bytes that this process may still take: the machine's, or its container's where less."""
    return max(0, min([_machine(), *_container()]))


def _machine() -> int:
    """What Linux calls available: free, or used for files that can be read again."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = MEMINFO.read_text().splitlines()
        line = next((line for line in lines if line.startswith("MemAvailable:")), "")
        return int(line.split()[1]) * 1024
    with contextlib.suppress(ValueError, OSError):  # elsewhere all that there is
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return UNKNOWN


def _container() -> Iterator[int]:
    """What is left of each limit on a container's memory, by either version of control groups."""
    for folder in _groups():
        with contextlib.suppress(OSError, ValueError):  # there is no limit, or it is "max"
            limit = int((folder / "memory.max").read_text())
            used = int((folder / "memory.current").read_text())
            yield limit - used + _reclaimable(folder, "inactive_file")
    old = CGROUP / "memory"
    with contextlib.suppress(OSError, ValueError):
        limit = int((old / "memory.limit_in_bytes").read_text())
        used = int((old / "memory.usage_in_bytes").read_text())
        yield limit - used + _reclaimable(old, "total_inactive_file")


def _groups() -> Iterator[Path]:
    """This process's own control group and those around it."""
    own = "/"
    with contextlib.suppress(OSError):
        lines = OWN_GROUP.read_text().splitlines()
        own = next((line[3:] for line in lines if line.startswith("0::")), own)
    folder = CGROUP / own.strip("/")
    while folder != CGROUP and folder.is_relative_to(CGROUP):
        yield folder
        folder = folder.parent
    yield CGROUP


def _reclaimable(folder: Path, name: str) -> int:
    """Bytes of files that were read and can be read again: they count as used, and are free."""
    lines = (folder / "memory.stat").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)
