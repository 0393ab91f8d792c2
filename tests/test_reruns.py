"""A table of changes, and what runs again after each: what the change touches, and nothing else.

The runs of the table are made in this process, with the keys of an edited copy of the package. The
report, which is slow, is looked up and not made: whether it would run is known from its key.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import code, session
from pipeline.config import load_configuration
from pipeline.flow import Flow, Reporter, goals_of, nodes_for
from pipeline.ledger import record_score
from pipeline.parallel import one_thread
from pipeline.workspace import Workspace
from tests.project import TINY, Project, computed, copy_project
from tests.test_make import MODELS, PER_MODEL, STAGES, edit, submissions

TRAIN = {f"train-{name}" for name in MODELS}
TUNE = {f"tune-{name}" for name in MODELS}
FITS = TUNE | TRAIN
ENDS = {"blend", "submit", "evaluate"}
ALL = STAGES | PER_MODEL


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Project:
    """A run on raw files, so that these can change too."""
    toml = TINY.replace("max_columns = 6", "max_columns = 1")
    project = copy_project(tmp_path_factory.mktemp("raw"), toml)
    simulated = project.make("load")
    assert simulated.returncode == 0, simulated.stdout + simulated.stderr
    (load,) = (key for key in project.stored() if key.kind == "load")
    project.raw.mkdir(parents=True)
    for name in ("train", "test"):
        shutil.copy(project.build / "store" / load.path / f"{name}.parquet", project.raw)
    shutil.rmtree(project.build)
    done = project.make("all")
    assert done.returncode == 0, done.stdout + done.stderr
    return project


@pytest.fixture
def project(finished, tmp_path) -> Project:
    shutil.copytree(finished.root, tmp_path, dirs_exist_ok=True, symlinks=True)
    return Project(tmp_path)


@pytest.fixture
def rerun(project, monkeypatch) -> Callable[[], tuple[set[str], Flow]]:
    """Run the project in this process -> what was computed, or would be of the report; the run."""
    package = project.root / "pipeline"
    monkeypatch.setattr(code, "PACKAGE", package)
    monkeypatch.setattr("pipeline.workspace.COMPETITIONS", package / "competitions")

    def clear() -> None:
        code._path.cache_clear()
        code.refresh()

    def run() -> tuple[set[str], Flow]:
        clear()
        workspace, ran = Workspace(project.root, "tiny"), set()
        flow = session.start(workspace, load_configuration("tiny"), Reporter(silent=True))
        with one_thread():
            for node in nodes_for(goals_of("all", flow.names), flow.names):
                if node.stage != "evaluate":
                    flow.compute(node)
                if (node not in flow.done and not flow.look_up(node)) or flow.done[node].computed:
                    ran.add(node.name)
        return ran, flow

    yield run
    monkeypatch.undo()
    clear()


def in_toml(before: str, after: str) -> Callable[[Project], None]:
    return lambda project: edit(project.toml, before, after)


def in_code(name: str, before: str, after: str) -> Callable[[Project], None]:
    return lambda project: edit(project.root / "pipeline" / name, before, after)


def appended(name: str, text: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        path = project.root / "pipeline" / name
        path.write_text(path.read_text() + text)

    return change


def raw_file(how: str) -> Callable[[Project], None]:
    """Touch, or change in place, without another size or time."""

    def change(project: Project) -> None:
        import pandas as pd

        path = project.raw / ("train.parquet" if how == "future" else "test.parquet")
        stat = path.stat()
        if how == "changed":
            frame = pd.read_parquet(path)
            frame.loc[0, "Age"] = 99 - int(frame.loc[0, "Age"])
            frame.to_parquet(path, index=False)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        elif how == "touched":
            path.touch()
        else:
            os.utime(path, (4e9, 4e9))

    return change


def damage(kind: str, filename: str = "value.json") -> Callable[[Project], None]:
    def change(project: Project) -> None:
        key = next(key for key in project.stored() if key.kind == kind)
        path = project.build / "store" / key.path / filename
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    return change


def delete(pattern: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        for path in project.root.glob(pattern):
            path.unlink() if path.is_file() else shutil.rmtree(path)

    return change


def write(name: str, text: str) -> Callable[[Project], None]:
    return lambda project: (project.root / name).write_text(text)


def keep_score(project: Project) -> None:
    record_score(project.submission(), 0.85, "tiny")


def fitted(project: Project) -> set[str]:
    """What was fitted on rows: fits, and the smaller ones of the learning curves."""
    return {key.path for key in project.stored() if key.kind in ("fit", "validation")}


NEW_FUNCTION = "\n\ndef unused() -> int:\n    return 1\n"
CHANGES = {
    "a comment in the TOML": (in_toml("[split]", "# a comment\n[split]"), set()),
    "a default written out": (in_toml("[split]", "[split]\nseed = 0"), set()),
    "a comment in code": (appended("metrics/metric.py", "\n# a comment\n"), set()),
    "a docstring in code": (in_code("metrics/metric.py", '"""A metric: its', '"""Its'), set()),
    "a description of a setting": (
        in_code("early_stopping.py", "trees, at most", "not more trees"),
        set(),
    ),
    "a leaderboard score": (keep_score, {"evaluate"}),
    "one setting of one model": (
        in_toml("[models.linear]", "[models.linear]\nl2 = 0.5"),
        {"tune-linear", "train-linear", *ENDS},
    ),
    "one setting of one model that is tuned": (
        in_toml("max_rounds = 20", "max_rounds = 21"),
        {"tune-lightgbm", "train-lightgbm", *ENDS},
    ),
    "more trials": (
        in_toml("trials = 4", "trials = 5"),
        {"tune-lightgbm", "train-lightgbm", "blend", "evaluate"},
    ),
    "one more repeat": (in_toml("repeats = 2", "repeats = 3"), {"split", *FITS, *ENDS}),
    "other folds": (in_toml("folds = 3", "folds = 4"), {"split", *FITS, *ENDS}),
    "a model taken out": (in_toml("[models.logistic]\n", ""), {*ENDS}),
    "a second model of one kind": (
        in_toml("[models.linear]", '[models.stiff]\nkind = "linear"\nl2 = 3.0\n[models.linear]'),
        {"tune-stiff", "train-stiff", *ENDS},
    ),
    "a model's columns": (
        in_toml("[models.linear]", '[models.linear]\ndrop = ["Age"]'),
        {"encode", "tune-linear", "train-linear", *ENDS},
    ),
    "a setting of the blend": (
        in_toml("[tune]", "[blend]\nrounds = 5\n[tune]"),
        {*ENDS},
    ),
    "a setting of the exploration": (
        in_toml("permutations = 9", "permutations = 10"),
        {"explore", "evaluate"},
    ),
    "a setting of the report": (
        in_toml("importance_rows = 60", "importance_rows = 50"),
        {"evaluate"},
    ),
    "another metric of the same loss": (
        in_toml('metric = "accuracy"', 'metric = "balanced_accuracy"'),
        {*FITS, *ENDS},
    ),
    "one model's file": (
        appended("models/linear.py", NEW_FUNCTION),
        {"tune-linear", "train-linear", "evaluate"},
    ),
    "the file of the model that explore could use, too": (
        appended("models/lightgbm.py", NEW_FUNCTION),
        {"tune-lightgbm", "train-lightgbm", "evaluate"},
    ),
    "a module of from_scratch that one model uses": (
        appended("from_scratch/numerical_embeddings.py", NEW_FUNCTION),
        {"tune-neural_net", "train-neural_net", "evaluate"},
    ),
    "metrics": (appended("metrics/metric.py", NEW_FUNCTION), {*FITS, *ENDS}),
    "the competition's features": (
        appended("competitions/airline.py", NEW_FUNCTION),
        {"encode", "evaluate"},
    ),
    "another competition's module": (
        appended("competitions/airline_openml.py", NEW_FUNCTION),
        set(),
    ),
    "the simulator": (appended("competitions/airline_survey.py", NEW_FUNCTION), {"load"}),
    "a file beside the features": (
        write("pipeline/competitions/cities.csv", "Ulm"),
        {"load", "encode", "evaluate"},
    ),
    "another competition's TOML": (
        in_code("competitions/titanic.toml", "[split]", "[split]\nseed = 4"),
        set(),
    ),
    "encoders": (appended("encoding/numbers.py", NEW_FUNCTION), {"encode", *FITS, "evaluate"}),
    "a page's template": (
        appended("templates/page.css", "\np { margin: 0 }\n"),
        {"explore", "evaluate"},
    ),
    "a section of the report": (appended("report/drift.py", NEW_FUNCTION), {"evaluate"}),
    "the store": (appended("store.py", NEW_FUNCTION), set()),
    "a raw file touched": (raw_file("touched"), set()),
    "a raw file with a time in the future": (raw_file("future"), set()),
    "a raw file changed, of equal time": (
        raw_file("changed"),
        {"load", "explore", "split", "encode", *FITS, *ENDS},
    ),
    "a raw file gone": (delete("data/raw/tiny/*"), ALL),
    "a deleted value": (delete("data/build/tiny/store/blend"), {"blend"}),
    "a damaged value": (damage("split"), {"split"}),
    "a damaged array": (damage("blend", "arrays.npz"), {"blend"}),
    "a damaged page": (damage("explore"), {"explore"}),
}


# stages run again that ask for fits, and find them
NOTHING_IS_FITTED = (
    "metrics",
    "another metric of the same loss",
    "a setting of the blend",
    "a model taken out",
    "a section of the report",
)


def test_what_touches_nothing_runs_nothing_again(project, rerun):
    """All of them at once: one that touched anything would be seen."""
    before, fits = project.submission().read_bytes(), fitted(project)
    for change, touched in CHANGES.values():
        if not touched:
            change(project)

    ran, flow = rerun()

    assert ran == set()
    assert flow.value("submit").content == before
    assert fitted(project) == fits


@pytest.mark.parametrize("change", [change for change, (_, touched) in CHANGES.items() if touched])
def test_what_a_change_touches_runs_again(project, rerun, change):
    before, fits = project.submission().read_bytes(), fitted(project)
    make_change, expected = CHANGES[change]
    make_change(project)

    ran, flow = rerun()

    assert ran == expected, change
    assert rerun()[0] <= {"evaluate"}
    if change in NOTHING_IS_FITTED:
        assert fitted(project) == fits
    if not ran & {"blend", *TRAIN}:
        assert flow.value("submit").content == before


def test_what_a_run_left_is_there_again_and_nothing_is_computed(project):
    before, experiments = project.submission().read_bytes(), len(project.experiments())
    for pattern in ("submissions/tiny/*.csv", "data/build/tiny/report.html"):
        delete(pattern)(project)
    assert project.computed() == set()
    assert project.submission().read_bytes() == before
    assert (project.build / "report.html").is_file()
    assert len(project.experiments()) == experiments
    assert project.make("all").stdout.startswith("nothing to do: submissions")


# -- what behaves otherwise, and is not only written otherwise -------------------------------------


def reversed_predictions(project: Project) -> None:
    before = "fitted.predict(_select(self.tables(fitted.member).train, rows))"
    edit(project.root / "pipeline" / "fits.py", before, f"{before}[::-1].copy()")


def another_best_trial(project: Project) -> None:
    after = '{**best.params, "learning_rate": 0.5}'
    edit(
        project.root / "pipeline" / "stages" / "tune.py", "best.params if best", f"{after} if best"
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (reversed_predictions, {*FITS, "blend", "submit"}),
        (another_best_trial, {*TUNE, "train-lightgbm", "blend", "submit"}),
    ],
)
def test_what_behaves_otherwise_reaches_the_submission(project, change, expected):
    before = project.submission()
    change(project)
    assert project.computed("submit") == expected
    assert len(submissions(project)) == 2 and before in submissions(project)


def test_a_helper_of_the_features_beside_the_package_counts(project):
    helper = project.root / "helpers.py"
    helper.write_text("def older(age):\n    return age + 1\n")
    features = project.root / "pipeline" / "competitions" / "airline.py"
    edit(features, "\ndef features(", "\nfrom helpers import older\n\n\ndef features(")
    edit(features, "    return frame.assign(", "    return frame.assign(Older=older(frame['Age']),")
    assert {"encode", *TRAIN} <= project.computed("PRESET=quick", "submit")
    helper.write_text("def older(age):\n    return age % 7\n")
    assert {"encode", *TRAIN} <= project.computed("PRESET=quick", "submit")
    assert project.computed("PRESET=quick", "submit") == set()


def test_a_preset_and_back_computes_nothing_twice(project):
    before = project.submission()
    quick = project.computed("PRESET=quick", "submit")
    assert {"split", "blend"} <= quick and "load" not in quick and "encode" not in quick
    fits = sum(key.kind == "fit" for key in project.stored())
    assert project.computed("all") == set()
    assert before in submissions(project)
    assert [each["preset"] for each in project.experiments()] == ["default", "quick"]
    # the quick preset's folds are the first repeat's: only the untuned model is fitted again
    assert sum(key.kind == "fit" for key in project.stored()) == fits


def test_settings_put_back_with_their_old_time_count(project):
    kept = project.root / "kept.toml"
    shutil.copy2(project.toml, kept)
    edit(project.toml, "[models.linear]", "[models.linear]\nl2 = 0.5")
    assert "train-linear" in project.computed("submit")
    shutil.copy2(kept, project.toml)
    assert project.computed() == set()
    assert "nothing to do" in project.make("all").stdout
    assert (
        project.experiments()[-1]["nodes"]["tune-linear"]["settings"]["member"]["settings"]["l2"]
        == 0.5
    )


def test_a_note_is_kept_and_computes_nothing(project):
    assert project.computed("all", "NOTE=pair features") == set()
    (experiment,) = project.experiments()
    assert experiment["note"] == "pair features"
    ledger = project.root / "submissions" / "tiny" / "ledger.jsonl"
    assert len(ledger.read_text().splitlines()) == 1


def test_what_the_budget_cut_short_is_found_again_and_so_is_all_that_follows(project):
    edit(project.toml, "minutes = 10", "minutes = 0.001")
    edit(project.toml, "folds = 3", "folds = 4")  # of other folds nothing is there yet
    done = project.make("submit")
    assert "left out" in done.stdout, done.stdout + done.stderr
    assert project.computed("submit", "NOTE=looked up") == set()
    lines = project.run("graph", "tiny").stdout.splitlines()
    assert [line.split()[0] for line in lines if "would run: " in line] == ["evaluate"]
    edit(project.toml, "minutes = 0.001", "minutes = 0.002")
    assert "minutes cut it short, and are divided again" in project.run("graph", "tiny").stdout


def test_a_library_of_another_version_counts(project, tmp_path):
    """The version of LightGBM is read where it is installed: here a folder says another one."""
    site = tmp_path / "site"
    (site / "lightgbm-0.0.1.dist-info").mkdir(parents=True)
    (site / "lightgbm-0.0.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: lightgbm\nVersion: 0.0.1\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    # a run that sees nothing changed asks for no versions: another change makes it look
    edit(project.toml, "[models.linear]", "[models.linear]\nl2 = 0.5")
    done = project.make("train", env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = computed(done.stdout)
    assert "train-lightgbm" in ran and "train-linear" in ran and "train-logistic" not in ran


def test_the_files_of_the_table_exist():
    root = Path(__file__).parent.parent / "pipeline"
    for name in ("competitions/airline.py", "encoding/numbers.py", "report/drift.py"):
        assert (root / name).is_file(), name
    assert "trials = 4" in TINY
