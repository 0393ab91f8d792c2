"""The dashboard shows the studies of a finished run, on 127.0.0.1 and nowhere else."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pipeline import studies
from pipeline.config import Tune
from pipeline.errors import DataError
from pipeline.workspace import Workspace
from tests.project import copy_project, free_port


def start(project, competition, port):
    command = [sys.executable, "-m", "pipeline", "dashboard", competition, "--port", str(port)]
    return subprocess.Popen(
        command, cwd=project.root, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def read(url, process, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return json.load(response)
        except urllib.error.URLError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise
            time.sleep(0.1)


def test_the_dashboard_shows_the_trials_of_the_studies(finished_project):
    port = free_port()
    process = start(finished_project, "tiny", port)
    try:
        url = f"http://127.0.0.1:{port}/api/studies"
        (study,) = read(url, process)["study_summaries"]
        assert study["study_name"].startswith("lightgbm ")
        trials = read(f"{url}/{study['study_id']}?after=0", process)["trials"]
        assert [trial["state"] for trial in trials].count("Complete") >= 1
        assert len(trials) == 4
        if sys.platform == "linux":
            assert listening_addresses(port) == {"0100007F"}
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def listening_addresses(port):
    """Local addresses, in the kernel's hexadecimal, on which somebody listens at this port."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            if state == "0A" and int(address.rpartition(":")[2], 16) == port:
                found.add(address.rpartition(":")[0])
    return found


@pytest.mark.parametrize("trouble", ["no study yet", "another program listens"])
def test_a_dashboard_that_cannot_start_says_why(finished_project, tmp_path, trouble):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        competition = "titanic" if trouble == "no study yet" else "tiny"
        process = start(finished_project, competition, listener.getsockname()[1])
        _, message = process.communicate(timeout=30)
    assert process.returncode == 2
    assert trouble in message
    assert "Traceback" not in message


def open_study(journal):
    return studies.open_study(studies.open_journal(journal), "linear 1234", Tune(), {}, False).study


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory):
    """(port, journal) of a running dashboard with one study."""
    project = copy_project(tmp_path_factory.mktemp("dashboard"))
    journal = Workspace(project.root, "tiny").journal
    open_study(journal)
    port = free_port()
    process = start(project, "tiny", port)
    try:
        read(f"http://127.0.0.1:{port}/api/studies", process)
        yield port, journal
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


def status(port, method, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    path = "/api/studies" if method in ("GET", "HEAD") else "/api/studies/0"
    connection.putrequest(method, path, skip_host=True)
    for name, value in headers.items():
        connection.putheader(name, value.format(port=port))
    connection.endheaders()
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    "host",
    ["evil.example:{port}", "evil.example", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}",
     "127.0.0.1.evil.example:{port}", "localhost.:{port}", "", None],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST"])
def test_another_host_is_refused_and_deletes_nothing(dashboard, host, method):
    port, journal = dashboard
    assert status(port, method, {} if host is None else {"Host": host}) == 403
    assert open_study(journal).trials == []


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1", "https://127.0.0.1:{port}", ""]
)
def test_another_page_changes_nothing(dashboard, origin):
    port, journal = dashboard
    before = journal.read_bytes()
    headers = {"Host": "127.0.0.1:{port}", "Origin": origin}
    for method in ("DELETE", "POST", "PUT", "PATCH", "OPTIONS"):
        assert status(port, method, headers) == 403
    assert journal.read_bytes() == before


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}"])
def test_the_dashboards_own_page_is_served(dashboard, host):
    port, _ = dashboard
    assert status(port, "GET", {"Host": host}) == 200
    # the dashboard itself knows no such method
    assert status(port, "PUT", {"Host": host, "Origin": f"http://{host}".lower()}) in (404, 405)


def test_a_study_that_is_deleted_while_it_is_searched_is_named(tmp_path):
    import optuna

    journal = tmp_path / "journal.log"
    study = open_study(journal)
    optuna.delete_study(study_name=study.study_name, storage=studies.open_journal(journal))
    with (
        pytest.raises(DataError, match=r"'linear 1234' was deleted"),
        studies.deletion_reported(study.study_name, journal),
    ):
        study.ask()
    open_study(journal)
    with pytest.raises(KeyError), studies.deletion_reported(study.study_name, journal):
        raise KeyError
