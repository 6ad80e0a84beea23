"""Names of competitors. One that is an everyday word too (Orange, Apple) counts where it is written as a name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.terms import SPAN, Terms
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span

_NEAR = 24
_COMPANY_BEFORE = (
    r"\b(?:compan(?:y|ies)|brands?|competitors?|rivals?|suppliers?|provider|carrier|operator|switch(?:ed"
    r"|ing)? (?:to|from)"
    r"|empresas?|marcas?|competidor(?:es)?|competencia|proveedor(?:es)?|operador(?:a|es)?|compania|tiendas?"
    r"|cambi(?:o|ar|arme|e|ado) a|me (?:voy|paso|cambio) a)(?: (?:de|of|la|el|the|as|like|como|llamad[ao]))? ?[\"'«“]?$"
)
_COMPANY_AFTER = (
    r"^[\"'»”]?(?:'s\b|’s\b|,? (?:inc|corp|ltd|llc|gmbh|s\.?a\.?|s\.?l\.?|plc|group|stores?|shops?|app|website|tariffs?"
    r"|plans?|customers?|employees|tiene (?:mejores?|otra)|ofrece|cobra|vende|offers?|charges?|sells?)\b)"
)


@dataclass(frozen=True)
class Competitor:
    """One competitor."""

    names: tuple[str, ...]
    """Its name and what else it is called."""
    everyday: bool = False
    """Its name is an everyday word too: it counts with a capital inside a sentence, or beside a word for a company."""


class Competitors(Detector):
    """Finds COMPETITOR."""

    name = "competitors"
    reach = Reach(span=SPAN, context=_NEAR)

    def __init__(self, competitors: Sequence[Competitor], *, threshold: float = 0.5, redacts: bool = True) -> None:
        super().__init__(threshold=threshold, redacts=redacts)
        self._names = Terms((name for each in competitors if not each.everyday for name in each.names), names=True)
        self._words = Terms((name for each in competitors if each.everyday for name in each.names), forms=False)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Names that stand alone; everyday words among them with a low score where nothing makes them a name."""
        for start, end in self._names.find(passage):
            yield Span(start, end, "COMPETITOR", 1.0)
        for start, end in self._words.find(passage):
            yield Span(start, end, "COMPETITOR", 0.9 if _is_name(passage, start, end) else 0.2)


def _is_name(passage: Passage, start: int, end: int) -> bool:
    text = passage.text
    before = text[max(0, start - _NEAR) : start].rstrip(" \"'«“(¿¡")
    inside = (bool(before) and before[-1] not in ".!?:;\n…") or (start == 0 and passage.offset > 0)
    if passage.has_case and text[start].isupper() and inside:
        return True
    if compiled(_COMPANY_BEFORE).is_in(passage.before(start, _NEAR)):
        return True
    return compiled(_COMPANY_AFTER).is_in(passage.after(end, _NEAR))
