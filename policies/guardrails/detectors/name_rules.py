"""Names of persons by lists and context, for both languages and any way of writing capitals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from infra.ner import NameLists, WordKind
from policies.guardrails.detectors import name_cues as cues
from policies.guardrails.detectors.es_towns import TOWNS
from policies.guardrails.detectors.sentences import runs
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled, pattern_set
from policies.guardrails.redact import Span

CONTEXT = 40
"""Code points before a name that may introduce it."""
_MOST_WORDS = 6
_ENOUGH = 2.0
"""Evidence from which on a run of words is a name."""
_SPEAKER = r"(?:^|\n)\W{0,3}$"
"""The beginning of a line, where `Name: ` is who speaks."""
_SPEECH = r"^:\s{0,2}\\?[\"“«]"
"""After who speaks, what is said."""
_JOINS = (", ", " and ", " & ", " y ", " e ")
"""Between two names of one list."""
_APOSTROPHES = "'’"
_GAP = r"[\s\"'“«>(¡¿]{0,6}"
_INTRODUCTIONS = tuple(rf"(?:{kind}){_GAP}$" for kind in (cues.STRONG, cues.WEAK, cues.LEADS, cues.NO_PERSON))
_TRAILING = 24
_ENDS_TEXT = rf"^[ .!\n]{{0,{_TRAILING - 1}}}$"
"""Behind a name that ends its text."""
_NO_BEGINNING = cues.TITLES | cues.PARTICLES
_TOWNS = frozenset(TOWNS)
_LIST = rf"(?:{cues.STRONG}){_GAP}(?:\p{{L}}+(?: \p{{L}}+)?(?:,?(?:{'|'.join(_JOINS)}))){{1,3}}$"
"""A strong word and the first names of a list."""


class Word(NamedTuple):
    """One word of a passage, with what the lists say of it."""

    start: int
    end: int
    plain: str
    capital: bool
    kind: WordKind

    @property
    def initial(self) -> bool:
        """A letter alone, as in `T. Durán`."""
        return len(self.plain) == 1

    @property
    def unlike_a_name(self) -> bool:
        """Whether it is an everyday word or a noun."""
        return self.kind.common or self.kind.noun

    @property
    def weight(self) -> float:
        """How much it speaks for a name by itself."""
        if self.kind.given:
            return 0.8 if self.kind.everyday else 2.0
        if self.kind.surname:
            return 0.5 if self.kind.everyday else 1.2
        return 0.5 if self.initial else 0.3


class _Before(NamedTuple):
    """What stands before a run of words."""

    strong: bool
    weak: bool
    lead: bool
    no_person: bool
    in_a_list: bool
    """Whether what is strong stands before other words of the same list."""


def words_of(passage: Passage, lists: NameLists) -> tuple[Word, ...]:
    """The words of a passage, in order."""
    text, plain = passage.text, passage.plain
    found: list[Word] = []
    for start, end in _words_in(text):
        word = plain[start:end]
        if word.endswith(("'s", "’s")):
            end, word = end - 2, word[:-2]
        found.append(Word(start, end, word, text[start].isupper(), lists.kind_of(word)))
    return tuple(found)


def is_town(passage: Passage, start: int, end: int) -> bool:
    """Whether these words are a town's whole name."""
    return passage.plain[start:end] in _TOWNS


def _words_in(text: str) -> list[tuple[int, int]]:
    """Where the words stand: letters, with an apostrophe inside; not those that touch a digit, which are codes."""
    found: list[tuple[int, int]] = []
    joins = False
    for start, end, run in runs(text):
        if not run.isalpha():
            continue
        joins = not joins and bool(found) and found[-1][1] == start - 1 and text[start - 1] in _APOSTROPHES
        if joins:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


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
    kind = word.kind
    if word.initial:
        return True
    if word.plain in _NO_BEGINNING:
        return False
    if not passage.has_case:
        return kind.listed or not kind.common
    return kind.listed if word.capital and kind.common else word.capital or kind.sure


def _look_before(passage: Passage, start: int) -> _Before:
    before = passage.before(start, CONTEXT)
    matching = pattern_set(*_INTRODUCTIONS).matching(before)
    in_a_list = before.endswith(_JOINS) and compiled(_LIST).is_in(before)
    strong, weak, lead, no_person = (index in matching for index in range(len(_INTRODUCTIONS)))
    return _Before(strong, weak, lead, no_person, in_a_list)


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
        (word.kind.given and not word.kind.surname) or len(run) > 2
    )


def _name_like(word: Word, passage: Passage, before: _Before, run: list[Word]) -> bool:
    """Whether a word can go on with the run, or begin one."""
    if word.plain in cues.TITLES or (word.plain in cues.PARTICLES and not word.initial):
        return False
    if word.initial:
        return _initial_fits(word, passage, run)
    if not run and not before.strong and word.plain in cues.THINGS and not word.kind.listed:
        return False
    named = bool(run) and run[-1].kind.given and run[-1].kind.sure
    if not passage.has_case:
        if named and passage.language == "en" and not word.unlike_a_name:
            return True
        return word.kind.listed or (before.strong and not word.kind.common and len(run) < 2)
    if word.capital:
        if named and run[-1].capital and word.plain not in cues.PLACES:
            return True  # the surname of a given name, though a dictionary has it too
        return word.kind.listed or not (word.kind.common or (word.kind.noun and not before.strong))
    if word.kind.sure:
        return not run or not run[0].capital
    return word.kind.listed and any(each.kind.sure for each in run) and not run[0].capital


def _initial_fits(word: Word, passage: Passage, run: list[Word]) -> bool:
    """Whether a letter alone is an initial: before a name with a dot, inside one as a capital."""
    dotted = passage.text[word.end : word.end + 1] == "."
    if run:
        begun = run[0].kind.given or (run[0].capital and not run[0].unlike_a_name)
        return passage.has_case and word.capital and begun and (dotted or word.plain not in "yeoa")
    return dotted and (word.capital or not passage.has_case)


def _score(passage: Passage, run: list[Word], before: _Before) -> float:
    """The evidence that a run of words is a person's name."""
    joined = [word for word in run if word.plain in {"y", "e"} and not (word.capital and passage.has_case)]
    named = [word for word in run if word not in joined and (word.plain not in cues.PARTICLES or word.initial)]
    listed = [word for word in named if word.kind.listed]
    cased = run[0].capital and passage.has_case
    score = sum(word.weight for word in named) if listed else min(0.6, 0.3 * len(named))
    score += _introduced(before, bool(listed), cased or not passage.has_case)
    if cased and len(named) > 2 and named[1].initial and not named[0].initial:
        score += 1.0  # `Elita B Desaulniers`, whoever has not heard of her
    if cased:
        score += 0.3 + (0.4 if len(named) > 1 and named[0].kind.given and named[1].kind.surname else 0.0)
    elif passage.has_case and len(named) == 1:
        score -= 0.8
    score += _after(passage, run, listed)
    if joined and not any(word.kind.sure for word in run):
        score -= 1.0  # two everyday words
    if not before.strong:
        score -= _places(passage, run)
    if before.no_person or compiled(cues.COMPANY_AFTER).is_in(passage.after(run[-1].end, 16)):
        score -= 3.0
    return score


def _introduced(before: _Before, listed: bool, written_like_one: bool) -> float:
    """What the words before a run add."""
    if before.strong:
        return 1.9 if written_like_one else 1.2
    if before.weak and listed:
        return 1.3 if written_like_one else 0.9
    if before.in_a_list:
        return 1.3
    return 0.4 if before.lead else 0.0


def _places(passage: Passage, run: list[Word]) -> float:
    """What speaks for a place: a town of several words is the run or ends it, or one is all of it.

    Many a town is a surname too.
    """
    end = run[-1].end
    if len(run) > 1 and is_town(passage, run[0].start, end):
        return 4.0
    if any(word.kind.given for word in run):
        return 0.0
    return 2.0 if any(is_town(passage, word.start, end) for word in (run[:-1] or run)) else 0.0


def _after(passage: Passage, run: list[Word], listed: list[Word]) -> float:
    """What the words after a run add, and its place in the text."""
    start, end = run[0].start, run[-1].end
    if compiled(cues.FOLLOWS).is_in(passage.after(end, 18)):
        return 1.5 if run[0].capital or listed else 0.0
    starts_line = compiled(_SPEAKER).is_in(passage.before(start, 5))
    if starts_line and not passage.text[start:end].isupper() and compiled(_SPEECH).is_in(passage.after(end, 5)):
        return 1.5
    if starts_line and listed and passage.after(end, 1) == ":":
        return 1.3
    ends_text = compiled(_ENDS_TEXT).is_in(passage.after(end, _TRAILING))
    begins = starts_line or passage.before(start, 2) in {". ", "! ", "? "}
    return 1.0 if ends_text and begins and listed and len(run) <= 3 else 0.0


def _given_after_comma(passage: Passage, words: Sequence[Word], after: int, run: list[Word]) -> list[Word]:
    """The given names after `Surname Surname, `, where the run holds surnames alone."""
    if not all(word.kind.surname or word.plain in cues.PARTICLES for word in run) or (
        run[0].kind.given and run[0].kind.sure
    ):
        return []
    found: list[Word] = []
    for word in words[after : after + 3]:
        gap = passage.text[(found or run)[-1].end : word.start]
        if gap != (" " if found else ", ") or not word.kind.given or word.capital != run[-1].capital:
            break
        found.append(word)
    return found
