"""Whether an answer as a whole is of the form that a pattern says. Needs the whole message."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span


class RegexRequired(Detector):
    """Finds NOT_THE_FORM where the whole text, without blanks around it, does not match."""

    name = "regex-required"
    reach = Reach(span=0, context=0, whole=True)
    spares_placeholders = False
    views = frozenset()

    def __init__(self, pattern: str) -> None:
        super().__init__(redacts=False)
        self._pattern = compiled(pattern)

    def find(self, passage: Passage) -> Iterator[Span]:
        """One span over the whole text. The original is matched: a form is what it is, letter for letter."""
        text = passage.original.strip().encode("utf-8", "replace").decode("utf-8")  # RE2 knows no lone surrogates
        if not self._pattern.fits(text):
            yield Span(0, len(passage.text), "NOT_THE_FORM", 1.0)
