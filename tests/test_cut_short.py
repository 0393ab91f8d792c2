"""A run that its minutes cut short ends in a submission, and is repeated to the byte."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from pipeline import experiments, session
from pipeline.config import load_configuration
from pipeline.flow import Reporter
from pipeline.plan import Decision
from pipeline.problem import Loaded
from pipeline.store import Store
from pipeline.table import whole
from pipeline.training import Trained
from pipeline.workspace import Workspace
from tests.project import FEW_FIGURES, TINY, copy_project

SHORT = FEW_FIGURES.replace("minutes = 10", "minutes = 0.0001")
MEMBERS = ("linear", "logistic", "neural_net", "lightgbm")
UP_TO_THE_SUBMISSION = {"load", "split", "encode", "tune", "train", "blend", "submit"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """One in which there is no time for anything."""
    project = copy_project(tmp_path_factory.mktemp("short"), SHORT)
    done = project.make("all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "neural_net (left out)" in done.stdout
    return project


def workspace_of(project):
    return Workspace(project.root, "tiny")


def stored_value(project, node, kind):
    """What the last run has of a stage."""
    workspace = workspace_of(project)
    return Store(workspace.store).get(experiments.current(workspace).key(node), kind)


def trained(project, name):
    return stored_value(project, f"train-{name}", Trained)


def stored(project):
    return set(Store(workspace_of(project).store).keys())


def ledger(project):
    lines = (project.root / "submissions" / "tiny" / "ledger.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def run(project, minutes):
    """Up to the submission: no page is bounded, and the first run has one of what was cut short."""
    before = project.toml.read_text()
    lines = [f"minutes = {minutes}" if "minutes" in line else line for line in before.split("\n")]
    project.toml.write_text("\n".join(lines))
    done = project.make("submit")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_without_time_the_first_member_is_fitted_once_and_the_others_are_left_out(project):
    found = {name: trained(project, name) for name in MEMBERS}
    assert {name: each.repeats for name, each in found.items()} == {
        **dict.fromkeys(MEMBERS, 0),
        "linear": 1,
    }
    assert {each.asked for each in found.values()} == {2}
    (page,) = workspace_of(project).experiments.glob("*/report.html")
    assert "lightgbm (left out)" in page.read_text()
    cut = {"repeats": [0, 2], "trials": [0, 4], "ran_out": False}
    assert ledger(project)[-1]["cut_short"]["lightgbm"] == cut


def test_what_was_cut_short_is_repeated_to_the_byte(project):
    file, there = project.submission(), stored(project)
    before = file.read_bytes()
    assert project.make("all").returncode == 0
    assert stored(project) == there
    assert project.make("clean").returncode == 0
    shutil.rmtree(project.root / "submissions")
    run(project, 0.0001)
    assert (project.submission(), file.read_bytes()) == (file, before)
    assert of_stages(stored(project)) == of_stages(there)


def of_stages(keys):
    """Those up to the submission: a fit that was under way when time was up may be there, and is of
    no use yet.
    """
    return {key for key in keys if key.kind in UP_TO_THE_SUBMISSION}


def test_a_new_plan_tries_again_what_was_cut_short(project):
    """Where it comes no farther, it ends in the same values."""
    there = stored(project)
    assert "nothing to do" not in project.make("submit", "NEW_PLAN=1").stdout.partition("\n")[0]
    assert of_stages(stored(project)) == of_stages(there)
    assert "nothing to do" in run(project, 0.0001)


def test_more_minutes_end_as_a_run_without_a_bound(project, finished_project):
    run(project, 9)
    for name in MEMBERS:
        one, other = (trained(each, name) for each in (project, finished_project))
        assert one.oof.tobytes() == other.oof.tobytes()
        assert not one.cut_short
    name = finished_project.submission().name
    file = project.root / "submissions" / "tiny" / name
    assert file.read_bytes() == finished_project.submission().read_bytes()


def test_what_is_complete_is_not_cut_short_by_fewer_minutes(project):
    """Nothing is thrown away: what the budget has not bounded is found under any budget."""
    there = stored(project)
    run(project, 0.0002)
    assert stored(project) == there
    assert not any(trained(project, name).cut_short for name in MEMBERS)


def test_every_stage_takes_members_that_were_cut_short(tmp_path):
    repeats = {**dict.fromkeys(MEMBERS, 2), "lightgbm": 1, "linear": 0}
    project = copy_project(tmp_path, TINY)
    decide(project, repeats)
    done = project.make("all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {name: trained(project, name).repeats for name in MEMBERS} == repeats
    # new rows are scored with the very members that there are
    rows, scores = tmp_path / "rows.csv", tmp_path / "scores.csv"
    whole(stored_value(project, "load", Loaded).test).to_csv(rows, index=False)
    done = project.run("predict", "tiny", str(rows), "--out", str(scores))
    assert done.returncode == 0, done.stdout + done.stderr
    one, other = pd.read_csv(scores), pd.read_csv(project.submission())
    assert (one["target"] == other["target"]).all()
    cut = ledger(project)[-1]["cut_short"]
    assert set(cut) == {name for name, count in repeats.items() if count < 2}
    assert np.isfinite(ledger(project)[-1]["score"])


def decide(project, repeats):
    """Write a plan in which training has got so many repeats."""
    configuration = load_configuration("tiny", folder=project.root / "pipeline" / "competitions")
    flow = session.start(workspace_of(project), configuration, Reporter(live=False))
    flow.run("split")
    flow.run("encode")
    for name, count in repeats.items():
        decision = Decision(done=count, asked=2, seconds=1.0, reason="no more repeats fit")
        flow.plan().decide(f"train/{name}", decision)
