"""Fits on a cluster's workers are those of this machine, whatever becomes of workers and scheduler.

Three workers in processes of their own, and a scheduler, on 127.0.0.1.
"""

import asyncio
import contextlib
import errno
import functools
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline import config as settings
from pipeline import fitting
from pipeline.changed_rows import Change, Changes, keep_changed, predict_changed
from pipeline.cluster import hosting
from pipeline.cluster.client import Cluster, _Dispatcher
from pipeline.cluster.requests import Environment, ask_changed, environment
from pipeline.cluster.worker import perform
from pipeline.config import validate
from pipeline.errors import OutOfMemoryError, SettingsError, UserError
from pipeline.fits import Fit, Fits
from pipeline.parallel import Distributed
from pipeline.stages.train import ask_fold, fit_fold
from pipeline.store import Store
from tests import values
from tests.project import ROOT, free_port
from tests.test_fits import LINEAR, ROWS, load

FOLDS = values.folds(ROWS, number=3, repeats=4).folds
NAMES = frozenset(fold.name for fold in FOLDS)
SILENCE = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "6s"}
COMMAND = [sys.executable, "-m", "pipeline", "cluster"]
WORKER, SCHEDULER = "dask_worker", "dask_scheduler"


class Hosts:
    """`python -m pipeline cluster`: a scheduler and workers, which it starts again."""

    def __init__(self, workers: int) -> None:
        port = free_port()
        self.address = f"tcp://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [*COMMAND, "--workers", str(workers), "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, **SILENCE},
            stdout=subprocess.DEVNULL,
        )

    def send(self, sent: signal.Signals, *kinds: str) -> None:
        """A signal to the scheduler, or to workers: `dask_worker` once for each."""
        pids = {kind: self.pids(kind) for kind in set(kinds)}
        for kind in kinds:
            os.kill(pids[kind].pop(), sent)

    def pids(self, kind: str) -> list[int]:
        own = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in own}
        return [int(pid) for pid, command in commands.items() if kind.encode() in command]

    def end(self) -> None:
        for pid in self.pids("dask_worker"):
            os.kill(pid, signal.SIGCONT)
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 0


@pytest.fixture(scope="module")
def hosts():
    pytest.importorskip("distributed", reason="needs Dask: pip install '.[cluster]'")
    hosts = Hosts(3)
    yield hosts
    hosts.end()


@pytest.fixture(scope="module")
def cluster(hosts):
    return Cluster(hosts.address, patience=30)


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Predictions of validation and test rows, computed here."""
    fits = values.fits(tmp_path_factory.mktemp("local"), load())
    return [contents(fit_fold(fits, LINEAR, NAMES, fold)) for fold in FOLDS]


def contents(fit):
    return fit.key, fit.valid.tobytes(), fit.test.tobytes()


def stored(fits):
    """How many fits the store has."""
    keys = fits.store.keys()
    return sum(key.kind == "fit" for key in keys)


def fit_all(folder, cluster, during=lambda: None):
    """All folds on the cluster; `during` is called while they are fitted."""
    fits = values.fits(folder, load())
    fits.cluster = cluster
    given = fits, LINEAR, NAMES
    work = Distributed(functools.partial(fit_fold, *given), functools.partial(ask_fold, *given))
    found = []
    with fits.workers() as parallel_map:
        fitted = parallel_map(work, FOLDS)
        found.append(contents(next(fitted)))
        during()
        found += map(contents, fitted)
    return found, fits


def test_three_workers_leave_the_bytes_of_one_machine(cluster, local, tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "fit", None)  # nothing is fitted here
    found, fits = fit_all(tmp_path, cluster)
    assert found == local
    assert stored(fits) == len(FOLDS)
    assert fits.at_once(LINEAR) == 3
    asked = fits.ask(LINEAR, FOLDS[0], FOLDS[0].train[:60])
    assert all(isinstance(word, str) for word in asked.words(fits.store))  # that is what travels


def test_fits_of_a_learning_curve_come_from_the_workers(cluster, tmp_path, monkeypatch):
    fits, tasks = values.fits(tmp_path, load()), [fold.train[:60] for fold in FOLDS[:2]]
    expected = [fits.validate(LINEAR, *each) for each in zip(FOLDS, tasks, strict=False)]
    elsewhere = values.fits(tmp_path / "elsewhere", load())
    elsewhere.cluster = cluster
    monkeypatch.setattr(fitting, "fit", None)
    work = Distributed(
        lambda task: elsewhere.validate(LINEAR, *task), lambda task: elsewhere.ask(LINEAR, *task)
    )
    with elsewhere.workers() as parallel_map:
        found = list(parallel_map(work, list(zip(FOLDS, tasks, strict=False))))
    assert [each.tobytes() for each in found] == [each.tobytes() for each in expected]


def shuffled():
    rows = np.arange(0, ROWS, 3)
    places = np.arange(len(rows))
    return Changes(rows, (Change(None, places, places), Change("size", places, places[::-1])))


def test_predictions_of_changed_rows_come_from_the_workers(cluster, tmp_path, monkeypatch):
    fits, changed = values.fits(tmp_path, load()), shuffled()
    tasks = []
    for fold in FOLDS[:2]:
        fits.fit(LINEAR, fold)
        tasks.append((LINEAR, fold, fits.key(LINEAR, fold).path, changed))
    expected = [list(predict_changed(fits, *task)) for task in tasks]
    fits.cluster = cluster
    monkeypatch.setattr(Fits, "stored", None)  # nothing is predicted here
    work = Distributed(
        lambda task: keep_changed(fits, *task), lambda task: ask_changed(fits, *task)
    )
    with fits.workers() as parallel_map:
        list(parallel_map(work, tasks))
    for task, here in zip(tasks, expected, strict=True):
        there = list(predict_changed(fits, *task))
        assert [each.tobytes() for each in there] == [each.tobytes() for each in here]
        assert not np.array_equal(*there)


def test_a_worker_that_is_killed_or_hangs_loses_no_fit(hosts, cluster, local, tmp_path):
    def harm():
        hosts.send(signal.SIGSTOP, WORKER)
        hosts.send(signal.SIGKILL, WORKER, WORKER)

    found, fits = fit_all(tmp_path, cluster, harm)
    hosts.send(signal.SIGCONT, *[WORKER] * len(hosts.pids(WORKER)))
    assert found == local
    assert stored(fits) == len(FOLDS)


def test_what_no_worker_finishes_is_computed_here(hosts, local, tmp_path):
    workers = [WORKER] * len(hosts.pids(WORKER))
    hosts.send(signal.SIGSTOP, *workers)
    found, _ = fit_all(tmp_path, Cluster(hosts.address, patience=0.02))
    hosts.send(signal.SIGCONT, *workers)
    assert found == local


def test_a_scheduler_that_restarts_is_found_again(hosts, cluster, local, tmp_path):
    found, _ = fit_all(tmp_path, cluster, lambda: hosts.send(signal.SIGKILL, SCHEDULER))
    assert found == local


def test_a_connection_lost_while_an_answer_comes_leaves_the_request_open(capsys):
    """As where the scheduler ends after a worker has finished and before its answer is here."""
    pytest.importorskip("distributed", reason="needs Dask: pip install '.[cluster]'")
    from distributed.comm import CommClosedError

    from pipeline.cluster.dispatcher import Dispatcher

    lost = CommClosedError("in <TCP (closed) ConnectionPool.gather>")
    assert followed(Dispatcher("tcp://127.0.0.1:1"), lost) == {7: ["a request"]}
    assert capsys.readouterr().out == ""


def followed(dispatcher, error):
    """What stays open where the future of a request ends in an error."""

    class Future:
        def __await__(self):
            raise error
            yield

        def release(self):
            pass

    async def follow():
        dispatcher.open[7] = ["a request"]
        with contextlib.suppress(asyncio.CancelledError):
            await dispatcher.follow(7, Future())
        return dispatcher.open

    return asyncio.run(follow())


def test_a_fit_that_ends_workers_has_no_memory(tmp_path, capsys):
    """As of one that finds none: whoever waits can leave the model out."""
    pytest.importorskip("distributed", reason="needs Dask: pip install '.[cluster]'")
    from distributed.scheduler import KilledWorker

    from pipeline.cluster.dispatcher import Dispatcher

    last = SimpleNamespace(address="tcp://10.0.0.7:1")
    assert followed(Dispatcher("tcp://127.0.0.1:1"), KilledWorker("fit", last, 3)) == {}
    cluster = Cluster("tcp://127.0.0.1:1", patience=30)
    cluster._dispatcher = Answered(json.loads(capsys.readouterr().out))
    with pytest.raises(OutOfMemoryError, match=r"ended 4 workers, the last of them tcp://10\.0"):
        fit_all(tmp_path, cluster)


class Answered(_Dispatcher):
    """Has the same news for every request."""

    def __init__(self, news):
        self.process, self.answers, self.workers = SimpleNamespace(poll=lambda: None), {}, 1
        self.notes, self.news = [], news

    def send(self, words):
        self._take({**self.news, "number": len(self.answers)})
        return len(self.answers) - 1

    def receive(self, timeout):
        return False

    def forget(self, numbers):
        pass


def test_an_address_that_does_not_answer_ends_in_a_message(tmp_path):
    pytest.importorskip("distributed", reason="needs Dask: pip install '.[cluster]'")
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(UserError, match=rf"scheduler: {address} does not answer\. Start it"):
        fit_all(tmp_path, Cluster(address, patience=30))


# -- what a worker refuses -------------------------------------------------------------------------


@pytest.fixture
def asked(tmp_path):
    fits = values.fits(tmp_path, load())
    return fits, fits.ask(LINEAR, FOLDS[0], test=True).words(fits.store)


def test_a_worker_does_what_it_is_asked(asked):
    fits, words = asked
    assert perform(*words) == ("", False)
    assert fits.store.get(fits.key(LINEAR, FOLDS[0]), Fit) is not None


@pytest.mark.parametrize(
    "change",
    [{"clusters": np.arange(len(FOLDS[0].train)) // 5}, {"extra": np.arange(3)}],
    ids=["groups", "extra rows"],
)
def test_a_fold_of_the_same_rows_and_other_groups_is_another_request(asked, change):
    """The store has the first one: a worker must not fit that in the place of the second."""
    fits, _ = asked
    fold = replace(FOLDS[0], **change)
    assert perform(*fits.ask(LINEAR, fold).words(fits.store)) == ("", False)
    assert fits.store.get(fits.key(LINEAR, fold), Fit) is not None


def test_a_worker_of_another_version_refuses(asked):
    fits, (root, request, modules, _) = asked
    here = environment(modules).parts
    theirs = Environment({**here, "lightgbm": "1.2.3", "encoding/numbers.py": "another"})
    fits.store.put(theirs.key, theirs)
    problem, _ = perform(root, request, modules, theirs.key.hash)
    assert "runs other code than this run: encoding/numbers.py, lightgbm" in problem
    assert "there, 1.2.3 here. Install the same code" in problem
    assert fits.store.get(fits.key(LINEAR, FOLDS[0]), Fit) is None


def test_a_worker_that_does_not_see_the_store_refuses(asked, tmp_path):
    _, (_, *words) = asked
    problem, _ = perform(str(tmp_path / "elsewhere"), *words)
    assert f"does not see this run's store, {tmp_path}/elsewhere. Share this folder" in problem


def test_a_full_disk_on_a_worker_is_reported(asked, monkeypatch):
    _, words = asked
    full = OSError(errno.ENOSPC, "No space left on device", "/mnt/store/x")
    monkeypatch.setattr(Store, "put", lambda *_, **__: (_ for _ in ()).throw(full))
    assert "/mnt/store/x: the disk is full. Free some space" in perform(*words)[0]


def test_a_worker_without_memory_says_so(asked, monkeypatch):
    _, words = asked
    monkeypatch.setattr(Store, "put", lambda *_, **__: (_ for _ in ()).throw(MemoryError()))
    problem, ran_out = perform(*words)
    assert ran_out and "there is not enough memory for this fit. Start fewer workers" in problem


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["host:8786", "tcp://host", "http://h:1", "tcp://a b:1", ""])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(SettingsError, match=r"\[cluster\] scheduler: found .*tcp://10\.0\.0\.5"):
        validate(settings.Cluster, {"scheduler": address}, "x.toml", "cluster")


def test_a_scheduler_elsewhere_must_have_an_address():
    command = [*COMMAND, "--join", "http://h:1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "http://h:1" in done.stderr or "needs Dask" in done.stderr


def test_a_scheduler_without_dask_is_refused(monkeypatch):
    monkeypatch.setattr(hosting.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"needs Dask, which is not installed.*\[cluster\]"):
        hosting.require_dask("[cluster] scheduler")
