"""Work over processes: results in order, and no process left behind."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pipeline.parallel import cores, workers


def square(x):
    return x * x


def fail(x):
    raise ValueError(f"task {x}")


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_tasks(jobs):
    with workers(jobs) as parallel_map:
        assert list(parallel_map(square, range(20))) == [x * x for x in range(20)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_in_a_task_reaches_the_caller(jobs):
    with pytest.raises(ValueError, match="task 0"), workers(jobs) as parallel_map:
        list(parallel_map(fail, [0]))


def test_cores_are_those_that_this_process_may_use():
    assert 1 <= cores() <= (os.cpu_count() or 1)


SLEEPER = """
import multiprocessing, time
from pipeline.parallel import workers

with workers(2) as parallel_map:
    list(parallel_map(abs, [1, 2]))
    print(*[process.pid for process in multiprocessing.active_children()], flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")
@pytest.mark.parametrize("with_signal", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent(with_signal):
    parent = subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(children) == 2
    parent.send_signal(with_signal)
    parent.wait(10)
    deadline = time.monotonic() + 10
    while any(is_running(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_running(pid) for pid in children)


def is_running(pid):
    """A zombie that nobody has waited for has ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
