"""A run, and what is done with it: predictions of one experiment, runs side by side, damage."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from pipeline import code, experiment_list, experiments, flow, session
from pipeline.errors import DataError
from pipeline.files import locked
from pipeline.store import Key, Store
from pipeline.training import Trained
from tests.finished import TOML, Small, small_competition
from tests.project import Project, copy_project

STIFFER = ("[models.linear]", "[models.linear]\nl2 = 300.0")
OUT = "predictions.csv"


def predicted(small: Small, number: str = "") -> pd.DataFrame:
    """What `predict` makes of the test rows."""
    out = small.root / OUT
    scored = session.predict_file(small.workspace, small.test_file, out, number)
    assert scored.rows == 30
    return pd.read_csv(out)


def labels(small: Small, number: int) -> list[str]:
    """An experiment's submission."""
    kept = experiments.find(small.workspace, str(number))
    return list(pd.read_csv(small.workspace.submissions / kept.submission)["y"])


@pytest.fixture
def two(small) -> Small:
    """With two experiments, whose predictions differ; the second one is current."""
    small.experiment(*STIFFER)
    assert labels(small, 1) != labels(small, 2)
    return small


# -- predict ---------------------------------------------------------------------------------------


def test_predictions_are_those_of_one_experiment(two):
    assert list(predicted(two)["y"]) == labels(two, 2)
    assert list(predicted(two, "1")["y"]) == labels(two, 1)
    assert list(predicted(two, "0002")["y"]) == labels(two, 2)


def test_predictions_hold_ids_labels_and_probabilities(small):
    found = predicted(small)
    assert list(found) == ["id", "y", "probability no", "probability yes"]
    assert list(found["id"]) == list(pd.read_csv(small.test_file)["id"])
    probabilities = found.filter(like="probability").to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert list(np.array(["no", "yes"])[probabilities.argmax(axis=1)]) == list(found["y"])


def test_settings_that_have_not_run_yet_change_nothing(two):
    two.edit("folds = 2", "folds = 3")
    assert list(predicted(two)["y"]) == labels(two, 2)
    two.toml.write_text("this is [no TOML")
    assert list(predicted(two)["y"]) == labels(two, 2)


@pytest.mark.parametrize("goal", ["load", "encode", "tune", "train-linear", "train"])
def test_a_run_that_was_stopped_half_way_changes_nothing(two, goal):
    two.edit("[split]", '[encode]\nrare = 2\n[load]\ndrop = ["size"]\n[split]\nseed = 5')
    two.run(goal)
    assert list(predicted(two)["y"]) == labels(two, 2)


def test_beside_a_running_run_the_last_complete_one_predicts(two):
    expected = [labels(two, 2)]
    two.edit("folds = 2", "folds = 3\nseed = 5")
    running = two.start("run", "submit", "tiny")
    seen = []
    while running.poll() is None:
        seen.append(list(predicted(two)["y"]))
        time.sleep(0.1)
    output, errors = running.communicate()
    assert running.returncode == 0, output + errors
    expected.append(labels(two, 3))
    assert seen and all(each in expected for each in seen)
    assert list(predicted(two)["y"]) == labels(two, 3)


@pytest.fixture
def with_now(monkeypatch):
    """Let the hash or version of a file or package be another one now; None: it has gone."""
    now = code.now

    def change(part, value):
        monkeypatch.setattr(code, "now", lambda name: value if name == part else now(name))

    return change


@pytest.mark.parametrize(
    "part", ["models/linear.py", "encoding/numbers.py", "reading/kinds.py", "numpy"]
)
def test_code_that_is_another_now_is_refused(small, command, with_now, part):
    with_now(part, "9.9.9" if part == "numpy" else "0" * 64)
    status, output, error = command("predict", "tiny", str(small.test_file))
    assert (status, output) == (2, "")
    assert error.startswith("error: the code is not that of experiment 1 any more: ")
    assert part in error and "make C=tiny all" in error and error.count("\n") == 1
    assert not (small.workspace.submissions / "predictions").exists()


def test_what_helps_after_an_edit_of_the_code_is_named(two, command, with_now):
    with_now("models/linear.py", "0" * 64)
    file = str(two.test_file)
    assert "all`, which computes again" in command("predict", "tiny", file)[2]
    error = command("predict", "tiny", file, "--experiment", "1")[2]
    assert "`make C=tiny all`, which makes a new experiment: to predict by that one, leave" in error


@pytest.mark.parametrize("reading", ["predict", "submit", "compare", "summary"])
def test_what_reads_values_keeps_them_from_being_deleted_meanwhile(
    small, command, monkeypatch, reading
):
    """As runs do: `prune` and `clean` wait for no one, and refuse."""
    used, now = [], []

    @contextmanager
    def noted(path, alone=""):
        used.append(path)
        now.append(path)
        yield
        now.remove(path)

    for module in (session, experiment_list):
        monkeypatch.setattr(module, "in_use", noted)
    read = Store.manifest
    outside = []

    def manifest(store, key, digest=""):
        outside.extend([key] if not now else [])
        return read(store, key, digest)

    monkeypatch.setattr(Store, "manifest", manifest)
    given = {"predict": [str(small.test_file)], "submit": ["1"], "compare": ["1", "1"]}
    assert command(reading, "tiny", *given.get(reading, []))[0] == 0
    assert used == [small.workspace.lock] and not outside


def test_predict_names_its_experiment(two, command):
    two.experiment(note="stiffer")
    file = str(two.test_file)
    assert (
        "30 rows, predicted by experiment 2 (preset default, "
        in command("predict", "tiny", file)[1]
    )
    assert command("predict", "tiny", file)[1].endswith(" UTC): stiffer\n")
    output = command("predict", "tiny", file, "--experiment", "1")[1]
    assert "predicted by experiment 1 (" in output


def test_pages_name_their_experiment_preset_and_note(small):
    small.run(preset="quick", note="<b>fewer</b>")
    for name in ("report.html", "explore.html", "experiments/0002/report.html"):
        html = (small.build / name).read_text()
        assert "experiment 2 (preset quick, 20" in html
        assert "&lt;b&gt;fewer&lt;/b&gt;" in html and "<b>fewer" not in html
    assert (
        "experiment 1 (preset default" in (small.build / "experiments/0001/report.html").read_text()
    )


def test_code_that_has_gone_is_refused(small, command, with_now):
    with_now("models/linear.py", None)
    status, _, error = command("predict", "tiny", str(small.test_file))
    assert (status, "models/linear.py" in error) == (2, True)


@pytest.mark.parametrize("part", ["report/drift.py", "stages/explore.py", "stages/submit.py"])
def test_code_that_predicts_nothing_may_change(small, with_now, part):
    with_now(part, "0")
    assert list(predicted(small)["y"]) == labels(small, 1)


def test_predictions_go_on_after_code_that_changed_nothing(small, with_now, with_code):
    """The same experiment is then one of the new code."""
    with_now("reading/schema.py", "1" * 64)
    with_code("reading/schema.py", "1" * 64)
    with pytest.raises(DataError, match=r"not that of experiment 1 any more: reading/schema\.py"):
        predicted(small)
    assert small.experiment().number == 1
    assert list(predicted(small)["y"]) == labels(small, 1)


def test_an_edited_features_module_is_refused_until_it_has_run_or_is_put_back(
    finished_project, tmp_path
):
    shutil.copytree(finished_project.root, tmp_path, dirs_exist_ok=True, symlinks=True)
    project = Project(tmp_path)
    module = tmp_path / "pipeline" / "competitions" / "airline.py"
    before = module.read_text()
    (load,) = (key for key in project.stored() if key.kind == "load")
    rows = pd.read_parquet(project.store.root / load.path / "test.parquet")
    rows.to_csv(tmp_path / "rows.csv", index=False)

    def predict():
        return project.run("predict", "tiny", "rows.csv", "--out", "scores.csv")

    assert predict().returncode == 0
    scores = (tmp_path / "scores.csv").read_bytes()
    module.write_text(before + "\n\ndef unused() -> int:\n    return 1\n")
    done = predict()
    assert (done.returncode, done.stdout) == (2, "")
    assert "competitions/airline.py" in done.stderr and done.stderr.count("\n") == 1
    assert (tmp_path / "scores.csv").read_bytes() == scores
    module.write_text(before)
    assert predict().returncode == 0
    assert (tmp_path / "scores.csv").read_bytes() == scores


def test_values_that_have_gone_are_one_message(small, command):
    small.store.clean()
    status, _, error = command("predict", "tiny", str(small.test_file))
    assert (status, error.count("\n")) == (2, 1)
    assert (
        "is not in the store any more, as after `prune` or `clean`" in error
        and "make C=tiny all" in error
    )
    status, _, error = command("summary", "tiny")
    assert (status, "is not in the store any more" in error) == (2, True)


def test_the_summary_is_that_of_the_last_run(two, command):
    two.run()
    status, output, _ = command("summary", "tiny")
    assert (status, "experiment 2: " in output) == (0, True)
    assert "submitted" in output and "make C=tiny watch" in output


# -- the file first --------------------------------------------------------------------------------


def test_a_page_that_fails_stands_in_no_submissions_way(small, monkeypatch):
    def evaluate(*arguments, **options):
        raise RuntimeError("no page")

    monkeypatch.setattr("pipeline.stages.evaluate.evaluate", _like(evaluate, "evaluate"))
    flow.stages.cache_clear()
    small.edit(*STIFFER)
    try:
        with pytest.raises(RuntimeError, match="no page"):
            small.run()
    finally:
        monkeypatch.undo()
        flow.stages.cache_clear()
    assert len(small.submissions) == 2
    assert [each["experiment"] for each in small.ledger()] == [1, 2]


def _like(function, name):
    """With the signature of the stage of this name."""
    function.__signature__ = flow.inspect.signature(flow.stages()[name].function)
    return function


# -- runs side by side -----------------------------------------------------------------------------


@pytest.fixture
def fresh(small, tmp_path, monkeypatch) -> Small:
    """In which nothing has run, beside a finished run of the same files."""
    root = tmp_path / "fresh"
    root.mkdir()
    small = small_competition(root)
    monkeypatch.setattr("pipeline.workspace.COMPETITIONS", small.settings)
    monkeypatch.chdir(root)
    return small


def ended(*processes):
    for process in processes:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, output + errors
        yield output


def files(small: Small) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in small.submissions}


def pages(folder):
    """The files of the pages."""
    found = [*folder.glob("*.html"), *folder.glob("report.json"), *folder.glob("figures/*")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_the_pages_of_one_run_are_written_while_no_other_writes_its_own(small):
    """One that holds the lock is at work on them: the other waits."""
    with locked(small.build / ".pages.lock"):
        (small.build / "report.html").write_text("of another run")
        running = small.start("run", "all", "tiny")
        time.sleep(3)
        assert running.poll() is None
        assert (small.build / "report.html").read_text() == "of another run"
    list(ended(running))
    assert pages(small.build) == pages(small.workspace.experiments / "0001")


def test_figures_of_other_settings_are_not_left_behind(small):
    for folder in (small.build, small.workspace.experiments / "0001"):
        (folder / "figures" / "of_a_section_that_is_gone.png").write_bytes(b"old")
    small.edit("importance_rows = 0", "importance_rows = 20")
    small.run()
    assert "of_a_section_that_is_gone.png" not in str(pages(small.build).keys())
    assert pages(small.build) == pages(small.workspace.experiments / "0001")


def test_two_presets_run_side_by_side(fresh, small):
    """Each on its own experiment, and with the files that they make one after the other."""
    for each in (small, fresh):
        each.edit("[presets", "[presets.quick.models.linear]\nl2 = 300.0\n[presets")
    small.run("submit", preset="quick")
    list(
        ended(
            fresh.start("run", "all", "tiny"),
            fresh.start("run", "all", "tiny", "--preset", "quick"),
        )
    )
    kept = experiments.read_all(fresh.workspace)
    assert [each.number for each in kept] == [1, 2]
    assert {each.preset for each in kept} == {"default", "quick"}
    assert files(fresh) == files(small) and len(files(small)) == 2
    assert {each["file"] for each in fresh.ledger()} == {*files(small)}
    for each in kept:
        assert (fresh.workspace.experiments / each.name / "report.html").is_file()
    last = experiments.current(fresh.workspace)
    assert json.loads((fresh.build / "last_run.json").read_text())["preset"] == last.preset
    assert pages(fresh.build) == pages(fresh.workspace.experiments / last.name)
    for each in kept:
        assert list(predicted(fresh, each.name)["y"]) == labels(fresh, each.number)


def test_two_equal_runs_at_once_are_one_experiment(fresh, small):
    list(ended(*(fresh.start("run", "submit", "tiny") for _ in range(2))))
    assert [each.number for each in experiments.read_all(fresh.workspace)] == [1]
    assert files(fresh) == files(small)
    assert len(fresh.ledger()) == 1
    assert not list(fresh.store.root.glob(".unfinished/*"))


def test_what_a_run_needs_is_not_deleted_beside_it(fresh, small, command):
    running = fresh.start("run", "submit", "tiny")
    wait_for(fresh.store.root / "fit")
    for name in ("prune", "clean"):
        status, _, error = command(name, "tiny")
        assert running.poll() is None
        assert (status, "a run is under way" in error, error.count("\n")) == (2, True, 1)
    list(ended(running))
    assert files(fresh) == files(small)
    assert [command(name, "tiny")[0] for name in ("prune", "clean")] == [0, 0]


def wait_for(path):
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert path.exists()


def test_ctrl_c_says_how_to_go_on(fresh, small):
    running = fresh.start("run", "all", "tiny")
    wait_for(fresh.store.root / "load")
    os.kill(running.pid, signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert (running.returncode, "goes on where it stopped" in errors) == (130, True), errors
    fresh.run("submit")
    assert files(fresh) == files(small)


# -- damage ----------------------------------------------------------------------------------------


# (The tests of the store do every kind of damage to every file.)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def zero(path):
    path.write_bytes(bytes(path.stat().st_size))


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def of_kinds(small, *kinds):
    """The files of these values."""
    paths = (small.store.root.glob(f"{kind}/*/*") for kind in kinds)
    return sorted(path for found in paths for path in found if path.stat().st_size)


@pytest.mark.parametrize(
    "kinds", [("load", "tune", "blend"), ("split", "encode", "train", "submit")]
)
def test_a_damaged_value_alone_is_computed_again(small, kinds):
    """Each file once, of several values at a time: what else is made of them is found."""
    before, damages = files(small), itertools.cycle((flip, os.unlink))
    of_values = itertools.groupby(of_kinds(small, *kinds), key=lambda path: path.parent)
    for paths in itertools.zip_longest(*(list(found) for _, found in of_values)):
        damaged = [path for path in paths if path is not None]
        contents = [path.read_bytes() for path in damaged]
        for path in damaged:
            next(damages)(path)
        done = small.run("submit").flow.done
        computed = {each.key.path for each in done.values() if each.computed}
        assert computed == {str(path.parent.relative_to(small.store.root)) for path in damaged}
        for path, content in zip(damaged, contents, strict=True):
            assert path.name.startswith(("measured", "manifest")) or path.read_bytes() == content
    assert files(small) == before


def test_a_damaged_fit_alone_is_fitted_again(small, monkeypatch):
    from pipeline import fitting

    before, fitted, fit = files(small), [], fitting.fit
    monkeypatch.setattr(fitting, "fit", lambda *given: fitted.append(1) or fit(*given))
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 1)
    paths = of_kinds(small, "fit")
    assert len(paths) > 8
    for path, damage in zip(paths, itertools.cycle((zero, truncate)), strict=False):
        damage(path)
        shutil.rmtree(small.store.root / "train")
        fitted.clear()
        small.run("submit")
        assert len(fitted) == 1, path
    assert files(small) == before


def test_a_damaged_fit_is_fitted_again_where_rows_are_predicted(small):
    expected = predicted(small)
    for path in of_kinds(small, "fit"):
        flip(path)
    pd.testing.assert_frame_equal(predicted(small), expected)
    trained = small.store.get(experiments.current(small.workspace).key("train-linear"), Trained)
    assert all(small.store.manifest(Key(*fit.key.split("/"))) for fit in trained.fits)


def test_foreign_files_in_the_store_are_left_alone(small):
    foreign = [
        small.store.root / name
        for name in ("notes.txt", "fit/notes.txt", "fit/notes/notes.txt", "load/.hidden/x")
    ]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("dear\n")
    before = files(small)
    small.edit(*STIFFER)
    small.run("submit")
    experiments.prune(small.workspace, keep=1)
    assert set(before) < set(files(small))
    assert all(path.read_text() == "dear\n" for path in foreign)


LEAN = """
import sys
from pathlib import Path
from pipeline.flow import Reporter
from pipeline.session import run
from pipeline.workspace import Workspace

LARGE = {"pandas", "scipy", "sklearn", "lightgbm"}
for goal in ("load", "submit"):
    run(Workspace(Path(), "tiny"), goal, reporter=Reporter(silent=True), in_child_processes=True)
    print(len(LARGE & set(sys.modules)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are no child processes")
def test_libraries_are_imported_before_a_second_child_process_and_for_one_alone_in_it(tmp_path):
    copy_project(tmp_path, TOML + '[load]\nsimulator = "airline_survey"\n')
    done = subprocess.run(
        [sys.executable, "-c", LEAN], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("0\n4\n", "")
