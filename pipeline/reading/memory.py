"""How much memory there is for what is about to be read."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")
OWN_GROUP = Path("/proc/self/cgroup")
VERSIONS = {  # limit, use, and how the parts of the use begin, by the name of the controller
    "": ("memory.max", "memory.current", ""),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
}
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
    for controller, files in VERSIONS.items():
        for folder in _groups(controller):
            with contextlib.suppress(OSError, ValueError):  # there is no limit, or it is "max"
                limit, used = (int((folder / name).read_text()) for name in files[:2])
                yield limit - used + _reclaimable(folder, files[2])


def _groups(controller: str) -> Iterator[Path]:
    """This process's own control group and those around it; of version 2 one has no name."""
    own = "/"
    with contextlib.suppress(OSError):
        for line in OWN_GROUP.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            own = path if controller in controllers.split(",") else own
    top = CGROUP / controller
    folder = top / own.strip("/")
    while folder != top and folder.is_relative_to(top):
        yield folder
        folder = folder.parent
    yield top


def _reclaimable(folder: Path, kind: str) -> int:
    """Bytes of files that were read and can be read again, lately (active) or not: they count as
    used, and are free. `kind` is what their lines begin with."""
    lines = (folder / "memory.stat").read_text().splitlines()
    named = (line.split() for line in lines)
    files = {f"{kind}inactive_file", f"{kind}active_file"}
    return sum(int(number) for name, number in named if name in files)
