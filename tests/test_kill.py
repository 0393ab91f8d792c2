"""Killed at any moment, the next run finishes and the submission has the same bytes."""

import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from tests.project import Project, copy_project

KILLS = 20


@pytest.mark.parametrize("with_signal", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_again_and_again_ends_in_the_same_bytes(
    finished_project, tmp_path, with_signal
):
    project = copy_project(tmp_path)
    moments = random.Random(int(with_signal))
    kills = KILLS if with_signal == signal.SIGKILL else 4
    stopped = 0
    while stopped < kills:
        if (project.build / "last_run.json").exists():
            assert_same_bytes(project, finished_project)
            shutil.rmtree(project.build)
            shutil.rmtree(project.root / "submissions")
        process = project.start("all")
        try:
            process.wait(moments.uniform(0.2, 2.5))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, with_signal)
            stopped += 1
        process.communicate()
        assert_whole(project)
    done = project.make("all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same_bytes(project, finished_project)


def assert_same_bytes(project: Project, finished_project: Project) -> None:
    assert project.submission().name == finished_project.submission().name
    assert project.submission().read_bytes() == finished_project.submission().read_bytes()


def assert_whole(project: Project) -> None:
    """Every value that is stored is whole, every submission has its full length, and every plan
    of the budget can be read."""
    for key in project.stored():
        assert project.store.manifest(key) is not None, key
    for file in (project.root / "submissions").rglob("*.csv"):
        assert len(file.read_text().splitlines()) == 91
    for file in (project.build / "plans").rglob("*.json"):
        assert json.loads(file.read_text()), file


def test_ctrl_c_says_how_to_go_on(tmp_path):
    project = copy_project(tmp_path)
    process = project.start("all")
    wait_for(project.build / "store" / "fit")  # the first model's fits are under way
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert "goes on where it stopped" in output
    assert "Traceback" not in output
    assert process.returncode != 0


def wait_for(path):
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert path.exists(), path
