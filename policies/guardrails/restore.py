"""Stand-ins in an answer become originals again, whole or streamed, the same for every cut into chunks.

A stand-in is recognised in capitals or without, and as it was noted in its other forms (pseudonyms.py says which). What
is held back at the end of a chunk is the beginning of a stand-in that may go on, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from policies.guardrails.normalise import plain

_SEPARATORS = frozenset(" .-()/:\u00a0\u202f")
_MOST_SEPARATORS = 3
"""Between two signs of a code."""
_BLANKS = frozenset("\u00a0\u202f")
_LATIN_ENDS = "\u0250"


@dataclass(eq=False)
class _Node:
    """What may follow, and what is written in place of what ends here."""

    next: dict[str, _Node] = field(default_factory=dict)
    original: str | None = None
    doubtful: bool = False
    """Two originals have this form: it comes back as neither."""


@dataclass(frozen=True)
class Place:
    """One stand-in in a text: code points, end exclusive, and what it stands for."""

    start: int
    end: int
    original: str


@dataclass(frozen=True)
class _Walked:
    """How far a stand-in goes that begins at a place; `open`: the text ends before that is known."""

    end: int
    original: str | None
    open: bool


class StandInForms:
    """Every form in which a stand-in may come back, each with its original. Grows; never forgets."""

    def __init__(self) -> None:
        self._texts = _Node()
        self._codes = _Node()

    def has_text(self, form: str) -> bool:
        """Whether something comes back by this form, or by a longer one that begins so."""
        return _at(self._texts, _folded(form)) is not None

    def has_code(self, form: str) -> bool:
        """The same for codes; separators do not count."""
        return _at(self._codes, _bare(form)) is not None

    def add_text(self, form: str, original: str) -> None:
        """Notes a form that is written as it is, in any case. The first original that a form had stays."""
        _add(self._texts, _folded(form), original)

    def add_short(self, form: str, original: str) -> None:
        """Notes a shortened form. Where two originals have the same one it counts for neither."""
        node = _add(self._texts, _folded(form), original)
        if node.doubtful or node.original != original:
            node.original, node.doubtful = None, True

    def add_code(self, form: str, original: str) -> None:
        """Notes a form between whose signs a few separators may stand, or none."""
        _add(self._codes, _bare(form), original)

    def places(self, text: str) -> tuple[Place, ...]:
        """Where stand-ins are in a whole text, from left to right."""
        return tuple(piece for piece in self.read(text, before=" ", ended=True) if piece.original)

    def read(self, text: str, *, before: str, ended: bool) -> Iterator[Place]:
        """Stand-ins from left to right; the longest that begins at a place counts.

        Without `ended`, a last place with an original of '' is where a stand-in begins that the text cuts off.
        """
        folded = _folded(text)
        position = 0
        while position < len(folded):
            if (position and _joins(folded[position - 1])) or (position == 0 and _joins(before)):
                position += 1
                continue
            walked = self._walk(folded, position)
            if walked.open and not ended:
                yield Place(position, len(folded), "")
                return
            if walked.original is None:
                position += 1
                continue
            start = position
            if folded[start] == "(" and ")" not in folded[start : walked.end]:
                start += 1
            yield Place(start, walked.end, walked.original)
            position = walked.end

    def _walk(self, folded: str, start: int) -> _Walked:
        texts = _walk_text(self._texts, folded, start)
        codes = _walk_code(self._codes, folded, start)
        longest = max(texts, codes, key=lambda walked: (walked.original is not None, walked.end))
        return _Walked(longest.end, longest.original, texts.open or codes.open)


class Restorer:
    """Restores the answers of one conversation."""

    def __init__(self, forms: StandInForms, *, in_json: bool = False) -> None:
        self._forms = forms
        self._in_json = in_json
        """Originals are put into JSON strings: their quotation marks must not end one."""

    def whole(self, text: str) -> str:
        """A whole text with its originals."""
        stream = self.stream()
        return stream.push(text) + stream.finish()

    def stream(self) -> RestoringStream:
        """A fresh stream for one answer, or for one choice or tool call of it."""
        return RestoringStream(self._forms, in_json=self._in_json)


class RestoringStream:
    """One text on its way to a caller who may see originals. Not for several threads at once."""

    def __init__(self, forms: StandInForms, *, in_json: bool = False) -> None:
        self._forms = forms
        self._in_json = in_json
        self._pending = ""
        self._before = " "

    @property
    def held(self) -> int:
        """Code points that are held back."""
        return len(self._pending)

    def push(self, text: str) -> str:
        """Takes the next chunk and gives what may leave now."""
        return self._take(text, ended=False)

    def finish(self) -> str:
        """Gives the rest."""
        return self._take("", ended=True)

    def _take(self, text: str, *, ended: bool) -> str:
        self._pending += text
        pieces: list[str] = []
        done = 0
        until = len(self._pending)
        for place in self._forms.read(self._pending, before=self._before, ended=ended):
            if not place.original:
                until = place.start
                break
            pieces += (self._pending[done : place.start], self._written(place.original))
            done = place.end
        pieces.append(self._pending[done:until])
        self._before = self._pending[until - 1] if until else self._before
        self._pending = self._pending[until:]
        return "".join(pieces)

    def _written(self, original: str) -> str:
        return json.dumps(original, ensure_ascii=False)[1:-1] if self._in_json else original


def _walk_text(node: _Node, folded: str, start: int) -> _Walked:
    end, original = start, None
    for position in range(start, len(folded)):
        following = node.next.get(folded[position])
        if following is None:
            return _Walked(end, original, open=False)
        node = following
        if node.original is not None and not (position + 1 < len(folded) and _joins(folded[position + 1])):
            end, original = position + 1, node.original
    return _Walked(end, original, open=True)


def _walk_code(node: _Node, folded: str, start: int) -> _Walked:
    root = node
    end, original = start, None
    separators = 0
    for position in range(start, len(folded)):
        sign = folded[position]
        if node is root and sign == "(" and position == start:
            continue
        following = node.next.get(sign)
        if following is not None:
            node, separators = following, 0
            if node.original is not None and not (position + 1 < len(folded) and _joins(folded[position + 1])):
                end, original = position + 1, node.original
            continue
        if node is root or sign not in _SEPARATORS or separators == _MOST_SEPARATORS:
            return _Walked(end, original, open=False)
        separators += 1
    return _Walked(end, original, open=bool(node.next) or end == len(folded))


def _add(node: _Node, form: str, original: str) -> _Node:
    for sign in form:
        node = node.next.setdefault(sign, _Node())
    if node.original is None:
        node.original = original
    return node


def _at(node: _Node, form: str) -> _Node | None:
    found: _Node | None = node
    for sign in form:
        found = found.next.get(sign) if found else None
    return found


def _folded(text: str) -> str:
    """In lower case, code point for code point, with one kind of blank."""
    folded = plain(text)
    return folded if folded.isascii() else "".join(" " if sign in _BLANKS else sign for sign in folded)


def _bare(form: str) -> str:
    return "".join(sign for sign in _folded(form) if sign not in _SEPARATORS)


def _joins(sign: str) -> bool:
    """Whether a sign beside a stand-in makes it part of a longer word. Scripts without blanks between words do not."""
    return sign < _LATIN_ENDS and sign.isalnum()
