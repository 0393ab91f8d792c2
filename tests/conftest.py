"""What many tests need: one small finished run, made once."""

import pytest

from tests.project import Project, copy_project


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory) -> Project:
    """A project whose `make all` has run; tests that change it take a copy."""
    project = copy_project(tmp_path_factory.mktemp("finished"))
    done = project.make("all")
    assert done.returncode == 0, done.stdout + done.stderr
    return project
