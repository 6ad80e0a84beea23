"""What a detector may say: spans inside the text, with a kind and a score from 0 to 1. Anything else is a failure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span

_ENTITY = r"[A-Za-z][A-Za-z0-9_.-]{0,63}"
"""A kind stands in placeholders and records: it must not carry a piece of the text."""


class Unsound(ValueError):
    """A detector's result that cannot be right. Says what is wrong, never the text."""


def sound_spans(found: Iterable[object], length: int) -> Iterator[Span]:
    """The spans as they come. Raises Unsound at the first that is none, or lies outside a text of `length`."""
    for span in found:
        if not isinstance(span, Span):
            raise Unsound("a find is no span")
        if type(span.start) is not int or type(span.end) is not int:
            raise Unsound("a span's offsets are no whole numbers")
        if not 0 <= span.start <= span.end <= length:
            raise Unsound("a span lies outside the text")
        if not isinstance(span.entity, str) or not _is_a_kind(span.entity):
            raise Unsound("a span's kind is no name")
        sound_score(span.score)
        yield span


@lru_cache(maxsize=256)
def _is_a_kind(entity: str) -> bool:
    return compiled(_ENTITY).fits(entity)


def sound_score(score: object) -> float:
    """The score. Raises Unsound unless it is a number from 0 to 1."""
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score) or not 0 <= score <= 1:
        raise Unsound("a score is no number from 0 to 1")
    return float(score)
