"""The forms in which a text is looked at, each with the way back to the original's offsets. Pure.

- folded: what has a plain form is in it (full-width signs, styled letters, digits of all scripts, blanks, dashes,
  JSON's escapes, foreign letters within a word of plain ones), and what has no width is gone;
- plain: as long as the folded text, lower case, without accents;
- intent: as long as the plain text, look-alike letters of other scripts and signs for letters undone.

What can be read in more than one way is no part of these: views.py holds it.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from policies.guardrails.confusables import LOOK_ALIKES
from policies.guardrails.patterns import compiled, without_surrogates
from policies.guardrails.rewritten import Piece, Rewritten, rewrite, rewrite_near

INVISIBLE_RANGES = (
    *((0x00, 0x08), (0x0E, 0x1F), (0x7F, 0x84), (0x86, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C)),
    *((0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F)),
    *((0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB)),
    *((0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0x40000, 0xBFFFF), (0xE0000, 0xE0FFF)),
)
"""Signs without a width: controls, soft hyphens, joiners, marks of direction, selectors, tags; and the planes that hold
no character at all. SmolLM2's tokenizer drops six of the controls and U+40000 to U+BFFFF: there they would hide a
pattern from us alone.
"""
INVISIBLE = "".join(rf"\x{{{first:X}}}-\x{{{last:X}}}" for first, last in INVISIBLE_RANGES)
"""Inside a character class."""
_MARKS = r"\p{Mn}\p{Me}"
_LONGER = r"\x{2100}-\x{2152}\x{2469}-\x{24B5}\x{3300}-\x{33FF}\x{FB00}-\x{FB06}\x{1F100}-\x{1F12A}"
"""Signs whose plain form may be longer than one letter: letter-like ones, in brackets, squared, ligatures."""
_PLAIN_TEXT = (
    r"\t\n\r -~\x{A1}-\x{AC}\x{AE}-\x{130}\x{132}-\x{191}\x{193}-\x{24F}\x{2018}-\x{201F}\x{2022}\x{2026}\x{20AC}"
)
_UNUSUAL = rf"[^{_PLAIN_TEXT}]|\\u[0-9A-Fa-f]{{4}}"
"""Anything that folding might change: all else is Latin letters, everyday quotation marks, dots and signs of money."""
_VANISHING = rf"[{INVISIBLE}]+|[^{INVISIBLE}{_MARKS}]?[{_MARKS}][{_MARKS}{INVISIBLE}]*|[{_LONGER}]"
_ESCAPE = r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}"
_FOREIGN = r"\S*[\x{131}\x{192}\x{250}-\x{1FFF}\x{2C00}-\x{2DFF}\x{3007}\x{A490}-\x{ABFF}\x{10280}-\x{16FFF}]\S*"
_ANY_MARKED = rf"[{INVISIBLE}{_MARKS}]"
_KNOWN_FORMS = 20_000
"""Code points of which a table keeps the form."""
_LEET = str.maketrans("013457@$€", "oieastase")
_LEET_WORD = r"\S*[013457@$\x{20AC}]\S*"


def fold(text: str) -> Rewritten:
    """Folds a text for the search of entities. A text without anything unusual comes back as it is."""
    text = without_surrogates(text)
    if _is_everyday(text):
        return Rewritten(text)
    parent, text = _unescaped_text(text)
    return rewrite(text, _pieces(text), parent=parent)


def parted(text: str, gap: str, margin: int) -> list[Rewritten]:
    """The folded text where signs without a width stand between two letters or digits, with `gap` in their place.

    Of the text only what lies within the margin of such places.
    """
    parent, text = _unescaped_text(without_surrogates(text))
    found = rewrite_near(text, _pieces(text, gap), margin, parent=parent)
    return [reading for reading in found if any(piece.text == gap for piece in reading.pieces)]


def _unescaped_text(text: str) -> tuple[Rewritten | None, str]:
    """The text with JSON's escapes undone, look-alikes too, and the way back where it is another one."""
    parent: Rewritten | None = None
    if "\\u" in text:
        escapes = [
            Piece(match.start(), match.end(), _unescaped(match.group())) for match in compiled(_ESCAPE).finditer(text)
        ]
        parent = rewrite(text, escapes)
        text = without_surrogates(parent.text)
    return parent, _look_alikes_undone(_one_to_one(text))


def _pieces(text: str, gap: str = "") -> list[Piece]:
    """What has no width or a longer plain form, and what takes its place."""
    pieces: list[Piece] = []
    for match in compiled(_VANISHING).finditer(text):
        piece = Piece(match.start(), match.end(), _folded(match.group()))
        if gap and not piece.text and _within_a_word(text, piece):
            piece = Piece(piece.start, piece.end, gap)
        if piece.text != match.group():
            pieces.append(piece)
    return pieces


def _is_everyday(text: str) -> bool:
    if text.isascii() and text.isprintable() and "\\u" not in text:
        return True
    return not compiled(_UNUSUAL).is_in(text)


def _within_a_word(text: str, piece: Piece) -> bool:
    before, after = text[max(0, piece.start - 1) : piece.start], text[piece.end : piece.end + 1]
    return before.isalnum() and after.isalnum()


def _unescaped(escape: str) -> str:
    if len(escape) == 12:
        return chr(0x10000 + ((int(escape[2:6], 16) - 0xD800) << 10) + int(escape[8:12], 16) - 0xDC00)
    return chr(int(escape[2:], 16))


def _folded(found: str) -> str:
    """The plain form of a run without width ('' but for marks that a letter has a form for) or of a longer sign."""
    composed = unicodedata.normalize("NFC", found)
    kept = "".join(letter for letter in composed if not vanishes(ord(letter)))
    return unicodedata.normalize("NFKC", kept) if kept not in _KEPT else kept


_KEPT = frozenset("™℠№℀℁℅℆")
"""Signs whose longer form nobody writes for disguise."""


class _Marks(dict[int, bool]):
    """Fills itself: which code points have no width."""

    def __missing__(self, code: int) -> bool:
        if len(self) > _KNOWN_FORMS:
            self.clear()
        hidden = any(first <= code <= last for first, last in INVISIBLE_RANGES)
        self[code] = hidden or unicodedata.category(chr(code)) in {"Mn", "Me"}
        return self[code]


_HAS_NO_WIDTH = _Marks()


def vanishes(code: int) -> bool:
    """Whether a code point has no width of its own: an invisible sign, or a mark on a letter."""
    return _HAS_NO_WIDTH[code]


class _OneToOne(dict[int, str]):
    """Fills itself: the plain form of a code point where that is one code point, else itself."""

    def __missing__(self, code: int) -> str:
        if len(self) > _KNOWN_FORMS:
            self.clear()  # else a text of all characters there are would fill the memory
        self[code] = _plain_form(chr(code))
        return self[code]


_FORMS = _OneToOne()


def _one_to_one(text: str) -> str:
    return text if text.isascii() and "\x0b" not in text and "\x0c" not in text else text.translate(_FORMS)


def _plain_form(letter: str) -> str:
    code, category = ord(letter), unicodedata.category(letter)
    if letter in "\x0b\x0c\x85\u2028\u2029":
        return "\n"
    if category == "Zs":
        return " "
    if category == "Pd" or letter in "\u2212\u2043\u02d7\u2796":
        return "-"
    if letter in "\u3002\uff61\u06d4\u2024":
        return "."
    if category == "Nd":
        return str(unicodedata.digit(letter))
    for first in (0x1F150, 0x1F170):
        if first <= code < first + 26:
            return chr(ord("A") + code - first)
    if code < 0x250 or 0x2070 <= code <= 0x209C or vanishes(code):
        return letter
    form = unicodedata.normalize("NFKC", letter)
    return form if len(form) == 1 and not vanishes(ord(form)) else letter


def _look_alikes_undone(text: str) -> str:
    """Foreign letters within a word of plain ones (`ехаmple.com`): a word all in another script stays as it is."""
    if text.isascii():
        return text
    pieces: list[str] = []
    position = 0
    for match in compiled(_FOREIGN).finditer(text):
        word = match.group()
        if any(letter.isascii() and letter.isalnum() for letter in word):
            pieces += (text[position : match.start()], word.translate(LOOK_ALIKES))
            position = match.end()
    return "".join((*pieces, text[position:])) if pieces else text


class _Table(dict[int, str]):
    """Fills itself: one lower-case letter without accents for each letter."""

    def __missing__(self, code: int) -> str:
        if len(self) > _KNOWN_FORMS:
            self.clear()
        letter = chr(code)
        lowered = unicodedata.normalize("NFD", letter)[0].lower()
        self[code] = lowered if len(lowered) == 1 else letter
        return self[code]


_PLAIN = _Table()


def plain(text: str) -> str:
    """The text in lower case and without accents, code point for code point."""
    return text.lower() if text.isascii() else text.translate(_PLAIN)


@cache
def _intent_forms() -> dict[int, str]:
    flags = {0x1F1E6 + index: chr(ord("a") + index) for index in range(26)}
    return {**{code: letter.lower() for code, letter in LOOK_ALIKES.items()}, **flags}


def intent(plain_text: str) -> str:
    """A plain text with look-alike letters and signs for letters undone, code point for code point.

    Signs are undone only inside words that have two letters or more: `1gn0r3` is a word, `14:30` is none.
    """
    text = plain_text if plain_text.isascii() else plain_text.translate(_intent_forms())
    pieces: list[str] = []
    position = 0
    for match in compiled(_LEET_WORD).finditer(text):
        pieces += (text[position : match.start()], _unleet(match.group()))
        position = match.end()
    return "".join((*pieces, text[position:])) if pieces else text


def _unleet(word: str) -> str:
    return word.translate(_LEET) if sum(map(str.isalpha, word)) >= 2 else word


def count_invisible(text: str) -> int:
    """How many code points of the text have no width: what a stream must see beyond its hold-back for them."""
    if text.isascii() and text.isprintable():
        return 0
    if not compiled(_ANY_MARKED).is_in(text):
        return 0
    return sum(_HAS_NO_WIDTH[ord(letter)] for letter in text)
