"""Time while a process is stopped does not count; time while it works or waits does."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pipeline.plan import LONGEST_GAP, Stopwatch


class Machine:
    """A clock and a processor that tests move on."""

    def __init__(self):
        self.now = self.computed = 0.0

    def stopwatch(self):
        return Stopwatch(lambda: self.now, lambda: self.computed)


def test_waiting_in_slices_counts():
    machine = Machine()
    watch = machine.stopwatch()
    for _ in range(100):
        machine.now += 1.0
        watch.seconds()
    assert watch.seconds() == 100.0


def test_a_long_gap_counts_only_what_the_processor_worked():
    machine = Machine()
    watch = machine.stopwatch()
    machine.now += LONGEST_GAP + 40.0
    assert watch.seconds() == 0.0
    machine.now += 60.0
    machine.computed += 55.0
    assert watch.seconds() == 55.0
    machine.now += 60.0
    machine.computed += 90.0  # of several threads
    assert watch.seconds() == 115.0


PROGRAM = """
import time
from pipeline import parallel, plan

parallel.LOOK, plan.LONGEST_GAP = 0.1, 0.5
watch = plan.Stopwatch()
with parallel.workers(2, lambda: 3.0 - watch.seconds()) as parallel_map:
    print("began", flush=True)
    done = list(parallel_map(time.sleep, [0.5] * 4))
print(len(done), watch.seconds(), flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="has no SIGSTOP")
def test_a_run_that_was_stopped_for_longer_than_its_minutes_goes_on():
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout.readline() == "began\n"
    os.killpg(process.pid, signal.SIGSTOP)
    time.sleep(4)
    os.killpg(process.pid, signal.SIGCONT)
    output, _ = process.communicate(timeout=30)
    done, seconds = output.split()
    assert done == "4"
    assert float(seconds) < 3.0
