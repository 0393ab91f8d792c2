"""One stage at a time: what it is given, and what its DONE says it was computed from."""

import json
import os

import pytest

from pipeline import config, runner
from pipeline.artifacts import Workspace
from pipeline.errors import DataError, SettingsError
from pipeline.progress import Progress

TOML = '[load]\nsimulator = "airline_survey"\nsimulated_train_rows = 60\n[models.linear]\n'


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "COMPETITIONS", tmp_path)
    return Workspace(tmp_path, "tiny")


def snapshots(workspace, text=TOML):
    (workspace.root / "tiny.toml").write_text(text)
    runner.write_snapshots(workspace, config.load_experiment("tiny"), "default")


def run(workspace, *stages):
    for stage in stages:
        runner.run_stage(workspace, stage, None, Progress(live=False))


def test_snapshots_are_rewritten_where_they_change_and_nowhere_else(workspace):
    snapshots(workspace)
    times = {path: path.stat().st_mtime_ns for path in workspace.settings.path.glob("*.json")}
    snapshots(workspace, TOML + "l2 = 0.5\n[submit]\nnote = 'x'\n")
    changed = {path.stem for path, time in times.items() if path.stat().st_mtime_ns != time}
    assert changed == {"submit", "train-linear", "tune-linear"}


def test_snapshots_of_a_model_that_was_taken_out_go_with_it(workspace):
    snapshots(workspace, TOML + "[models.logistic]\n")
    snapshots(workspace, TOML)
    assert not workspace.settings.has("train-logistic.json")
    assert workspace.settings.read_text("models") == "linear\n"


def test_digests_follow_settings_and_inputs_all_the_way_down(workspace):
    snapshots(workspace)
    run(workspace, "load", "split")
    first = workspace.digest("split")
    run(workspace, "load", "split")
    assert workspace.digest("split") == first
    snapshots(workspace, TOML.replace("60", "70"))
    run(workspace, "load", "split")
    assert workspace.digest("split") != first
    done = json.loads(workspace.stage("split").read_text("DONE"))
    assert done["inputs"] == {"load": workspace.digest("load")}


def test_raw_files_behind_linked_folders_count(workspace, tmp_path):
    """Folders that lead in a circle, to nothing and twice to one place are no trouble."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "deep" / "train.csv").write_text("a\n1\n")
    (elsewhere / "up").symlink_to(elsewhere)
    workspace.raw.mkdir(parents=True)
    for name in ("linked", "twice"):
        (workspace.raw / name).symlink_to(elsewhere)
    (workspace.raw / "nothing").symlink_to("nowhere")
    os.mkfifo(workspace.raw / "pipe")
    before = runner._checksums(workspace.raw)
    assert sorted(before) == ["linked/deep/train.csv", "twice/deep/train.csv"]
    (elsewhere / "deep" / "train.csv").write_text("a\n2\n")
    after = runner._checksums(workspace.raw)
    assert all(before[name] != after[name] for name in before)


def test_a_report_with_a_link_that_runs_code_is_not_made(workspace):
    snapshots(workspace)
    workspace.settings.write_json(
        "evaluate", {**workspace.settings.read_json("evaluate"), "url": "javascript:alert(1)"}
    )
    with pytest.raises(SettingsError, match="begin with http:// or https://"):
        run(workspace, "evaluate")


def test_a_stage_whose_input_is_missing_names_the_command_that_makes_it(workspace):
    snapshots(workspace)
    with pytest.raises(DataError, match="make C=tiny load"):
        run(workspace, "split")


def test_a_model_that_the_toml_lacks_is_refused_with_those_it_has(workspace):
    snapshots(workspace)
    with pytest.raises(SettingsError, match="has the models linear"):
        runner.run_stage(workspace, "tune", "lightgbm", Progress(live=False))
