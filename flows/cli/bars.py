"""Progress bars on stderr: what the stages' `Progress` looks like. A log file gets lines instead."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_TELL_S = 15.0
"""How often a long task says how far it is where no bar can be drawn."""


class Bar:
    """One bar of a live terminal."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, steps: float = 1, note: str = "") -> None:
        """Moves the bar and replaces its note."""
        self._progress.update(self._task, advance=steps, note=escape(note))


class Line:
    """One bar of a log file: nothing is drawn; a line now and then says how far it is."""

    def __init__(self, title: str, total: float | None, say: Callable[[str], None]) -> None:
        self._title, self._total, self._say = title, total, say
        self._done = 0.0
        self._told_s = time.monotonic()
        self.note = ""

    def advance(self, steps: float = 1, note: str = "") -> None:
        """Counts, keeps the note, and tells every 15 seconds."""
        self._done += steps
        self.note = note or self.note
        if self._total and time.monotonic() - self._told_s >= _TELL_S:
            self._told_s = time.monotonic()
            note = f", {self.note}" if self.note else ""
            self._say(f"  {self._title}: {100 * self._done / self._total:.0f} %{note}")


class Bars:
    """Bars in a terminal; plain lines where stderr is a file or a pipe."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live = sys.stderr.isatty()

    def say(self, sentence: str) -> None:
        """One line that stays."""
        self._console.print(escape(sentence), highlight=False, soft_wrap=True)

    @contextmanager
    def task(self, title: str, total: float | None = None) -> Iterator[Bar | Line]:
        """A bar while the block runs, and one line with its time when it ends."""
        started_s = time.monotonic()
        if not self._live:
            line = Line(title, total, self.say)
            yield line
            self.say(f"  {title}: {time.monotonic() - started_s:.1f} s{f', {line.note}' if line.note else ''}")
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task(escape(title), total=total, note="")
            yield Bar(progress, task)
            if total is None:
                progress.update(task, total=1, completed=1)
