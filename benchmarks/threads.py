"""Five folds of LightGBM: two processes of one thread, two threads in one process, or the processes
with two threads for the last fold, which would leave a core idle?

    python benchmarks/threads.py                   3,000 rows, on a quiet machine
    python benchmarks/threads.py --rows 500000 --turns 3
    python benchmarks/threads.py --neighbour       beside a process that keeps one core busy
    python benchmarks/threads.py --spin            threads that wait keep their core busy

All take turns; printed are the median seconds and, beside two processes, the ratio, with their
range.
"""

import argparse
import contextlib
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator

os.environ["OMP_NUM_THREADS"] = "2"
os.environ["OMP_WAIT_POLICY"] = "ACTIVE" if "--spin" in sys.argv else "PASSIVE"

import lightgbm
import numpy as np

FOLDS, COLUMNS, LEAVES = 5, 25, {False: 15, True: 31}
MANY = 10_000
ROUNDS = {False: 200, True: 40}  # of few rows, and of many
CONTEXT = multiprocessing.get_context("fork")


def fit(fold: int, threads: int, rows: int) -> None:
    rng, many = np.random.default_rng(0), rows > MANY
    X = rng.integers(0, 6, size=(rows, COLUMNS)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > X[:, 2] + rng.normal(scale=4, size=rows)).astype(int)
    known = np.arange(rows) % FOLDS != fold
    parameters = {
        "objective": "binary",
        "num_threads": threads,
        "verbosity": -1,
        "num_leaves": LEAVES[many],
        "deterministic": True,
        "force_row_wise": True,
    }
    lightgbm.train(parameters, lightgbm.Dataset(X[known], y[known]), ROUNDS[many])


def two_processes(rows: int, of_last: int = 1) -> None:
    tasks = [(fold, of_last if fold == FOLDS - 1 else 1, rows) for fold in range(FOLDS)]
    with CONTEXT.Pool(2) as pool:
        pool.starmap(fit, tasks, chunksize=1)


def two_threads(rows: int) -> None:
    """In a process of its own, as the others are."""
    with CONTEXT.Pool(1) as pool:
        pool.starmap(fit, [(fold, 2, rows) for fold in range(FOLDS)])


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def spin() -> None:
    while True:
        pass


@contextlib.contextmanager
def neighbour(wanted: bool) -> Iterator[None]:
    process = CONTEXT.Process(target=spin, daemon=True)
    if wanted:
        process.start()
    yield
    if wanted:
        process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--neighbour", action="store_true")
    parser.add_argument("--spin", action="store_true")
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    rows = options.rows
    contenders: dict[str, Callable[[], None]] = {
        "two processes": lambda: two_processes(rows),
        "two threads": lambda: two_threads(rows),
        "two for the last": lambda: two_processes(rows, of_last=2),
    }
    with neighbour(options.neighbour):
        two_processes(min(rows, MANY))
        turns = [[seconds(work) for work in contenders.values()] for _ in range(options.turns)]
    for name, found in zip(contenders, zip(*turns, strict=True), strict=True):
        ratios = [one / first for one, (first, *_) in zip(found, turns, strict=True)]
        print(f"{name:<17} {described(found)}   {described(ratios)}")


def described(found: list[float] | tuple[float, ...]) -> str:
    return f"{statistics.median(found):6.2f}  ({min(found):.2f} to {max(found):.2f})"


if __name__ == "__main__":
    main()
