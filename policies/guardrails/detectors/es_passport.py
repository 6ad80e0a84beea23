"""Spanish passports: two or three letters and six digits, which only the word beside it makes a passport."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.cues import Cue, nearest_cue
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import standing_alone, words
from policies.guardrails.redact import Span

_PASSPORT = r"[a-z]{2,3}[ .-]?[0-9]{6}[a-z]?"
"""Three letters since 2003, two before; some write the machine-readable line's check letter too."""
_WORDS = r"pasaportes?|passports?|passaport|pasap|psp|pas|pass|doc(?:umento)? de viaje|travel document"
_TYPED = words("pasaporte passport")


class EsPassport(Detector):
    """Finds ES_PASSPORT."""

    name = "es-passport"
    reach = Reach(span=11, context=48)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Codes of that shape beside the word passport."""
        for match in standing_alone(_PASSPORT, passage.plain, also="-"):
            cue = nearest_cue(passage, match.start(), match.end(), speaks_for=_WORDS, typed=_TYPED)
            if cue is Cue.FOR:
                yield Span(match.start(), match.end(), "ES_PASSPORT", 0.9)
