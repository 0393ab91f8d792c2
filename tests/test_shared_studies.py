"""Machines that search together share a PostgreSQL database, here one of this test's own."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import optuna
import pytest
from optuna_dashboard import wsgi

from pipeline import shared_studies
from pipeline.config import Tune, validate
from pipeline.errors import DataError, SettingsError
from pipeline.journal import Journal
from pipeline.progress import Progress
from pipeline.shared_studies import open_database
from pipeline.stages.tune import tune
from tests.project import free_port
from tests.stages.small import fits_in, folds, loaded
from tests.stages.test_tune import settings
from tests.values import contents

BINARIES = [Path(found).parent for found in [shutil.which("initdb") or ""] if found]
BINARIES += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
USER = "searcher"


@pytest.fixture(scope="module")
def database():
    """The address of an empty database, at a server on 127.0.0.1 that asks for a password."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install '.[cluster]'")
    if not BINARIES:
        pytest.skip("needs a PostgreSQL server: Debian's package `postgresql`")
    folder, port = Path(tempfile.mkdtemp(prefix="pg-")), free_port()
    # the server refuses to run as root
    other = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if other:
        shutil.chown(folder, "postgres")
    (folder / "password").write_text("secret\n")
    (folder / "password").chmod(0o644)

    def command(name, *arguments):
        subprocess.run([*other, str(BINARIES[-1] / name), *arguments], check=True, cwd="/",
                       stdout=subprocess.DEVNULL)  # fmt: skip

    data = str(folder / "data")
    command("initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", "--no-sync",
            f"--pwfile={folder / 'password'}")  # fmt: skip
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
    command("pg_ctl", "-D", data, "-w", "-o", options, "-l", str(folder / "log"), "start")
    yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}/postgres"
    command("pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def shared(database, monkeypatch):
    """The database with the password in the environment, and without studies."""
    monkeypatch.setenv("PGPASSWORD", "secret")
    storage = open_database(database)
    for name in optuna.get_all_study_names(storage):
        optuna.delete_study(study_name=name, storage=storage)
    return database


def search(folder, address, trials=4):
    """As one machine, whose store and journal are in the folder."""
    load = loaded()
    journal, fits = Journal(folder / "j.log", address), fits_in(folder / "store", load)
    asked = settings(trials)
    return tune(asked, load, folds(), None, fits, journal, Progress(live=False))


def test_a_search_that_one_machine_ended_is_found_by_another_and_by_the_dashboard(shared, tmp_path):
    one = search(tmp_path / "one", shared)
    trials = {trial.number for trial in one.trials}
    assert len(trials) == 4 and not (tmp_path / "one" / "j.log").exists()
    assert contents(search(tmp_path / "other", shared)) == contents(one)
    assert one.value is not None and one.value <= one.trials[0].value
    given = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/studies", "wsgi.errors": sys.stderr}
    content = b"".join(wsgi(open_database(shared))(given, lambda *_: None))
    assert b'"study_name": "one' in content or b'"study_name":"one' in content


def test_machines_that_search_at_once_share_the_trials(shared, tmp_path):
    context = multiprocessing.get_context("fork")
    pipes = [context.Pipe(duplex=False) for _ in range(2)]
    processes = [
        context.Process(target=send_search, args=(theirs, tmp_path / str(place), shared))
        for place, (_, theirs) in enumerate(pipes)
    ]
    for process in processes:
        process.start()
    found = [ours.recv() for ours, _ in pipes]
    for process in processes:
        process.join()
    assert found[0] == found[1] == 5
    (summary,) = optuna.get_all_study_summaries(open_database(shared))
    assert summary.n_trials <= 6  # one more, where both asked for the last one


def send_search(pipe, folder, address):
    pipe.send(len(search(folder, address, trials=5).trials))


def test_a_trial_of_a_machine_that_died_is_made_by_another(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(shared_studies, "HEARTBEAT", 1)
    monkeypatch.setattr(shared_studies, "GRACE", 1)
    search(tmp_path / "one", shared, trials=1)
    storage = open_database(shared)
    (name,) = optuna.get_all_study_names(storage)
    study = optuna.load_study(study_name=name, storage=storage)
    dead = study.ask()
    dead.suggest_float("l2", 1e-5, 1.0, log=True)
    storage.record_heartbeat(storage.get_trial_id_from_study_id_trial_number(
        storage.get_study_id_from_name(name), dead.number))  # fmt: skip
    time.sleep(2.5)
    search(tmp_path / "one", shared, trials=3)
    trials = optuna.load_study(study_name=name, storage=open_database(shared)).trials
    assert trials[dead.number].state.name == "FAIL"
    again = [trial for trial in trials if trial.params.get("l2") == dead.params["l2"]]
    assert any(trial.state.name in ("COMPLETE", "PRUNED") for trial in again)


@pytest.mark.parametrize("trouble", ["another password", "no server"])
def test_a_database_that_refuses_ends_in_a_message(shared, tmp_path, monkeypatch, trouble):
    monkeypatch.setenv("PGPASSWORD", "wrong")
    address = shared if trouble == "another password" else shared.replace("127.0.0.1", "127.0.0.2")
    with pytest.raises(
        DataError, match=r"\[tune\] storage: postgresql\+psycopg://.*Start the"
    ) as e:
        search(tmp_path, address)
    assert "wrong" not in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize("address", ["u:pw@h/d", "u@h/d?password=pw"])
def test_a_password_in_the_toml_is_refused_and_not_shown(address):
    with pytest.raises(SettingsError, match="holds a password") as error:
        validate(Tune, {"storage": f"postgresql+psycopg://{address}"}, "x.toml", "tune")
    assert "pw" not in str(error.value)


def test_another_kind_of_database_is_refused():
    with pytest.raises(SettingsError, match="allowed is postgresql"):
        validate(Tune, {"storage": "sqlite:///x.db"}, "x.toml", "tune")


def test_where_trials_are_kept_is_in_no_key():
    assert "storage" not in Tune(storage="postgresql+psycopg://u@h/d").model_dump()
