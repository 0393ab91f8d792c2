"""What was submitted stays in the ledger, a line each; scores are filled in and nothing is lost."""

import contextlib
import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import BusyError, DataError, SettingsError
from pipeline.files import locked
from pipeline.ledger import (
    FILENAME,
    LOCK,
    Entry,
    append,
    competition_of,
    find,
    parse_score,
    read,
    record_score,
    scored,
)
from pipeline.training import CutShort
from tests.project import ROOT


@pytest.fixture
def ledger(tmp_path):
    path = tmp_path / FILENAME
    for name, score in (("a.csv", 0.9), ("b.csv", 0.8)):
        append(path, Entry(name, score=score, note="남\u2028자\n"))
    return path


def test_entries_come_back_in_the_order_of_entry(ledger):
    assert [entry.file for entry in read(ledger)] == ["a.csv", "b.csv"]
    assert read(ledger)[0].note == "남\u2028자\n"
    assert len(ledger.read_bytes().splitlines()) == 2


def test_a_file_is_entered_once(ledger):
    before = ledger.read_bytes()
    assert append(ledger, Entry("a.csv", score=0.1)) is False
    assert ledger.read_bytes() == before
    assert append(ledger, Entry("c.csv", score=0.1)) is True


def test_a_score_changes_its_own_entry_and_no_other(ledger):
    before = read(ledger)
    assert record_score(ledger.parent / "b.csv", 0.941).leaderboard == 0.941
    assert read(ledger) == [before[0], replace(before[1], leaderboard=0.941)]
    assert [entry.file for entry in scored(read(ledger))] == ["b.csv"]


def test_a_score_of_zero_is_a_score(ledger):
    record_score(ledger.parent / "b.csv", 0.0)
    assert len(scored(read(ledger))) == 1


def test_a_file_that_is_not_there_is_named_with_those_that_are(ledger):
    with pytest.raises(DataError, match=r"known are: a.csv, b.csv"):
        record_score(ledger.parent / "z.csv", 0.5)
    with pytest.raises(DataError, match=r"known are: none"):
        record_score(ledger.parent / "elsewhere" / "a.csv", 0.5)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_must_be_finite(ledger, score):
    before = ledger.read_bytes()
    with pytest.raises(SettingsError, match="finite"):
        record_score(ledger.parent / "a.csv", score)
    assert ledger.read_bytes() == before


@pytest.mark.parametrize(
    "line",
    [
        '{"file": "c.cs',
        "[]",
        '{"name": "c.csv"}',
        '{"file": 3}',
        '{"file": "c.csv", "leaderboard": "best"}',
        '{"file": "c.csv", "score": NaN}',
        '{"file": "c.csv", "score": true}',
        "[" * 100_000,
        '{"file": ""}',
        '{"file": "."}',
        '{"file": ".."}',
        '{"file": "../one.csv"}',
        '{"file": "/tmp/one.csv"}',
        '{"file": "c.csv\\u0000"}',
        '{"file": "c.csv", "score": ' + "9" * 400 + "}",
        '{"file": "c.csv", "score": -' + "9" * 5000 + "}",
        '{"file": "c.csv", "leaderboard": 1e999}',
        '{"file": "c.csv", "weights": {"linear": Infinity}}',
        '{"file": "c.csv", "note": "\\ud800"}',
        '{"file": "c.csv", "note": null}',
        '{"file": "c.csv", "of another version": [NaN]}',
        '{"file": "c.csv", "cut_short": {"linear": {"repeats": [1, 2, 3]}}}',
    ],
)
def test_a_broken_line_is_named_by_its_number(ledger, line):
    broken = ledger.read_text(encoding="utf-8") + "\n" + line + "\n"
    ledger.write_text(broken, encoding="utf-8")
    with pytest.raises(DataError, match=r"ledger.jsonl, line 4: ") as error:
        read(ledger)
    assert len(str(error.value)) < 500
    with pytest.raises(DataError):
        record_score(ledger.parent / "a.csv", 0.5)
    assert ledger.read_text(encoding="utf-8") == broken


def test_who_changes_the_ledger_waits_for_the_other(ledger):
    with held(ledger, seconds=0.6):
        started = time.monotonic()
        assert append(ledger, Entry("c.csv")) is True
        assert time.monotonic() - started > 0.3


def test_a_ledger_that_is_not_given_back_is_named(ledger):
    with (
        held(ledger, seconds=30),
        pytest.raises(BusyError, match="another process"),
        locked(ledger.with_name(LOCK), patience=0.2),
    ):
        pytest.fail("two processes at once")


@contextlib.contextmanager
def held(ledger, seconds):
    """Another process has the ledger for so long."""
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom pipeline.files import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n    time.sleep(float(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", program, str(ledger.with_name(LOCK)), str(seconds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        try:
            yield
        finally:
            holder.kill()


def test_the_competition_is_that_of_the_folder_that_is_named(tmp_path):
    folder = tmp_path / "submissions" / "one"
    folder.mkdir(parents=True)
    (tmp_path / "submissions" / "two").symlink_to(folder)
    (tmp_path / "link").symlink_to(tmp_path)
    for root in (tmp_path, tmp_path / "link"):
        path = root / "submissions" / "two" / "a.csv"
        assert competition_of(path, tmp_path / "submissions") == "two"
    for path in (
        tmp_path / "a.csv",
        tmp_path / "else" / "one" / "a.csv",
        folder / "deeper" / "a.csv",
    ):
        with pytest.raises(DataError, match="lies outside"):
            competition_of(path, tmp_path / "submissions")


def test_simulated_data_has_no_leaderboard(ledger):
    append(ledger, Entry("s.csv", simulated=True))
    before = ledger.read_bytes()
    with pytest.raises(DataError, match="SIMULATED"):
        record_score(ledger.parent / "s.csv", 0.5)
    assert ledger.read_bytes() == before


@pytest.mark.parametrize(
    ("metric", "score", "found"),
    [
        ("accuracy", 94.1, r"found 94.1, allowed are 0 to 1 for accuracy; did you mean 0.941\?"),
        ("roc_auc", -0.1, r"found -0.1, allowed are 0 to 1 for roc_auc\."),
        ("f1_macro", 941.0, r"found 941, allowed are 0 to 1 for f1_macro\."),
        ("balanced_accuracy", 1.1, "allowed are 0 to 1"),
        ("log_loss", -0.2, "allowed are 0 or more"),
        ("rmse", -1.0, "allowed are 0 or more"),
        ("r2", 1.5, "allowed are 1 or less"),
    ],
)
def test_a_score_that_the_metric_cannot_give_is_refused(ledger, metric, score, found):
    append(ledger, Entry("m.csv", metric=metric))
    before = ledger.read_bytes()
    with pytest.raises(SettingsError, match=found):
        record_score(ledger.parent / "m.csv", score)
    assert ledger.read_bytes() == before


@pytest.mark.parametrize(
    ("metric", "score"),
    [("accuracy", 1.0), ("accuracy", 0.0), ("rmse", 5e6), ("r2", -1.0), ("log_loss", 1.3)],
)
def test_a_score_that_the_metric_can_give_is_kept(ledger, metric, score):
    append(ledger, Entry("m.csv", metric=metric))
    assert record_score(ledger.parent / "m.csv", score).leaderboard == score


def test_of_many_submissions_the_few_that_are_named_alike_are_listed_or_the_last(tmp_path):
    path = tmp_path / "one" / FILENAME
    for number in range(40):
        append(path, Entry(f"greedy_0.{number:02}.csv"))
    for typed, expected in (("greedy_0.3.csv", "greedy_0.3"), ("?", "0.37.csv, greedy_0.38.csv,")):
        with pytest.raises(DataError) as caught:
            find(Path(typed), tmp_path)
        listed = str(caught.value).partition("known are: ")[2]
        assert listed.count(".csv") == 3 and "and 37 more." in listed and expected in listed


def test_a_bare_name_is_looked_up_in_every_competition(tmp_path):
    for competition in ("one", "two"):
        append(tmp_path / competition / FILENAME, Entry(f"{competition}.csv"))
    assert find(Path("two.csv"), tmp_path) == tmp_path / "two" / "two.csv"
    with pytest.raises(DataError, match=r"known are: one.csv, two.csv"):
        find(Path("three.csv"), tmp_path)
    with pytest.raises(DataError, match="known are: none"):
        find(Path("three.csv"), tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["abc", "", "0,941", "nan", "-inf", "94%", "1e400"])
def test_what_is_no_score_is_named(text):
    with pytest.raises(SettingsError, match=f"found {text!r}"):
        parse_score(text)


def test_bytes_that_are_no_text_are_refused(ledger):
    ledger.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        read(ledger)


def test_no_ledger_holds_no_entries(tmp_path):
    assert read(tmp_path / FILENAME) == []


def test_lines_are_plain_json(ledger):
    lines = ledger.read_text(encoding="utf-8").split("\n")
    assert [json.loads(line)["file"] for line in lines if line] == ["a.csv", "b.csv"]


OLD = (
    '{"competition": "tiny", "created": "2025-05-01T10:00:00+00:00", "cut_short": {"linear": '
    '{"repeats": [1, 3], "trials": [0, 4]}}, "data": {"train": "abc"}, "file": "old.csv", '
    '"leaderboard": null, "method": "greedy", "metric": "accuracy", "note": "", "score": 1, '
    '"settings": "d1", "simulated": false, "standard_error": 0.0042, '
    '"versions": {"blas": "none", "numpy": "2.0"}, "weights": {"linear": 1.0}}'
)


def test_a_line_of_an_earlier_version_is_read_and_keeps_what_is_not_known_any_more(ledger):
    ledger.write_text(OLD + "\n", encoding="utf-8")
    (entry,) = read(ledger)
    assert (entry.file, entry.score, entry.weights) == ("old.csv", 1.0, {"linear": 1.0})
    assert entry.cut_short == {"linear": CutShort(repeats=(1, 3), trials=(0, 4))}
    assert entry.experiment is None and entry.leaderboard is None
    append(ledger, Entry("new.csv"))
    assert ledger.read_text(encoding="utf-8").split("\n")[0] == OLD
    record_score(ledger.parent / "old.csv", 0.9)
    (line, _, _) = ledger.read_text(encoding="utf-8").split("\n")
    assert json.loads(line) == {**json.loads(OLD), "leaderboard": 0.9}


def test_an_entry_comes_back_as_it_was(ledger):
    entry = Entry(
        "full.csv", "tiny", "rmse", 1.5, 0.1, "stack", {"linear": 1.0},
        {"rnn": CutShort(trials=(1, 2))}, False, {"train": "abc"}, 12, "pairs", {"numpy": "2.0"},
        "2025-05-01T10:00:00+00:00", 1.4,
    )  # fmt: skip
    append(ledger, entry)
    assert read(ledger)[-1] == entry
