"""What a person types is answered with what happened, or with one sentence and exit code 2."""

import json
import os
import shutil
import socket
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from pipeline import __main__ as command_line
from pipeline.ledger import FILENAME, append, read
from tests.project import ROOT, copy_project
from tests.test_predictor import finished, survey


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run `python -m pipeline ...` in an empty folder -> (exit code, output, errors)."""
    competitions = tmp_path / "competitions"
    competitions.mkdir()
    (competitions / "tiny.toml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.config.COMPETITIONS", competitions)

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr("sys.argv", ["pipeline", *arguments])
        code: object = 0
        try:
            command_line.main()
        except SystemExit as exit:
            code = exit.code or 0
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def submission(tmp_path):
    """A submission that R² judges, in its ledger."""
    path = tmp_path / "submissions" / "tiny" / "tiny_r2.csv"
    append(path.with_name(FILENAME), {"file": path.name, "metric": "r2", "score": 0.5})
    return path


@pytest.mark.parametrize("value", ["-1", "-0.25", "-1e-3", "0.5"])
def test_a_negative_score_is_a_value_and_no_option(command, submission, value):
    assert command("score", "submissions/tiny/tiny_r2.csv", value)[0] == 0
    assert read(submission.with_name(FILENAME))[0]["leaderboard"] == float(value)


def test_a_bare_name_is_found_and_its_competition_told(command, submission, tmp_path):
    code, told, _ = command("score", "tiny_r2.csv", "--", "-1")
    assert (code, "make C=tiny evaluate" in told) == (0, True)
    scores = tmp_path / "data" / "build" / "tiny" / "settings" / "scores.json"
    assert [entry["leaderboard"] for entry in json.loads(scores.read_text())] == [-1]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("score", "tiny_r2.csv", "abc"), "'abc'"),
        (("score", "tiny_r2.csv", "94.1"), "did you mean 0.941?"),
        (("score", "else.csv", "0.5"), "known are: tiny_r2.csv"),
        (("score", "elsewhere/tiny_r2.csv", "0.5"), "elsewhere"),
        (("score", "tiny_r2.csv", "0.5", "--fast"), "--fast"),
        (("predict", "tny", "rows.csv"), "no such competition; known are: tiny"),
        (("run", "load", "../x"), "found '../x', allowed are small letters"),
        (("run", "load", "nowhere"), "known are: tiny"),
        (("clean", ".."), "found '..', allowed are small letters"),
        (("clean", ""), "found none, allowed are small letters"),
        (("clean", "nowhere"), "known are: tiny"),
        (("summary", "/tmp"), "found '/tmp', allowed"),
        (("join", "../x", "linear"), "found '../x', allowed"),
        (("dashboard", "tiny\x1b]0;x\x07"), "allowed are small letters"),
        (("settings", "../competitions/tiny"), "allowed are small letters"),
        (("score", "tiny_r2.csv", "9" * 400), "finite"),
        (("predict", "tiny", "rows.csv"), "make C=tiny all"),
        (("settings", "--preset", "default"), "make C=airline all"),
        (("new", "", "--from", ""), "make new NAME="),
    ],
)
def test_a_command_that_cannot_be_done_says_why(command, submission, tmp_path, arguments, named):
    code, _, told = command(*arguments)
    assert (code, told.startswith("error: "), named in told) == (2, True, True), told
    assert len(told) < 1000
    assert "\x1b" not in told
    assert list(tmp_path.rglob("scores.json")) == []
    assert {path.name for path in tmp_path.iterdir()} == {"competitions", "submissions"}


def test_clean_leaves_raw_files_submissions_and_the_budgets_record(command, submission, tmp_path):
    build = tmp_path / "data" / "build" / "tiny"
    for folder in ("load", "budget/tune", ".blend.tmp", "tune/linear"):
        (build / folder).mkdir(parents=True)
        (build / folder / "file").touch()
    raw = tmp_path / "data" / "raw" / "tiny" / "train.csv"
    raw.parent.mkdir(parents=True)
    raw.touch()
    (build / "studies").symlink_to(raw.parent)
    assert command("clean", "tiny") == (0, "deleted the artifacts in data/build/tiny\n", "")
    assert {path.name for path in build.iterdir()} == {"budget", ".locks"}
    assert (build / "budget" / "tune" / "file").exists()
    assert raw.exists()
    assert submission.with_name(FILENAME).exists()
    assert command("clean", "tiny") == (0, "nothing to delete in data/build/tiny\n", "")


def test_clean_follows_no_link_and_says_so(command, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "dear").touch()
    (tmp_path / "data" / "build").mkdir(parents=True)
    (tmp_path / "data" / "build" / "tiny").symlink_to(elsewhere)
    code, _, told = command("clean", "tiny")
    assert (code, f"this is a link to {elsewhere}, and nothing was deleted" in told) == (2, True)
    assert [path.name for path in elsewhere.iterdir()] == ["dear"]


def test_clean_waits_for_no_run_but_is_refused(command, tmp_path):
    program = (
        "from pathlib import Path\nfrom pipeline.artifacts import Workspace\n"
        f"with Workspace(Path({str(tmp_path)!r}), 'tiny').locked('other'):\n"
        "    print('held', flush=True)\n    input()\n"
    )
    artifact = tmp_path / "data" / "build" / "tiny" / "load"
    artifact.mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        code, _, told = command("clean", "tiny")
        holder.kill()
    assert (code, f"process {holder.pid}" in told, artifact.exists()) == (2, True, True)


def test_scores_that_come_at_once_wait_for_each_other(tmp_path):
    project = copy_project(tmp_path)
    ledger = tmp_path / "submissions" / "tiny" / FILENAME
    for number in range(20):
        append(ledger, {"file": f"{number}.csv", "metric": "accuracy"})
    calls = [
        subprocess.Popen(
            [sys.executable, "-m", "pipeline", "score", f"{number}.csv", f"0.{number + 10}"],
            cwd=project.root,
            stdout=subprocess.DEVNULL,
        )
        for number in range(20)
    ]
    assert [call.wait() for call in calls] == [0] * 20
    kept = {entry["file"]: entry["leaderboard"] for entry in read(ledger)}
    assert kept == {f"{number}.csv": float(f"0.{number + 10}") for number in range(20)}
    scores = json.loads((project.build / "settings" / "scores.json").read_text())
    assert len(scores) == 20


def test_a_linked_folder_of_submissions_is_not_another_competitions(command, submission, tmp_path):
    entry = {"file": "mine.csv", "competition": "tiny", "metric": "r2"}
    append(submission.with_name(FILENAME), entry)
    before = submission.with_name(FILENAME).read_bytes()
    (tmp_path / "submissions" / "other").symlink_to(submission.parent)
    code, _, told = command("score", "submissions/other/mine.csv", "0.5")
    assert (code, "of 'tiny', not of 'other'" in told) == (2, True)
    assert submission.with_name(FILENAME).read_bytes() == before
    assert not (tmp_path / "data").exists()


def test_a_folder_of_submissions_may_lie_elsewhere(command, submission, tmp_path):
    elsewhere = tmp_path / "cloud" / "kept"
    elsewhere.parent.mkdir()
    submission.parent.rename(elsewhere)
    submission.parent.symlink_to(elsewhere)
    assert command("score", "submissions/tiny/tiny_r2.csv", "0.5")[0] == 0
    assert (tmp_path / "data" / "build" / "tiny" / "settings" / "scores.json").exists()
    assert not (tmp_path / "data" / "build" / "kept").exists()


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("data", "this is a file, where a folder belongs"),
        ("data/build/tiny", "this is a file, where a folder belongs"),
        ("data/build/tiny/settings", "this is a file, where a folder belongs"),
        ("data/build/tiny/.locks", "this is a file, where a folder belongs"),
        ("data/build/tiny/settings/load.json/", "this is a folder, where a file belongs"),
    ],
)
def test_a_file_where_a_folder_belongs_is_named(command, tmp_path, place, told):
    (tmp_path / "competitions" / "tiny.toml").write_text("[models.linear]\n")
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if place.endswith("/") else path.touch()
    code, _, error = command("settings", "tiny")
    advice = "Move it away, and run the same command again."
    assert (code, error) == (2, f"error: {path}: {told}. {advice}\n")


@pytest.mark.parametrize("kind", ["device", "pipe", "socket", "folder", "link to nothing"])
def test_only_files_are_read(command, tmp_path, kind):
    finished(tmp_path, survey("binary"))
    path = tmp_path / "rows.csv"
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("rows.csv")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    code, _, told = command("predict", "tiny", "rows.csv")
    expected = {"folder": "is a folder", "link to nothing": "no such file"}
    assert (code, expected.get(kind, "a device, a pipe or a socket") in told) == (2, True), told
    assert not (tmp_path / "submissions").exists()


def test_files_with_dots_in_their_names_have_places_of_their_own(command, tmp_path):
    workspace = finished(tmp_path, survey("binary"))
    rows = pd.read_csv(workspace.raw / "test.csv")
    for name in ("b.2024.csv", "b.2025.csv.gz", "B.TSV"):
        rows.to_csv(name, index=False, sep="\t" if name == "B.TSV" else ",")
        assert command("predict", "tiny", name)[0] == 0
    folder = tmp_path / "submissions" / "tiny" / "predictions"
    names = ["B.TSV.predictions.csv", "b.2024.predictions.csv", "b.2025.csv.gz.predictions.csv"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert "replaced" not in command("predict", "tiny", "b.2024.csv")[1]
    (tmp_path / "other").mkdir()
    rows[:5].to_csv("other/b.2024.csv", index=False)
    assert "note: other predictions lay there" in command("predict", "tiny", "other/b.2024.csv")[1]


@pytest.mark.parametrize("where", ["encoder", "model", "blend"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_not_written(command, tmp_path, where, value):
    workspace = finished(tmp_path, survey("binary"), method="greedy")
    if where == "model":
        spoil(workspace.stage("train").folder("linear").folder("models"), "r0-f0", value)
    elif where == "blend":
        blend = workspace.stage("blend")
        about = blend.read_json("blend")
        text = json.dumps({**about, "sharpness": [value] * len(about["sharpness"])})
        blend.write_text("blend.json", text)
    else:
        encode = workspace.stage("encode").folder("r0-f0")
        state = encode.read_json("encoder")
        encode.write_text("encoder.json", json.dumps(with_floats(state, value)))
    code, told, error = command("predict", "tiny", str(workspace.raw / "test.csv"))
    assert code == 2, told
    if where == "model":
        assert f"Delete {workspace.stage('train').folder('linear').path} and run make" in error
    else:
        assert "no finite number" in error
        assert "make C=tiny clean`, then `make C=tiny all`" in error
    assert not (tmp_path / "submissions").exists()


def with_floats(state, value):
    """The value in the place of every decimal number that is no setting."""
    if isinstance(state, dict):
        kept = ("settings",)
        return {k: v if k in kept else with_floats(v, value) for k, v in state.items()}
    if isinstance(state, list):
        return [with_floats(item, value) for item in state]
    return value if isinstance(state, float) else state


def spoil(models, name, value):
    """Put the value in the place of a model's coefficients."""
    arrays = models.read_arrays(name)
    models.write_arrays(
        name, {k: np.full_like(a, value) if a.dtype.kind == "f" else a for k, a in arrays.items()}
    )


def test_new_rows_are_scored_and_what_is_odd_is_noted(command, tmp_path, capsys):
    workspace = finished(tmp_path, survey("binary"))
    rows = pd.read_csv(workspace.raw / "test.csv").assign(city="목성")
    rows.to_csv("rows.csv", index=False)
    shutil.make_archive("rows", "zip", ".", "rows.csv")
    capsys.readouterr()
    code, told, errors = command("predict", "tiny", "rows.zip/rows.csv")
    assert (code, errors) == (0, "")
    assert told.splitlines() == [
        "wrote submissions/tiny/predictions/rows.predictions.csv: 30 rows",
        "note: 1 value in 1 column was never seen in training ('city': '목성')",
    ]


def test_new_tells_what_it_found_and_what_comes_next(command, tmp_path):
    train = pd.DataFrame({"id": range(40), "x": range(40), "y": [0, 1] * 20})
    (tmp_path / "files").mkdir()
    train.to_csv("files/train.csv", index=False)
    train.drop(columns="y").to_csv("files/test.csv", index=False)
    code, told, _ = command("new", "fresh", "--from", "files")
    assert code == 0
    for line in ("target 'y': ", "id 'id': ", "task binary: ", "metric accuracy: GUESSED"):
        assert f"\n{line}" in f"\n{told}"
    assert "wrote competitions/fresh.toml, copied the files to data/raw/fresh\n" in told
    assert told.endswith("next: make C=fresh all\n")
    assert (tmp_path / "competitions" / "fresh.toml").exists()


def test_help_shows_no_type_for_help_itself(command):
    for arguments in (("--help",), ("score", "--help")):
        assert "<bool>" not in command(*arguments)[1]


def test_new_takes_options_and_names_the_one_that_helps(command, tmp_path):
    from tests.test_new import several_targets

    raw = several_targets(tmp_path / "files")
    code, _, told = command("new", "fresh", "--from", str(raw))
    assert (code, told.startswith("error: "), "--target TARGET" in told) == (2, True, True)
    assert not (tmp_path / "data").exists()
    places = ("--from", str(raw / "train.csv"), "--from", str(raw / "test.csv"))
    code, told, _ = command("new", "fresh", *places, "--target", "y", "--set", "split.folds=3")
    assert (code, "copied the files to data/raw/fresh" in told) == (0, True)
    assert {path.name for path in (tmp_path / "data/raw/fresh").iterdir()} == {
        "train.csv",
        "test.csv",
    }
    assert "folds = 3" in (tmp_path / "competitions" / "fresh.toml").read_text()
