"""The dashboard shows the studies of a finished run, on 127.0.0.1 and nowhere else."""

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


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(project, competition, port):
    command = [sys.executable, "-m", "pipeline", "dashboard", competition, "--port", str(port)]
    return subprocess.Popen(
        command, cwd=project.root, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def answer(url, process, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return json.load(response)
        except urllib.error.URLError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise
            time.sleep(0.1)


def test_the_dashboard_answers_with_the_studies_trials(finished_project):
    port = free_port()
    process = start(finished_project, "tiny", port)
    try:
        url = f"http://127.0.0.1:{port}/api/studies"
        (study,) = answer(url, process)["study_summaries"]
        assert study["study_name"].startswith("lightgbm ")
        trials = answer(f"{url}/{study['study_id']}?after=0", process)["trials"]
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
        _, told = process.communicate(timeout=30)
    assert process.returncode == 2
    assert trouble in told
    assert "Traceback" not in told
