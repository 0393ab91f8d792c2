"""What people type to make is text: it names what there is, or is refused before anything runs."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.project import Project, copy_project

HOSTILE = [
    "..",
    "../..",
    "",
    ".",
    "nowhere",
    "tiny airline",
    "rel /tmp",
    "$(shell touch PWNED)",
    "a$$(touch PWNED)",
    "`touch PWNED`",
    "x;touch PWNED",
    "x';touch PWNED;'",
    "tiny\ntouch PWNED",
]
TARGETS = [
    *("all", "load", "train-linear", "new", "dashboard", "watch", "clean", "fetch", "help"),
    *("graph", "experiments", "prune"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """In a folder whose name a shell would run, with raw files that nobody wants to lose."""
    root = tmp_path_factory.mktemp("make") / "a $(touch PWNED) `touch PWNED`; folder"
    root.mkdir()
    project = copy_project(root)
    project.raw.mkdir(parents=True)
    (project.raw / "notes.txt").write_text("dear\n")
    (project.build / "load").mkdir(parents=True)
    return project


def make(project: Project, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`make VENV=venv ...`, without the C=tiny of other tests."""
    return subprocess.run(
        ["make", "--no-print-directory", "VENV=venv", *arguments],
        cwd=project.root,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def everything(project: Project) -> set[Path]:
    """All files around, but what Python keeps of modules."""
    return {
        path
        for path in project.root.parent.rglob("*")
        if "__pycache__" not in path.parts and path.name != ".lock"
    }


def assert_refused(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("target", TARGETS)
def test_a_name_that_is_no_competitions_is_refused_in_every_target(project, target):
    before = everything(project)
    for name in HOSTILE:
        for done in (make(project, f"C={name}", target), make(project, target, C=name)):
            assert_refused(done)
            assert "C names no competition" in done.stderr
            assert "airline passenger tiny titanic" in done.stderr
    assert everything(project) == before


@pytest.mark.parametrize(
    "name",
    [
        "NAME",
        "FROM",
        "PRESET",
        "NOTE",
        "CLUSTER",
        "KEEP",
        "PORT",
        "PYTHON",
        "V",
        "NEW_PLAN",
        "ANYTHING",
    ],
)
@pytest.mark.parametrize("text", HOSTILE[7:])
def test_nothing_that_is_typed_is_run(project, name, text):
    before = everything(project)
    needs = {"NAME": "new", "FROM": "new", "PORT": "dashboard", "PYTHON": "watch"}
    needs |= {"PRESET": "load", "NOTE": "load", "CLUSTER": "load", "KEEP": "prune"}
    target = needs.get(name, "help")
    given = ("C=tiny", "NAME=fresh", f"{name}={text}", target)
    assert make(project, *given).returncode == (0 if target == "help" else 2)
    make(project, *given[:2], target, **{name: text})
    assert {path.name for path in everything(project) - before} <= {".lock"}


@pytest.mark.parametrize("folder", ["x;touch PWNED", "$(shell touch PWNED)", "a b", ""])
def test_the_environments_folder_must_be_plain(project, folder):
    before = everything(project)
    done = make(project, f"VENV={folder}", "help")
    assert_refused(done)
    assert "VENV must be the path of a folder" in done.stderr
    assert everything(project) == before


def test_set_up_never_empties_a_folder_that_is_no_environment(project, tmp_path):
    (tmp_path / "notes.txt").write_text("dear\n")
    done = make(project, f"VENV={tmp_path}", "C=tiny", "load")
    assert_refused(done)
    assert "is no virtual environment" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_packages_are_installed_as_wheels_with_hashes_alone():
    lines = (Path(__file__).parent.parent / "Makefile").read_text().replace("\\\n", " ")
    (install,) = [line for line in lines.splitlines() if "pip install" in line]
    assert {"--require-hashes", "--only-binary"} <= set(install.split())


def test_watch_opens_the_report_of_a_folder_with_any_name(project, tmp_path):
    report = project.build / "report.html"
    report.touch()
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" >{tmp_path}/opened\n')
    browser.chmod(0o755)
    done = make(project, "C=tiny", "watch", BROWSER=f"{browser} %s")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "data/build/tiny/report.html\n"
    assert (tmp_path / "opened").read_text() == report.as_uri()
    assert not list(project.root.rglob("PWNED*"))


def test_a_build_folder_from_elsewhere_runs_no_code(project):
    evil = "$(shell touch PWNED)\nall: ; touch PWNED\n"
    hostile = "%: ;touch${IFS}PWNED"
    for name in ("last_run.json", "experiments/current", f"store/load/{hostile}/manifest.json"):
        path = project.build / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(evil)
    for arguments in (("--dry-run", "all"), ("load",), ("graph",), ("experiments",)):
        make(project, "C=tiny", *arguments)
    assert not list(project.root.rglob("PWNED*"))
    included = make(project, "C=tiny", "--print-data-base", "--question", "all").stdout
    (files,) = [line for line in included.splitlines() if line.startswith("MAKEFILE_LIST := ")]
    assert files.split(":=")[1].split() == ["Makefile"]


def test_what_is_typed_together_runs_one_after_the_other(tmp_path):
    """Also with -j: what clean deletes and load computes would meet."""
    project = copy_project(tmp_path)
    assert make(project, "C=tiny", "load").returncode == 0
    (before,) = project.store.keys()
    done = make(project, "-j4", "C=tiny", "clean", "split", "load")
    assert done.returncode == 0, done.stdout + done.stderr
    cleaned, *stages = done.stdout.splitlines()
    assert cleaned.startswith("deleted")
    assert before in list(project.store.keys())
    assert [line.split()[0] for line in stages if " s " in line[:30]] == ["load", "split"]


def test_a_process_that_the_system_ended_is_explained(project):
    python = project.root / "venv" / "bin" / "python"
    before = python.read_text()
    python.write_text("#!/bin/sh\nkill -KILL $$\n")
    try:
        done = make(project, "C=tiny", "fetch")
    finally:
        python.write_text(before)
    assert done.returncode == 2
    assert "error: the process was ended from outside (SIGKILL), most likely" in done.stderr
