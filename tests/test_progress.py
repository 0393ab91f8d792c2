"""A terminal gets a live bar; a pipe gets plain lines and nothing of the bar."""

import io
import re

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.progress import CLEAR_LINE, Progress, clock, padded, say


def test_a_pipe_sees_the_lines_and_no_bar(capsys):
    progress = Progress("train linear", live=False)
    with progress.task("fits", 3) as task:
        for _ in range(3):
            task.advance("best 0.9")
    progress.say("done")
    assert capsys.readouterr().out == "train linear       done\n"


def test_a_stage_shows_its_time_once_in_the_same_place_when_it_is_done(capsys):
    with Progress("train linear", live=False) as progress:
        progress.say("accuracy 0.9")
        progress.say("and more")
        assert capsys.readouterr().out == ""
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"train linear +0\.\d s  accuracy 0\.9", first)
    assert first.index("accuracy") == second.index("and more")
    assert second.split() == ["train", "linear", "and", "more"]


def test_lines_from_before_an_error_are_shown(capsys):
    with pytest.raises(KeyError), Progress("load", live=False) as progress:
        progress.say("from data/raw")
        raise KeyError
    assert "from data/raw" in capsys.readouterr().out


def test_in_a_complete_run_tables_and_advice_are_left_to_the_summary(capsys):
    for brief in (True, False):
        with Progress("submit", live=False, brief=brief) as progress:
            progress.show("a table")
            progress.advise("upload it")
        shown = capsys.readouterr().out
        assert ("a table" in shown, "upload it" in shown) == (not brief, not brief)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1:00"),
     (3599.6, "1:00:00"), (3723, "1:02:03")],
)  # fmt: skip
def test_times_are_read_at_a_glance(seconds, text):
    assert clock(seconds) == text


def test_a_terminal_sees_one_line_of_a_stage_and_nothing_of_what_came_before(capsys):
    with Progress("load", live=True) as progress:
        progress.say("3,000 rows")
    shown = capsys.readouterr().out
    assert shown.startswith("load ") and "\r" in shown
    assert re.fullmatch(r"load +0\.\d s  3,000 rows\n", shown.rpartition(CLEAR_LINE)[2])


HOSTILE = "column \x1b]0;title\x07\x1b[2J\r\x08\x9b31m\u202egnp.\x00 한국어\u3000é"
HARMLESS = "column ?]0;title??[2J???31m?gnp.? 한국어\u3000é"


@pytest.mark.parametrize("live", [False, True])
def test_names_from_files_cannot_command_the_terminal(capsys, live):
    with Progress(HOSTILE, live=False, verbose=True) as progress:
        progress.say(HOSTILE)
        progress.advise(HOSTILE)
        progress.detail(HOSTILE)
        progress.announce(HOSTILE)
    Progress().say(HOSTILE)
    say(HOSTILE, "two\nlines\tand a tab")
    shown = capsys.readouterr().out
    assert shown.count(HARMLESS) >= 5
    assert "two\nlines\tand a tab\n" in shown
    assert not {"\x1b", "\x07", "\r", "\x9b", "\u202e", "\x00"} & set(shown)


def test_a_table_keeps_its_colours_and_nothing_else(monkeypatch):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(Progress, "console", property(lambda self: console))
    table = Table("name", "score")
    table.add_row(Text(HOSTILE, "bold red"), "0.9")
    Progress(live=False).show(table)
    shown = screen.getvalue()
    assert "\x1b[1;31m" in shown
    assert not re.sub(r"\x1b\[[\d;]*m", "", shown).count("\x1b")
    assert not {"\x07", "\r", "\x9b", "\u202e", "\x00"} & set(shown)
    assert "한국어" in shown


def test_details_are_for_those_who_ask(capsys):
    Progress("load", live=False).detail("quiet")
    Progress("load", live=False, verbose=True).detail("loud")
    assert capsys.readouterr().out.split() == ["load", "loud"]


def test_what_cannot_wait_is_shown_at_once(capsys):
    with Progress("tune", live=False) as progress:
        progress.announce("waits for another run")
        assert "waits for another run" in capsys.readouterr().out
        progress.say("done")
    assert "done" in capsys.readouterr().out


def test_a_terminal_sees_the_bar_count_and_vanish(monkeypatch):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(Progress, "console", property(lambda self: console))
    with Progress("train", live=True).task("fits", 2) as task:
        task.advance()
        task.advance("best 0.9")
        assert "2/2" in screen.getvalue()
        assert "best 0.9" in screen.getvalue()
    assert screen.getvalue().rstrip().endswith(("\x1b[?25h", "\x1b[2K", "\x1b[1A\x1b[2K"))


def test_titles_fill_the_same_columns_of_a_terminal_in_any_script():
    assert padded("load", 6) == "load  "
    assert padded("발전", 6) == "발전  "
