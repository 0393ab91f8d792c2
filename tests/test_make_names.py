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


TYPED = (
    *("NAME", "FROM", "PRESET", "NOTE", "CLUSTER", "KEEP", "PORT", "PYTHON", "V", "NEW_PLAN"),
    "ANYTHING",
)
TEXT = "what was typed"
RECEIVED = {
    "load": [
        *("run", "load", "tiny", "--preset", TEXT, "--note", TEXT, "--verbose", "--new-plan"),
        *("--cluster", TEXT),
    ],
    "graph": ["graph", "tiny", "--preset", TEXT],
    "new": ["new", TEXT, "--from", TEXT],
    "dashboard": ["dashboard", "tiny", "--port", TEXT],
    "prune": ["prune", "tiny", "--keep", TEXT],
    "watch": ["watch", "tiny"],
    "help": [],
}


@pytest.fixture
def received(project):
    """received() -> the arguments of the last `python -m pipeline`, which did nothing with them."""
    python, kept = (project.root / "venv" / "bin" / name for name in ("python", "arguments"))
    before = python.read_text()
    python.write_text('#!/bin/sh\nprintf "%s\\0" "$@" >"${0%/*}/arguments"\n')
    kept.touch()

    def last() -> list[str]:
        arguments = kept.read_text().split("\0")[:-1]
        kept.write_text("")
        assert arguments[:2] in ([], ["-m", "pipeline"])
        return arguments[2:]

    yield last
    python.write_text(before)
    kept.unlink()


@pytest.mark.parametrize("target", RECEIVED)
def test_what_is_typed_reaches_the_pipeline_as_text_and_is_not_run(project, received, target):
    before = everything(project)
    for text in HOSTILE[7:]:
        expected = [text if each == TEXT else each for each in RECEIVED[target]]
        given = [f"{name}={text}" for name in TYPED]
        for arguments, environment in ((given, {}), ([], dict.fromkeys(TYPED, text))):
            done = make(project, "C=tiny", *arguments, target, **environment)
            assert (done.returncode, received()) == (0, expected), done.stderr
    assert everything(project) == before


def test_the_python_to_set_up_with_is_a_name_and_is_not_run(project):
    before = everything(project)
    for text in HOSTILE[7:]:
        given = ("VENV=fresh", "installed")
        for done in (make(project, f"PYTHON={text}", *given), make(project, *given, PYTHON=text)):
            assert_refused(done)
            assert f"error: {text} is not Python 3.11 or newer. Name one" in done.stderr
    assert everything(project) == before


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("PRESET", "graph", "no preset 'x;touch PWNED'"),
        ("CLUSTER", "load", "found 'x;touch PWNED'"),
        ("NAME", "new", "found 'x;touch PWNED'"),
        ("FROM", "new", "x;touch PWNED"),
        ("PORT", "dashboard", "Invalid value for '--port'"),
        ("KEEP", "prune", "Invalid value for '--keep'"),
    ],
)
def test_what_is_typed_is_refused_where_it_names_nothing(project, name, target, message):
    before = everything(project)
    given = ("C=tiny", "NAME=fresh", f"FROM={project.raw}")
    done = make(project, *given, f"{name}=x;touch PWNED", target)
    assert_refused(done)
    assert message in done.stderr
    assert everything(project) == before


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


def test_what_is_typed_together_runs_one_after_the_other(project):
    """Also with -j: what clean deletes and load computes would meet."""
    python, noted = project.root / "venv" / "bin" / "python", project.root / "noted"
    before = python.read_text()
    python.write_text("#!/bin/sh\necho begin >>noted; sleep 0.2; echo end $3 $4 >>noted\n")
    try:
        done = make(project, "-j4", "C=tiny", "clean", "split", "load")
        assert done.returncode == 0, done.stdout + done.stderr
        ended = ["end clean tiny", "end run split", "end run load"]
        assert noted.read_text().splitlines()[::2] == ["begin"] * 3
        assert noted.read_text().splitlines()[1::2] == ended
    finally:
        python.write_text(before)
        noted.unlink()


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
