"""Seconds at work: while the process is stopped (Ctrl-Z, SIGSTOP), no time passes."""

import time
from collections.abc import Callable

LONGEST_GAP = 5.0  # seconds between two readings by a process that waits for its workers
Clock = Callable[[], float]


class Stopwatch:
    """Runs from the moment it is made.

    Whoever waits reads it once a second. A gap of more than LONGEST_GAP is then a computation, of
    which the processor's time counts, or the process was stopped, and nothing of it counts.
    """

    def __init__(
        self, clock: Clock = time.perf_counter, processor: Clock = time.process_time
    ) -> None:
        self._clock, self._processor = clock, processor
        self._total, self._read = 0.0, (clock(), processor())

    def seconds(self) -> float:
        """So far."""
        now = self._clock(), self._processor()
        gap, computed = now[0] - self._read[0], now[1] - self._read[1]
        self._total += gap if gap <= LONGEST_GAP else min(gap, computed)
        self._read = now
        return self._total
