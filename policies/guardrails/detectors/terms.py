"""Listed words and names as patterns: whatever their case, accents, word forms, look-alike letters and gaps.

A term is found where it stands alone: `pol` is neither in `police` nor in `pool`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policies.guardrails.normalise import fold, plain
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled

LONGEST = 64
"""Code points of a term."""
SPAN = 224
"""Code points of the longest find: every letter of a term may be set apart by two signs, those of a short one drawn
out."""
_STRETCHES = 16
"""Letters of a term whose letters may be drawn out, up to twelve times each."""
_TOGETHER = 40
"""Terms in one pattern: more of them would not fit into RE2's memory."""
_LEAST_LETTERS = 4
"""A shorter term is looked for as it is written: set apart or with digits in it, anything could be it."""
_GAP = r"[\s_.·•*/|-]{1,2}"
_BETWEEN = r"(?:[\s_.·/&-]{1,3}|)"
_LIKE = {
    **{"a": "[a4@]", "b": "[b8]", "e": "[e3]", "g": "[g9]", "i": "[i1!|]", "l": "[l1|]", "o": "[o0]", "q": "[q9]"},
    **{"s": "[s5$]", "t": "[t7+]", "z": "[z2]", "w": "(?:w|vv)"},
}
_ENDS_EN = r"(?:s'|e?s)?(?:'s|’s)?"
_ENDS_ES = {"o": "(?:os|as|o|a)", "a": "(?:as|a)", "z": "(?:ces|zas|za|z)", "y": "(?:ies|ys|y)"}


class Terms:
    """A list of terms, compiled."""

    def __init__(self, terms: Iterable[str], *, forms: bool = True, names: bool = False) -> None:
        """`forms`: plurals, genders, possessives too. `names`: `rn` is read as `m`, which `modern` says of no name."""
        bare = {" ".join(plain(fold(term).text).replace("-", " ").split()) for term in terms} - {""}
        listed = sorted(bare, key=lambda term: (-len(term), term))  # `Acme Telecom` before `Acme`
        like = {**_LIKE, "m": "(?:m|rn)"} if names else _LIKE
        exact = [_written(term, forms=forms) for term in listed]
        disguised = [_disguised(term, like, forms=forms) for term in listed if _letters(term) >= _LEAST_LETTERS]
        self._exact = tuple(_joined(exact))
        self._disguised = tuple(_joined(disguised))

    def find(self, passage: Passage) -> Iterator[tuple[int, int]]:
        """Where each find begins and ends, in the passage's text; finds of several forms may repeat."""
        for pattern in self._exact:
            yield from _alone(pattern, passage.plain)
        for pattern in self._disguised:
            for text in {passage.plain, passage.intent}:
                for start, end in _alone(pattern, text):
                    if 2 * sum(map(str.isalpha, text[start:end])) >= sum(map(str.isalnum, text[start:end])):
                        yield start, end


def _alone(pattern: str, text: str) -> Iterator[tuple[int, int]]:
    for match in compiled(pattern).finditer(text):
        start, end = match.start(), match.end()
        if not (start and text[start - 1].isalnum()) and not (end < len(text) and text[end].isalnum()):
            yield start, end


def _joined(patterns: list[str]) -> Iterator[str]:
    for first in range(0, len(patterns), _TOGETHER):
        yield "(?:" + "|".join(patterns[first : first + _TOGETHER]) + ")"


def _letters(term: str) -> int:
    return sum(letter.isalnum() for letter in term)


def _written(term: str, *, forms: bool) -> str:
    """The term with its word forms and any blank or dash between its words."""
    *first, last = term.split()
    return _BETWEEN.join([*map(_escaped, first), _with_forms(last) if forms else _escaped(last)]) + _edge(last)


def _with_forms(word: str) -> str:
    if len(word) < _LEAST_LETTERS or not word[-1].isalpha():
        return _escaped(word) + ("" if len(word) < 2 else r"(?:'s|’s)?")
    end = _ENDS_ES.get(word[-1])
    return _escaped(word[:-1]) + end + r"(?:'s|’s)?" if end else _escaped(word) + _ENDS_EN


def _edge(word: str) -> str:
    """RE2's own word boundary where the term ends in a letter that it knows, so that it tries every word form."""
    return r"\b" if word[-1].isascii() and word[-1].isalnum() else ""


def _disguised(term: str, like: dict[str, str], *, forms: bool) -> str:
    """The term with look-alikes for its letters, and drawn out; or with all its letters set apart."""
    stretch = "{2,12}" if _letters(term) <= _STRETCHES else ""
    close = _BETWEEN.join("".join(_drawn_out(letter, like, stretch) for letter in word) for word in term.split())
    apart = _GAP.join(like.get(letter, _escaped(letter)) for letter in term if letter.isalnum())
    return f"(?:{close}{_ENDS_EN if forms else ''}|{apart})"


def _drawn_out(letter: str, like: dict[str, str], stretch: str) -> str:
    one = like.get(letter, _escaped(letter))
    return f"{one}(?:{letter}{stretch})?" if stretch and letter.isalpha() else one


def _escaped(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter == "_" else f"\\x{{{ord(letter):X}}}" for letter in text)
