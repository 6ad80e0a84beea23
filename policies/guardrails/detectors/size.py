"""The size of a message, in code points."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span


class Size(Detector):
    """Finds TOO_LONG where a message is longer than allowed."""

    name = "size"
    reach = Reach(span=0, context=0)
    spares_placeholders = False
    views = frozenset()

    def __init__(self, max_characters: int) -> None:
        super().__init__(redacts=False)
        self._max_characters = max_characters

    def find(self, passage: Passage) -> Iterator[Span]:
        """One span over what stands after the limit, counted from the message's beginning."""
        over = passage.offset + len(passage.original) - self._max_characters
        if over > 0:
            end = len(passage.text)
            yield Span(max(0, end - over), end, "TOO_LONG", 1.0)
