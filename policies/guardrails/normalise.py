"""The forms in which a text is looked at, each with the way back to the original's offsets. Pure.

- folded: look-alike blanks, dashes and full-width signs plain, invisible signs gone, JSON's escapes decoded;
- plain: as long as the folded text, lower case, without accents;
- intent: as long as the plain text, look-alike letters of other scripts and digits for letters undone.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from policies.guardrails.patterns import compiled

_INVISIBLE_RANGES = (
    *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180E, 0x180E)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xE0000, 0xE0FFF)),
)
"""Signs without a width."""
_INVISIBLE = "[" + "".join(rf"\x{{{first:X}}}-\x{{{last:X}}}" for first, last in _INVISIBLE_RANGES) + "]"
_WITHOUT_INVISIBLE = {code: None for first, last in _INVISIBLE_RANGES for code in range(first, last + 1)}
_UNUSUAL = (
    _INVISIBLE
    + r"|[\x{A0}\x{2000}-\x{200A}\x{2010}-\x{2015}\x{202F}\x{205F}\x{2212}\x{3000}\x{FF01}-\x{FF5E}"
    + r"\x{1D400}-\x{1D7FF}\x{2460}-\x{24FF}\x{300}-\x{36F}]|\\u[0-9A-Fa-f]{4}"
)
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")
_LOOK_ALIKES = str.maketrans(
    "авекмнорстухіјѕԁɡαβεηικνορτυχ",
    "abekmhopctyxijsdgabehikvoptux",
)
_LEET = str.maketrans("013457@$", "oieastas")


@dataclass(frozen=True)
class Folded:
    """A folded text. `starts` and `ends` give each of its code points the range of the original that it came from."""

    text: str
    starts: tuple[int, ...] | None = None
    ends: tuple[int, ...] | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The offsets in the original text of a span of the folded one (start < end)."""
        if self.starts is None or self.ends is None:
            return start, end
        if start >= end:
            return 0, 0
        return self.starts[start], self.ends[end - 1]


def fold(text: str) -> Folded:
    """Folds a text for the search of entities. A text without anything unusual comes back as it is."""
    if (text.isascii() and "\\u" not in text) or not compiled(_UNUSUAL).search(text):
        return Folded(text)
    letters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end, piece in _clusters(text):
        for letter in piece:
            letters.append(letter)
            starts.append(start)
            ends.append(end)
    return Folded("".join(letters), tuple(starts), tuple(ends))


def _clusters(text: str) -> list[tuple[int, int, str]]:
    """(start, end, folded) for each letter with its marks, escape or sign; invisible ones are left out."""
    found: list[tuple[int, int, str]] = []
    position = 0
    while position < len(text):
        start, letter = position, text[position]
        position += 1
        if letter == "\\" and text[position : position + 1] == "u":
            letter, position = _escape(text, start)
        while position < len(text) and unicodedata.combining(text[position]):
            letter += text[position]
            position += 1
        if ord(letter[0]) not in _WITHOUT_INVISIBLE:
            found.append((start, position, _fold_cluster(letter)))
    return found


def _escape(text: str, start: int) -> tuple[str, int]:
    digits = text[start + 2 : start + 6]
    if len(digits) == 4 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
        code = int(digits, 16)
        if not 0xD800 <= code <= 0xDFFF:
            return chr(code), start + 6
    return "\\", start + 1


def _fold_cluster(cluster: str) -> str:
    if len(cluster) > 1:
        return unicodedata.normalize("NFC", cluster)
    code = ord(cluster)
    if code in _DASHES:
        return "-"
    if 0xFF01 <= code <= 0xFF5E or 0x1D400 <= code <= 0x1D7FF or 0x2460 <= code <= 0x24FF:
        return unicodedata.normalize("NFKC", cluster)
    return " " if cluster != "\n" and unicodedata.category(cluster) == "Zs" else cluster


class _Table(dict[int, str]):
    """Fills itself: one lower-case letter without accents for each letter."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        lowered = unicodedata.normalize("NFD", letter)[0].lower()
        self[code] = lowered if len(lowered) == 1 else letter
        return self[code]


_PLAIN = _Table()


def plain(text: str) -> str:
    """The text in lower case and without accents, code point for code point."""
    return text.lower() if text.isascii() else text.translate(_PLAIN)


def intent(plain_text: str) -> str:
    """A plain text with look-alike letters and digits for letters undone, code point for code point.

    Digits are undone only inside words that have two letters or more: `1gn0r3` is a word, `14:30` is none.
    """
    text = plain_text if plain_text.isascii() else plain_text.translate(_LOOK_ALIKES)
    if not any(sign in text for sign in "013457@$"):
        return text
    return "".join(
        piece.translate(_LEET) if sum(letter.isalpha() for letter in piece) >= 2 else piece
        for piece in _words_and_gaps(text)
    )


def _words_and_gaps(text: str) -> list[str]:
    pieces: list[str] = []
    start = 0
    for position in range(1, len(text) + 1):
        if position == len(text) or text[position].isspace() != text[start].isspace():
            pieces.append(text[start:position])
            start = position
    return pieces


def count_invisible(text: str) -> int:
    """How many code points of the text have no width."""
    return 0 if text.isascii() else len(text) - len(text.translate(_WITHOUT_INVISIBLE))
