"""Fits on a cluster of this machine: what one costs beside the fit itself, and what workers bring.

    PYTHONPATH=. python benchmarks/cluster.py                two workers and four against one
    PYTHONPATH=. python benchmarks/cluster.py --partition    four hosts, one of them cut off

The second makes network namespaces joined by a bridge (Linux, as root): one host has scheduler and
run, three a worker each. The network of one is cut for a while, and the fits must be those of this
machine to the byte.
"""

import argparse
import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.parallel import ONE_THREAD, Distributed

os.environ.update(ONE_THREAD)

import pipeline.library as library
from pipeline.cluster.client import Cluster
from pipeline.fits import Fits
from pipeline.folds import Fold
from pipeline.member import Member
from pipeline.progress import Progress
from pipeline.stage_settings import members
from pipeline.stages.train import FoldFit, ask_fold, fit_fold

ROOT = Path(__file__).parent.parent
BRIDGE, HOSTS = "fits-br", ("fits-0", "fits-1", "fits-2", "fits-3")
CUT = 40.0  # seconds


def prepare(folder: Path, model: str = "lightgbm") -> tuple[Fits, Member, Sequence[Fold]]:
    """The simulated survey in a store below the folder, and a model of its TOML."""
    split = library.compute("airline", "split", root=folder).value("split")
    flow = library.compute("airline", "encode", root=folder)
    return flow.fits(), members(flow.configuration)[model], split.folds


def fit_all(fits: Fits, member: Member, folds: Sequence[Fold]) -> list[FoldFit]:
    names = frozenset(fold.name for fold in folds)
    given = fits, member, names
    work = Distributed(functools.partial(fit_fold, *given), functools.partial(ask_fold, *given))
    with fits.workers(progress=Progress(live=False)) as parallel_map:
        return list(parallel_map(work, folds))


@contextlib.contextmanager
def hosted(*arguments: str, host: str = "") -> Iterator[None]:
    """`python -m pipeline cluster`, in a network namespace if one is named."""
    inside = ["ip", "netns", "exec", host] if host else []
    command = [*inside, sys.executable, "-m", "pipeline", "cluster", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


# -- what it costs ---------------------------------------------------------------------------------


def measure(counts: Sequence[int], number: int, model: str) -> None:
    """The overhead is what workers do beside fitting and predicting, and what they wait."""
    with tempfile.TemporaryDirectory() as name:
        fits, member, folds = prepare(Path(name), model)
        folds, seeds = folds[:number], iter(range(10**6))
        print(f"{len(folds)} fits of {model}, {os.cpu_count()} cores")
        one = None
        for count in counts:
            seconds, own = cluster_seconds(fits, member, folds, count, seeds)
            one = one or seconds
            overhead = (seconds * count - own) / len(folds)
            print(
                f"{count} workers: {seconds:.2f} s, efficiency {one / seconds / count:.2f}, a fit "
                f"{own / len(folds):.3f} s, and {1000 * overhead:.0f} ms beside it"
            )


def next_member(member: Member, seeds: Iterator[int]) -> Member:
    """Another seed: fits that cost the same, and are not in the store."""
    return replace(member, settings={**member.settings, "seed": next(seeds)})


def cluster_seconds(
    fits: Fits, member: Member, folds: Sequence[Fold], count: int, seeds: Iterator[int]
) -> tuple[float, float]:
    """Seconds until all fits are there, and those that the workers measured of them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with hosted("--workers", str(count), "--port", str(port)):
        fits.cluster = Cluster(f"tcp://127.0.0.1:{port}", patience=30)
        while fits.at_once(member) != count:
            time.sleep(0.2)
        fit_all(fits, next_member(member, seeds), folds)  # what workers import and read once
        started, chosen = time.perf_counter(), next_member(member, seeds)
        done = fit_all(fits, chosen, folds)
        seconds = time.perf_counter() - started
    fits.cluster = None
    return seconds, sum(fit.fit_seconds + fit.predict_seconds for fit in done)


# -- a network that parts --------------------------------------------------------------------------


def partition(number: int) -> None:
    if os.getuid():
        raise SystemExit("this needs root, to make network namespaces")
    if os.environ.get("FITS_HOST") != HOSTS[0]:
        with namespaces():
            inside = ["ip", "netns", "exec", HOSTS[0], sys.executable, *sys.argv]
            raise SystemExit(subprocess.call(inside, env={**os.environ, "FITS_HOST": HOSTS[0]}))
    with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as there:
        fits, member, folds = prepare(Path(here))
        expected = fit_all(fits, member, folds[:number])
        fits, *_ = prepare(Path(there))
        address = "tcp://10.99.0.1:8786"
        with contextlib.ExitStack() as stack:
            stack.enter_context(hosted("--address", "10.99.0.1", "--workers", "1"))
            for host in HOSTS[1:]:
                stack.enter_context(hosted("--join", address, "--workers", "1", host=host))
            fits.cluster = Cluster(address, patience=5)
            while fits.at_once(member) != len(HOSTS):
                time.sleep(0.2)
            started = time.perf_counter()
            cut(HOSTS[1], "down")
            found = fit_all(fits, member, folds[:number])
            print(f"{len(found)} fits in {time.perf_counter() - started:.1f} s, one host cut off")
            assert [contents(fit) for fit in found] == [contents(fit) for fit in expected]
            time.sleep(max(0.0, CUT - time.perf_counter() + started))
            cut(HOSTS[1], "up")
            while fits.at_once(member) != len(HOSTS):
                time.sleep(0.5)
            took = time.perf_counter() - started - CUT
            print(f"the host works again {took:.1f} s after its network is back")


def contents(fit: FoldFit) -> tuple[str, bytes, bytes]:
    return fit.key, fit.valid.tobytes(), fit.test.tobytes()


@contextlib.contextmanager
def namespaces() -> Iterator[None]:
    """Hosts 10.99.0.1 to 10.99.0.4, joined by a bridge that is a host of its own."""
    run = functools.partial(subprocess.run, check=True)
    try:
        run(["ip", "netns", "add", BRIDGE])
        ip = ["ip", "-n", BRIDGE, "link"]
        run([*ip, "add", "br0", "type", "bridge"])
        run([*ip, "set", "br0", "up"])
        for number, host in enumerate(HOSTS, start=1):
            run(["ip", "netns", "add", host])
            peer = f"v{number}"
            run([*ip, "add", peer, "type", "veth", "peer", "name", "eth0", "netns", host])
            run([*ip, "set", peer, "master", "br0", "up"])
            run(["ip", "-n", host, "addr", "add", f"10.99.0.{number}/24", "dev", "eth0"])
            for device in ("lo", "eth0"):
                run(["ip", "-n", host, "link", "set", device, "up"])
        yield
    finally:
        for host in (*HOSTS, BRIDGE):
            subprocess.run(["ip", "netns", "del", host], check=False)


def cut(host: str, state: str) -> None:
    subprocess.run(["ip", "-n", host, "link", "set", "eth0", state], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--fits", type=int, default=24)
    parser.add_argument("--model", default="lightgbm", help="of airline.toml")
    parser.add_argument("--partition", action="store_true")
    asked = parser.parse_args()
    partition(asked.fits) if asked.partition else measure(asked.workers, asked.fits, asked.model)


if __name__ == "__main__":
    main()
