"""What a stage tells the person who waits: live on a terminal, plain lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress as Bar
    from rich.progress import TaskID


class Progress:
    """The one object through which stages report; libraries do not print."""

    def __init__(self, title: str = "", *, live: bool | None = None, verbose: bool = False) -> None:
        self.title, self.verbose = title, verbose
        self.live = sys.stdout.isatty() if live is None else live
        self.started = time.perf_counter()

    @property
    def console(self) -> "Console":
        from rich.console import Console

        return Console(highlight=False, soft_wrap=True)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def say(self, text: str) -> None:
        """One line that stays."""
        print(f"{self.title:<20} {text}" if self.title else text, flush=True)

    def detail(self, text: str) -> None:
        """One line for those who asked for more (-v)."""
        if self.verbose:
            self.say(text)

    def show(self, table: "RenderableType") -> None:
        """A table, in colour on a terminal."""
        self.console.print(table)

    @contextlib.contextmanager
    def task(self, description: str, total: int) -> Iterator["Task"]:
        """A bar that vanishes when the work is done; nothing where nobody watches."""
        if not self.live:
            yield Task()
            return
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description:<20}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
        )
        # no refresh thread: worker processes are forked from this one
        with Bar(*columns, transient=True, auto_refresh=False, console=self.console) as bar:
            name = f"{self.title}: {description}" if self.title else description
            task = Task(bar, bar.add_task(name, total=total, note=""))
            bar.refresh()
            yield task


class Task:
    """Steps of a known number; without a bar it counts nothing."""

    def __init__(self, bar: "Bar | None" = None, task: "TaskID | None" = None) -> None:
        self.bar, self.task = bar, task

    def advance(self, note: str = "") -> None:
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, advance=1, note=note, refresh=True)
