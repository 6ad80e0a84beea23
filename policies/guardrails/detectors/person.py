"""Names of persons: the English model (through Presidio) where a cheap look says that there may be one, and rules for both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from infra.ner import NameFinders, NameSpan
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.name_rules import Word, names_by_rule, words_of
from policies.guardrails.passage import Passage
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
            yield from _trimmed(passage, name)

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
    """Whether the model is worth its milliseconds: there is a capital that is not just the sentence's first."""
    if not any(word.capital for word in words):
        return False
    if not passage.has_case:
        return True
    for index, word in enumerate(words):
        if not word.capital or word.plain in _NEVER or word.initial:
            continue
        first = index == 0 or any(sign in passage.text[words[index - 1].end : word.start] for sign in ".?!\n:")
        if not first or word.listed or word.plain not in _SENTENCE_STARTS:
            return True
    return False


def _trimmed(passage: Passage, name: NameSpan) -> Iterator[Span]:
    """The model's finds without what it tends to take along: line breaks, possessives, quotes, digits."""
    for line_start, line in _lines(passage.text, name.start, name.end):
        stripped = line.strip(" \t\"'“”«».,:;()[]<>*-/\\")
        if stripped.endswith(("'s", "’s")):
            stripped = stripped[:-2]
        if len(stripped) < 2 or any(letter.isdigit() or letter in "@_=<>{}" for letter in stripped):
            continue
        if not stripped[0].isupper():
            continue
        start = line_start + line.index(stripped)
        yield Span(start, start + len(stripped), "PERSON", name.score)


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    for line in text[start:end].split("\n"):
        yield start, line
        start += len(line) + 1


_NEVER = frozenset("i i'm i'd i've i'll".split())
_SENTENCE_STARTS = frozenset(
    "a about after again all also am an and any anything apparently are as at be been before but by can can't cannot card could"
    " did didn't do does doesn't don't earlier every everything explain find finally first for from get give given go had has have"
    " he hello help here hey hi how how's however i if in instead is isn't it it's its just last let list look make many maybe me"
    " money more most my need never new next no not nothing now of oh ok okay on once one only or other our out over payment perhaps"
    " please put recently right say see send she show since so some somebody somehow someone something sometimes sorry still sure"
    " take tell than thank thanks that that's the their them then there there's these they they're this those though to today"
    " tomorrow top transfer trying unable under until up use used very wait want was we well were what what's when when's where"
    " where's whether which while who who's why will with without won't would write yes yesterday yet you your".split()
)
