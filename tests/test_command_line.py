"""What a person types is answered with what happened, or with one sentence and exit code 2."""

import json
import shutil

import pandas as pd
import pytest

from pipeline import __main__ as command_line
from pipeline.ledger import FILENAME, append, read
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
        (("predict", "tiny", "rows.csv"), "make C=tiny all"),
        (("settings", "--preset", "default"), "make C=airline all"),
        (("new", "", "--from", ""), "make new NAME="),
    ],
)
def test_a_command_that_cannot_be_done_says_why(command, submission, tmp_path, arguments, named):
    code, _, told = command(*arguments)
    assert (code, told.startswith("error: "), named in told) == (2, True, True), told
    assert list(tmp_path.rglob("scores.json")) == []


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
