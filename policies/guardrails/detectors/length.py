"""The length of a message in characters, words and sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.sentences import sentences, word_spans
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span


@dataclass(frozen=True)
class Bounds:
    """How few and how many; None: no bound."""

    least: int | None = None
    most: int | None = None

    def miss(self, count: int) -> bool:
        """Whether a count lies outside."""
        return (self.least is not None and count < self.least) or (self.most is not None and count > self.most)


class Length(Detector):
    """Finds TOO_SHORT and TOO_LONG. Needs the whole message; the size that bounds the work is another check's."""

    name = "length"
    reach = Reach(span=0, context=0, whole=True)
    spares_placeholders = False

    def __init__(
        self, *, characters: Bounds = Bounds(), words: Bounds = Bounds(), sentences: Bounds = Bounds()
    ) -> None:
        super().__init__(redacts=False)
        self._characters, self._words, self._sentences = characters, words, sentences

    def find(self, passage: Passage) -> Iterator[Span]:
        """One span over the whole text where it is too short, one over what is too much where it is too long."""
        text = passage.text
        ends = (
            (self._characters, [index + 1 for index in range(len(text))] if self._characters != Bounds() else []),
            (self._words, [end for _, end, _ in word_spans(text)] if self._words != Bounds() else []),
            (self._sentences, [end for _, end in sentences(text)] if self._sentences != Bounds() else []),
        )
        for bounds, found in ends:
            if bounds.least is not None and len(found) < bounds.least:
                yield Span(0, len(text), "TOO_SHORT", 1.0)
            elif bounds.most is not None and len(found) > bounds.most:
                yield Span(found[bounds.most - 1] if bounds.most else 0, len(text), "TOO_LONG", 1.0)
