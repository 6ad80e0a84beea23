"""Mexican identifiers: CURP and RFC, with their check characters."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import standing_alone
from policies.guardrails.redact import Span

_CURP = r"[a-z]{4}[0-9]{6}[hmx][a-z]{5}[0-9a-z][0-9]"
_RFC = r"[a-z&]{3,4}[ -]?[0-9]{6}[ -]?[0-9a-z]{3}"


class MxIds(Detector):
    """Finds MX_CURP and MX_RFC."""

    name = "mx-ids"
    reach = Reach(span=18, context=1)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Codes with a real date and the right check character."""
        from stdnum.mx import curp, rfc

        for match in standing_alone(_CURP, passage.plain):
            if curp.is_valid(passage.text[match.start() : match.end()]):
                yield Span(match.start(), match.end(), "MX_CURP", 1.0)
        for match in standing_alone(_RFC, passage.plain):
            if rfc.is_valid(passage.text[match.start() : match.end()], validate_check_digits=True):
                yield Span(match.start(), match.end(), "MX_RFC", 0.95)
