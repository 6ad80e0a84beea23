"""Spanish passports: three letters and six digits, which only the word before makes a passport."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.cues import Cue, nearest_cue
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import standing_alone
from policies.guardrails.redact import Span

_PASSPORT = r"[a-z]{3}[ -]?[0-9]{6}"


class EsPassport(Detector):
    """Finds ES_PASSPORT."""

    name = "es-passport"
    reach = Reach(span=10, context=48)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Codes of that shape beside the word passport."""
        if not passage.has_digit:
            return
        for match in standing_alone(_PASSPORT, passage.plain, also="-"):
            cue = nearest_cue(passage, match.start(), match.end(), speaks_for=r"pasaportes?|passports?|pasap|pas")
            if cue is Cue.FOR:
                yield Span(match.start(), match.end(), "ES_PASSPORT", 0.9)
