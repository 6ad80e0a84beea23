"""Addresses of Bitcoin (Base58Check, Bech32) and Ethereum."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import standing_alone
from policies.guardrails.redact import Span

_BITCOIN = r"[13][1-9A-HJ-NP-Za-km-z]{25,34}|(?:bc1|BC1)[0-9A-Za-z]{25,87}"
_ETHEREUM = r"0[xX][0-9a-fA-F]{40}"


class Crypto(Detector):
    """Finds CRYPTO."""

    name = "crypto"
    reach = Reach(span=90, context=1)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Bitcoin addresses whose checksum is right, and Ethereum addresses."""
        from stdnum import bitcoin

        for match in standing_alone(_BITCOIN, passage.text):
            if bitcoin.is_valid(match.group()):
                yield Span(match.start(), match.end(), "CRYPTO", 1.0)
        for match in standing_alone(_ETHEREUM, passage.text):
            yield Span(match.start(), match.end(), "CRYPTO", 0.9)
