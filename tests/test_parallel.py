"""Work over processes: results in order, and no process left behind."""

import faulthandler
import itertools
import math
import os
import signal
import subprocess
import sys
import time

import pytest

from pipeline.errors import UserError
from pipeline.parallel import (
    ONE_THREAD,
    OutOfTime,
    cores,
    in_child_process,
    over_cores,
    shared_threads,
    workers,
)
from pipeline.threads import threads, using_threads


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


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_script_without_a_main_guard_runs_once(tmp_path, start):
    script = tmp_path / "script.py"
    script.write_text(
        "from pipeline import parallel\n"
        f"parallel.START = {start!r}\n"
        "with parallel.workers(2) as parallel_map:\n"
        "    print(*parallel_map(abs, [-1, -2]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 2\n", "")


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


def test_a_worker_that_is_killed_is_reported_in_one_sentence():
    with pytest.raises(UserError, match=r"SIGKILL.*memory ran out"), workers(2) as parallel_map:
        list(parallel_map(end_by_kill, range(4)))


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_a_worker_that_crashed_is_not_said_to_lack_memory(number):
    with pytest.raises(UserError, match=f"crashed .{number.name}") as error, workers(2) as run:
        list(run(end_by, [number]))
    assert "memory" not in str(error.value)


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


def test_whoever_waits_looks_at_the_clock_every_second():
    looks = []

    def left():
        looks.append(time.monotonic())
        return math.inf

    with workers(2, left) as parallel_map:
        list(parallel_map(nap, [2.5]))
    gaps = [after - before for before, after in itertools.pairwise(looks)]
    assert max(gaps) < 2.0
    assert len(looks) >= 3


def test_a_time_that_is_not_up_changes_nothing():
    for left in (math.inf, 1e12, 60.0):
        with workers(2, lambda left=left: left) as parallel_map:
            assert list(parallel_map(square, range(9))) == [x * x for x in range(9)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_tasks_take_as_long_as_a_schedule_of_them(count, monkeypatch):
    monkeypatch.setattr("pipeline.parallel.cores", lambda: count)
    seconds = [5.0, 1.0, 1.0, 4.0, 2.0]
    # by hand: core by core, in the order in which cores are free
    assert over_cores(seconds) == {1: 13.0, 2: 7.0, 3: 5.0}[count]
    assert over_cores([]) == 0.0


@pytest.mark.parametrize(
    ("count", "tasks", "jobs", "expected"),
    [
        (2, 5, 2, [1, 1, 1, 1, 2]),  # the last one alone has both cores
        (2, 4, 2, [1, 1, 1, 1]),
        (2, 3, 1, [2, 2, 2]),  # memory allows for one at a time
        (4, 6, 4, [1, 1, 1, 1, 2, 2]),
        (4, 3, 4, [1, 1, 1]),
        (4, 5, 2, [2, 2, 2, 2, 4]),
        (1, 3, 1, [1, 1, 1]),
        (2, 0, 2, []),
    ],
)
def test_cores_that_would_be_idle_are_threads_of_the_others(
    count, tasks, jobs, expected, monkeypatch
):
    monkeypatch.setattr("pipeline.parallel.cores", lambda: count)
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    assert shared_threads(tasks, jobs) == expected
    monkeypatch.delenv("OMP_WAIT_POLICY")  # threads that wait would keep the cores busy
    assert shared_threads(tasks, jobs) == [1] * tasks


def threads_asked_for(number):
    with using_threads(number):
        return threads()


def test_only_worker_processes_have_several_threads():
    with workers(2) as parallel_map:
        assert list(parallel_map(threads_asked_for, [3, 1, 2])) == [3, 1, 2]
    assert threads_asked_for(3) == 1 and threads() == 1


THREADS = """
import os, numpy, threadpoolctl
from pipeline.parallel import ONE_THREAD, workers

os.environ.update(ONE_THREAD)  # too late for NumPy
def threads(_):
    product = numpy.ones((9, 9)) @ numpy.ones((9, 9))
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]

with workers({jobs}) as parallel_map:
    (found,) = parallel_map(threads, [0])
print(set(found))
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_task_has_one_thread_though_numpy_was_there_before(jobs):
    environment = {name: value for name, value in os.environ.items() if name not in ONE_THREAD}
    environment |= dict.fromkeys(ONE_THREAD, "2")
    program = [sys.executable, "-c", THREADS.format(jobs=jobs)]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "{1}\n"


def is_running(pid):
    """A zombie that nobody has waited for has ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_child_process_answers_and_its_memory_is_not_its_parents():
    pid, size = in_child_process(lambda: (os.getpid(), len(bytearray(10**6))))
    assert size == 10**6
    assert (pid == os.getpid()) == (sys.platform != "linux")


def test_what_a_child_process_raises_is_raised_with_its_own_traceback():
    with pytest.raises(ValueError, match="task 3") as raised:
        in_child_process(lambda: fail(3))
    if sys.platform == "linux":
        assert "in fail" in raised.value.__notes__[0]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no child process")
def test_a_child_process_that_is_killed_is_reported_in_one_sentence():
    with pytest.raises(UserError, match="ended from outside"):
        in_child_process(lambda: os.kill(os.getpid(), signal.SIGKILL))


CHILD = """
import os, time
from pipeline.parallel import in_child_process

def wait():
    print(os.getpid(), flush=True)
    time.sleep(60)

in_child_process(wait)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no child process")
@pytest.mark.parametrize("with_signal", [signal.SIGKILL, signal.SIGINT])
def test_a_child_process_ends_with_its_parent(with_signal):
    parent = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(with_signal)
    parent.wait(timeout=20)
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{child}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{child}")


TIDY = """
import time
from pipeline.parallel import in_child_process

def wait():
    try:
        print("begun", flush=True)
        time.sleep(60)
    finally:
        time.sleep(0.5)
        print("tidied", flush=True)

in_child_process(wait)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no child process")
def test_a_child_process_tidies_up_after_ctrl_c():
    """It shows the cursor again, which a bar has hidden."""
    parent = subprocess.Popen(
        [sys.executable, "-c", TIDY],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None and parent.stdout.readline() == "begun\n"
    os.killpg(parent.pid, signal.SIGINT)
    output, _ = parent.communicate(timeout=20)
    assert output == "tidied\n"
