"""A terminal gets a live bar; a pipe gets plain lines and nothing of the bar."""

import io

from rich.console import Console

from pipeline.progress import Progress


def test_a_pipe_sees_what_is_said_and_no_bar(capsys):
    progress = Progress("train linear", live=False)
    with progress.task("fits", 3) as task:
        for _ in range(3):
            task.advance("best 0.9")
    progress.say("done")
    assert capsys.readouterr().out == "train linear         done\n"


def test_details_are_for_those_who_ask(capsys):
    Progress("load", live=False).detail("quiet")
    Progress("load", live=False, verbose=True).detail("loud")
    assert capsys.readouterr().out.split() == ["load", "loud"]


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
