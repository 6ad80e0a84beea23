"""Our patterns run on google-re2: linear in the text, whatever the text is.

RE2 has no look-around, so edges are checked here. Its word classes know ASCII only, so patterns are matched on plain
(accent-free) text, or name Unicode's classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Protocol

_ALONE_MEMORY_BYTES, _SET_MEMORY_BYTES = 8 << 20, 64 << 20
"""What the automaton of one pattern, and of a set, may grow to; it begins with next to nothing."""


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


class _Searching(Protocol):
    """What the engine compiles."""

    def finditer(self, text: str) -> Iterator[Match]:
        """All matches from left to right."""
        ...

    def search(self, text: str) -> Match | None:
        """The first match."""
        ...


class Pattern(_Searching, Protocol):
    """A compiled pattern."""

    def is_in(self, text: str) -> bool:
        """Whether it matches anywhere: a quarter of the price of a match that is looked at."""
        ...

    def fits(self, text: str) -> bool:
        """Whether it matches the whole text, at the same price."""
        ...


class _Compiled:
    """One pattern of RE2, for any `str`: half a surrogate pair, which RE2 does not take, reads as U+FFFD."""

    __slots__ = ("_anywhere", "_pattern", "_text", "_whole")

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._pattern = _compile(pattern)
        self._anywhere: PatternSet | None = None
        self._whole: PatternSet | None = None

    def finditer(self, text: str) -> Iterator[Match]:
        try:
            yield from self._pattern.finditer(text)
        except UnicodeEncodeError:  # before the first match: to ask each text beforehand costs as much as a search
            yield from self._pattern.finditer(without_surrogates(text))

    def search(self, text: str) -> Match | None:
        try:
            return self._pattern.search(text)
        except UnicodeEncodeError:
            return self._pattern.search(without_surrogates(text))

    def is_in(self, text: str) -> bool:
        if self._anywhere is None:
            self._anywhere = PatternSet((self._text,), most_bytes=_ALONE_MEMORY_BYTES)
        return bool(self._anywhere.matching(text))

    def fits(self, text: str) -> bool:
        if self._whole is None:
            self._whole = PatternSet((self._text,), most_bytes=_ALONE_MEMORY_BYTES, whole=True)
        return bool(self._whole.matching(text))


_known: dict[str, Pattern] = {}
_searched: dict[str, None] = {}
"""Those of sets and filters."""


def compiled(pattern: str) -> Pattern:
    """Compiles a pattern once per process. Raises re2.error for one that RE2 does not know."""
    known = _known.get(pattern)
    if known is None:
        known = _known[pattern] = _Compiled(pattern)
    return known


class _Many:
    """Patterns that are looked for at once."""

    def __init__(self, engine: Any, patterns: Sequence[str]) -> None:
        self._engine = engine
        for pattern in patterns:
            engine.Add(pattern)
        engine.Compile()
        _searched.update(dict.fromkeys(patterns))

    def matching(self, text: str) -> Sequence[int]:
        """The places in the list of the patterns that match."""
        try:
            return self._engine.Match(text) or ()
        except UnicodeEncodeError:
            return self._engine.Match(without_surrogates(text)) or ()


class PatternSet(_Many):
    """Patterns that match anywhere in a text, or (`whole`) all of it: one automaton."""

    def __init__(self, patterns: Sequence[str], *, most_bytes: int = _SET_MEMORY_BYTES, whole: bool = False) -> None:
        import re2

        options = re2.Options()
        options.log_errors = False
        options.max_mem = most_bytes
        super().__init__(re2.Set.FullMatchSet(options) if whole else re2.Set.SearchSet(options), patterns)


@cache
def pattern_set(*patterns: str) -> PatternSet:
    """Compiles a set once per process."""
    return PatternSet(patterns)


class PatternFilter(_Many):
    """Wordings that match anywhere in a text: by the letters that each must have, then by itself (FilteredRE2).

    For patterns that hold words, in lower case as their texts are; a set's automaton would grow without end with them.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        import re2

        super().__init__(re2.Filter(), patterns)


def known_patterns() -> tuple[str, ...]:
    """Every pattern that this process has compiled so far: what the test of linear time asks about."""
    return (*_known, *(pattern for pattern in _searched if pattern not in _known))


def _compile(pattern: str) -> _Searching:
    import re2

    options = re2.Options()
    options.log_errors = False
    engine: _Searching = re2.compile(pattern, options)
    return engine


def refused(pattern: str) -> str:
    """Why a pattern that a person wrote is not taken, or ''. What RE2 compiles cannot backtrack on any text."""
    import re2

    try:
        _compile(pattern)
    except (re2.error, UnicodeEncodeError) as error:
        told = error.args[0] if error.args else ""
        reason = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        return f"RE2 does not take the pattern ({reason or 'it is no text'})"
    return ""


REFUSED_CURE = (
    "write it without look-around, back-references and repeats over 1000, which can take for ever (RE2's syntax);"
    " in YAML put it in single quotes"
)
"""What to do about a refused pattern."""


def without_surrogates(text: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair, code point for code point."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if 0xD800 <= ord(letter) <= 0xDFFF else letter for letter in text)
    return text


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
