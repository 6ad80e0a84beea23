"""US Social Security numbers, by the numbers that were never issued (SSA, since 2011 without area codes by state)."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.cues import Cue, nearest_cue
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import standing_alone
from policies.guardrails.redact import Span

_SSN = r"[0-9]{3}(?:-[0-9]{2}-|[ ][0-9]{2}[ ]|[0-9]{2})[0-9]{4}"
_WORDS = r"ssn|ssns|social security(?: number| no)?|social|seguridad social|tax id|itin"


class UsSsn(Detector):
    """Finds US_SSN."""

    name = "us-ssn"
    reach = Reach(span=11, context=48)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Numbers that can have been issued; without dashes only beside a word about social security."""
        for match in standing_alone(_SSN, passage.text, also="-"):
            found = match.group()
            digits = found.replace("-", "").replace(" ", "")
            if digits[:3] in {"000", "666"} or digits[0] == "9" or digits[3:5] == "00" or digits[5:] == "0000":
                continue
            cue = nearest_cue(passage, match.start(), match.end(), speaks_for=_WORDS)
            if cue is Cue.FOR:
                yield Span(match.start(), match.end(), "US_SSN", 0.95)
            elif "-" in found and cue is Cue.NONE:
                yield Span(match.start(), match.end(), "US_SSN", 0.6)
