"""Five folds of LightGBM on 3,000 rows: two threads in one process, or two processes of one thread?

    python benchmarks/threads.py              on a quiet machine
    python benchmarks/threads.py --neighbour  beside a process that keeps one core busy

Both take turns; printed are the median seconds and the ratio, with their range.
"""

import argparse
import contextlib
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator

os.environ["OMP_NUM_THREADS"] = "2"

import lightgbm
import numpy as np

FOLDS, ROUNDS, ROWS = 5, 200, 3000


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 6, size=(ROWS, 25)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > X[:, 2] + rng.normal(scale=4, size=ROWS)).astype(int)
    return X, y


def fit(fold: int, threads: int = 1) -> None:
    X, y = data()
    rows = np.arange(ROWS) % FOLDS != fold
    parameters = {"objective": "binary", "num_threads": threads, "verbosity": -1, "num_leaves": 15}
    lightgbm.train(parameters, lightgbm.Dataset(X[rows], y[rows]), ROUNDS)


def two_threads() -> None:
    """In a process of its own, as the other contender is."""
    context = multiprocessing.get_context("fork")
    process = context.Process(target=lambda: [fit(fold, 2) for fold in range(FOLDS)])
    process.start()
    process.join()


def two_processes() -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(fit, range(FOLDS), chunksize=1)


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def spin() -> None:
    while True:
        pass


@contextlib.contextmanager
def neighbour(wanted: bool) -> Iterator[None]:
    process = multiprocessing.get_context("fork").Process(target=spin, daemon=True)
    if wanted:
        process.start()
    yield
    if wanted:
        process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--neighbour", action="store_true")
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    with neighbour(options.neighbour):
        two_processes()
        pairs = [(seconds(two_threads), seconds(two_processes)) for _ in range(options.turns)]
    rows = {"two threads": [a for a, _ in pairs], "two processes": [b for _, b in pairs]}
    rows["ratio"] = [one / other for one, other in pairs]
    for name, found in rows.items():
        spread = f"({min(found):.2f} to {max(found):.2f})"
        print(f"{name:<14} {statistics.median(found):6.2f}  {spread}")


if __name__ == "__main__":
    main()
