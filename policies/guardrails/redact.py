"""Spans of what was found, how overlapping ones are settled, and the placeholders that take their place. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Span:
    """One find: code-point offsets, end exclusive."""

    start: int
    end: int
    entity: str
    score: float

    @property
    def length(self) -> int:
        """Code points."""
        return self.end - self.start


def placeholder(entity: str) -> str:
    """What stands in a text instead of the find, e.g. `<EMAIL_ADDRESS>`."""
    return f"<{entity}>"


def settle(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Sorted spans without overlaps that cover every code point that the given ones cover.

    The longest wins, then the surer one. What is left of a loser outside the winner keeps its own entity, so that
    nothing that was found stays readable.
    """
    kept: list[Span] = []
    for span in sorted(set(spans), key=lambda span: (-span.length, -span.score, span.start, span.entity)):
        kept += _outside(span, kept)
    return tuple(sorted(kept, key=lambda span: span.start))


def _outside(span: Span, kept: list[Span]) -> list[Span]:
    parts = [span]
    for winner in kept:
        parts = [piece for part in parts for piece in _minus(part, winner)]
    return parts


def _minus(part: Span, winner: Span) -> list[Span]:
    if part.end <= winner.start or winner.end <= part.start:
        return [part]
    edges = ((part.start, winner.start), (winner.end, part.end))
    return [replace(part, start=start, end=end) for start, end in edges if start < end]


def redact(text: str, spans: Iterable[Span]) -> str:
    """Puts a placeholder in the place of each span. The spans are settled: sorted, without overlaps."""
    pieces: list[str] = []
    position = 0
    for span in spans:
        pieces += (text[position : span.start], placeholder(span.entity))
        position = span.end
    pieces.append(text[position:])
    return "".join(pieces)
