"""What runs on a worker: one request, which it reads from the store; the results go there as well.

A worker whose code, libraries or kernel are others than those of the run refuses.
"""

import errno
import re
import socket
import threading
import traceback
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pipeline.cluster.requests import Environment, FitRequest, environment
from pipeline.errors import UserError
from pipeline.parallel import one_thread
from pipeline.store import Key, Store
from pipeline.wording import some

MOST_NAMED = 3
INSTALL = (
    "Install the same code and requirements on all machines, start the workers again "
    "(`python -m pipeline cluster --join ADDRESS`), and run the same command again"
)
MORE_MEMORY = (
    "Start fewer workers on that machine, or use fewer rows, and run again: what is done is kept"
)
_one_at_a_time = threading.Lock()  # a worker of several threads fits with one of them


def perform(root: str, request: str, modules: str, environment_hash: str) -> tuple[str, bool]:
    """Compute a request that lies in the store below `root`; returns why it could not be done, or
    nothing, and whether memory ran out. `environment_hash` names what the run computes with."""
    with _one_at_a_time:
        try:
            return _refusal(root, modules, environment_hash) or _computed(root, request), False
        except UserError as error:
            return f"worker {_here()}: {error}", False
        except MemoryError:
            return f"worker {_here()}: there is not enough memory for this fit. {MORE_MEMORY}", True
        except OSError as error:
            return f"worker {_here()}: {_trouble(error, root)}", False
        except Exception:
            return f"worker {_here()}, a fault of the program:\n{traceback.format_exc()}", False


def _computed(root: str, request: str) -> str:
    store = _store(root)
    asked = store.get(Key("request", request), FitRequest)
    if asked is None:
        return _unseen(root)
    with one_thread():
        asked.compute(store)
    return ""


def _refusal(root: str, modules: str, environment_hash: str) -> str:
    """Why this worker must not compute for the run; empty where it may."""
    if not all(name.isidentifier() for name in re.split("[ .]", modules)):
        return f"worker {_here()}: found {modules[:40]!r}, allowed are names of modules. {INSTALL}."
    here = environment(modules)
    if here.key.hash == environment_hash:
        return ""
    there = _store(root).get(Key("environment", environment_hash), Environment)
    if there is None:
        return _unseen(root)
    named = some(list(_differences(here.parts, there.parts)), MOST_NAMED)
    return f"worker {_here()} runs other code than this run: {named}. {INSTALL}."


def _differences(here: dict[str, str], there: dict[str, str]) -> Iterator[str]:
    for name in sorted({*here, *there}):
        mine, theirs = here.get(name, "none"), there.get(name, "none")
        if mine != theirs:
            is_file = "/" in name or name.endswith(".py")
            yield name if is_file else f"{name} {mine} there, {theirs} here"


def _unseen(root: str) -> str:
    return (
        f"worker {_here()} does not see this run's store, {root}. Share this folder between all "
        "machines, under the same path, and run the same command again."
    )


def _trouble(error: OSError, root: str) -> str:
    where = error.filename or root
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{where}: the disk is full. Free some space and run again: what is done is kept."
    return f"{where}: {error.strerror or error}. Correct this, and run the same command again."


@cache
def _store(root: str) -> Store:
    """One object for all requests: what was verified is not verified again."""
    return Store(Path(root))


def _here() -> str:
    try:
        from distributed import get_worker

        return str(get_worker().address)
    except (ImportError, ValueError):
        return socket.gethostname()
