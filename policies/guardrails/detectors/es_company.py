"""Spanish company tax numbers (CIF), with their check character."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import standing_alone
from policies.guardrails.redact import Span

_CIF = r"[a-hjnp-suvw](?: ?- ?|[ .])?[0-9]{2}[. ]?[0-9]{3}[. ]?[0-9]{2}(?: ?- ?)?[0-9a-j]"


class EsCompany(Detector):
    """Finds ES_CIF."""

    name = "es-company"
    reach = Reach(span=18, context=1)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Numbers whose check character is right."""
        from stdnum.es import cif

        for match in standing_alone(_CIF, passage.plain, also="-"):
            code = "".join(letter for letter in match.group() if letter.isalnum())
            if cif.is_valid(code):
                yield Span(match.start(), match.end(), "ES_CIF", 0.9)
