"""Our patterns run on google-re2: linear in the text, whatever the text is.

RE2 has no look-around, so edges are checked here. Its word classes know ASCII only, so patterns are matched on plain
(accent-free) text, or name Unicode's classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Protocol, cast


class Match(Protocol):
    """One match; offsets are code points."""

    def start(self, group: int = 0) -> int:
        """Where the group begins, -1 where it took no part."""
        ...

    def end(self, group: int = 0) -> int:
        """Where the group ends, -1 where it took no part."""
        ...

    def group(self, group: int = 0) -> str:
        """The text of the group."""
        ...


class Pattern(Protocol):
    """A compiled pattern."""

    def finditer(self, text: str) -> Iterator[Match]:
        """All matches from left to right."""
        ...

    def search(self, text: str) -> Match | None:
        """The first match."""
        ...

    def fullmatch(self, text: str) -> Match | None:
        """The match of the whole text."""
        ...


@cache
def compiled(pattern: str) -> Pattern:
    """Compiles a pattern once per process. Raises re2.error for one that RE2 does not know."""
    import re2

    options = re2.Options()
    options.log_errors = False
    return cast(Pattern, re2.compile(pattern, options))


def standing_alone(pattern: str, text: str, *, also: str = "") -> Iterator[Match]:
    """Matches with no letter, digit or sign of `also` directly before or after them."""
    for match in compiled(pattern).finditer(text):
        start, end = match.start(), match.end()
        before = text[start - 1] if start else " "
        after = text[end] if end < len(text) else " "
        if not (before.isalnum() or before in also or after.isalnum() or after in also):
            yield match


def words(listed: str) -> frozenset[str]:
    """The words of a list that is written with blanks between."""
    return frozenset(listed.split())
