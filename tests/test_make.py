"""make is the front door: every target is one call, and what is printed can be read."""

import os
import re
import shutil
from pathlib import Path

import pytest

from pipeline.flow import member_stages, stages
from tests.project import Project

MODELS = ("lightgbm", "linear", "logistic", "neural_net")
PER_MODEL = {f"{stage}-{model}" for stage in ("tune", "train") for model in MODELS}
STAGES = {"load", "explore", "split", "encode", "blend", "evaluate", "submit"}


@pytest.fixture
def project(finished_project, tmp_path) -> Project:
    """A copy of the finished run."""
    shutil.copytree(finished_project.root, tmp_path, dirs_exist_ok=True, symlinks=True)
    return Project(tmp_path)


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def submissions(project: Project) -> list[Path]:
    return sorted((project.root / "submissions" / "tiny").glob("*.csv"))


def test_a_finished_run_has_its_pages_and_one_submission(finished_project):
    for name in ("report.html", "explore.html"):
        assert (finished_project.build / name).stat().st_size > 10_000
    assert (finished_project.build / "experiments" / "0001" / "report.html").exists()
    assert finished_project.submission().name.startswith("tiny_SIMULATED_")


def test_a_second_run_does_nothing_and_says_so_in_one_line(project):
    done = project.make("all")
    assert done.stdout.startswith("nothing to do: submissions/tiny/tiny_SIMULATED_")
    assert done.stdout.count("\n") == 1
    assert len(project.experiments()) == 1


def test_what_a_pipe_sees_is_plain_and_ends_in_a_short_summary(project):
    edit(project.toml, "[models.linear]", "[models.linear]\nl2 = 0.5")
    edit(project.toml, "importance_rows = 60", "importance_rows = 0")
    lines, _, summary = project.make("all").stdout.partition("\n\n")
    assert "\x1b" not in lines + summary and "\r" not in lines + summary
    for line in lines.splitlines():
        assert re.fullmatch(r"[a-z]+( [a-z_]+)? +(\d[\d.:]*( s)?)?  \S.*", line), line
    assert summary.startswith("done in ")
    assert any(file.name in summary.splitlines()[0] for file in submissions(project))
    assert summary.count("\n") <= 19
    assert "make C=tiny watch" in summary


def test_single_stages_and_single_models_run_alone(project):
    edit(project.toml, "[models.linear]", "[models.linear]\nl2 = 0.5")
    assert project.computed("train-linear") == {"tune-linear", "train-linear"}
    edit(project.toml, "folds = 3", "folds = 4")
    assert project.computed("split") == {"split"}
    assert project.make("split").stdout == "nothing to do: split is up to date\n"


@pytest.mark.parametrize("how", ["one core", "asked for threads"])
def test_the_same_bytes_on_one_core_or_two_and_anywhere(finished_project, project, tmp_path, how):
    expected = finished_project.submission()
    shutil.rmtree(project.build)
    shutil.rmtree(project.root / "submissions")
    environment = {**os.environ, "OMP_NUM_THREADS": "2"} if how == "asked for threads" else None
    pin = (lambda: os.sched_setaffinity(0, {0})) if how == "one core" else None
    done = project.make("submit", preexec_fn=pin, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.submission().name == expected.name
    assert project.submission().read_bytes() == expected.read_bytes()
    digests = [
        {name: node["digest"] for name, node in each.experiments()[0]["nodes"].items()}
        for each in (project, finished_project)
    ]
    assert all(digests[1][name] == digest for name, digest in digests[0].items())


def test_every_stage_is_a_target_and_help_names_each_in_a_line(project):
    listed = [line.split()[:1] for line in project.make("help").stdout.splitlines()]
    people = ("all", "graph", "experiments", "prune", "test", "check", "dashboard", "fetch")
    for target in (*people, *stages()):
        assert listed.count([target]) == 1, target
    assert member_stages() == {"tune", "train"}


def test_the_packages_are_installed_again_when_the_list_changes_whatever_the_times_say(project):
    (project.root / "venv" / "installed").write_text("another list\n")
    done = project.make("--dry-run", "installed")
    assert "setting up" in done.stdout
    lock = project.root / "requirements.lock"
    shutil.copy(lock, project.root / "venv" / "installed")
    os.utime(lock, (4e9, 4e9))  # in the future
    assert "setting up" not in project.make("installed").stdout
