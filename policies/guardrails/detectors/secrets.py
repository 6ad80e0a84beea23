"""Secrets: keys by their issuers' shapes, private keys, web tokens, and what the words around it make a secret."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.secret_shapes import SHAPES, Shape
from policies.guardrails.detectors.secret_words import NEAR, is_placeholder, named_secrets, opaque_secrets
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import Pattern, compiled
from policies.guardrails.redact import Span

_FAMILIAR = ("0123456789", "abcdefgh", "12345678", "deadbeef")
"""Runs in keys of documentation."""


class Secrets(Detector):
    """Finds API_KEY, PRIVATE_KEY, JSON_WEB_TOKEN and PASSWORD."""

    name = "secrets"
    reach = Reach(span=256, context=NEAR)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Shapes of issuers, and what stands after a word such as password and looks like one."""
        text = passage.text
        if _any_start().is_in(text):
            for shape in SHAPES:
                if any(start in text for start in shape.starts):
                    yield from _shaped(passage, shape)
        yield from named_secrets(passage)
        yield from opaque_secrets(passage)


def _shaped(passage: Passage, shape: Shape) -> Iterator[Span]:
    text = passage.text
    for match in compiled(shape.pattern).finditer(text):
        start, end = match.start(), match.end()
        if shape.entity != "PRIVATE_KEY":
            end -= text[start:end].endswith(".")
        if start and (text[start - 1].isalnum() or text[start - 1] == "_") and text[start] not in "?&":
            continue
        if shape.issuer and not compiled(shape.issuer).is_in(passage.before(start, NEAR)):
            continue
        if shape.entity == "API_KEY" and not _drawn(match.group()):
            continue
        yield Span(start, end, shape.entity, 0.95)


@cache
def _any_start() -> Pattern:
    """Every shape's beginnings as one pattern: most texts hold none, and then one pass is all there is."""
    starts = sorted({start for shape in SHAPES for start in shape.starts if len(start) > 1})
    return compiled("|".join(map(_literal, starts)) + r"|[0-9A-Za-z_-]{6}\.[0-9A-Za-z_-]{27}")


def _literal(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in " _" else f"\\{letter}" for letter in text)


def _drawn(key: str) -> bool:
    """Whether a key looks drawn at random: more than a few different signs, none of an example's runs."""
    body = key[-16:]
    lowered = key.lower()
    if is_placeholder(key) or "xxxxxx" in lowered:
        return False
    if any(run in lowered for run in _FAMILIAR) and len(set(lowered)) < 20:
        return False
    return len(set(body)) >= 6 and any(letter.isdigit() or letter.isupper() for letter in key[3:])
