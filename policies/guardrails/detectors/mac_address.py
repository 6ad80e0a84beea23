"""Hardware addresses (EUI-48) in all their spellings."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.cues import Cue, nearest_cue
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import standing_alone
from policies.guardrails.redact import Span

_MAC = r"[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5}|(?:-[0-9a-f]{2}){5})|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}"
_BARE = r"[0-9a-f]{12}|[0-9a-f]{2}(?: [0-9a-f]{2}){5}"
"""Without a separator of its own, which only the word before it makes an address."""
_WORDS = r"mac|macs|mac address(?:es)?|direccion mac|hwaddr|ether|ethernet|bssid|wifi|wi-fi|bluetooth"
_NOBODY = ("ffffffffffff", "000000000000")


class MacAddress(Detector):
    """Finds MAC_ADDRESS."""

    name = "mac-address"
    reach = Reach(span=17, context=48)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Six pairs with one kind of separator, three groups of four; without separators beside a word for it."""
        for match in standing_alone(_MAC, passage.plain, also=":-"):
            if _digits(match.group()) not in _NOBODY:
                yield Span(match.start(), match.end(), "MAC_ADDRESS", 0.95)
        for match in standing_alone(_BARE, passage.plain, also=":-"):
            if _digits(match.group()) in _NOBODY or match.group().isalpha():
                continue
            if nearest_cue(passage, match.start(), match.end(), speaks_for=_WORDS) is Cue.FOR:
                yield Span(match.start(), match.end(), "MAC_ADDRESS", 0.8)


def _digits(found: str) -> str:
    return "".join(filter(str.isalnum, found))
