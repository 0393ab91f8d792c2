"""The process that talks with Dask's scheduler: requests from its input, answers to its output.

Each is a JSON object on a line. The function that a worker calls is named by its import, and its
arguments are texts. Where the connection is lost, it is made again, and what is not done is sent
again: a fit that was finished meanwhile is found in the store, and none counts twice.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
import warnings
from concurrent.futures import CancelledError
from typing import Any
from uuid import uuid4

from distributed import Client
from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker

from pipeline.cluster.worker import perform
from pipeline.wording import duration

CONNECT = 10.0  # seconds that the first connection may take
ABSENCE = 180.0  # seconds that scheduler or workers may be away later
PROBE = 10.0  # seconds that the scheduler may take to say who works for it
LONGEST, LONGEST_LINE = 300, 2**20  # letters of a reason, bytes of a request
LOOK = 1.0  # seconds between two looks at it
START = "Start it (`python -m pipeline cluster`), correct the address, or leave it out"
AGAIN = "and run the same command again: what is done is kept."


class Ended(Exception):
    """The message that ends the run."""


class Dispatcher:
    """Requests by number that are not done, and those of them that the scheduler has.

    `seen` is when the scheduler answered last, `staffed` when it last had a worker.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.open: dict[int, list[str]] = {}
        self.following: dict[int, asyncio.Task[None]] = {}
        self.client: Any = None
        self.allowed = CONNECT
        self.workers = -1  # how many the run knows of
        self.seen = self.staffed = time.monotonic()

    # -- the run's side --

    async def read(self, lines: asyncio.StreamReader) -> None:
        """Take requests until the run has ended."""
        while line := await lines.readline():
            message = json.loads(line)
            if "forget" in message:
                for number in message["forget"]:
                    self.forget(number)
            else:
                self.open[message["number"]] = message["words"]
                self.submit_open()

    def forget(self, number: int) -> None:
        self.open.pop(number, None)
        task = self.following.pop(number, None)
        if task is not None:
            task.cancel()

    def answer(self, number: int, problem: str, ran_out: bool) -> None:
        if self.open.pop(number, None) is not None:
            write({"number": number, "problem": problem, "ran_out": ran_out})

    # -- the scheduler's side --

    async def keep_connected(self) -> None:
        """Connect, and again when the connection is lost; Ended where that takes too long."""
        noted = False
        while True:
            try:
                await self.converse()
            except ValueError as error:
                raise Ended(
                    f"[cluster] scheduler: found {self.address!r}: {error}. Correct the address."
                ) from None
            except (OSError, TimeoutError, CancelledError):
                noted = noted and self.seen < time.monotonic() - PROBE
            self.drop()
            if time.monotonic() - self.seen > self.allowed:
                raise Ended(self.unreachable())
            if not noted:
                write({"note": f"{self.address} does not answer: trying again"})
                noted = True
            await asyncio.sleep(LOOK)

    async def converse(self) -> None:
        """One connection, until it is lost: then OSError or TimeoutError."""
        client = await Client(self.address, asynchronous=True, timeout=CONNECT)
        try:
            self.client, self.seen, self.allowed = client, time.monotonic(), ABSENCE
            while client.status == "running":
                await self.count_workers(client)
                self.submit_open()
                await asyncio.sleep(LOOK)
        finally:
            self.client = None
            with contextlib.suppress(OSError, TimeoutError, CancelledError):
                await asyncio.wait_for(client.close(timeout=LOOK), PROBE)

    async def count_workers(self, client: Any) -> None:
        """Note that the scheduler answers, and whether it has workers."""
        workers = await asyncio.wait_for(client.scheduler.ncores(), PROBE)
        now = time.monotonic()
        if workers or not self.open:
            self.staffed = now
        elif self.seen - self.staffed < LOOK <= now - self.staffed:
            write({"note": f"waits for a worker at {self.address}"})
        self.seen = now
        if len(workers) != self.workers:
            self.workers = len(workers)
            write({"workers": self.workers})
        if now - self.staffed > ABSENCE:
            raise Ended(
                f"{self.address} has had no worker for {duration(ABSENCE)}. Start some "
                f"(`python -m pipeline cluster --join {self.address}`), {AGAIN}"
            )

    def unreachable(self) -> str:
        if self.allowed == CONNECT:
            return (
                f"[cluster] scheduler: {self.address} does not answer. {START}, and run the same "
                "command again."
            )
        away = duration(self.allowed)
        return f"{self.address} has not answered for {away}. Start the scheduler again, {AGAIN}"

    def submit_open(self) -> None:
        """Hand to the scheduler what it does not have."""
        for number, words in self.open.items():
            task = self.following.get(number)
            if self.client is not None and (task is None or task.done()):
                key = f"fit-{words[1]}-{uuid4().hex[:12]}"
                future = self.client.submit(perform, *words, key=key, pure=False)
                self.following[number] = asyncio.create_task(self.follow(number, future))

    async def follow(self, number: int, future: Any) -> None:
        """Wait for a worker's answer; where the connection is lost, the request stays open."""
        ran_out = False
        try:
            problem, ran_out = await future
        except (CancelledError, asyncio.CancelledError, CommClosedError):
            future.release()
            raise asyncio.CancelledError from None
        except KilledWorker as error:
            ran_out = True
            problem = (
                f"a fit has ended {error.allowed_failures + 1} workers, the last of them "
                f"{error.last_worker.address}, most likely because memory ran out there. Start "
                f"fewer workers a machine, or use fewer rows, {AGAIN}"
            )
        except Exception as error:
            reason = " ".join(str(error).split())[:LONGEST] or type(error).__name__
            problem = (
                f"a worker of {self.address} cannot begin a fit ({reason}). Start scheduler and "
                f"workers with this project's code and libraries: `python -m pipeline cluster`, "
                f"{AGAIN}"
            )
        self.answer(number, problem, ran_out)

    def drop(self) -> None:
        """The scheduler has nothing any more."""
        for task in self.following.values():
            task.cancel()
        self.following.clear()


def write(message: dict[str, Any]) -> None:
    """One line to the run."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def serve(address: str) -> None:
    """Until the run ends, or there is no hope."""
    loop, lines = asyncio.get_running_loop(), asyncio.StreamReader(limit=LONGEST_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    dispatcher = Dispatcher(address)
    sides = dispatcher.read(lines), dispatcher.keep_connected()
    tasks = [asyncio.create_task(each) for each in sides]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run's end closes the pipe
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    try:
        asyncio.run(serve(sys.argv[1]))
    except Ended as ended:
        write({"end": str(ended)})
    os._exit(0)  # a scheduler that does not answer keeps nobody waiting


if __name__ == "__main__":
    main()
