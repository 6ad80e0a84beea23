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
from policies.guardrails.normalise import INVISIBLE, fold
from policies.guardrails.patterns import Match, compiled, pattern_set, without_surrogates
from policies.guardrails.rewritten import Piece, Rewritten, rewrite

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
_FIGURE_SIGNS = r"[0-9][ .-]?[OoIl|SB]{1,4}[ .-]?[0-9]|\b[OoIl|][0-9]{3}|[0-9]{3}[OoIl|]{1,3}\b"
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
    readings = [(folded, signs)]
    if folded.pieces:  # else no sign without a width is in it
        safe = without_surrogates(original)
        if compiled(_PARTED).is_in(safe):
            yield View("parted", fold(original, gap=" "))
        if compiled(_SMUGGLED).is_in(safe):
            hidden = _unhidden(safe)
            yield View("hidden", hidden)
            readings.append((hidden, _signs_in(hidden.text)))
    elif not signs:
        return
    for first, seen in readings:
        last, now = first, seen
        for _ in range(_LAYERS):
            following = _next_layer(last) if _CODES in now else None
            if following is None:
                break
            yield View("decoded", following)
            last, now = following, _signs_in(following.text)
        yield from _closer(first, seen)
        if last is not first:
            yield from _closer(last, now)


def _signs_in(text: str) -> Sequence[int]:
    """Which of `_SIGNS` a text shows."""
    return pattern_set(*_SIGNS).matching(text)


def _next_layer(reading: Rewritten) -> Rewritten | None:
    pieces = decode.decoded(reading.text)
    if not pieces:
        return None
    layer = rewrite(reading.text, pieces, parent=reading, counts=True, margin=_MARGIN)
    # What was decoded may itself be in disguise: signs without a width, styled letters, surrogates.
    again = fold(layer.text)
    return layer if again.text == layer.text else _onto(layer, again)


def _onto(parent: Rewritten, folded: Rewritten) -> Rewritten:
    """A fold of a reading's text, with the way back through the reading."""
    below = parent if folded.parent is None else _onto(parent, folded.parent)
    return Rewritten(folded.text, folded.starts, folded.ends, folded.pieces, below, folded.lead, folded.counts)


def _closer(reading: Rewritten, signs: Sequence[int]) -> Iterator[View]:
    """What may stand set apart, in words or in letters for digits."""
    text = reading.text
    joined = reading
    if _APART in signs:
        pieces = spaced.closed_up(text, edges=True)
        if pieces:
            joined = rewrite(text, pieces, parent=reading, counts=True, margin=_MARGIN)
            yield View("joined", joined)
            trimmed = spaced.closed_up(text, edges=False)
            if trimmed and trimmed != pieces:
                yield View("joined", rewrite(text, trimmed, parent=reading, counts=True, margin=_MARGIN))
    if _SPELLED in (signs if joined is reading else _signs_in(joined.text)):
        pieces = spelled.spoken(joined.text)
        if pieces:
            yield View("spelled", rewrite(joined.text, pieces, parent=joined, counts=True, margin=_MARGIN))
    if _FIGURED in signs:
        pieces = list(_figures(text))
        if pieces:
            yield View("figures", rewrite(text, pieces, parent=reading, counts=True, margin=_MARGIN))
    if _TURNED in signs and _looks_rotated(text):
        yield View("rotated", rewrite(text, _rotated(text), parent=reading, counts=True))


def _unhidden(text: str) -> Rewritten:
    """Tags and runs of selectors as the letters that they stand for."""
    pieces = [piece for match in compiled(_SMUGGLED).finditer(text) for piece in _smuggled(match)]
    shown = rewrite(text, pieces, counts=True)
    return _onto(shown, fold(shown.text))


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
