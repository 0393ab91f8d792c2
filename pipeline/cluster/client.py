"""A cluster as a run sees it: requests go out, and the store has the fits when they come back.

The connection is held by another process, `dispatcher.py`, so that this one has no thread: it forks
workers of its own. The two exchange a JSON object a line.
"""

import itertools
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.cluster.requests import Asked
from pipeline.errors import DataError, OutOfMemoryError, UserError
from pipeline.parallel import LOOK, Distributed, Map, OutOfTime, death, import_path
from pipeline.progress import Progress
from pipeline.store import Store

MODULE = "pipeline.cluster.dispatcher"
SEEN_WITHIN = 30.0  # seconds until a folder that another machine made is seen here
LARGEST = 2**16  # bytes that are read at once
Left = Callable[[], float] | None


class Cluster:
    """The workers behind a scheduler's address.

    A fit that none of them has finished after `patience` minutes without any news is computed
    here: it is the same fit wherever it is computed.
    """

    def __init__(self, address: str, patience: float) -> None:
        self.address, self.patience = address, patience
        self._dispatcher: _Dispatcher | None = None

    def map_over(
        self, local: Map, store: Store, left: Left = None, progress: Progress | None = None
    ) -> Map:
        """A `map` whose Distributed functions find their fits in the store; others run in the
        processes of `local`."""

        def parallel_map(
            function: Callable[[Any], Any], tasks: Iterable[Any]
        ) -> Generator[Any, None, None]:
            if not isinstance(function, Distributed):
                return local(function, tasks)
            waiting = _Waiting(self, local, store, left, progress)
            return waiting.results(function, list(tasks))

        return parallel_map

    @property
    def size(self) -> int:
        """How many workers there were when the scheduler was last asked, one at least."""
        dispatcher, deadline = self.dispatcher, time.monotonic() + SEEN_WITHIN
        while dispatcher.workers is None and time.monotonic() < deadline:
            dispatcher.receive(LOOK)
        while dispatcher.receive(0.0):
            pass
        return max(1, dispatcher.workers or 1)

    @property
    def dispatcher(self) -> "_Dispatcher":
        if self._dispatcher is None or self._dispatcher.process.poll() is not None:
            self._dispatcher = _Dispatcher(self.address)
        return self._dispatcher


class _Waiting:
    """One call of `map`: its requests are sent at once, and waited for in their order."""

    def __init__(
        self, cluster: Cluster, local: Map, store: Store, left: Left, progress: Progress | None
    ) -> None:
        self.local, self.store, self.left, self.progress = local, store, left, progress
        self.patience, self.dispatcher = 60 * cluster.patience, cluster.dispatcher
        self.news = time.monotonic()

    def results(
        self, function: Distributed[Any, Any], tasks: Sequence[Any]
    ) -> Generator[Any, None, None]:
        asked = [function.asks(task) for task in tasks]
        sent = [None if self._are_there(each) else self._send(each) for each in asked]
        return self._in_order(function, list(zip(tasks, asked, sent, strict=True)))

    def _in_order(
        self, function: Distributed[Any, Any], sent: list[tuple[Any, Asked, int | None]]
    ) -> Generator[Any, None, None]:
        try:
            for task, asked, number in sent:
                if number is None or self._came(asked, number):
                    yield function(task)
                else:
                    yield from self.local(function, [task])
        finally:  # whoever takes no more needs no more
            self.dispatcher.forget([number for _, _, number in sent if number is not None])

    def _send(self, asked: Asked) -> int:
        return self.dispatcher.send(asked.words(self.store))

    def _came(self, asked: Asked, number: int) -> bool:
        """Wait until a request is done; False where patience is at an end.

        Raises OutOfTime where no time is left, UserError where it can't be done, which is an
        OutOfMemoryError where memory ran out.
        """
        answers = self.dispatcher.answers
        while number not in answers:
            left = LOOK if self.left is None else self.left()
            if left <= 0:
                raise OutOfTime
            has_answer = self.dispatcher.receive(min(left, LOOK))
            while self.dispatcher.notes:
                self._announce(self.dispatcher.notes.pop(0))
            if has_answer:
                self.news = time.monotonic()
            elif time.monotonic() - self.news > self.patience:
                self._announce("no news from the workers: the next fit is computed on this machine")
                return False
        answer = answers.pop(number)
        if answer.problem:
            raise (OutOfMemoryError if answer.ran_out else UserError)(answer.problem)
        self._see(asked)
        return True

    def _see(self, asked: Asked) -> None:
        """Wait until what another machine wrote is seen here: NFS keeps what it saw for a while."""
        deadline = time.monotonic() + SEEN_WITHIN
        while not self._are_there(asked):
            if time.monotonic() > deadline:
                path = self.store.root / asked.keys[0].path
                raise DataError(
                    f"{path}: a worker has computed this fit, and it isn't seen here after "
                    f"{SEEN_WITHIN:g} seconds. Share the store's folder between all machines, "
                    "under the same path, and run the same command again."
                )
            for key in asked.keys:  # to list a folder makes NFS look again
                folder = self.store.root / key.kind
                if folder.is_dir():
                    os.listdir(folder)
            time.sleep(0.05)

    def _are_there(self, asked: Asked) -> bool:
        return all(self.store.manifest(key) is not None for key in asked.keys)

    def _announce(self, message: str) -> None:
        if self.progress is not None:
            self.progress.announce(message)


@dataclass(frozen=True)
class _Answer:
    """Why a request could not be done, "" where it was; whether memory ran out."""

    problem: str
    ran_out: bool


class _Dispatcher:
    """The process that holds the connection, with the answers by number of a request."""

    def __init__(self, address: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", MODULE, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": import_path()},
            start_new_session=True,  # Ctrl-C is for the run, whose end closes the pipe
        )
        self.answers: dict[int, _Answer] = {}
        self.notes: list[str] = []  # to be shown
        self.workers: int | None = None  # until the scheduler has been asked
        self._numbers = itertools.count()
        self._rest = b""

    def send(self, words: Sequence[str]) -> int:
        """Have a request done; returns its number."""
        number = next(self._numbers)
        self._write({"number": number, "words": list(words)})
        return number

    def forget(self, numbers: Sequence[int]) -> None:
        """What is not done yet of these is needed no more."""
        open_ones = [number for number in numbers if self.answers.pop(number, None) is None]
        if open_ones and self.process.poll() is None:
            self._write({"forget": open_ones})

    def receive(self, timeout: float) -> bool:
        """Wait for news; whether there was an answer. UserError where there will be none."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], timeout)
        if not ready:
            return False
        content = os.read(self.process.stdout.fileno(), LARGEST)
        if not content:
            raise UserError(str(death(self.process.wait())))
        *lines, self._rest = (self._rest + content).split(b"\n")
        taken = [self._take(json.loads(line)) for line in lines]
        return any(taken)

    def _take(self, news: dict[str, Any]) -> bool:
        if "end" in news:
            self.process.kill()
            raise UserError(news["end"])
        if "workers" in news:
            self.workers = news["workers"]
            return False
        if "note" in news:
            self.notes.append(news["note"])
            return False
        self.answers[news["number"]] = _Answer(news["problem"], news["ran_out"])
        return True

    def _write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # whoever waits for an answer hears why
