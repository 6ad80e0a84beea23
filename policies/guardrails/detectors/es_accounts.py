"""Spanish long numbers: Social Security (NSS, 12 digits) and the old bank account code (CCC, 20 digits)."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.cues import Cue, nearest_cue
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled, standing_alone
from policies.guardrails.redact import Span

_NSS = r"[0-9]{2}[ /-]?[0-9]{8}[ /-]?[0-9]{2}"
_CCC = r"[0-9]{4}[ .-]?[0-9]{4}[ .-]?[0-9]{2}[ .-]?(?:[0-9]{10}|[0-9]{2}[ .-]?[0-9]{4}[ .-]?[0-9]{4})"
_SOCIAL_SECURITY = r"nss|n\.s\.s|naf|seguridad social|seg\. social|s\.s|ss|afiliacion"
_LAST_PROVINCE = 53
_ABROAD = 66


class EsAccounts(Detector):
    """Finds ES_NSS and ES_CCC."""

    name = "es-accounts"
    reach = Reach(span=26, context=48)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Numbers whose check digits are right; an NSS not after a word about another kind of number."""
        from stdnum.es import ccc

        for match in standing_alone(_NSS, passage.text, also="-/"):
            digits = "".join(letter for letter in match.group() if letter.isdigit())
            cue = nearest_cue(passage, match.start(), match.end(), speaks_for=_SOCIAL_SECURITY)
            if _is_nss(digits) and cue is not Cue.AGAINST:
                yield Span(match.start(), match.end(), "ES_NSS", 0.95 if cue is Cue.FOR else 0.7)
        for match in standing_alone(_CCC, passage.text, also="-"):
            digits = "".join(letter for letter in match.group() if letter.isdigit())
            in_iban = compiled(r"[a-z]{2}[ -]?[0-9]{2}[ .-]?$").is_in(passage.before(match.start(), 6))
            if digits.strip("0") and ccc.is_valid(digits) and not in_iban:
                yield Span(match.start(), match.end(), "ES_CCC", 0.95)


def _is_nss(digits: str) -> bool:
    """Order TAS/1562/2005: province and number modulo 97; a number under ten million loses its leading zero."""
    province, number, check = int(digits[:2]), int(digits[2:10]), int(digits[10:])
    if not (1 <= province <= _LAST_PROVINCE or province == _ABROAD):
        return False
    base = province * 10_000_000 + number if number < 10_000_000 else int(digits[:10])
    return base % 97 == check
