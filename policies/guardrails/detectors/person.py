"""Names of persons: rules for both languages, and the model (through Presidio) where there may be a name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from infra.ner import NameFinders, NameSpan
from policies.guardrails.detectors import name_cues as cues
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.name_rules import CONTEXT, Word, names_by_rule, words_of
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span


class Person(Detector):
    """Finds PERSON."""

    name = "person"
    reach = Reach(span=90, context=40)

    def __init__(self, finders: NameFinders, *, threshold: float = 0.5, redacts: bool = True) -> None:
        super().__init__(threshold=threshold, redacts=redacts)
        self._finders = finders

    def find(self, passage: Passage) -> Iterator[Span]:
        """Names by rule, and by the model of the passage's language."""
        words = words_of(passage, self._finders.lists)
        yield from names_by_rule(passage, words)
        for name in self._by_model(passage, words):
            yield from _trimmed(passage, words, name)

    def look_ahead(self, passages: Sequence[Passage]) -> None:
        """Runs the models over many passages at once and leaves the names with each."""
        for language, finder in (("en", self._finders.en), ("es", self._finders.es)):
            waiting: list[Passage] = []
            for passage in passages:
                if passage.language == language:
                    passage.ner = ()
                    if finder and may_name_somebody(passage, words_of(passage, self._finders.lists)):
                        waiting.append(passage)
            if finder and waiting:
                for passage, names in zip(waiting, finder.find_many([each.text for each in waiting]), strict=True):
                    passage.ner = names

    def _by_model(self, passage: Passage, words: Sequence[Word]) -> Sequence[NameSpan]:
        if passage.ner is not None:
            return passage.ner
        finder = self._finders.en if passage.language == "en" else self._finders.es
        if finder is None or not may_name_somebody(passage, words):
            return ()
        return finder.find(passage.text)


def may_name_somebody(passage: Passage, words: Sequence[Word]) -> bool:
    """Whether the model is worth its milliseconds: there is a capital that no sentence's beginning explains."""
    if not passage.has_case:
        return any(word.capital and not word.unlike_a_name for word in words)
    for index, word in enumerate(words):
        if not word.capital or word.plain in cues.TITLES or word.initial:
            continue
        between = passage.text[words[index - 1].end : word.start] if index else "."
        first = any(sign in between for sign in ".?!\n:")
        if not word.unlike_a_name or (not first and not passage.text[word.start : word.end].isupper()):
            return True
    return False


def _trimmed(passage: Passage, words: Sequence[Word], name: NameSpan) -> Iterator[Span]:
    """The model's finds line by line, without everyday words at their ends."""
    inside: list[Word] = []
    for word in words:
        if word.end <= name.start or word.start >= name.end:
            continue
        if inside and "\n" in passage.text[inside[-1].end : word.start]:
            yield from _named(passage, inside, name.score)
            inside = []
        inside.append(word)
    yield from _named(passage, inside, name.score)


def _named(passage: Passage, inside: list[Word], score: float) -> Iterator[Span]:
    while inside and _no_name(inside[0]):
        inside = inside[1:]
    while inside and _no_name(inside[-1]):
        inside = inside[:-1]
    if not inside or not any(word.capital for word in inside):
        return
    start, end = inside[0].start, inside[-1].end
    if any(letter.isdigit() or letter in "@_=<>{}/" for letter in passage.text[start:end]):
        return
    before = passage.before(start, 24)
    if compiled(rf"(?:{cues.PLACE_BEFORE}) $").search(before) and not any(word.kind.given for word in inside):
        return
    if compiled(cues.COMPANY_AFTER).search(passage.after(end, 16)):
        return
    if len(inside) == 1 and not inside[0].kind.sure:
        shouted = passage.has_case and passage.text[start:end].isupper() and not inside[0].kind.listed
        if shouted or not _supported(passage, inside[0]):
            return
    yield Span(start, end, "PERSON", score)


def _supported(passage: Passage, word: Word) -> bool:
    """Whether a word that begins a sentence, and that no list is sure of, has one beside it that speaks for it."""
    before = passage.before(word.start, CONTEXT)
    begins = not before.strip() or before.rstrip(" \"'>*-")[-1:] in {".", "!", "?", "\n", ":"}
    if not begins or compiled(rf"(?:{cues.STRONG}|{cues.WEAK})[\s\"'(]{{0,4}}$").search(before):
        return True
    return compiled(cues.FOLLOWS).search(passage.after(word.end, 18)) is not None


def _no_name(word: Word) -> bool:
    return word.plain in cues.TITLES or not (word.capital or word.kind.listed) or (word.kind.common and not word.kind.listed)
