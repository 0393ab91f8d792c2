"""Tasks over the cores, one process and one thread each.

On a few thousand rows, two-thread LightGBM next to a busy neighbour is several times slower than
two single-threaded processes, and results then depend on the number of threads. Here they do not:
every task computes the same bytes wherever it runs, and results come back in the tasks' order.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")
Map = Callable[[Callable[[Task], Result], Iterable[Task]], Iterator[Result]]

# set before NumPy is imported: a matrix product split over threads sums in another order
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def workers(jobs: int | None = None) -> Iterator[Map]:
    """Hand out a `map` over worker processes; with one core it is the built-in one.

    Workers start at once, before the caller starts a thread, and die with their parent.
    """
    jobs = jobs or cores()
    if jobs == 1:
        yield map
        return
    method = "fork" if sys.platform == "linux" else "spawn"
    pool = ProcessPoolExecutor(
        jobs, multiprocessing.get_context(method), _become_worker, (os.getpid(),)
    )
    pool.submit(int).result()
    finished = False
    try:
        yield pool.map
        finished = True
    finally:
        if not finished:  # an error or Ctrl-C: what is under way is of no use any more
            for process in list((pool._processes or {}).values()):
                process.kill()
        pool.shutdown(cancel_futures=True)


def _become_worker(parent: int) -> None:
    """Leave Ctrl-C to the parent, and end when the parent is gone, however it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
