"""What a policy's own pattern finds in a text: article numbers, internal hosts, code names."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span

SPAN = 256
"""Code points of the longest match in a stream: what takes more to be recognised needs `stream: buffer`."""


class RegexForbidden(Detector):
    """Finds FORBIDDEN_PATTERN."""

    name = "regex-forbidden"
    reach = Reach(span=SPAN, context=1)
    views = frozenset({"hidden", "decoded"})

    def __init__(self, pattern: str, *, entity: str = "FORBIDDEN_PATTERN", redacts: bool = True) -> None:
        super().__init__(redacts=redacts)
        self._pattern = compiled(pattern)
        self._entity = entity

    def find(self, passage: Passage) -> Iterator[Span]:
        """Every match in the folded text; an empty one is none."""
        for match in self._pattern.finditer(passage.text):
            if match.end() > match.start():
                yield Span(match.start(), match.end(), self._entity, 1.0)
