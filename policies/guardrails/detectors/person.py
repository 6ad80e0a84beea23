"""Names of persons: rules for both languages, and the model (through Presidio) where there may be a name."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice

from infra.ner import NameFinders, NameSpan
from policies.guardrails.detectors import name_cues as cues
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.name_rules import CONTEXT, Word, is_town, names_by_rule, words_of
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span

_BELIEVED = 0.85
_LEANING = 0.55
"""Of a word inside a sentence that no list and no dictionary has."""
_DOUBTED = 0.4
"""Of what only the model takes for a name: below the threshold, unless a policy would rather redact too much."""
_APART = 4
"""Code points between two words that no name holds."""
_MODEL_BEFORE, _MODEL_AFTER = 96, 130
"""Code points beside what a stream asks about that the model reads: a sentence's beginning; a name and its context."""
_NO_NAME_HAS = '\n:;"“”()|<>=/'
_AT_A_PLACE = rf"(?:{cues.PLACE_BEFORE}) $"
_INTRODUCED = rf"(?:{cues.STRONG}|{cues.WEAK})[\s\"'(]{{0,4}}$"


class Person(Detector):
    """Finds PERSON."""

    name = "person"
    reach = Reach(span=90, context=40)
    views = frozenset({"parted", "hidden", "decoded"})

    def __init__(self, finders: NameFinders, *, threshold: float = 0.5, redacts: bool = True) -> None:
        super().__init__(threshold=threshold, redacts=redacts)
        self._finders = finders

    def find(self, passage: Passage) -> Iterator[Span]:
        """Names by rule, and by the model of the passage's language; in a view by rule alone."""
        yield from passage.once(self._by_rule)
        for name in self._by_model(passage):
            yield from _trimmed(passage, passage.once(self._words), name)

    def look_ahead(self, passages: Sequence[Passage]) -> None:
        """Runs the models over many passages at once and leaves the names with each."""
        for language, finder in (("en", self._finders.en), ("es", self._finders.es)):
            waiting: list[Passage] = []
            for passage in passages:
                if passage.language == language:
                    passage.ner = ()
                    if finder and self._may_name_somebody(passage):
                        waiting.append(passage)
            if finder and waiting:
                for passage, names in zip(waiting, finder.find_many([each.text for each in waiting]), strict=True):
                    passage.ner = names

    def _words(self, passage: Passage) -> tuple[Word, ...]:
        return words_of(passage, self._finders.lists)

    def _by_rule(self, passage: Passage) -> tuple[Span, ...]:
        return tuple(names_by_rule(passage, passage.once(self._words)))

    def _by_model(self, passage: Passage) -> Sequence[NameSpan]:
        if passage.ner is not None:
            return passage.ner
        if passage.view is not None:
            return ()  # rules are enough there, or a disguise would cost a run of the model for each reading
        finder = self._finders.en if passage.language == "en" else self._finders.es
        if finder is None or not self._may_name_somebody(passage):
            return ()
        start, end = _model_window(passage)
        return [
            NameSpan(name.start + start, name.end + start, name.score)
            for name in finder.find(passage.text[start:end], passage.owner)
        ]

    def _may_name_somebody(self, passage: Passage) -> bool:
        """Whether the model is worth its milliseconds: a capital that no rule, list, dictionary or sentence explains.

        In a stream only what the model would read counts.
        """
        rule, words = passage.once(self._by_rule), passage.once(self._words)
        start, end = _model_window(passage)
        unexplained = [
            place for place, word in enumerate(words) if start <= word.start < end and _unexplained(passage, word, rule)
        ]
        doubted = self.threshold > _DOUBTED
        return any(not (doubted and _only_begins(passage, words, place)) for place in unexplained)


def _model_window(passage: Passage) -> tuple[int, int]:
    """From and to of what the model reads: all, or in a stream what can decide about the segment, cut at blanks."""
    text = passage.text
    if passage.focus is None or passage.folded.pieces or passage.folded.parent is not None:
        return 0, len(text)
    first, last = passage.focus
    start, end = max(0, first - _MODEL_BEFORE), min(len(text), last + _MODEL_AFTER)
    if start > 0:
        start = max(start, text.find(" ", start, first) + 1)
    if end < len(text):
        end = max(last, text.rfind(" ", last, end))
    return start, end


def _only_begins(passage: Passage, words: Sequence[Word], place: int) -> bool:
    """Whether a word has its capital from a sentence's beginning alone: as a name the model would not be believed."""
    word, after = words[place], words[place + 1 : place + 2]
    if not passage.has_case or word.kind.listed or not _begins_sentence(passage, word.start):
        return False
    goes_on = after and (after[0].capital or after[0].kind.listed) and after[0].start - word.end < _APART
    return not goes_on and not _supported(passage, word.start, word.end)


def _unexplained(passage: Passage, word: Word, found: Sequence[Span]) -> bool:
    if not word.capital or word.initial or word.unlike_a_name or word.plain in cues.TITLES:
        return False
    if passage.has_case and not word.kind.listed and passage.text[word.start : word.end].isupper():
        return False
    return not any(span.start <= word.start < span.end for span in found)


def _trimmed(passage: Passage, words: Sequence[Word], name: NameSpan) -> Iterator[Span]:
    """The model's finds, cut at signs that no name has inside, without everyday words at their ends."""
    first = bisect_right(words, name.start, key=_end_of)
    inside: list[Word] = []
    for word in islice(words, first, None):
        if word.start >= name.end:
            break
        if inside and any(sign in _NO_NAME_HAS for sign in passage.text[inside[-1].end : word.start]):
            yield from _named(passage, inside, name.score)
            inside = []
        inside.append(word)
    yield from _named(passage, inside, name.score)


def _end_of(word: Word) -> int:
    return word.end


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
    before = passage.before(start, CONTEXT)
    given = any(word.kind.given for word in inside)
    if not given and (compiled(_AT_A_PLACE).is_in(before) or is_town(passage, start, end)):
        return
    if compiled(cues.COMPANY_AFTER).is_in(passage.after(end, 16)):
        return
    yield Span(start, end, "PERSON", min(score, _belief(passage, inside)))


def _belief(passage: Passage, inside: list[Word]) -> float:
    """How far the model is believed: it takes brands, towns and capitals at a sentence's beginning for names too."""
    start, end = inside[0].start, inside[-1].end
    known = any(word.kind.sure for word in inside)
    supported = _supported(passage, start, end)
    if not known and _beside_a_digit(passage, start, end):
        return _DOUBTED
    if any(word.kind.common and not word.kind.listed and word.plain not in cues.PARTICLES for word in inside):
        return _BELIEVED if known and passage.has_case else _DOUBTED
    if len(inside) > 1:
        return _BELIEVED if known or supported or not any(word.kind.noun for word in inside) else _DOUBTED
    [word] = inside
    shouted = passage.has_case and len(word.plain) > 1 and passage.text[start:end].isupper() and not word.kind.listed
    if known or (supported and not shouted):
        return _BELIEVED
    strange = passage.has_case and not (word.unlike_a_name or word.kind.listed or shouted)
    return _LEANING if strange and not _begins_sentence(passage, start) else _DOUBTED


def _supported(passage: Passage, start: int, end: int) -> bool:
    """Whether what stands around it speaks for a name."""
    introduced = compiled(_INTRODUCED).is_in(passage.before(start, CONTEXT))
    return introduced or compiled(cues.FOLLOWS).is_in(passage.after(end, 18))


def _begins_sentence(passage: Passage, start: int) -> bool:
    before = passage.before(start, CONTEXT)
    return not before.strip() or before.rstrip(" \"'>*-")[-1:] in {".", "!", "?", "\n", ":"}


def _beside_a_digit(passage: Passage, start: int, end: int) -> bool:
    """Whether a number stands directly beside it, as in a code or an address."""
    return passage.before(start, 2).rstrip(" ")[-1:].isdigit() or passage.after(end, 2).lstrip(" ")[:1].isdigit()


def _no_name(word: Word) -> bool:
    kind = word.kind
    return word.plain in cues.TITLES or not (word.capital or kind.listed) or (kind.common and not kind.listed)
