"""What the wordings of attacks say about a text, and what a text may hide from them."""

from __future__ import annotations

import base64
import binascii
import codecs
import math
from collections.abc import Iterator
from functools import cache
from urllib.parse import unquote

from policies.guardrails.detectors.injection_rules import RULES, SUPPORTING, TALKS_ABOUT
from policies.guardrails.patterns import PatternFilter, compiled

_SPACED = r"\b[a-z](?:[ ._-]{1,3}[a-z]){7,}\b"
_BASE64 = r"[A-Za-z0-9+/_-]{20,}={0,2}"
_HEX = r"(?:[0-9A-Fa-f]{2}[ :]?){16,}"
_PERCENT = r"(?:%[0-9A-Fa-f]{2}|[\w.-]){12,}"
_BACKWARDS = r"\b(?:al reves|backwards?|reversed?)\b"
_ROT13 = r"\b(?:rot ?-?13|caesar|cesar)\b"
_QUOTED = r"[«\"“][^«»\"“”\n]{3,200}[»\"”]"
_READABLE = 0.8
"""A decoded text with a smaller share of letters and blanks is no text."""


def evidence(text: str) -> float:
    """From 0 to 1: the weights of all wordings found in a text's intent form, joined by noisy or.

    A question about attacks that holds its attack in quotation marks alone counts half.
    """
    found = 1.0 - _doubt(text)
    return found * 0.5 if found > 0.0 and _only_quotes(text) else found


def _only_quotes(text: str) -> bool:
    if not compiled(TALKS_ABOUT).is_in(text):
        return False
    position, outside = 0, ""
    for match in compiled(_QUOTED).finditer(text):
        outside += text[position : match.start()]
        position = match.end()
    return 1.0 - _doubt(outside + text[position:]) < 0.5


def _doubt(text: str) -> float:
    """The product of what each wording leaves in doubt: 1 where nothing was found."""
    rules = (RULES[index] for index in _wordings().matching(text))
    found = {rule.name: rule.weight for rule in rules}
    return math.prod(
        1.0 - weight for name, weight in found.items() if name not in SUPPORTING or SUPPORTING[name] & found.keys()
    )


@cache
def _wordings() -> PatternFilter:
    return PatternFilter([rule.pattern for rule in RULES])


def hidden(text: str, intent: str) -> Iterator[str]:
    """What a text may hide: letters set apart, base64, hexadecimal, percent signs, rot13, words backwards.

    All finds of one kind come as one text: a hundred harmless ones must neither hide an order nor cost a hundred
    searches.
    """
    if compiled(_SPACED).is_in(intent):
        yield _closed_up(intent)
    for pattern, decode in ((_BASE64, _from_base64), (_HEX, _from_hex), (_PERCENT, _from_percent)):
        decoded = [decode(match.group()) for match in compiled(pattern).finditer(text)]
        if any(decoded):
            yield "\n".join(filter(None, decoded))
    if compiled(_ROT13).is_in(intent):
        yield codecs.decode(text, "rot13")
    if compiled(_BACKWARDS).is_in(intent):
        yield text[::-1]


def _closed_up(text: str) -> str:
    """Runs of single letters joined to words; two blanks or more between letters end a word."""
    runs = (match.group() for match in compiled(_SPACED).finditer(text))
    words = (word for run in runs for word in run.replace("   ", "  ").split("  "))
    return " ".join("".join(letter for letter in word if letter.isalnum()) for word in words)


def _from_base64(code: str) -> str:
    try:
        plain = code.rstrip("=").replace("-", "+").replace("_", "/")
        return _readable(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except (binascii.Error, ValueError):
        return ""


def _from_hex(code: str) -> str:
    try:
        return _readable(bytes.fromhex(code.replace(":", "")))
    except ValueError:
        return ""


def _from_percent(code: str) -> str:
    return _readable(unquote(code).encode("utf-8", "replace")) if code.count("%") >= 3 else ""


def _readable(data: bytes) -> str:
    """The bytes as text, or ''."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    letters = sum(letter.isalpha() or letter.isspace() for letter in text)
    return text if text.isprintable() and letters > _READABLE * len(text) else ""
