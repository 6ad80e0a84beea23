"""Spans of what was found, how overlapping ones are settled, and what takes their place. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise

from policies.verdict import Verdict


@dataclass(frozen=True)
class Span:
    """One find: code-point offsets, end exclusive."""

    start: int
    end: int
    entity: str
    score: float
    verdict: Verdict = Verdict.REDACT
    """What is to become of the text for this find."""
    becomes: str = field(default="", repr=False)
    """What takes its place when it is redacted; '': its placeholder."""

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
    nothing that was found stays readable. Where two that overlap would be replaced in different ways, or one of them is
    left in parts, placeholders are: a mask may keep what the other hides.
    """
    found = tuple(spans)
    if len(found) < 2:
        return found
    kept: list[Span] = []
    for span in sorted(set(found), key=lambda one: (-one.length, -one.score, one.start, one.entity, one.becomes)):
        first = bisect_right(kept, span.start, key=lambda winner: winner.end)
        last = bisect_left(kept, span.end, lo=first, key=lambda winner: winner.start)
        winners = kept[first:last]
        edges = pairwise([span.start, *(edge for winner in winners for edge in (winner.start, winner.end)), span.end])
        gaps = [(start, end) for start, end in islice(edges, 0, None, 2) if start < end or span.length == 0]
        free = [_part(span, start, end) for start, end in gaps]
        winners = [replace(one, becomes="") if one.becomes != span.becomes else one for one in winners]
        kept[first:last] = sorted([*winners, *free], key=lambda each: each.start)
    return tuple(kept)


def _part(span: Span, start: int, end: int) -> Span:
    whole = (start, end) == (span.start, span.end)
    return span if whole else replace(span, start=start, end=end, becomes="")


def to_redact(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Those of the finds that are to be replaced, settled."""
    return settle(span for span in spans if span.verdict is Verdict.REDACT)


def redact(text: str, spans: Iterable[Span]) -> str:
    """Puts what it becomes in the place of each span. The spans are settled: sorted, without overlaps."""
    pieces: list[str] = []
    position = 0
    for span in spans:
        pieces += (text[position : span.start], span.becomes or placeholder(span.entity))
        position = span.end
    pieces.append(text[position:])
    return "".join(pieces)
