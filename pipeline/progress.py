"""What a stage reports while it runs: live on a terminal, plain lines elsewhere.

Every line has the same places: the stage, its time, what came out.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self, TextIO
from unicodedata import east_asian_width

from pipeline.wording import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

TITLE = 18  # characters
BAR, TICKS = 18, 2  # characters, a second
CLEAR_LINE = "\r\x1b[2K"


def say(*lines: str, file: TextIO | None = None) -> None:
    """Print lines at once; what comes from files in them cannot command the terminal."""
    for line in lines:
        print(printable(line), file=file or sys.stdout, flush=True)


def padded(title: str, width: int = TITLE) -> str:
    """Filled up with blanks to so many of a terminal's columns: a letter such as 발 takes two."""
    return title + " " * (width - sum(1 + (east_asian_width(mark) in "WF") for mark in title))


class Progress:
    """The one object through which stages report; libraries do not print.

    Used as a context, it keeps a stage's lines until its end, when its time is known. `brief` is
    for a stage of a complete run, whose summary will hold the tables and what comes next; `silent`
    for a notebook, which has the values.
    """

    def __init__(
        self,
        title: str = "",
        *,
        live: bool | None = None,
        verbose: bool = False,
        brief: bool = False,
        silent: bool = False,
    ) -> None:
        self.title, self.verbose, self.brief, self.silent = title, verbose, brief, silent
        is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.live = not silent and (is_terminal if live is None else live)
        self.started = time.perf_counter()
        self._kept: list[str] | None = None

    def __enter__(self) -> Self:
        self._kept = []
        if self.live:  # until there is a bar or a line: imports alone can take a second
            print(f"{padded(self.title)} {'…':>7}", end="\r", flush=True)
        return self

    def __exit__(self, *error: object) -> None:
        kept = self._kept or []
        times = [clock(self.seconds), *[""] * len(kept)]
        lines = [self._line(text, took) for text, took in zip(kept, times, strict=False)]
        self._kept = None
        if self.silent:
            return
        print(CLEAR_LINE * self.live + "".join(f"{line}\n" for line in lines), end="", flush=True)

    @property
    def console(self) -> "Console":
        from rich.console import Console

        return Console(highlight=False, soft_wrap=True)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def say(self, text: str) -> None:
        """One line that stays."""
        if self._kept is None and not self.silent:
            say(self._line(text))
        elif self._kept is not None:
            self._kept.append(text)

    def advise(self, text: str) -> None:
        """One line on what comes next; the summary of a complete run has its own."""
        if not self.brief:
            self.say(text)

    def announce(self, text: str) -> None:
        """One line at once, which cannot wait for the stage's end."""
        if not self.silent:
            print(CLEAR_LINE * self.live + self._line(text), flush=True)

    def detail(self, text: str) -> None:
        """One line at once for those who asked for more (-v)."""
        if self.verbose:
            self.announce(text)

    def show(self, table: "RenderableType") -> None:
        """A table, in colour on a terminal; the summary of a complete run has its own."""
        from rich.segment import Segment, Segments

        if not self.brief and not self.silent:
            print(CLEAR_LINE * self.live, end="", flush=True)
            console = self.console
            options = console.options.update(no_wrap=True, overflow="ignore")
            segments = [
                Segment(text if control else printable(text), style, control)
                for text, style, control in console.render(table, options)
            ]
            console.print(Segments(segments), end="")

    def _line(self, text: str, took: str = "") -> str:
        place = "" if self._kept is None else f" {took:>7} "
        return printable(f"{padded(self.title)}{place} {text}" if self.title else text)

    @contextlib.contextmanager
    def task(self, description: str, total: int) -> Iterator["Steps"]:
        """A bar that vanishes when the work is done; nothing where the output is no terminal.

        A thread moves its clock, so worker processes are to be forked before.
        """
        if not self.live:
            yield Steps()
            return
        with self._bar() as bar:
            task = Steps(bar, bar.add_task(description, total=total, note=""))
            bar.refresh()
            yield task

    def _bar(self) -> "Bar":
        from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn
        from rich.progress import Progress as Bar
        from rich.progress import Task as Row
        from rich.text import Text

        class Clock(ProgressColumn):
            """The stage's time, not the bar's own."""

            def render(column, task: Row) -> Text:
                return Text(f"{clock(self.seconds):>7}")

        return Bar(
            TextColumn(padded(self.title), markup=False),
            Clock(),
            BarColumn(BAR),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TextColumn("{task.fields[note]}", markup=False),
            transient=True,
            refresh_per_second=TICKS,
            console=self.console,
        )


class Steps:
    """Steps of a known number; without a bar it counts nothing."""

    def __init__(self, bar: "Bar | None" = None, task: "TaskID | None" = None) -> None:
        self.bar, self.task = bar, task

    def advance(self, note: str = "") -> None:
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, advance=1, note=note, refresh=True)


def clock(seconds: float) -> str:
    """'0.4 s', '59 s', '1:07', '1:02:03'."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
