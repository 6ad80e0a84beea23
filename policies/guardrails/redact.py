"""Spans of what was found, how overlapping ones are settled, and the placeholders that take their place. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice, pairwise


@dataclass(frozen=True)
class Span:
    """One find: code-point offsets, end exclusive."""

    start: int
    end: int
    entity: str
    score: float
    becomes: str = ""
    """What takes its place; '' for the placeholder of its kind."""

    @property
    def length(self) -> int:
        """Code points."""
        return self.end - self.start


def placeholder(entity: str) -> str:
    """What stands in a text instead of the find, e.g. `<EMAIL_ADDRESS>`."""
    return f"<{entity}>"


def settle(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Sorted spans without overlaps that cover every code point that the given ones cover.

    The longest wins, then the surer one. What is left of a loser outside the winners keeps its own entity, so that
    nothing that was found stays readable.
    """
    kept: list[Span] = []
    for span in sorted(set(spans), key=lambda span: (-span.length, -span.score, span.start, span.entity)):
        first = bisect_right(kept, span.start, key=lambda winner: winner.end)
        last = bisect_left(kept, span.end, lo=first, key=lambda winner: winner.start)
        winners = kept[first:last]
        edges = pairwise([span.start, *(edge for winner in winners for edge in (winner.start, winner.end)), span.end])
        gaps = [(start, end) for start, end in islice(edges, 0, None, 2) if start < end or span.length == 0]
        free = [replace(span, start=start, end=end) for start, end in gaps]
        kept[first:last] = sorted([*winners, *free], key=lambda each: each.start)
    return tuple(kept)


def redact(text: str, spans: Iterable[Span]) -> str:
    """Puts a placeholder in the place of each span. The spans are settled: sorted, without overlaps."""
    pieces: list[str] = []
    position = 0
    for span in spans:
        pieces += (text[position : span.start], span.becomes or placeholder(span.entity))
        position = span.end
    pieces.append(text[position:])
    return "".join(pieces)
