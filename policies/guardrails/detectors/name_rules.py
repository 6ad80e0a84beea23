"""Names of persons by lists and context, for both languages and any way of writing capitals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.ner import NameLists
from policies.guardrails.detectors.name_cues import COMPANY_AFTER, INTRODUCES, LEADS, NO_PERSON, PARTICLES, TITLES
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span

CONTEXT = 40
"""Code points before a name that may introduce it."""
_MOST_WORDS = 6
_ENOUGH = 2.0
"""Evidence from which on a run of words is a name."""


@dataclass(frozen=True)
class Word:
    """One word of a passage, with what the lists say of it."""

    start: int
    end: int
    plain: str
    capital: bool
    given: bool
    surname: bool
    everyday: bool

    @property
    def initial(self) -> bool:
        """A capital alone, as in `T. Durán`."""
        return len(self.plain) == 1

    @property
    def listed(self) -> bool:
        """Whether a list has it."""
        return self.given or self.surname

    def weight(self) -> float:
        """How much it speaks for a name by itself."""
        if self.given:
            return 0.8 if self.everyday else 2.0
        if self.surname:
            return 0.5 if self.everyday else 1.2
        return 0.3


def words_of(passage: Passage, lists: NameLists) -> tuple[Word, ...]:
    """The words of a passage, in order."""
    return tuple(
        Word(
            match.start(),
            match.end(),
            plain := passage.plain[match.start() : match.end()],
            match.group()[:1].isupper(),
            plain in lists.given,
            plain in lists.surnames,
            plain in lists.words,
        )
        for match in compiled(r"\p{L}+(?:['’]\p{L}+)?").finditer(passage.text)
    )


def names_by_rule(passage: Passage, words: Sequence[Word]) -> Iterator[Span]:
    """Runs of words that the lists, the capitals and the words before them make a name."""
    position = 0
    while position < len(words):
        run = _run(passage, words, position)
        if not run:
            position += 1
            continue
        span = _judged(passage, run)
        if span is not None:
            last = run[-1]
            rest = _given_after_comma(passage, words, run)
            yield Span(span.start, rest.end if rest else last.end, "PERSON", span.score)
        position += len(run)


def _run(passage: Passage, words: Sequence[Word], first: int) -> list[Word]:
    """The longest run from `first` on of words that can belong to one name."""
    introduced = _ends_with(INTRODUCES, passage.before(words[first].start, CONTEXT))
    run: list[Word] = []
    pending: list[Word] = []
    for word in words[first : first + _MOST_WORDS + 3]:
        previous = (run + pending)[-1] if run or pending else None
        if previous is not None and not _joined(passage, previous, word):
            break
        if word.plain in PARTICLES and run and len(pending) < 3:
            pending.append(word)
        elif _name_like(word, passage, introduced, beginning=not run):
            run += [*pending, word]
            pending = []
        else:
            break
        if len(run) >= _MOST_WORDS:
            break
    while run and run[-1].initial and len(run) > 1:
        run.pop()
    return run


def _joined(passage: Passage, left: Word, right: Word) -> bool:
    between = passage.text[left.end : right.start]
    return between in {" ", "-", "  "} or (left.initial and between in {". ", "."})


def _name_like(word: Word, passage: Passage, introduced: bool, *, beginning: bool) -> bool:
    if word.plain in TITLES or word.plain in PARTICLES:
        return False
    if word.initial:
        dotted = passage.text[word.end : word.end + 1] == "."
        return dotted and (word.capital or not passage.has_case or introduced) and beginning
    if word.listed:
        return word.capital or not word.everyday or not passage.has_case
    if not (word.capital and passage.has_case):
        return False
    return introduced or not beginning


def _judged(passage: Passage, run: list[Word]) -> Span | None:
    start, end = run[0].start, run[-1].end
    before = passage.before(start, CONTEXT)
    evidence = sum(word.weight() for word in run if word.plain not in PARTICLES)
    if not any(word.listed for word in run):
        evidence = min(evidence, 0.6)
    if _ends_with(INTRODUCES, before):
        evidence += 1.8 if run[0].capital or not passage.has_case else 1.2
    elif _ends_with(LEADS, before):
        evidence += 0.4
    if run[0].capital and passage.has_case:
        evidence += 0.3
    if len(run) == 1 and not run[0].capital and passage.has_case:
        evidence -= 0.8
    if _ends_with(NO_PERSON, before) or compiled(COMPANY_AFTER).search(passage.after(end, 14)):
        evidence -= 3.0
    if evidence < _ENOUGH:
        return None
    return Span(start, end, "PERSON", min(0.95, 0.4 + 0.12 * evidence))


def _ends_with(alternatives: str, before: str) -> bool:
    return compiled(rf"(?:{alternatives})[\s\"'“«>(¡¿]{{0,6}}$").search(before) is not None


def _given_after_comma(passage: Passage, words: Sequence[Word], run: list[Word]) -> Word | None:
    """The last given name after `Surname Surname, `, where the run holds surnames alone."""
    if not all(word.surname or word.plain in PARTICLES for word in run) or (run[0].given and not run[0].surname):
        return None
    last = next(index for index, word in enumerate(words) if word is run[-1])
    found: Word | None = None
    previous = run[-1]
    for word in words[last + 1 : last + 4]:
        gap = passage.text[previous.end : word.start]
        if gap != (", " if previous is run[-1] else " ") or not word.given:
            break
        if word.capital != run[-1].capital:
            break
        found = previous = word
    return found
