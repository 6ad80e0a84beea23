"""Names of persons by lists and context, for both languages and any way of writing capitals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.ner import NameLists
from policies.guardrails.detectors import name_cues as cues
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span

CONTEXT = 40
"""Code points before a name that may introduce it."""
_MOST_WORDS = 6
_ENOUGH = 2.0
"""Evidence from which on a run of words is a name."""
_SPEAKER = r"(?:^|\n)\W{0,3}$"
"""The beginning of a line, where `Name: ` is who speaks."""


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
    common: bool
    noun: bool

    @property
    def initial(self) -> bool:
        """A letter alone, as in `T. Durán`."""
        return len(self.plain) == 1

    @property
    def listed(self) -> bool:
        """Whether a list of names has it."""
        return self.given or self.surname

    @property
    def sure(self) -> bool:
        """Whether it is a name and nothing else."""
        return self.listed and not self.everyday

    @property
    def weight(self) -> float:
        """How much it speaks for a name by itself."""
        if self.given:
            return 0.8 if self.everyday else 2.0
        if self.surname:
            return 0.5 if self.everyday else 1.2
        return 0.5 if self.initial else 0.3


@dataclass(frozen=True)
class _Before:
    """What stands before a run of words."""

    strong: bool
    weak: bool
    lead: bool
    no_person: bool


def words_of(passage: Passage, lists: NameLists) -> tuple[Word, ...]:
    """The words of a passage, in order."""
    found: list[Word] = []
    for match in compiled(r"\p{L}+(?:['’]\p{L}+)?").finditer(passage.text):
        start, end = match.start(), match.end()
        if passage.text[start - 1 : start].isdigit() or passage.text[end : end + 1].isdigit():
            continue  # part of a code
        plain = passage.plain[start:end]
        if plain.endswith(("'s", "’s")):
            end, plain = end - 2, plain[:-2]
        found.append(
            Word(
                start,
                end,
                plain,
                passage.text[start].isupper(),
                plain in lists.given,
                plain in lists.surnames,
                plain in lists.words,
                lists.is_common(plain),
                lists.is_noun(plain),
            )
        )
    return tuple(found)


def names_by_rule(passage: Passage, words: Sequence[Word]) -> Iterator[Span]:
    """Runs of words that the lists, the capitals and the words around them make a name."""
    position = 0
    while position < len(words):
        if not _may_begin(words[position], passage):
            position += 1
            continue
        before = _look_before(passage, words[position].start)
        run = _run(passage, words, position, before)
        if not run:
            position += 1
            continue
        score = _score(passage, run, before)
        if score >= _ENOUGH:
            rest = _given_after_comma(passage, words, position + len(run), run)
            end = rest[-1].end if rest else run[-1].end
            yield Span(run[0].start, end, "PERSON", min(0.95, 0.4 + 0.12 * score))
            position += len(rest)
        position += len(run)


def _may_begin(word: Word, passage: Passage) -> bool:
    if word.plain in cues.TITLES or (word.plain in cues.PARTICLES and not word.initial):
        return False
    return word.listed or word.initial or (word.capital and not word.common) or not passage.has_case


def _look_before(passage: Passage, start: int) -> _Before:
    before = passage.before(start, CONTEXT)
    return _Before(*(_ends_with(kind, before) for kind in (cues.STRONG, cues.WEAK, cues.LEADS, cues.NO_PERSON)))


def _ends_with(alternatives: str, before: str) -> bool:
    return compiled(rf"(?:{alternatives})[\s\"'“«>(¡¿]{{0,6}}$").search(before) is not None


def _run(passage: Passage, words: Sequence[Word], first: int, before: _Before) -> list[Word]:
    """The longest run from `first` on of words that can belong to one name."""
    run: list[Word] = []
    pending: list[Word] = []
    for word in words[first : first + _MOST_WORDS + 3]:
        previous = pending[-1] if pending else run[-1] if run else None
        if previous is not None and not _joined(passage, previous, word):
            break
        if (run and word.plain in cues.PARTICLES and not word.initial) or (run and word.plain in {"y", "i", "e"}):
            if len(pending) == 2:
                break
            pending.append(word)
            continue
        if not _name_like(word, passage, before, run) or _begins_another(word, pending, run):
            break
        run += [*pending, word]
        pending = []
        if len(run) >= _MOST_WORDS:
            break
    while len(run) > 1 and run[-1].initial:
        run.pop()
    return [] if run and run[0].initial and len(run) == 1 else run


def _joined(passage: Passage, left: Word, right: Word) -> bool:
    between = passage.text[left.end : right.start]
    return between in {" ", "-", "  "} or (left.initial and between in {". ", "."})


def _begins_another(word: Word, pending: list[Word], run: list[Word]) -> bool:
    """`Ana Gil y Luis Paz` are two persons, `Ramón y Cajal` is one."""
    return any(each.plain in {"y", "i", "e"} for each in pending) and (
        (word.given and not word.surname) or len(run) > 2
    )


def _name_like(word: Word, passage: Passage, before: _Before, run: list[Word]) -> bool:
    """Whether a word can go on with the run, or begin one."""
    if word.plain in cues.TITLES or (word.plain in cues.PARTICLES and not word.initial):
        return False
    if word.initial:
        dotted = passage.text[word.end : word.end + 1] == "."
        return dotted and not run and (word.capital or not passage.has_case)
    if not passage.has_case:
        return word.listed or (before.strong and not word.common and len(run) < 2)
    if word.capital:
        return word.listed or not (word.common or (word.noun and not before.strong))
    if word.sure:
        return not run or not run[0].capital
    return word.listed and any(each.sure for each in run) and not run[0].capital


def _score(passage: Passage, run: list[Word], before: _Before) -> float:
    """The evidence that a run of words is a person's name."""
    named = [word for word in run if word.plain not in cues.PARTICLES or word.initial]
    listed = [word for word in named if word.listed]
    cased = run[0].capital and passage.has_case
    score = sum(word.weight for word in named) if listed else min(0.6, 0.3 * len(named))
    if before.strong:
        score += 1.9 if cased or not passage.has_case else 1.2
    elif before.weak and listed:
        score += 1.3 if cased or not passage.has_case else 0.9
    elif before.lead:
        score += 0.4
    if cased:
        score += 0.3 + (0.4 if len(named) > 1 and named[0].given and named[1].surname else 0.0)
    elif passage.has_case and len(named) == 1:
        score -= 0.8
    score += _after(passage, run, listed)
    if before.no_person or compiled(cues.COMPANY_AFTER).search(passage.after(run[-1].end, 16)):
        score -= 3.0
    return score


def _after(passage: Passage, run: list[Word], listed: list[Word]) -> float:
    """What the words after a run add, and its place in the text."""
    start, end = run[0].start, run[-1].end
    if compiled(cues.FOLLOWS).search(passage.after(end, 18)):
        return 1.5 if run[0].capital or listed else 0.0
    starts_line = compiled(_SPEAKER).search(passage.before(start, 5)) is not None
    if starts_line and listed and passage.after(end, 1) == ":":
        return 1.3
    ends_text = not passage.plain[end:].strip(" .!\n")
    begins = starts_line or passage.before(start, 2) in {". ", "! ", "? "}
    return 1.0 if ends_text and begins and listed and len(run) <= 3 else 0.0


def _given_after_comma(passage: Passage, words: Sequence[Word], after: int, run: list[Word]) -> list[Word]:
    """The given names after `Surname Surname, `, where the run holds surnames alone."""
    if not all(word.surname or word.plain in cues.PARTICLES for word in run) or (run[0].given and run[0].sure):
        return []
    found: list[Word] = []
    for word in words[after : after + 3]:
        gap = passage.text[(found or run)[-1].end : word.start]
        if gap != (" " if found else ", ") or not word.given or word.capital != run[-1].capital:
            break
        found.append(word)
    return found
