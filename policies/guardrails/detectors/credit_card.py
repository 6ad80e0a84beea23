"""Payment cards: issuer's prefix, length, and Luhn's check digit (ISO/IEC 7812)."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.cues import Cue, nearest_cue
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import standing_alone, words
from policies.guardrails.redact import Span

_DIGITS = r"[0-9](?:[ .-]{0,2}[0-9]){11,27}"
_WRITTEN = (
    r"[0-9]{4}([ .-]{1,2})[0-9]{4}[ .-]{1,2}[0-9]{4}[ .-]{1,2}[0-9]{4}|[0-9]{4}[ .-]{1,2}[0-9]{6}[ .-]{1,2}[0-9]{4,5}"
    r"|[0-9]{15,16}"
)
"""How a card's number is written where other digits stand beside it: an expiry date, a security code."""
_CARD_WORDS = (
    r"cards?|cc|visa|mastercard|master card|amex|american express|maestro|discover|credit|debit|tarjetas?|credito"
    r"|debito|pan|numero completo|cargo|charge|charged|payment|pago|pague|pagado|paid|cvv|cvc|caduca|caducidad"
    r"|expir\w+|exp"
)
_TYPED = words("tarjeta credito mastercard credit")


class CreditCard(Detector):
    """Finds CREDIT_CARD."""

    name = "credit-card"
    reach = Reach(span=56, context=48)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Numbers of 12 to 19 digits whose check digit is right, of a known issuer or beside a word about cards."""
        from stdnum import luhn

        for match in standing_alone(_DIGITS, passage.text):
            start, end = match.start(), match.end()
            found = match.group()
            number = _digits(found)
            if len(number) > 19 or not luhn.is_valid(number):
                begin, length = _part(found)
                start, end = start + begin, start + begin + length
                number = _digits(found[begin : begin + length])
                if not number or not luhn.is_valid(number) or not _issued(number):
                    continue
            cue = nearest_cue(passage, start, end, speaks_for=_CARD_WORDS, typed=_TYPED)
            if cue is not Cue.FOR and (len(number) < 15 or not _issued(number)):
                continue
            yield Span(start, end, "CREDIT_CARD", 0.95 if cue is Cue.FOR else 0.8)


def _digits(found: str) -> str:
    return "".join(filter(str.isdigit, found))


def _part(found: str) -> tuple[int, int]:
    """Where in a row of digits a number written as cards are begins, and its length; (0, 0) where none does."""
    for match in standing_alone(_WRITTEN, found):
        return match.start(), match.end() - match.start()
    return 0, 0


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
