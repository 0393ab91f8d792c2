"""Stopped at any moment, the next run finishes and the submission has the same bytes."""

import json
import os
import random
import shutil
import signal
import subprocess
import time

from tests.project import Project, copy_project

SIGNALS = [signal.SIGKILL] * 16 + [signal.SIGINT] * 4


def test_a_run_that_is_stopped_again_and_again_ends_in_the_same_bytes(finished_project, tmp_path):
    project, moments = copy_project(tmp_path), random.Random(0)
    stop_while_it_fits(project)
    signals = moments.sample(SIGNALS, len(SIGNALS))
    while signals:
        if (project.build / "last_run.json").exists():
            assert_same_bytes(project, finished_project)
            shutil.rmtree(project.build)
            shutil.rmtree(project.root / "submissions")
        process = project.start("all")
        try:
            process.wait(moments.uniform(0.2, 2.5))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signals.pop())
        process.communicate()
        assert_whole(project)
    done = project.make("all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same_bytes(project, finished_project)


def stop_while_it_fits(project: Project) -> None:
    """By ctrl-C, of which the last lines say how to go on."""
    process = project.start("all")
    wait_for(project.build / "store" / "fit")  # the first model's fits are under way
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert "goes on where it stopped" in output
    assert "Traceback" not in output
    assert process.returncode != 0
    assert_whole(project)


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


def wait_for(path):
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert path.exists(), path
