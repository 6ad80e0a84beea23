"""Sentences and words of a text, by punctuation and line breaks; for English and Spanish. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.patterns import compiled, words

_END = r"[.!?…]+[\"'»”)\]]*(?:\s+|\z)|\n+"
_JOINS = "'’.,:/@_-"
"""Signs that may stand inside a word, one at a time."""
_SHORT_FORMS = words(
    "sr sra srta dr dra d dna prof ing lic ud uds vd av avda c pza tel telf num no art pag cap vol ed ej"
    " etc aprox max min"
    " mr mrs ms st jr vs inc ltd co corp dept fig eg ie e.g i.e p.ej approx jan feb mar apr jun jul aug"
    " sep sept oct nov dec"
)
"""Words whose full stop ends no sentence."""


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence begins and ends, without the blanks around it."""
    start = 0
    for match in compiled(_END).finditer(text):
        if text[match.start()] == "." and _goes_on(text, match.start(), match.end()):
            continue
        yield from _trimmed(text, start, match.end())
        start = match.end()
    yield from _trimmed(text, start, len(text))


def _goes_on(text: str, stop: int, after: int) -> bool:
    """Whether the full stop belongs to a short form, a single letter or a number in a list."""
    begin = max(text.rfind(" ", 0, stop), text.rfind("\n", 0, stop), text.rfind("(", 0, stop)) + 1
    word = text[begin:stop].lower()
    if word in _SHORT_FORMS or all(len(part) == 1 and part.isalpha() for part in word.split(".")):
        return True
    return word.isdigit() and len(word) <= 2 and begin in (0, text.rfind("\n", 0, stop) + 1) and after < len(text)


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start:
        yield start, end


_KNOWN_LETTERS = 20_000


class _Letters(dict[int, int | None]):
    """Fills itself: a letter or digit stays, anything else becomes a blank."""

    def __missing__(self, code: int) -> int:
        if len(self) > _KNOWN_LETTERS:
            self.clear()  # else a text of all characters there are would fill the memory
        self[code] = code if chr(code).isalnum() else 32
        return code if chr(code).isalnum() else 32


_LETTERS = _Letters()


def runs(text: str) -> list[tuple[int, int, str]]:
    """Where each run of letters and digits begins and ends, and the run. A pattern would cost ten times as much."""
    found: list[tuple[int, int, str]] = []
    spaced = text.translate(_LETTERS)
    end = 0
    for run in spaced.split():
        start = spaced.index(run, end)
        end = start + len(run)
        found.append((start, end, run))
    return found


def word_spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Where each word begins and ends, and the word. Numbers, addresses and words with dashes are one word each."""
    first = last = -1
    for start, end, _ in runs(text):
        if start == last + 1 and first >= 0 and text[last] in _JOINS:
            last = end
            continue
        if first >= 0:
            yield first, last, text[first:last]
        first, last = start, end
    if first >= 0:
        yield first, last, text[first:last]


def word_count(text: str) -> int:
    """How many words there are."""
    return sum(1 for _ in word_spans(text))
