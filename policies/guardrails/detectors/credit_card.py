"""Payment cards: issuer's prefix, length, and Luhn's check digit (ISO/IEC 7812)."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.cues import Cue, nearest_cue
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import standing_alone
from policies.guardrails.redact import Span

_DIGITS = r"[0-9](?:[ -]?[0-9]){11,18}"
_CARD_WORDS = (
    r"cards?|cc|visa|mastercard|master card|amex|american express|maestro|discover|credit|debit|tarjetas?|credito"
    r"|debito|pan|numero completo|cargo|charge|charged|payment|pago"
)


class CreditCard(Detector):
    """Finds CREDIT_CARD."""

    name = "credit-card"
    reach = Reach(span=40, context=48)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Numbers of 12 to 19 digits whose check digit is right, of a known issuer or beside a word about cards."""
        if not passage.has_digit:
            return
        from stdnum import luhn

        for match in standing_alone(_DIGITS, passage.text):
            number = "".join(letter for letter in match.group() if letter.isdigit())
            if not luhn.is_valid(number):
                continue
            cue = nearest_cue(passage, match.start(), match.end(), speaks_for=_CARD_WORDS)
            if cue is not Cue.FOR and (len(number) < 15 or not _issued(number)):
                continue
            yield Span(match.start(), match.end(), "CREDIT_CARD", 0.95 if cue is Cue.FOR else 0.8)


def _issued(number: str) -> bool:
    """Whether a card network issues numbers with this prefix and length."""
    if number[:2] in {"34", "37"}:
        return len(number) == 15
    if number[:2] in {"36", "38", "39"} or 300 <= int(number[:3]) <= 305:
        return 14 <= len(number) <= 19
    if number[0] == "4":
        return len(number) in {13, 16, 19}
    if 51 <= int(number[:2]) <= 55 or 2221 <= int(number[:4]) <= 2720:
        return len(number) == 16
    if 3528 <= int(number[:4]) <= 3589:
        return 16 <= len(number) <= 19
    return number[0] in "56" and len(number) >= 12
