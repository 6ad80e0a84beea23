"""How verdicts combine: the strictest wins. `allow` < `flag` < `redact` < `block`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """What a check says of a text."""

    ALLOW = "allow"
    FLAG = "flag"
    """Recorded, and let through."""
    REDACT = "redact"
    BLOCK = "block"


_ORDER = {Verdict.ALLOW: 0, Verdict.FLAG: 1, Verdict.REDACT: 2, Verdict.BLOCK: 3}


def strictest(verdicts: Iterable[Verdict]) -> Verdict:
    """The strictest of the verdicts; ALLOW where there is none."""
    return max(verdicts, key=_ORDER.__getitem__, default=Verdict.ALLOW)
