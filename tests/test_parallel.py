"""Work over processes: results in order, and no process left behind."""

import faulthandler
import math
import os
import signal
import subprocess
import sys
import time

import pytest

from pipeline.errors import UserError
from pipeline.parallel import OutOfTime, cores, workers


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


def nap(seconds):
    time.sleep(seconds)
    return seconds


def test_two_maps_at_once_and_one_that_is_left_early_do_not_mix():
    with workers(2) as parallel_map:
        left = parallel_map(nap, [0.0, 0.3, 0.3, 30.0])
        assert next(left) == 0.0
        left.close()
        first, second = parallel_map(square, range(9)), parallel_map(abs, range(-9, 0))
        assert [*zip(first, second, strict=True)] == [(x * x, 9 - x) for x in range(9)]


@pytest.mark.parametrize("size", [1, 10_000_000])
def test_large_tasks_and_results_pass_whole(size):
    tasks = [bytes([i]) * size for i in range(5)]
    with workers(2) as parallel_map:
        assert list(parallel_map(bytes, tasks)) == tasks


def test_a_worker_that_is_killed_is_told_in_one_sentence():
    with pytest.raises(UserError, match=r"SIGKILL.*memory ran out"), workers(2) as parallel_map:
        list(parallel_map(end_by_kill, range(4)))


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_a_worker_that_crashed_is_not_said_to_lack_memory(number):
    with pytest.raises(UserError, match=f"crashed .{number.name}") as told, workers(2) as run:
        list(run(end_by, [number]))
    assert "memory" not in str(told.value)


def end_by(number):
    faulthandler.disable()  # pytest's, which would write the stack
    os.kill(os.getpid(), number)


def end_by_kill(number):
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return number


def send_much(_):
    return bytes(50_000_000)


STOPPED = """
import os, signal, threading, time
from tests.test_parallel import send_much
from pipeline.parallel import workers

threading.Timer({moment}, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    with workers(2) as parallel_map:
        while True:
            list(parallel_map(send_much, range(4)))
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.parametrize("moment", [0.3, 0.35, 0.4, 0.45])
def test_a_stop_in_the_middle_of_results_ends_at_once_and_without_a_traceback(moment):
    program = [sys.executable, "-c", STOPPED.format(moment=moment)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=20)
    assert (done.stdout, done.stderr) == ("stopped\n", "")


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_under_way_when_the_time_is_up_is_stopped(jobs):
    end = time.monotonic() + 0.5
    done = []
    with (
        pytest.raises(OutOfTime),
        workers(jobs, lambda: end - time.monotonic()) as parallel_map,
    ):
        for result in parallel_map(nap, [0.0, 0.1, 30.0, 30.0]):
            done.append(result)
    assert done == [0.0, 0.1]
    assert time.monotonic() < end + 1


def test_a_time_that_is_not_up_changes_nothing():
    for left in (math.inf, 1e12, 60.0):
        with workers(2, lambda left=left: left) as parallel_map:
            assert list(parallel_map(square, range(9))) == [x * x for x in range(9)]


def is_running(pid):
    """A zombie that nobody has waited for has ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
