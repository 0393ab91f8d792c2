"""Tasks over the cores, one process each, and one thread but for large fits that would leave cores
idle.

On a few thousand rows, two-thread LightGBM next to a busy neighbour is several times slower than
two single-threaded processes. Every task computes the same bytes wherever it runs, and results come
back in the tasks' order.
"""

import contextlib
import ctypes
import heapq
import itertools
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pipeline.errors import OutOfMemoryError, UserError
from pipeline.threads import allow_threads

if TYPE_CHECKING:
    from pipeline.cluster.requests import Asked


class OutOfTime(Exception):
    """What is under way may not be finished."""


Item = TypeVar("Item")
Result = TypeVar("Result")
Map = Callable[[Callable[[Item], Result], Iterable[Item]], Generator[Result, None, None]]


@dataclass(frozen=True)
class Distributed(Generic[Item, Result]):
    """A function of tasks that finds fits in the store, or computes them.

    `asks` puts the request for a task's fits into the store, for a worker on another machine.
    """

    function: Callable[[Item], Result]
    asks: "Callable[[Item], Asked]"

    def __call__(self, task: Item) -> Result:
        return self.function(task)


CRASHES = {signal.SIGILL, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV}
PR_SET_PDEATHSIG = 1  # of Linux's prctl: the signal that the parent's death sends
TIDYING = 2.0  # seconds that a child may take to end after Ctrl-C, before it gets another signal
LOOK = 1.0  # seconds after which whoever waits looks at the clock again
START = "fork" if sys.platform == "linux" else "spawn"  # how a worker begins

# set before NumPy is imported: a matrix product split over threads sums in another order
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


# threads that wait for others leave the core to whoever works: beside busy processes two of
# LightGBM's on 50,000 rows take 30 to 100 times as long as one where they spin, else no longer
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}


def import_path() -> str:
    """PYTHONPATH of a Python that is to find this project's modules, in whatever folder it runs."""
    above = str(Path(__file__).parent.parent)
    return os.pathsep.join([above, *filter(None, [os.environ.get("PYTHONPATH")])])


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def over_cores(seconds: Iterable[float], number: int | None = None) -> float:
    """How long tasks of so many seconds each take, begun in this order as cores are free, of a
    `number` of them, by default this machine's."""
    free = [0.0] * (number or cores())
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def shared_threads(tasks: int, jobs: int) -> list[int]:
    """Threads of each of so many tasks, `jobs` of which are under way at once: those that cores
    would be idle beside, as the last of five is on two cores, share all cores.

    One each where OpenMP was not asked for PASSIVE before its libraries were loaded.
    """
    if os.environ.get("OMP_WAIT_POLICY", "").upper() != PASSIVE["OMP_WAIT_POLICY"]:
        return [1] * tasks
    last = tasks % jobs or min(tasks, jobs)
    each, of_last = (max(1, cores() // number) if number else 1 for number in (jobs, last))
    return [each] * (tasks - last) + [of_last] * last


@contextlib.contextmanager
def workers(jobs: int | None = None, left: Callable[[], float] | None = None) -> Iterator[Map]:
    """Hand out a `map` over worker processes; with one core this process does the tasks.

    Workers start at once, before the caller starts a thread, and die with their parent. On an error
    or Ctrl-C they are killed: what is under way is of no use any more. `left`, called every second,
    is how many seconds there are: whoever waits for a result when none are left gets OutOfTime.
    """
    jobs = jobs or cores()
    if jobs == 1 and left is None:  # what this process does itself, it cannot stop
        with one_thread():
            yield in_turn
        return
    team = _Team(jobs, left)
    try:
        yield team.map
    finally:
        team.disband()


def endless() -> float:
    """The seconds that are left without a bound: with it even one job has a process of its own."""
    return math.inf


def in_turn(
    function: Callable[[Item], Result], tasks: Iterable[Item]
) -> Generator[Result, None, None]:
    for task in tasks:
        yield function(task)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Hold BLAS and OpenMP to one thread, whether or not the environment did so in time."""
    import threadpoolctl

    with threadpoolctl.threadpool_limits(1):
        yield


class _Team:
    """A pipe to each worker and no thread, so that a kill at any moment leaves no lock behind.

    (concurrent.futures waits for ever for the rest of a result whose writer was killed.)
    """

    def __init__(self, jobs: int, left: Callable[[], float] | None = None) -> None:
        self.left = left
        context: Any = multiprocessing.get_context(START)
        self.processes: dict[Connection, BaseProcess] = {}
        for _ in range(jobs):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, os.getpid()), daemon=True)
            with contextlib.nullcontext() if START == "fork" else _no_main():
                process.start()
            theirs.close()  # the worker's death is then the end of the pipe
            self.processes[ours] = process
        self.idle = list(self.processes)
        self.busy: dict[Connection, int] = {}
        self.waiting: dict[int, tuple[Callable[..., Any], Any]] = {}
        self.wanted: set[int] = set()
        self.results: dict[int, tuple[bool, Any]] = {}
        self.numbers = itertools.count()

    def map(
        self, function: Callable[[Item], Result], tasks: Iterable[Item]
    ) -> Generator[Result, None, None]:
        """Results in the tasks' order; work begins at once and goes on as results are taken."""
        asked = {next(self.numbers): (function, task) for task in tasks}
        self.waiting |= asked
        self.wanted |= set(asked)
        self._hand_out()
        return self._results_of(list(asked))

    def disband(self) -> None:
        for process in self.processes.values():
            process.kill()
        for pipe, process in self.processes.items():
            process.join()
            pipe.close()

    def _results_of(self, numbers: list[int]) -> Generator[Any, None, None]:
        try:
            for number in numbers:
                while number not in self.results:
                    self._receive()
                well, result = self.results.pop(number)
                if not well:
                    raise result
                yield result
        finally:  # whoever takes no more needs no more
            self.wanted -= set(numbers)
            for number in numbers:
                self.waiting.pop(number, None)
                self.results.pop(number, None)

    def _hand_out(self) -> None:
        while self.idle and self.waiting:
            pipe, number = self.idle.pop(0), next(iter(self.waiting))
            with self._death_reported(pipe):
                pipe.send(self.waiting.pop(number))
            self.busy[pipe] = number

    def _receive(self) -> None:
        timeout = self._timeout()
        ready = wait(list(self.busy), timeout)
        if not ready and timeout == 0:
            raise OutOfTime
        for pipe in ready:
            assert isinstance(pipe, Connection)
            with self._death_reported(pipe):
                result = pipe.recv()
            number = self.busy.pop(pipe)
            if number in self.wanted:
                self.results[number] = result
            self.idle.append(pipe)
        self._hand_out()

    def _timeout(self) -> float | None:
        """Seconds to wait at most; None where nothing ends it."""
        return None if self.left is None else min(max(0.0, self.left()), LOOK)

    @contextlib.contextmanager
    def _death_reported(self, pipe: Connection) -> Iterator[None]:
        try:
            yield
        except (EOFError, ConnectionError):
            self.processes[pipe].join()
            raise death(self.processes[pipe].exitcode) from None


@contextlib.contextmanager
def _no_main() -> Iterator[None]:
    """A worker that is spawned would run the user's script again, and start workers of its own.

    The script need then not stand below `if __name__ == "__main__"`: a task is a function of a
    module, and none of the script's own.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def death(code: int | None) -> UserError:
    """How a worker process ended, by its exit code: minus the number of a signal."""
    number = -code if code is not None and code < 0 else 0
    if number in CRASHES:
        return UserError(
            f"a worker process crashed ({signal.Signals(number).name}), which is a fault of a "
            "library, not of your data. Run again: what is done is kept. If it happens again, "
            "report it."
        )
    if number == signal.SIGKILL:
        return OutOfMemoryError(
            "a worker process was ended from outside (SIGKILL), most likely because memory ran "
            "out. Close other programs, or use fewer rows, and run again: what is done is kept."
        )
    return UserError(f"a worker process ended (exit code {code}). Run again: what is done is kept.")


def _work(pipe: Connection, parent: int) -> None:
    """Do what comes through the pipe; leave Ctrl-C to the parent, and end when it is gone."""
    allow_threads()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with one_thread():
        os.environ.update(ONE_THREAD)  # for libraries that are yet to be loaded
        while True:
            function, task = pipe.recv()
            try:
                pipe.send((True, function(task)))
            except Exception as error:
                error.add_note(f"in a worker process:\n{traceback.format_exc()}")
                pipe.send((False, error))


def in_child_process(function: Callable[[], Result]) -> Result:
    """What a function returns, computed in a forked process, which gives its memory back.

    What it raises is raised here. Where there is no safe fork, this process computes it.
    """
    if sys.platform != "linux":
        return function()
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, function, os.getpid()))
    process.start()
    theirs.close()
    try:
        succeeded, result = ours.recv()
    except EOFError:
        process.join()
        raise death(process.exitcode) from None
    except KeyboardInterrupt:
        process.join(TIDYING)  # Ctrl-C on a terminal reaches both
        if process.is_alive() and process.pid:
            os.kill(process.pid, signal.SIGINT)
        raise
    finally:
        process.join()
        ours.close()
    if not succeeded:
        raise result
    return result


def _answer(pipe: Connection, function: Callable[[], Any], parent: int) -> None:
    """Send what the function returns or raises; end with the parent, or on Ctrl-C."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    try:
        answer: tuple[bool, Any] = True, function()
    except KeyboardInterrupt:
        return
    except Exception as error:
        error.add_note(f"in a child process:\n{traceback.format_exc()}")
        answer = False, error
    with contextlib.suppress(KeyboardInterrupt):
        pipe.send(answer)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
