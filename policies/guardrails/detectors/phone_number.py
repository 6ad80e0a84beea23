"""Phone numbers: shape, libphonenumber's plans of the countries that a language points to, and context."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from policies.checks import Language
from policies.guardrails.detectors.cues import OTHER_NUMBERS, Cue, nearest_cue
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled, standing_alone
from policies.guardrails.redact import Span

_CANDIDATE = (
    r"(?:\(?(?:\+|00) ?[0-9]{1,3}\)?[ ./-]{0,2})?(?:\([0-9]{1,5}\)[ ./-]{0,2})?[0-9](?:[ ./-]{0,2}[0-9]){4,13}"
    r"(?: ?(?:x|ext\.?|extension) ?[0-9]{1,6})?"
)
_NO_PHONE = (
    r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}(?: [0-9]{1,2})?|[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{3}-[0-9]{2}-[0-9]{4}"
    r"|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9]{4} ?- ?[0-9]{4}|97[89][ -]?[0-9][0-9 -]{8,14}"
)
_DOTTED = r"[6789][0-9]{2}\.[0-9]{3}\.(?:[0-9]{2}[1-9]|[0-9][1-9][0-9]|[1-9][0-9]{2})"
"""Nine digits of a Spanish number in threes, which no round sum in thousands looks like."""
"""Dates, thousands, US Social Security numbers, internet addresses, spans of years, ISBN."""
_AMERICAN = (
    r"(?:(?:\+1|001|1)[ .-]?)?(?:\([0-9]{3}\) ?|[0-9]{3}[.-])[0-9]{3}[.-][0-9]{4}(?: ?(?:x|ext\.?) ?[0-9]{1,6})?"
)
"""The North American spelling, which says phone even of a number that is not given out."""
_TRUNK = r"\(?0[0-9]{1,4}\)?(?:[ .-][0-9]{2,8}){1,5}"
"""A trunk 0 and groups: national numbers of most of Europe."""
_CODE = r"\b[A-Z]{3,5} $"
"""Capitals before digits: a code of both, such as a British bank's."""
_ODD = r"(?:^|\.)[0-9](?:\.|$)|[0-9]+\.[0-9]+\.[0-9]{3,}\.[0-9]+$"
"""Versions."""
_WORDS = (
    r"tels?|telf|tlf|tfno|tfnos?|telefonos?|telefonicos?|telefonicamente|moviles|movil|celular|celu|cel|fijo|fono"
    r"|llamar?|llamad|llamame|llamadme|llameme|llamenme|llamo|llame|llamen|llamada|marca|marque|whats?app|wasap|wsp"
    r"|bizum"
    r"|sms|contacto|contactar|localizar|avisar? al|avisad al|avisame al|fax|centralita|phones?|mobile|cell"
    r"|cellphone|call"
    r"|calls|called|calling|ring|text|texted|dial|reach|reached|contact|desk|office|number changed|my number"
    r"|contact number"
    r"|new number|registered|linea|extension|mi numero|su numero|nuevo numero"
)
_REGIONS: dict[Language, tuple[str, ...]] = {"es": ("ES", "MX", "AR", "CO", "CL"), "en": ("US", "GB")}
_OTHER_REGIONS = ("DE", "FR", "IT", "CH", "AT", "SE", "DK", "NO", "FI", "NL", "BE", "PT", "PL", "CZ", "HU", "AU", "ZA")


class PhoneNumber(Detector):
    """Finds PHONE_NUMBER."""

    name = "phone-number"
    reach = Reach(span=44, context=48)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Numbers of a country's plan, unless the nearest word says that they are something else."""
        if not passage.has_digit:
            return
        for match in standing_alone(_CANDIDATE, passage.plain, also="_#$€£"):
            start, end, found = match.start(), match.end(), match.group()
            if not self._edges(passage, start, end):
                continue
            if compiled(_NO_PHONE).fullmatch(found) and not compiled(_DOTTED).fullmatch(found):
                continue
            cue = nearest_cue(passage, start, end, speaks_for=_WORDS, against=OTHER_NUMBERS)
            score = self._score(found, passage.language, cue)
            if score < 0.7 and self._tail_of_a_code(passage, start):
                continue
            if not score and cue is Cue.NONE and _fills_line(passage, start, end):
                score = 0.55
            if score:
                yield Span(start, end, "PHONE_NUMBER", score)

    def _edges(self, passage: Passage, start: int, end: int) -> bool:
        """Whether the number is not a part of a longer one, an amount, a path or a decimal."""
        before, after = passage.before(start, 2), passage.after(end, 2)
        if before[-1:] and before[-1:] in "-/.,:" and before[:1].isdigit():
            return False
        if before[-1:] in ("-", "/", "=") and before[:1].isalpha() and before[-1:] != "=":
            return False
        return not (after[:1] in {"-", "/", ".", ",", ":"} and after[1:].isdigit()) and after[:1] not in {"%", "€", "$"}

    def _tail_of_a_code(self, passage: Passage, start: int) -> bool:
        """Whether digits, or capitals that are a code's, stand directly before the candidate."""
        # On the same line only: a number that begins a line is not the tail of what ended the one above.
        before = passage.text[max(0, start - 6) : start].rpartition("\n")[2]
        return before[-2:-1].isdigit() or (not passage.text.isupper() and compiled(_CODE).search(before) is not None)

    def _score(self, found: str, language: Language, cue: Cue) -> float:
        """How sure it is: 0 where nothing speaks for a phone."""
        digits = sum(letter.isdigit() for letter in found)
        international = found.lstrip("(").startswith(("+", "00"))
        if cue is Cue.AGAINST and not international:
            return 0.0
        if _valid(found, language):
            grouped = any(not letter.isdigit() for letter in found)
            return 0.95 if cue is Cue.FOR or international else 0.75 if grouped else 0.6
        if compiled(_AMERICAN).fullmatch(found):
            return 0.6
        if compiled(_ODD).search(found):
            return 0.0
        if cue is Cue.FOR and digits >= 6 and (international or digits == 6 or _possible_somewhere(found)):
            return 0.65
        return 0.55 if compiled(_TRUNK).fullmatch(found) and _possible_somewhere(found) else 0.0


def _fills_line(passage: Passage, start: int, end: int) -> bool:
    """Whether a grouped number of 6 to 11 digits is all that stands in its line, as in a letterhead."""
    found = passage.text[start:end]
    digits = sum(letter.isdigit() for letter in found)
    alone = passage.text[:start].rstrip(" >")[-1:] in {"", "\n"} and passage.text[end:].lstrip(" .")[:1] in {"", "\n"}
    return alone and 6 <= digits <= 11 and digits < len(found) and compiled(_ODD).search(found) is None


def _valid(found: str, language: Language) -> bool:
    """Whether the number is valid in its own country code, or in one of the language's countries."""
    import phonenumbers

    regions: tuple[str | None, ...] = (None,) if found.startswith("+") else _REGIONS[language]
    for region in regions:
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(found, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


@lru_cache(maxsize=1)
def _other_regions() -> tuple[str, ...]:
    return (*_REGIONS["en"], *_REGIONS["es"], *_OTHER_REGIONS)


def _possible_somewhere(found: str) -> bool:
    """Whether the number is possible in some country, for where the context says that it is a phone."""
    import phonenumbers

    for region in _other_regions():
        try:
            if phonenumbers.is_possible_number(phonenumbers.parse(found, region)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False
