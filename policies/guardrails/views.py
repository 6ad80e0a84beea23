"""The further readings of a text that may hide something: each a rewritten text with the way back. Pure.

A view is made only where cheap signs say so, and a find in it counts only where it touches what the view has changed:
so an everyday text has none, and what was decided about its plain parts stands. In this order:

- parted: signs without a width were blanks (`x<200B>47996692Q`);
- hidden: tags and selectors as the letters that they smuggle;
- decoded: escapes, then base64, base32 and hex, layer by layer;
- joined: letters and digits set apart, closed up; spelled: words for signs; figures: letters for digits;
- rotated: rot13.

Each find leads back to whole stretches of the original. In a stream none may be longer than `LONGEST`: see detector.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_letters, ascii_lowercase, ascii_uppercase
from typing import Literal, get_args

from policies.guardrails import decode, spaced, spelled
from policies.guardrails.normalise import INVISIBLE, fold, parted
from policies.guardrails.patterns import Match, compiled, pattern_set, without_surrogates
from policies.guardrails.rewritten import Piece, Rewritten, rewrite, rewrite_near

ViewKind = Literal["parted", "hidden", "decoded", "joined", "spelled", "figures", "rotated"]
ALL_VIEWS: frozenset[ViewKind] = frozenset(get_args(ViewKind))
TRUST: dict[ViewKind, float] = {
    "parted": 0.9,
    "hidden": 1.0,
    "decoded": 1.0,
    "joined": 0.85,
    "spelled": 0.85,
    "figures": 0.8,
    "rotated": 0.9,
}
"""What a score is multiplied by: a reading that is not the first one may be an accident."""
LONGEST = 256
"""Code points of the original that a find in a view may take in a stream. A longer one blocks it."""
_LAYERS = 5
"""Codes within codes are undone so often."""
_MARGIN = 330
"""Code points beside a change that a view shows: the longest find and its context."""
_SMUGGLED = r"[\x{E0020}-\x{E007E}]{2,}|[\x{FE00}-\x{FE0F}\x{E0100}-\x{E01EF}]{4,}"
_PARTED = rf"[\p{{L}}\p{{N}}][{INVISIBLE}]+[\p{{L}}\p{{N}}]"
_FIGURES = r"[0-9OoIl|SB](?:[ .-]?[0-9OoIl|SB]){6,}"
_FIGURE_SIGNS = r"[0-9][ .-]?[OoIl|SB]{1,7}[ .-]?[0-9]|\b[OoIl|][0-9]{3}|[0-9]{3}[OoIl|]{1,3}\b"
_FIGURE = str.maketrans("OoIl|SB", "0011158")
_ROTATED = (
    r"(?i:\b(?:gur|naq|lbh|lbhe|nyy|sbe|guvf|jvgu|vtaber|vafgehpgvbaf?|cerivbhf|cebzcg|flfgrz|cnffjbeq"
    r"|dhr|ybf|ynf|cbe|pba|cnen|gbqnf|vafgehppvbarf|nagrevberf|vtaben)\b)"
)
_ROTATED_WORDS = 2
_SIGNS = (decode.SIGNS, spaced.SIGNS, spelled.SIGNS, _FIGURE_SIGNS, _ROTATED)
"""One look for all five: an everyday text costs no second one."""
_CODES, _APART, _SPELLED, _FIGURED, _TURNED = range(len(_SIGNS))
_ROT13 = str.maketrans(ascii_letters, "".join(each[13:] + each[:13] for each in (ascii_lowercase, ascii_uppercase)))


@dataclass(frozen=True)
class View:
    """One further reading."""

    kind: ViewKind
    reading: Rewritten

    @property
    def trust(self) -> float:
        """What a score of a find in it is multiplied by."""
        return TRUST[self.kind]


def views_of(original: str, folded: Rewritten) -> tuple[View, ...]:
    """Every further reading of a text that differs from its folded form."""
    return tuple(_views(original, folded))


def _views(original: str, folded: Rewritten) -> Iterator[View]:
    signs = _signs_in(folded.text)
    if folded.pieces:  # else no sign without a width is in it
        safe = without_surrogates(original)
        if compiled(_PARTED).is_in(safe):
            yield from (View("parted", reading) for reading in parted(safe, " ", _MARGIN))
        if compiled(_SMUGGLED).is_in(safe):
            for hidden in _unhidden(safe):
                yield View("hidden", hidden)
                yield from _deeper(hidden, _signs_in(hidden.text), _LAYERS)
    if signs:
        yield from _deeper(folded, signs, _LAYERS)


def _deeper(reading: Rewritten, signs: Sequence[int], layers: int) -> Iterator[View]:
    """What is in a reading in another writing, layer by layer, and what is set apart in each of them."""
    if layers and _CODES in signs:
        for layer in _next_layers(reading):
            yield View("decoded", layer)
            yield from _deeper(layer, _signs_in(layer.text), layers - 1)
    yield from _closer(reading, signs)


def _signs_in(text: str) -> Sequence[int]:
    """Which of `_SIGNS` a text shows."""
    return pattern_set(*_SIGNS).matching(text)


def _next_layers(reading: Rewritten) -> list[Rewritten]:
    found = rewrite_near(reading.text, decode.decoded(reading.text), _MARGIN, parent=reading)
    # What was decoded may itself be in disguise: signs without a width, styled letters, surrogates.
    return [_onto(layer, again) if (again := fold(layer.text)).text != layer.text else layer for layer in found]


def _onto(parent: Rewritten, folded: Rewritten) -> Rewritten:
    """A fold of a reading's text, with the way back through the reading."""
    below = parent if folded.parent is None else _onto(parent, folded.parent)
    return Rewritten(folded.text, folded.starts, folded.ends, folded.pieces, below, folded.lead, folded.counts)


def _closer(reading: Rewritten, signs: Sequence[int]) -> Iterator[View]:
    """What may stand set apart, in words or in letters for digits."""
    text = reading.text
    if _APART in signs:
        pieces = spaced.closed_up(text, edges=True)
        for joined in rewrite_near(text, pieces, _MARGIN, parent=reading):
            yield View("joined", joined)
            yield from _spoken(joined, _signs_in(joined.text))
        trimmed = spaced.closed_up(text, edges=False) if pieces else pieces
        if trimmed != pieces:
            yield from _near("joined", reading, trimmed)
    yield from _spoken(reading, signs)
    if _FIGURED in signs:
        yield from _near("figures", reading, list(_figures(text)))
    if _TURNED in signs and _looks_rotated(text):
        yield View("rotated", rewrite(text, _rotated(text), parent=reading, counts=True))


def _spoken(reading: Rewritten, signs: Sequence[int]) -> Iterator[View]:
    if _SPELLED in signs:
        yield from _near("spelled", reading, spelled.spoken(reading.text))


def _near(kind: ViewKind, reading: Rewritten, pieces: Sequence[Piece]) -> Iterator[View]:
    """Views of what lies near to changes of a reading."""
    return (View(kind, made) for made in rewrite_near(reading.text, pieces, _MARGIN, parent=reading))


def _unhidden(text: str) -> Iterator[Rewritten]:
    """Tags and runs of selectors as the letters that they stand for."""
    pieces = [piece for match in compiled(_SMUGGLED).finditer(text) for piece in _smuggled(match)]
    return (_onto(shown, fold(shown.text)) for shown in rewrite_near(text, pieces, _MARGIN))


def _smuggled(match: Match) -> Iterator[Piece]:
    """A tag is a letter; a selector is a byte, and all of a run are one text."""
    run, start = match.group(), match.start()
    if 0xE0020 <= ord(run[0]) <= 0xE007E:
        yield from (Piece(start + at, start + at + 1, chr(ord(tag) - 0xE0000)) for at, tag in enumerate(run))
        return
    codes = map(ord, run)
    raw = bytes(code - 0xFE00 if code <= 0xFE0F else code - 0xE0100 + 16 for code in codes)
    yield Piece(start, match.end(), raw.decode("utf-8", "replace"))


def _figures(text: str) -> Iterator[Piece]:
    """Letters that look like digits, in a number that has more digits than letters."""
    for match in compiled(_FIGURES).finditer(text):
        found = match.group()
        letters = sum(letter.isalpha() or letter == "|" for letter in found)
        if 0 < letters < sum(letter.isdigit() for letter in found):
            for at, letter in enumerate(found, match.start()):
                if letter in "OoIl|SB":
                    yield Piece(at, at + 1, letter.translate(_FIGURE))


def _looks_rotated(text: str) -> bool:
    found: set[str] = set()
    for match in compiled(_ROTATED).finditer(text):
        found.add(match.group().lower())
        if len(found) >= _ROTATED_WORDS:
            return True
    return False


def _rotated(text: str) -> list[Piece]:
    """Word by word, so that only what belongs to a find is replaced."""
    return [
        Piece(match.start(), match.end(), match.group().translate(_ROT13))
        for match in compiled(r"[A-Za-z]+").finditer(text)
    ]
