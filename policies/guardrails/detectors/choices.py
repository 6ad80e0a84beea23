"""Whether an answer is one of the answers that a policy lists. Needs the whole message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.normalise import fold, plain
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span

_AROUND = " \t\r\n.!\"'`«»“”*"


class Choices(Detector):
    """Finds NOT_A_CHOICE."""

    name = "choices"
    reach = Reach(span=0, context=0, whole=True)
    spares_placeholders = False
    views = frozenset()

    def __init__(self, choices: Sequence[str], *, exact: bool = False) -> None:
        """`exact`: letter for letter. Else case, accents, blanks, quotation marks and a full stop do not matter."""
        super().__init__(redacts=False)
        self._exact = exact
        self._choices = frozenset(choices if exact else map(_bare, choices))

    def find(self, passage: Passage) -> Iterator[Span]:
        """One span over the whole text."""
        text = passage.original if self._exact else _bare(passage.original)
        if text not in self._choices:
            yield Span(0, len(passage.text), "NOT_A_CHOICE", 1.0)


def _bare(text: str) -> str:
    return " ".join(plain(fold(text).text).strip(_AROUND).split())
