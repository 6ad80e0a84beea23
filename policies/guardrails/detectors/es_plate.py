"""Spanish vehicle plates: four digits and three consonants (since 2000), and the old provincial form."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.cues import OTHER_NUMBERS, Cue, nearest_cue
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import standing_alone, words
from policies.guardrails.redact import Span

_NEW = r"[0-9]{4}[ -]?[bcdfghjklmnprstvwxyz]{3}"
_PROVINCES = (
    r"vi|ab|al?|av|ba?|ib|pm|bu|c[acours]?|cc|ss|gc|gi|ge|gr|gu|hu?|j|le?|lo|lu|ma?|mu|na|or?|ou|pa?|po|sa?|sg|se"
    r"|so|t"
    r"|te|tf|to|va?|bi|za?|ce|ml|gr"
)
_OLD = rf"(?:{_PROVINCES})[ -]?[0-9]{{4}}[ -]?[a-z]{{1,2}}"
_WORDS = (
    r"matriculas?|matr|matricula(?:do|da)|placas?|coches?|vehiculos?|furgonetas?|furgon|motos?|motocicletas?|ciclomotor"
    r"|camion|turismo|remolque|taxi|conductora?|multa|parking|aparcad[oa]|aparcamiento|itv|taller|plates?|car|cars"
    r"|vehicle"
    r"|van|truck|motorbike|registration|conducia|conduce|circulaba|seat|renault|peugeot|citroen|toyota|volkswagen|opel"
    r"|dacia|hyundai|skoda|nissan|audi|mercedes"
)
_TYPED = words("matricula vehiculo furgoneta coche turismo")
_OTHERS = OTHER_NUMBERS + "|impresora|printer"
_UNITS = words("rpm mph kwh mhz ghz php xml jpg png pdf css kbs mbs gbp czk pln psl mms cms kms hrs lbs yds pts")


class EsPlate(Detector):
    """Finds ES_PLATE."""

    name = "es-plate"
    reach = Reach(span=11, context=48)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Plates, in lower case only in Spanish; the old form in capitals. Not after a word for another code."""
        for pattern in (_NEW, _OLD):
            for match in standing_alone(pattern, passage.plain, also="-_/"):
                if _in_a_code(passage.text, match.start(), match.end()):
                    continue
                cue = nearest_cue(passage, match.start(), match.end(), speaks_for=_WORDS, against=_OTHERS, typed=_TYPED)
                found = passage.text[match.start() : match.end()]
                if cue is Cue.AGAINST or found[-3:].lower() in _UNITS:
                    continue
                if cue is Cue.FOR:
                    yield Span(match.start(), match.end(), "ES_PLATE", 0.95)
                elif pattern == _NEW and (passage.language == "es" or found.upper() == found):
                    yield Span(match.start(), match.end(), "ES_PLATE", 0.75 if found.upper() == found else 0.55)
                elif found.upper() == found:
                    yield Span(match.start(), match.end(), "ES_PLATE", 0.55)


def _in_a_code(text: str, start: int, end: int) -> bool:
    """Whether a dot binds the match to what stands before or after it, as in a file's name; one may end a sentence."""
    return text[start - 1 : start] == "." or (text[end : end + 1] == "." and text[end + 1 : end + 2].isalnum())
