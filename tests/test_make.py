"""make decides what has to run: what changed, what follows from it, and nothing else."""

import ast
import importlib
import inspect
import os
import re
import shutil
from pathlib import Path

import pytest

from pipeline.config import STAGES as ALL
from tests.project import ROOT, Project

STAGES = {"load", "explore", "split", "encode", "blend", "evaluate", "submit"}
MODELS = ("lightgbm", "linear", "logistic", "neural_net")
PER_MODEL = {f"{stage}/{model}" for stage in ("tune", "train") for model in MODELS}


@pytest.fixture
def project(finished_project, tmp_path) -> Project:
    """A copy of the finished run, times and all."""
    shutil.copytree(finished_project.root, tmp_path, dirs_exist_ok=True, symlinks=True)
    return Project(tmp_path)


def rerun(project: Project, *arguments: str) -> set[str]:
    """The stages that `make ...` ran."""
    before = project.finished()
    done = project.make(*(arguments or ("all",)))
    assert done.returncode == 0, done.stdout + done.stderr
    after = project.finished()
    return {stage for stage in after if after[stage] != before.get(stage)}


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_a_finished_run_has_every_stage_a_report_and_one_submission(finished_project):
    assert set(finished_project.finished()) == STAGES | PER_MODEL
    assert (finished_project.build / "evaluate" / "report.html").stat().st_size > 10_000
    assert finished_project.submission().name.startswith("tiny_SIMULATED_")


def test_a_second_run_does_nothing_and_says_so_in_one_line(project):
    assert rerun(project) == set()
    told = project.make("all").stdout
    assert told.startswith("nothing to do: submissions/tiny/tiny_SIMULATED_")
    assert told.count("\n") == 1


@pytest.mark.parametrize("jobs", [(), ("-j2",)])
def test_what_a_pipe_sees_is_plain_and_ends_in_a_short_summary(project, jobs):
    edit(project.toml, "[models.linear]", "[models.linear]\nl2 = 0.5")
    stages, _, summary = project.make(*jobs, "all").stdout.partition("\n\n")
    assert "\x1b" not in stages + summary and "\r" not in stages + summary
    for line in stages.splitlines():
        assert re.fullmatch(r"[a-z]+( [a-z_]+)? +(\d[\d.:]*( s)?)?  \S.*", line), line
    assert summary.startswith("done in ")
    assert any(file.name in summary.splitlines()[0] for file in submissions(project))
    assert summary.count("\n") <= 19
    assert "make C=tiny watch" in summary


def test_a_comment_in_the_toml_reruns_nothing(project):
    edit(project.toml, "[split]", "# a comment\n[split]")
    assert rerun(project) == set()


def test_one_models_settings_rerun_that_model_and_what_follows(project):
    edit(project.toml, "[models.linear]", "[models.linear]\nl2 = 0.5")
    expected = {"tune/linear", "train/linear", "blend", "evaluate", "submit"}
    assert rerun(project) == expected


def test_pages_that_fail_stand_in_no_submissions_way(project):
    edit(project.toml, "[models.linear]", "[models.linear]\nl2 = 0.5")
    edit(project.toml, "permutations = 9", "permutations = 19")
    for stage, first in (("explore", "native()"), ("evaluate", "evaluation = compute(")):
        path = project.root / "pipeline" / "stages" / f"{stage}.py"
        edit(path, f"\n    {first}", f"\n    raise RuntimeError('no page')\n    {first}")
    before = project.finished()
    done = project.make("all")
    assert done.returncode != 0 and "no page" in done.stderr
    after = project.finished()
    assert after["submit"] > before["submit"] and len(submissions(project)) == 2


def test_settings_of_the_last_stage_rerun_it_alone(project):
    edit(project.toml, "[split]", "[submit]\nnote = 'x'\n[split]")
    assert rerun(project) == {"submit"}


def test_a_model_taken_out_leaves_the_others_alone(project):
    edit(project.toml, "[models.logistic]\n", "")
    assert rerun(project, "submit") == {"blend", "submit"}


def test_raw_files_that_appear_rerun_everything_even_when_they_are_old(project):
    raw = project.raw
    raw.mkdir(parents=True)
    for name in ("train", "test"):
        source = project.build / "load" / f"{name}.parquet"
        shutil.copy(source, raw / f"{name}.parquet")
        os.utime(raw / f"{name}.parquet", (1_000_000_000, 1_000_000_000))
    assert rerun(project, "submit") == STAGES - {"explore", "evaluate"} | PER_MODEL
    assert any("SIMULATED" not in file.name for file in submissions(project))


def submissions(project: Project) -> list[Path]:
    return sorted((project.root / "submissions" / "tiny").glob("*.csv"))


def test_a_deleted_submission_comes_back_the_same(project):
    name, content = project.submission().name, project.submission().read_bytes()
    project.submission().unlink()
    assert rerun(project) == {"submit"}
    assert (project.submission().name, project.submission().read_bytes()) == (name, content)


def test_single_stages_and_single_models_run_alone(project):
    edit(project.toml, "[models.linear]", "[models.linear]\nl2 = 0.5")
    assert rerun(project, "train-linear") == {"tune/linear", "train/linear"}
    edit(project.toml, "folds = 3", "folds = 4")
    assert rerun(project, "encode") == {"split", "encode"}


def test_a_preset_reruns_what_it_changes_and_the_default_comes_back(project):
    before = project.submission().read_bytes()
    assert "load" not in rerun(project, "PRESET=quick", "submit")
    for file in submissions(project):
        file.unlink()
    rerun(project, "submit")
    assert project.submission().read_bytes() == before


def test_the_library_is_a_prerequisite_of_the_models_built_from_it(project):
    (project.root / "pipeline" / "from_scratch" / "layers.py").touch()
    ran = rerun(project, "train")
    assert "train/neural_net" in ran
    assert "train/lightgbm" not in ran


@pytest.mark.parametrize(
    ("how", "arguments"),
    [("one core", ()), ("two models at once", ("-j2",)), ("asked for threads", ())],
)
def test_the_same_bytes_on_one_core_or_two(finished_project, project, how, arguments):
    expected = finished_project.submission()
    shutil.rmtree(project.build)
    shutil.rmtree(project.root / "submissions")
    environment = {**os.environ, "OMP_NUM_THREADS": "2"} if how == "asked for threads" else None
    pin = (lambda: os.sched_setaffinity(0, {0})) if how == "one core" else None
    done = project.make(*arguments, "submit", preexec_fn=pin, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.submission().name == expected.name
    assert project.submission().read_bytes() == expected.read_bytes()
    for model in MODELS:
        oof = f"train/{model}/oof.npy"
        assert (project.build / oof).read_bytes() == (finished_project.build / oof).read_bytes()


@pytest.fixture(scope="module")
def prerequisites(finished_project) -> dict[str, set[str]]:
    """What make thinks each stage depends on, from its data base."""
    database = finished_project.make("--print-data-base", "--question", "all").stdout
    found = {}
    for stage in ALL:
        target = f"{stage}/linear" if stage in ("tune", "train") else stage
        rule = f"data/build/tiny/{target}/DONE: "
        lines = [line for line in database.splitlines() if line.startswith(rule)]
        found[stage] = {word for line in lines for word in line.split()[1:]}
    return found


@pytest.mark.parametrize("stage", ALL)
def test_make_knows_the_folders_that_a_stage_reads(stage, prerequisites):
    """The wiring stands twice: for make, and as keyword parameters of each stage."""
    run = importlib.import_module(f"pipeline.stages.{stage}").run
    read = {name for name in inspect.signature(run).parameters if name in ALL}
    folders = {Path(word).parts[3] for word in prerequisites[stage] if word.endswith("/DONE")}
    assert read == folders


@pytest.mark.parametrize("stage", ALL)
def test_make_knows_the_code_that_a_stage_imports(stage, prerequisites):
    imported = imports_of(ROOT / "pipeline" / "stages" / f"{stage}.py", set())
    harmless = {"__init__.py", "errors.py", "progress.py"}  # what they do reaches no artifact
    needed = {str(path.relative_to(ROOT)) for path in imported} - {
        f"pipeline/{name}" for name in harmless
    }
    assert needed <= prerequisites[stage]


def imports_of(path: Path, seen: set[Path]) -> set[Path]:
    """The file and all of the package that it imports, directly or not.

    Settings are left out, with all that they import: they reach a stage through its snapshot.
    """
    if path in seen or path == ROOT / "pipeline" / "config.py":
        return seen
    seen.add(path)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline"):
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                place = ROOT.joinpath(*str(name).split("."))
                for file in (place.with_suffix(".py"), place / "__init__.py"):
                    if file.exists():
                        imports_of(file, seen)
    return seen


def test_help_names_every_target_in_a_line_each(project):
    told = project.make("help").stdout
    for target in ("all", *sorted(STAGES), "tune", "train", "test", "check", "dashboard", "fetch"):
        assert sum(line.split()[:1] == [target] for line in told.splitlines()) == 1
