"""How verdicts combine: the strictest wins. `allow` < `redact` < `block`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """What a check says of a text."""

    ALLOW = "allow"
    REDACT = "redact"
    BLOCK = "block"


_ORDER = {Verdict.ALLOW: 0, Verdict.REDACT: 1, Verdict.BLOCK: 2}


def strictest(verdicts: Iterable[Verdict]) -> Verdict:
    """The strictest of the verdicts; ALLOW where there is none."""
    return max(verdicts, key=_ORDER.__getitem__, default=Verdict.ALLOW)
