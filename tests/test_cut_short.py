"""A run that its minutes cut short ends in a submission, and is repeated to the byte."""

import shutil

import pandas as pd
import pytest

from pipeline import runner
from pipeline.budget import Allowance
from pipeline.predictor import predict_file
from pipeline.progress import Progress
from pipeline.runner import run_stage
from tests.project import TINY, copy_project
from tests.test_make import edit, rerun
from tests.test_predictor import finished, predictor_of, survey

SHORT = TINY.replace("minutes = 10", "minutes = 0.0001")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """One in which there is no time for anything."""
    project = copy_project(tmp_path_factory.mktemp("short"), SHORT)
    done = project.make("all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "neural_net (left out)" in done.stdout
    return project


def test_without_time_the_first_model_is_fitted_once_and_the_others_are_left_out(project):
    work = {
        path.parent.name: runner.Folder(path.parent).read_json("work")
        for path in project.build.glob("train/*/work.json")
    }
    assert work.pop("linear")["repeats"] == [1, 2]
    assert all(of["repeats"] == [0, 2] for of in work.values())
    assert len(work) == 3
    page = (project.build / "evaluate" / "report.html").read_text()
    assert "lightgbm (left out)" in page
    (entry,) = (project.root / "submissions" / "tiny").glob("ledger.jsonl")
    assert '"cut_short": {"lightgbm": {"repeats": [0, 2], "trials": [0, 4]}' in entry.read_text()


def test_what_was_cut_short_is_not_run_again_until_there_is_more_time(project):
    assert rerun(project) == set()
    before, name = project.submission().read_bytes(), project.submission().name
    assert project.make("clean").returncode == 0
    shutil.rmtree(project.root / "submissions")
    rerun(project)
    assert (project.submission().name, project.submission().read_bytes()) == (name, before)
    (project.build / "budget" / "train" / "linear.json").unlink()
    assert rerun(project, "train") == {"train/linear"}


def test_more_minutes_end_as_a_run_without_a_bound(project, finished_project):
    edit(project.toml, "minutes = 0.0001", "minutes = 9")
    ran = rerun(project, "train")
    # those that had no trials to make were complete
    assert ran == {
        "tune/lightgbm",
        *(f"train/{m}" for m in ("lightgbm", "linear", "logistic", "neural_net")),
    }
    edit(project.toml, "minutes = 9", "minutes = 0.0001")
    assert rerun(project, "train") == set()
    for model in ("lightgbm", "linear"):
        oof = f"train/{model}/oof.npy"
        assert (project.build / oof).read_bytes() == (finished_project.build / oof).read_bytes()


@pytest.mark.parametrize("repeats", [{"lightgbm": 1, "linear": 2}, {"lightgbm": 2, "linear": 0}])
def test_every_stage_takes_models_that_were_cut_short(tmp_path, monkeypatch, repeats):
    def followed(workspace, stage, model, *_):
        return Allowance(1.0, follow=repeats[model] if stage == "train" else 0)

    monkeypatch.setattr(runner, "_allowance", followed)
    workspace = finished(tmp_path, survey("binary"))
    expected = workspace.stage("blend").read_array("test")
    test = workspace.stage("load").read_table("test")
    found = predictor_of(workspace).predict(test)
    assert abs(found - expected).max() < 1e-9
    scored = predict_file(workspace, workspace.raw / "test.csv", tmp_path / "scores.csv")
    assert len(pd.read_csv(tmp_path / "scores.csv")) == scored.rows == 30
    for stage in ("explore", "evaluate"):
        run_stage(workspace, stage, None, Progress(live=False))
    told = workspace.stage("evaluate").read_json("leaderboard")
    names = {entry["name"] for entry in told["entries"]}
    assert names == {"blend", *(name for name, count in repeats.items() if count)}
    assert set(told["cut_short"]) == {name for name, count in repeats.items() if count < 2}
