"""Several methods of doing the same, timed in turns: a busy neighbour slows all of them alike."""

import contextlib
import time
from collections.abc import Callable, Iterator

import numpy as np
import threadpoolctl

try:
    import torch
except ModuleNotFoundError:
    torch = None

REST = 0.05  # seconds; idle threads of one library keep a core busy for a while
Work = Callable[[], object]


def race(contenders: dict[str, Callable[[], Work]], rounds: int) -> dict[str, np.ndarray]:
    """Seconds of each contender in each round; a contender prepares, and what it returns is timed.

    The first round warms up and does not count. Each round begins with another contender.
    """
    names = list(contenders)
    seconds = {name: np.zeros(rounds + 1) for name in names}
    for turn in range(rounds + 1):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            work = contenders[name]()
            time.sleep(REST)
            started = time.perf_counter()
            work()
            seconds[name][turn] = time.perf_counter() - started
    return {name: found[1:] for name, found in seconds.items()}


def spread(ratios: np.ndarray) -> str:
    """The median, and in brackets the quartiles."""
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


@contextlib.contextmanager
def threads(number: int | None) -> Iterator[None]:
    """Within the block every library uses that many threads; None leaves them as they are."""
    with threadpoolctl.threadpool_limits(number):
        before = torch.get_num_threads() if torch else 0
        if torch and number:
            torch.set_num_threads(number)
        yield
        if torch:
            torch.set_num_threads(before)
