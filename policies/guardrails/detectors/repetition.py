"""Loops: a model that says the same over and over, in words, signs or lines."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span

_SPAN = 360
_MOST_WORDS = 40
"""Words of the longest unit that is looked for."""
_WORD = r"[\p{L}\p{N}]+(?:['’][\p{L}]+)?"
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

    def __init__(self, *, times: int = 4, span: int = 40, redacts: bool = False) -> None:
        super().__init__(redacts=redacts)
        self._times = times
        self._span = span

    def find(self, passage: Passage) -> Iterator[Span]:
        """One span over each loop, its first turn left out: that one was meant."""
        yield from _signs(passage.text)
        words = [(match.start(), match.end(), match.group()) for match in compiled(_WORD).finditer(passage.plain)]
        index = 0
        while index < len(words):
            found = self._loop(words, index)
            if found is None:
                index += 1
                continue
            unit, last = found
            yield Span(words[index + unit][0], words[last - 1][1], "REPETITION", 1.0)
            index = last

    def _loop(self, words: list[tuple[int, int, str]], index: int) -> tuple[int, int] | None:
        """The shortest unit that repeats from here on, and where the loop ends, in words."""
        word = words[index][2]
        for unit in range(1, min(_MOST_WORDS, (len(words) - index) // self._times) + 1):
            if words[index + unit][2] != word:
                continue
            last = index + unit
            while last < len(words) and words[last][2] == words[last - unit][2]:
                last += 1
            turns = (last - index) // unit
            needed = self._times + (_HARMLESS_REPEATS if unit == 1 else 0)
            if turns >= needed and words[index + turns * unit - 1][1] - words[index][0] >= self._span:
                return unit, index + turns * unit
        return None


def _signs(text: str) -> Iterator[Span]:
    """Runs of one sign."""
    start = 0
    for position in range(1, len(text) + 1):
        if position == len(text) or text[position] != text[start]:
            length = position - start
            if length >= _SIGNS and (text[start] not in _DRAWN or length >= 4 * _SIGNS):
                yield Span(start + 1, position, "REPETITION", 1.0)
            start = position
