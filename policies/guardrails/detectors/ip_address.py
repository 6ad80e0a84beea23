"""Internet addresses, version 4 and 6; not versions, network masks or the host itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from policies.guardrails.detectors.cues import Cue, nearest_cue
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import standing_alone
from policies.guardrails.redact import Span

_V4 = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_V6 = r"(?:[0-9a-f]{0,4}:){2,7}[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}"
_ADDRESS_WORDS = r"ips?|ipv4|ipv6|address|direccion|host|servidor|server|desde|from|login|router|client_ip|ssh|dns|ping"
_VERSION_WORDS = (
    r"versiones|version|ver|build|firmware|release|v|library|pinned|upgrade|update|actualiza|subnet|mask|mascara"
    r"|articulo|seccion|section|apartado|clausula|clause|chapter|capitulo|epigrafe|anexo|annex|paragraph|parrafo|oid"
    r"|chrome|chromium|firefox|safari|edge|android|ios|windows|macos|kernel|driver|controlador|package|paquete|sdk|app"
)


class IpAddress(Detector):
    """Finds IP_ADDRESS."""

    name = "ip-address"
    reach = Reach(span=45, context=48)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Addresses that Python's `ipaddress` reads and that name a host."""
        text = passage.plain
        for match in standing_alone(_V4, text, also=""):
            if text[match.end() : match.end() + 2].lstrip(".")[:1].isdigit() and text[match.end()] == ".":
                continue
            if match.start() and text[match.start() - 1] == ".":
                continue
            cue = nearest_cue(passage, match.start(), match.end(), speaks_for=_ADDRESS_WORDS, against=_VERSION_WORDS)
            if _names_a_host(match.group()) and cue is not Cue.AGAINST:
                yield Span(match.start(), match.end(), "IP_ADDRESS", 0.95 if cue is Cue.FOR else 0.7)
        if ":" in text:
            for match in standing_alone(_V6, text, also=":"):
                if len(match.group()) >= 6 and _names_a_host(match.group()):
                    yield Span(match.start(), match.end(), "IP_ADDRESS", 0.9)


def _names_a_host(found: str) -> bool:
    try:
        address = ipaddress.ip_address(found)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or found.startswith("255."))
