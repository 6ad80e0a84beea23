"""Hardware addresses (EUI-48) in their three spellings."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import standing_alone
from policies.guardrails.redact import Span

_MAC = r"[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5}|(?:-[0-9a-f]{2}){5})|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}"


class MacAddress(Detector):
    """Finds MAC_ADDRESS."""

    name = "mac-address"
    reach = Reach(span=17, context=1)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Six pairs with one kind of separator, or three groups of four."""
        for match in standing_alone(_MAC, passage.plain, also=":"):
            yield Span(match.start(), match.end(), "MAC_ADDRESS", 0.95)
