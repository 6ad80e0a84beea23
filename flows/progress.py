"""Progress: how a stage tells a person where it is.

Stages see only this; the command line draws bars, tests pass `Silent`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """One bar."""

    def advance(self, steps: float = 1, note: str = "") -> None:
        """Moves the bar; `note` is a short text beside it, e.g. '312 tokens/s, loss 0.21'."""
        ...


class Progress(Protocol):
    """Where bars and sentences go (the terminal's stderr)."""

    def task(self, title: str, total: float | None = None) -> AbstractContextManager[Task]:
        """A bar for the time of a `with` block; `total` None where it is not known."""
        ...

    def say(self, sentence: str) -> None:
        """One line that stays."""
        ...


class Silent:
    """Shows nothing."""

    def advance(self, steps: float = 1, note: str = "") -> None:
        """Does nothing."""

    @contextmanager
    def task(self, title: str, total: float | None = None) -> Iterator[Silent]:  # noqa: ARG002
        """A bar that nobody sees."""
        yield self

    def say(self, sentence: str) -> None:
        """Says nothing."""
