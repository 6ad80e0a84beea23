"""Words and phrases that a policy bans, whatever their form, accents, look-alike letters and gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.terms import SPAN, Terms
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span


class BanList(Detector):
    """Finds BANNED_WORD."""

    name = "ban-list"
    reach = Reach(span=SPAN, context=1)

    def __init__(self, banned: Sequence[str], *, forms: bool = True, redacts: bool = True) -> None:
        super().__init__(redacts=redacts)
        self._terms = Terms(banned, forms=forms)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Every listed word that stands alone."""
        for start, end in self._terms.find(passage):
            yield Span(start, end, "BANNED_WORD", 1.0)
