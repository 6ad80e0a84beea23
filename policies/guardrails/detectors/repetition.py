"""Loops: a model that says the same over and over, in words, signs or lines."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.sentences import runs
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span

_SPAN = 360
_MOST_WORDS = 40
"""Words of the longest unit that is looked for."""
_SIGNS = 48
"""So many equal letters or signs without a blank are a loop; of what draws lines and tables, more are allowed."""
_DRAWN = "-=_*#~.─━═│ \n\t+|"
_HARMLESS_REPEATS = 3
"""`no no no`, `ja ja ja`: a single word may stand so many times more than a unit of several."""


class Repetition(Detector):
    """Finds REPETITION: `times` equal runs of words, one after the other, of `span` characters at least."""

    name = "repetition"
    reach = Reach(span=_SPAN, context=_SPAN)
    spares_placeholders = False
    views = frozenset()

    def __init__(self, *, times: int = 4, span: int = 40, redacts: bool = False) -> None:
        super().__init__(redacts=redacts)
        self._times = times
        self._span = span

    def find(self, passage: Passage) -> Iterator[Span]:
        """One span over each loop, its first turn left out: that one was meant."""
        yield from _signs(passage.text)
        words = runs(passage.plain)
        later = _next_same(words)
        index = 0
        while index < len(words):
            found = self._loop(words, later, index)
            if found is None:
                index += 1
                continue
            unit, last = found
            yield Span(words[index + unit][0], words[last - 1][1], "REPETITION", 1.0)
            index = last

    def _loop(self, words: list[tuple[int, int, str]], later: list[int], index: int) -> tuple[int, int] | None:
        """The shortest unit that repeats from here on, and where the loop ends, in words."""
        again = later[index]
        while again - index <= min(_MOST_WORDS, (len(words) - index) // self._times):
            unit = again - index
            last = again
            while last < len(words) and words[last][2] == words[last - unit][2]:
                last += 1
            turns = (last - index) // unit
            needed = self._times + (_HARMLESS_REPEATS if unit == 1 else 0)
            if turns >= needed and words[index + turns * unit - 1][1] - words[index][0] >= self._span:
                return unit, index + turns * unit
            again = later[again]
        return None


def _next_same(words: list[tuple[int, int, str]]) -> list[int]:
    """For each word, where it stands next; far away where it does not."""
    later = [len(words) + _MOST_WORDS] * (len(words) + _MOST_WORDS + 1)
    seen: dict[str, int] = {}
    for index in range(len(words) - 1, -1, -1):
        word = words[index][2]
        later[index] = seen.get(word, len(words) + _MOST_WORDS)
        seen[word] = index
    return later


def _signs(text: str) -> Iterator[Span]:
    """Runs of one sign. Every run of that length covers one of the places that are looked at."""
    position, stride = 0, _SIGNS // 2
    while position + stride <= len(text):
        sign = text[position]
        if text[position : position + stride] != sign * stride:
            position += stride
            continue
        start, end = position, position + stride
        while start and text[start - 1] == sign:
            start -= 1
        while end < len(text) and text[end] == sign:
            end += 1
        if end - start >= (4 * _SIGNS if sign in _DRAWN else _SIGNS):
            yield Span(start + 1, end, "REPETITION", 1.0)
        position = max(end, position + 1)
