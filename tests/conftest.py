"""What many tests need: small finished runs, each made once."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from pipeline import code
from tests.finished import Small, small_competition
from tests.project import TINY, Project, copy_project

# the many processes that tests start take compiled code from Python's cache, as on a user's machine
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# the same examples every time: a test that fails, fails for everybody
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory) -> Project:
    """A project whose `make all` has run; tests that change it take a copy."""
    project = copy_project(tmp_path_factory.mktemp("finished"), TINY)
    done = project.make("all")
    assert done.returncode == 0, done.stdout + done.stderr
    return project


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory) -> Small:
    """A run of a few rows in this process; tests take a copy."""
    small = small_competition(tmp_path_factory.mktemp("small"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("pipeline.workspace.COMPETITIONS", small.settings)
        monkeypatch.chdir(small.root)
        small.run()
    return small


@pytest.fixture
def small(finished_run, tmp_path, monkeypatch) -> Small:
    """A finished run of the test's own, in the working directory."""
    copied = finished_run.copy(tmp_path)
    monkeypatch.setattr("pipeline.workspace.COMPETITIONS", copied.settings)
    monkeypatch.chdir(tmp_path)
    return copied


@pytest.fixture
def with_code(monkeypatch):
    """Let a file or package have another hash or version."""
    parts = code.parts

    def change(part, now):
        def changed(*modules):
            found = parts(*modules)
            return {**found, part: now} if part in found else found

        monkeypatch.setattr(code, "parts", changed)

    return change


@pytest.fixture
def command(monkeypatch, capsys):
    """Run `python -m pipeline ...` in this process -> (exit code, output, errors)."""
    from pipeline import __main__ as command_line

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr("sys.argv", ["pipeline", *arguments])
        code: object = 0
        capsys.readouterr()
        try:
            command_line.main()
        except SystemExit as exit:
            code = exit.code or 0
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def write(tmp_path):
    """write(name, content) -> path in a fresh folder."""

    def write(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return write
