"""What many tests need: one small finished run, made once."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.project import Project, copy_project

# the same examples every time: a test that fails, fails for everybody
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory) -> Project:
    """A project whose `make all` has run; tests that change it take a copy."""
    project = copy_project(tmp_path_factory.mktemp("finished"))
    done = project.make("all")
    assert done.returncode == 0, done.stdout + done.stderr
    return project


@pytest.fixture
def write(tmp_path):
    """write(name, content) -> path in a fresh folder."""

    def write(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return write
