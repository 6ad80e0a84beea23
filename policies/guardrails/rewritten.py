"""A text in which stretches were replaced, with the way back: where each code point came from. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Piece:
    """One stretch of a text and what takes its place ('': it goes)."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Rewritten:
    """A text made of another one. What came from a replaced stretch leads back to the whole stretch."""

    text: str
    starts: tuple[int, ...] = ()
    """Where each replacement begins in `text`, from left to right."""
    ends: tuple[int, ...] = ()
    """Where it ends."""
    pieces: tuple[Piece, ...] = ()
    """What was replaced in the source."""
    parent: Rewritten | None = None
    """How the source itself was made, where it is not the original."""
    lead: int = 0
    """Code points that were cut off before `text`; `starts` and `ends` count from there."""
    counts: bool = field(default=False)
    """Whether a find must touch a replacement of this step to count."""

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The offsets in the original of a span of `text` (start < end)."""
        if start >= end:
            return 0, 0
        source = self._source_start(start + self.lead), self._source_end(end + self.lead)
        return source if self.parent is None else self.parent.original(*source)

    def touches(self, start: int, end: int) -> bool:
        """Whether a span of `text` holds, or is next to, something that a step which counts has replaced."""
        if self.counts:
            first = bisect_left(self.ends, start + self.lead)
            if first < len(self.ends) and self.starts[first] <= end + self.lead:
                return True
        if self.parent is None or start >= end:
            return False
        return self.parent.touches(self._source_start(start + self.lead), self._source_end(end + self.lead))

    def _source_start(self, position: int) -> int:
        index = bisect_right(self.starts, position) - 1
        if index < 0:
            return position
        if position < self.ends[index]:
            return self.pieces[index].start
        return self.pieces[index].end + position - self.ends[index]

    def _source_end(self, position: int) -> int:
        """The end in the source of what ends at a position: decided by the last code point before it."""
        index = bisect_right(self.starts, position - 1) - 1
        if index < 0:
            return position
        if position - 1 < self.ends[index]:
            return self.pieces[index].end
        return self.pieces[index].end + position - self.ends[index]


def rewrite(
    source: str, pieces: Sequence[Piece], *, parent: Rewritten | None = None, counts: bool = False
) -> Rewritten:
    """Puts the pieces (sorted, without overlaps) into a text."""
    return _put(source, pieces, 0, len(source), parent, counts=counts)


def rewrite_near(
    source: str, pieces: Sequence[Piece], margin: int, *, parent: Rewritten | None = None
) -> Iterator[Rewritten]:
    """As `rewrite`, and a find counts only where it touches a piece: so only what lies near to pieces is kept.

    Pieces that lie far apart come in readings of their own, each with up to twice the margin of the text around it.
    """
    for cluster in _clusters(pieces, 2 * margin):
        first, last = _near(source, cluster[0].start, cluster[-1].end, margin)
        yield _put(source, cluster, first, last, parent, counts=True)


def _put(
    source: str, pieces: Sequence[Piece], first: int, last: int, parent: Rewritten | None, *, counts: bool
) -> Rewritten:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = length = first
    for piece in pieces:
        parts += (source[position : piece.start], piece.text)
        starts.append(length + piece.start - position)
        length = starts[-1] + len(piece.text)
        ends.append(length)
        position = piece.end
    parts.append(source[position:last])
    return Rewritten("".join(parts), tuple(starts), tuple(ends), tuple(pieces), parent, first, counts)


def _clusters(pieces: Sequence[Piece], apart: int) -> Iterator[Sequence[Piece]]:
    """The pieces in groups between which there is more than so much text."""
    begin = 0
    for index, (left, right) in enumerate(pairwise(pieces), start=1):
        if right.start - left.end > apart:
            yield pieces[begin:index]
            begin = index
    if pieces:
        yield pieces[begin:]


def _near(text: str, start: int, end: int, margin: int) -> tuple[int, int]:
    """The stretch around a place, widened to blanks so that nothing is cut within a word, unless a word is endless."""
    first, last = max(0, start - margin), min(len(text), end + margin)
    while first > 0 and start - first < 2 * margin and not text[first - 1].isspace():
        first -= 1
    while last < len(text) and last - end < 2 * margin and not text[last].isspace():
        last += 1
    return first, last
