"""The length of a message in characters, words and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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


_ANY = Bounds()


class Length(Detector):
    """Finds TOO_SHORT and TOO_LONG. Needs the whole message; the size that bounds the work is another check's."""

    name = "length"
    reach = Reach(span=0, context=0, whole=True)
    spares_placeholders = False
    views = frozenset()

    def __init__(self, *, characters: Bounds = _ANY, words: Bounds = _ANY, sentences: Bounds = _ANY) -> None:
        super().__init__(redacts=False)
        self._characters, self._words, self._sentences = characters, words, sentences

    def find(self, passage: Passage) -> Iterator[Span]:
        """One span over the whole text where it is too short, one over what is too much where it is too long."""
        text = passage.text
        counted: tuple[tuple[Bounds, Callable[[], Sequence[int]]], ...] = (
            (self._characters, lambda: range(1, len(text) + 1)),
            (self._words, lambda: [end for _, end, _ in word_spans(text)]),
            (self._sentences, lambda: [end for _, end in sentences(text)]),
        )
        for bounds, ends_of in counted:
            if bounds == _ANY:
                continue
            ends = ends_of()
            if bounds.least is not None and len(ends) < bounds.least:
                yield Span(0, len(text), "TOO_SHORT", 1.0)
            if bounds.most is not None and len(ends) > bounds.most:
                yield Span(ends[bounds.most - 1] if bounds.most else 0, len(text), "TOO_LONG", 1.0)
