"""`python -m pipeline cluster`: a scheduler and workers on this machine, or workers that join one.

Each worker is a process of one thread. One that ends, as all do when they lose their scheduler, is
started again.
"""

import contextlib
import ctypes
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.config import Cluster, validate
from pipeline.errors import DataError, SettingsError
from pipeline.parallel import ONE_THREAD, PASSIVE, PR_SET_PDEATHSIG, import_path
from pipeline.progress import say

LOOPBACK = "127.0.0.1"
PAUSE = 1.0  # seconds before what has ended is started again
LOOK = 0.2
ENDING = 5.0  # seconds that a process may take to end
INSTALL = "pip install '.[cluster]'"
# a worker that is silent for so long counts as gone, and its fit is given to another
DASK = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "60s"}


def require_dask(where: str) -> None:
    """Raises SettingsError where the extra is not installed."""
    if importlib.util.find_spec("distributed") is None:
        raise SettingsError(
            f"{where} needs Dask, which is not installed. Install it, `{INSTALL}`, or leave this "
            "out to compute on this machine alone."
        )


@dataclass
class Hosted:
    """A process that is kept running."""

    command: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    ended: float = field(default=-PAUSE)

    def tend(self) -> None:
        """Start it, where it does not run, and has not for a moment."""
        if self.process is not None and self.process.poll() is None:
            return
        now = time.monotonic()
        if self.process is not None:
            self.process, self.ended = None, now
        if now - self.ended >= PAUSE:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.command],
                env=environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self) -> None:
        if self.process is not None:
            try:
                self.process.wait(ENDING)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def host(workers: int, port: int, join: str = "", address: str = LOOPBACK) -> None:
    """Run workers, and a scheduler unless they `join` one, until Ctrl-C."""
    require_dask("`python -m pipeline cluster`")
    if join:
        validate(Cluster, {"scheduler": join}, "--join", "cluster")
    scheduler, hosted = join or f"tcp://{address}:{port}", list[Hosted]()
    if not join:
        _refuse_taken(address, port)
        hosted.append(Hosted(scheduler_command(address, port)))
    with tempfile.TemporaryDirectory(prefix="pipeline-cluster-") as folder:
        # with a scheduler elsewhere, the way to it decides by which address it reaches the workers
        own = [] if join else ["--host", address]
        hosted += [Hosted(worker_command(scheduler, folder, *own)) for _ in range(workers)]
        say(*_message(scheduler, workers, bool(join)))
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            while True:
                for each in hosted:
                    each.tend()
                time.sleep(LOOK)
        except KeyboardInterrupt:
            pass
        finally:
            for each in reversed(hosted):
                each.end()
            for each in hosted:
                each.wait()


def scheduler_command(address: str, port: int) -> list[str]:
    """Arguments of Python."""
    where = ["--host", address, "--port", str(port)]
    return ["distributed.cli.dask_scheduler", *where, "--no-dashboard", "--no-show"]


def worker_command(scheduler: str, folder: str, *own: str) -> list[str]:
    """One process of one thread, whose fits are whole in memory."""
    kept = ["--memory-limit", "0", "--local-directory", folder]
    alone = ["--nthreads", "1", "--nworkers", "1", "--no-nanny", "--no-dashboard"]
    return ["distributed.cli.dask_worker", scheduler, *alone, *kept, *own]


def environment() -> dict[str, str]:
    """Of scheduler and workers: this project's code, and one thread each."""
    return {**DASK, **os.environ, **ONE_THREAD, **PASSIVE, "PYTHONPATH": import_path()}


def _message(scheduler: str, workers: int, joined: bool) -> list[str]:
    if joined:
        return [f"{workers} workers for {scheduler} (Ctrl-C ends them)"]
    return [
        f"scheduler {scheduler} with {workers} workers (Ctrl-C ends them)",
        f"in another terminal: make all CLUSTER={scheduler}",
        f"more workers, on a machine that shares data/build: "
        f"python -m pipeline cluster --join {scheduler}",
    ]


def _refuse_taken(address: str, port: int) -> None:
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise DataError(
                f"{address}:{port}: {error.strerror}. Choose another port, as in "
                f"`python -m pipeline cluster --port {port + 1 if port < 65535 else 8786}`, or an "
                "address of this machine."
            ) from None


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
