"""What a person types is answered with what happened, or with one message and exit code 2."""

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.blending import Blended
from pipeline.experiments import current
from pipeline.fits import Fit
from pipeline.ledger import FILENAME, Entry, append, read
from pipeline.metrics import METRICS
from pipeline.store import Key
from pipeline.training import Trained
from tests.project import copy_project
from tests.test_predictor import with_numbers


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A folder in which nothing has run, with the TOML of `tiny`; it is the working directory."""
    competitions = tmp_path / "competitions"
    competitions.mkdir()
    (competitions / "tiny.toml").write_text("[models.linear]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.workspace.COMPETITIONS", competitions)
    return tmp_path


@pytest.fixture
def submission(empty):
    """A submission that R² judges, in its ledger."""
    path = empty / "submissions" / "tiny" / "tiny_r2.csv"
    append(path.with_name(FILENAME), Entry(path.name, metric="r2", score=0.5))
    return path


def leaderboard(submission):
    return [entry.leaderboard for entry in read(submission.with_name(FILENAME))]


@pytest.mark.parametrize("value", ["-1", "-0.25", "-1e-3", "0.5"])
def test_a_negative_score_is_a_value_and_no_option(command, submission, value):
    assert command("score", "submissions/tiny/tiny_r2.csv", value)[0] == 0
    assert leaderboard(submission) == [float(value)]


def test_a_bare_name_is_found_and_its_competition_named(command, submission):
    code, output, _ = command("score", "tiny_r2.csv", "--", "-1")
    assert (code, "make C=tiny evaluate" in output) == (0, True)
    assert leaderboard(submission) == [-1]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("score", "tiny_r2.csv", "abc"), "'abc'"),
        (("score", "tiny_r2.csv", "94.1"), "did you mean 0.941?"),
        (("score", "else.csv", "0.5"), "known are: tiny_r2.csv"),
        (("score", "elsewhere/tiny_r2.csv", "0.5"), "elsewhere"),
        (("score", "tiny_r2.csv", "0.5", "--fast"), "--fast"),
        (("score", "tiny_r2.csv", "9" * 400), "finite"),
        (("run", "load", "../x"), "found '../x', allowed are small letters"),
        (("run", "load", "nowhere"), "known are: tiny"),
        (("run", "fly", "tiny"), "there is no goal 'fly'; allowed are all, average, blend"),
        (("run", "train-lightgbm", "tiny"), "NAME is one of the models linear"),
        (("run", "load-linear", "tiny"), "there is no goal 'load-linear'"),
        (("run", "all", "tiny", "--preset", "fast"), "no preset 'fast'; allowed are default"),
        (("graph", "tiny", "--preset", "fast"), "no preset 'fast'; allowed are default"),
        (("clean", ".."), "found '..', allowed are small letters"),
        (("clean", ""), "found none, allowed are small letters"),
        (("clean", "nowhere"), "known are: tiny"),
        (("prune", "tiny", "--keep", "-1"), "'--keep': it should be greater than or equal to 0"),
        (("prune", "tiny", "--keep", "few"), "'--keep': it should be a valid integer"),
        (("prune", "nowhere"), "known are: tiny"),
        (("summary", "/tmp"), "found '/tmp', allowed"),
        (("summary", "tiny"), "`make C=tiny all`"),
        (("watch", "tiny"), "make C=tiny all"),
        (("dashboard", "tiny\x1b]0;x\x07"), "allowed are small letters"),
        (("experiments", "../competitions/tiny"), "allowed are small letters"),
        (("compare", "tiny", "1", "2"), "there is no experiment '1' of tiny; there are: none"),
        (("compare", "tiny", "1"), "For example: `python -m pipeline compare airline 2 1`."),
        (("submit", "tiny", "\x1b"), "there is no experiment"),
        (("predict", "tny", "rows.csv"), "no such competition; known are: tiny"),
        (("predict", "tiny", "rows.csv"), "make C=tiny all"),
        (("predict", "tiny", "rows.csv", "--experiment", "7"), "there is no experiment '7'"),
        (("new", "--preset", "default"), "--preset"),
        (("new", "", "--from", ""), "make new NAME="),
    ],
)
def test_a_command_that_cannot_be_done_says_why(command, submission, empty, arguments, named):
    code, _, error = command(*arguments)
    assert (code, error.startswith("error: "), named in error) == (2, True, True), error
    assert error.count("\n") == 1 and len(error) < 1000
    assert "\x1b" not in error
    assert leaderboard(submission) == [None]
    assert {path.name for path in empty.iterdir()} == {"competitions", "submissions"}


def test_raw_files_that_are_not_there_are_named_with_the_folder(command, empty):
    code, _, error = command("run", "all", "tiny")
    assert (code, error.count("\n")) == (2, 1)
    assert "data/raw/tiny" in error
    assert not list(empty.rglob("*.csv"))


def test_without_experiments_the_command_that_makes_one_is_named(command, empty):
    expected = "no experiment of tiny yet: `make C=tiny all` makes the first one\n"
    assert command("experiments", "tiny") == (0, expected, "")


# -- clean and scores ------------------------------------------------------------------------------


def test_clean_deletes_what_was_computed_and_nothing_else(command, small):
    def files():
        return {path for path in small.root.rglob("*") if small.workspace.store not in path.parents}

    before = files()
    code, output, _ = command("clean", "tiny")
    assert (code, output.startswith("deleted 0.")) == (0, True), output
    assert output.endswith(" MB in data/build/tiny/store\n")
    assert files() == before - {small.workspace.store}
    assert command("clean", "tiny") == (0, "nothing to delete in data/build/tiny/store\n", "")


@pytest.mark.parametrize("place", ["data/build/tiny", "data/build/tiny/store"])
def test_clean_follows_no_link_and_says_so(command, empty, place):
    elsewhere = empty / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "dear").touch()
    (empty / place).parent.mkdir(parents=True)
    (empty / place).symlink_to(elsewhere)
    code, _, error = command("clean", "tiny")
    assert (code, f"this is a link to {elsewhere}, and nothing was deleted" in error) == (2, True)
    assert [path.name for path in elsewhere.iterdir()] == ["dear"]


def test_scores_that_come_at_once_wait_for_each_other(tmp_path):
    project, calls = copy_project(tmp_path), 6
    ledger = tmp_path / "submissions" / "tiny" / FILENAME
    for number in range(calls):
        append(ledger, Entry(f"{number}.csv", metric="accuracy"))
    scoring = [
        subprocess.Popen(
            [sys.executable, "-m", "pipeline", "score", f"{number}.csv", f"0.{number + 10}"],
            cwd=project.root,
            stdout=subprocess.DEVNULL,
        )
        for number in range(calls)
    ]
    assert [call.wait() for call in scoring] == [0] * calls
    kept = {entry.file: entry.leaderboard for entry in read(ledger)}
    assert kept == {f"{number}.csv": float(f"0.{number + 10}") for number in range(calls)}


def test_a_linked_folder_of_submissions_is_not_another_competitions(command, submission, empty):
    append(submission.with_name(FILENAME), Entry("mine.csv", competition="tiny", metric="r2"))
    before = submission.with_name(FILENAME).read_bytes()
    (empty / "submissions" / "other").symlink_to(submission.parent)
    (empty / "competitions" / "other.toml").touch()
    code, _, error = command("score", "submissions/other/mine.csv", "0.5")
    assert (code, "of 'tiny', not of 'other'" in error) == (2, True)
    assert submission.with_name(FILENAME).read_bytes() == before
    assert not (empty / "data").exists()


def test_a_folder_of_submissions_may_lie_elsewhere(command, submission, empty):
    elsewhere = empty / "cloud" / "kept"
    elsewhere.parent.mkdir()
    submission.parent.rename(elsewhere)
    submission.parent.symlink_to(elsewhere)
    code, output, _ = command("score", "submissions/tiny/tiny_r2.csv", "0.5")
    assert (code, "make C=tiny evaluate" in output) == (0, True)
    assert leaderboard(elsewhere / submission.name) == [0.5]


# -- what lies in the way --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("data/build", "this is a file, where a folder belongs"),
        ("data/build/tiny", "this is a file, where a folder belongs"),
        ("data/build/tiny/store", "this is a file, where a folder belongs"),
        ("data/build/tiny/experiments", "this is a file, where a folder belongs"),
        ("data/build/tiny/last_run.json/", "this is a folder, where a file belongs"),
        ("data/build/tiny/report.html/", "this is a folder, where a file belongs"),
        ("submissions", "this is a file, where a folder belongs"),
    ],
)
def test_a_file_where_a_folder_belongs_is_named(command, small, place, found):
    path = small.root / place
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.mkdir() if place.endswith("/") else path.touch()
    small.edit("max_rounds = 5", "max_rounds = 4")
    code, _, error = command("run", "all", "tiny")
    advice = "Move it away, and run the same command again."
    assert (code, error) == (2, f"error: {path}: {found}. {advice}\n")


@pytest.mark.parametrize("kind", ["device", "pipe", "socket", "folder", "link to nothing"])
def test_only_files_are_read(command, small, tmp_path, kind):
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
    code, _, error = command("predict", "tiny", "rows.csv")
    expected = {"folder": "is a folder", "link to nothing": "no such file"}
    assert (code, expected.get(kind, "a device, a pipe or a socket") in error) == (2, True), error
    assert not predictions(small).exists()


def predictions(small):
    """The folder of predictions of new rows."""
    return small.workspace.submissions / "predictions"


# -- predict ---------------------------------------------------------------------------------------


def test_files_with_dots_in_their_names_have_places_of_their_own(command, small, tmp_path):
    rows = pd.read_csv(small.test_file)
    for name in ("b.2024.csv", "b.2025.csv.gz", "B.TSV"):
        rows.to_csv(name, index=False, sep="\t" if name == "B.TSV" else ",")
        assert command("predict", "tiny", name)[0] == 0
    names = ["B.TSV.predictions.csv", "b.2024.predictions.csv", "b.2025.csv.gz.predictions.csv"]
    assert sorted(path.name for path in predictions(small).iterdir()) == names
    assert "replaced" not in command("predict", "tiny", "b.2024.csv")[1]
    (tmp_path / "other").mkdir()
    rows[:5].to_csv("other/b.2024.csv", index=False)
    assert "note: other predictions lay there" in command("predict", "tiny", "other/b.2024.csv")[1]


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["model", "blend"])
def test_numbers_that_are_none_are_not_written(command, small, where, value):
    spoil_model(small, value) if where == "model" else spoil_blend(small, value)
    code, output, error = command("predict", "tiny", str(small.test_file))
    assert code == 2, output
    assert error.count("\n") == 1 and "is damaged" in error
    assert ("run the same command again" if where == "model" else "`make C=tiny all`") in error
    assert not predictions(small).exists()


def spoil_blend(small, value):
    """Put the value in the place of the temperatures; the checksums are right."""
    key = current(small.workspace).key("blend")
    blended = small.store.get(key, Blended)
    scales = np.full_like(blended.blend.inverse_temperatures, value)
    blend = replace(blended.blend, inverse_temperatures=scales)
    replace_value(small.store, key, replace(blended, blend=blend))


def spoil_model(small, value):
    """Put the value in the place of every coefficient of a fit."""
    experiment = current(small.workspace)
    assert experiment.weights["linear"] > 0
    key = Key(*small.store.get(experiment.key("train-linear"), Trained).fits[0].key.split("/"))
    fit = small.store.get(key, Fit)
    state = {**fit.state, "model": with_numbers(fit.state["model"], value)}
    replace_value(small.store, key, replace(fit, state=state))


def replace_value(store, key, value):
    store.remove(key)
    store.put(key, value)


def test_new_rows_are_scored_and_what_is_odd_is_noted(command, small):
    rows = pd.read_csv(small.test_file).assign(city="목성")
    rows.to_csv("rows.csv", index=False)
    shutil.make_archive("rows", "zip", ".", "rows.csv")
    code, output, errors = command("predict", "tiny", "rows.zip/rows.csv")
    assert (code, errors) == (0, "")
    wrote, note = output.splitlines()
    assert wrote.startswith(
        "wrote submissions/tiny/predictions/rows.predictions.csv: 30 rows, predicted by "
        "experiment 1 (preset default, "
    )
    assert note == "note: 1 value in 1 column was never seen in training ('city': '목성')"


# -- new and help ----------------------------------------------------------------------------------


def test_new_reports_what_it_found_and_what_comes_next(command, empty, tmp_path):
    train = pd.DataFrame({"id": range(40), "x": range(40), "y": [0, 1] * 20})
    (tmp_path / "files").mkdir()
    train.to_csv("files/train.csv", index=False)
    train.drop(columns="y").to_csv("files/test.csv", index=False)
    code, output, _ = command("new", "fresh", "--from", "files")
    assert code == 0
    for line in ("target 'y': ", "id 'id': ", "task binary: ", "metric accuracy: GUESSED"):
        assert f"\n{line}" in f"\n{output}"
    assert "wrote competitions/fresh.toml, copied the files to data/raw/fresh\n" in output
    assert output.endswith("next: make C=fresh all\n")
    assert (tmp_path / "competitions" / "fresh.toml").exists()


def test_without_a_command_the_help_is_shown(command):
    code, output, errors = command()
    assert (code, errors) == (0, "")
    assert "experiments  List the runs that" in output


def test_help_shows_no_type_for_help_itself(command):
    for arguments in (("--help",), ("score", "--help")):
        assert "<bool>" not in command(*arguments)[1]


def test_new_takes_options_and_names_the_one_that_helps(command, empty, tmp_path):
    raw = tmp_path / "files"
    raw.mkdir()
    train = pd.DataFrame({"id": range(40), "x": range(40), "y": [0, 1] * 20, "when": ["May"] * 40})
    train.to_csv(raw / "train.csv", index=False)
    train[["id", "x"]].to_csv(raw / "test.csv", index=False)
    code, _, error = command("new", "fresh", "--from", str(raw))
    assert (code, error.startswith("error: "), "--target TARGET" in error) == (2, True, True)
    assert not (tmp_path / "data").exists()
    places = ("--from", str(raw / "train.csv"), "--from", str(raw / "test.csv"))
    code, output, _ = command("new", "fresh", *places, "--target", "y", "--set", "split.folds=3")
    assert (code, "copied the files to data/raw/fresh" in output) == (0, True)
    assert {path.name for path in (tmp_path / "data/raw/fresh").iterdir()} == {
        "train.csv",
        "test.csv",
    }
    assert "folds = 3" in (tmp_path / "competitions" / "fresh.toml").read_text()


def test_the_metrics_are_listed_with_what_each_wants(command):
    code, output, _ = command("metrics")
    assert code == 0
    assert {line.split()[0] for line in output.splitlines()} > {*METRICS, "own"}
    (line,) = (line for line in output.splitlines() if line.startswith("map@3"))
    assert line.split(maxsplit=3)[1:] == [
        "higher",
        "classes",
        "3 labels in a cell, the likeliest first",
    ]
