"""Spanish street addresses: kind of street, name, number, then flat, postcode and town as far as they go."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.es_streets import ABBREVIATED, LEADS, WORDS
from policies.guardrails.detectors.es_towns import TOWNS
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled, words
from policies.guardrails.redact import Span

_WORD = r"[a-z][a-z0-9'’.-]*"
_WAY = rf"(?:(?:c/|(?:{ABBREVIATED})\.|p\.?º) ?|(?:{WORDS}) )"
_NUMBER = r"(?:,? ?(?:n\.?[º°o]\.?|num\.?|numero|no\.|#)? ?[0-9]{1,4}(?: ?bis)?|,? ?s/n)"
_STREET = rf"{_WAY}(?:{_WORD} ){{0,6}}?{_WORD}{_NUMBER}"
_GRID = (
    r"(?:calle|cll\.?|carrera|cra\.?|diagonal|transversal|avenida|av\.?) [0-9]{1,3}[a-z]? ?(?:#|no\.?|n[º°])"
    r" ?[0-9]{1,3}[a-z]? ?- ?[0-9]{1,3}"
)
"""The Latin American grid: `Carrera 7 # 71-21`."""
_UNNAMED = (
    rf"\b(?:{LEADS})"
    rf"(?: es)?[ :,-]{{1,4}}(?:la |el )?((?:{_WORD} ){{0,4}}{_WORD},? ?(?:n\.?[º°o] ?|num\.? )?[0-9]{{1,4}})"
)
"""After a word for living somewhere or for sending."""
_BASE = rf"{_GRID}|{_STREET}"
_SIDE = r"(?:izq(?:uierda|da|\.)?|izda\.?|dcha\.?|derecha|der\.|centro|ctro\.)"
_FLAT = (
    r"^[ ,;-]{1,3}(?:(?:piso|oficina|of\.|torre|casa|manzana|mz\.?|lote|lt\.?|edificio|ed\.|bl\.|planta|puerta"
    r"|pta\.?|esc\.?|escalera|portal|bloque|blq\.?|bajo|bjo\.?|atico|entresuelo"
    r"|entlo\.?"
    r"|principal|ppal\.?|local|nave|interior|int\.?|depto\.?|dpto\.?|apto\.?|apartamento|km\.?)"
    r"(?: ?[0-9]{1,3}\b(?:\.?[ºª°])?)?(?: [a-h]\b)?"
    rf"|[0-9]{{1,2}}\.?[ºª°o](?: ?(?:[a-h]\b|{_SIDE}|[0-9]{{1,2}}\.?[ºª°a]))?|[0-9]{{1,2}} ?- ?[0-9a-h]\b"
    rf"|[0-9]{{1,2}} ?[a-h]\b|{_SIDE})"
)
_POSTCODE = (
    r"^[ ,;(-]{1,4}(?:c\.?p\.? ?)?[0-9]{5}[ ,-]{1,3}(?:(?:de|del|la|las|los|el|a|l'|san|santa|sant) ){0,2}"
    r"[a-z][a-z'’/-]*(?: (?:de|del|la|las|los|el|san"
    r"|santa) [a-z][a-z'’-]*(?: [a-z][a-z'’-]*)?)?(?: \([a-z ]{3,20}\))?\)?"
)
_TOWNS = "|".join(sorted(TOWNS, key=len, reverse=True))
_TOWN = rf"^[ ,;(-]{{1,4}}(?:en )?(?:{_TOWNS})\b\)?"
_DAY = r" el (?:lunes|martes|miercoles|jueves|viernes|sabado|domingo|dia|proximo|pasado|mes|ano)\b"
"""After a town: when, which is no part of it."""
_SMALL = words("de del la las los el els y i e san santa sant d d' l l' a doctor dr sra virgen xxiii")


class EsAddress(Detector):
    """Finds STREET_ADDRESS in the Spanish form."""

    name = "es-address"
    reach = Reach(span=180, context=48)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Streets with a number; the name has capitals where the text has any."""
        text = passage.plain
        named: list[Span] = []
        for match in compiled(_BASE).finditer(text):
            start, end = match.start(), match.end()
            if (start and text[start - 1].isalnum()) or text[end : end + 1].isdigit():
                continue
            whole = _extended(text, end)
            if passage.has_case and whole == end and not _capitalised(passage.text[start:end]):
                continue
            named.append(Span(start, whole, "STREET_ADDRESS", 0.9))
        yield from named
        yield from self._unnamed(passage, named)

    def _unnamed(self, passage: Passage, named: list[Span]) -> Iterator[Span]:
        """Without the word for street: after a word for living or sending, where a flat or a town follows."""
        for match in compiled(_UNNAMED).finditer(passage.plain):
            start, end = match.start(1), match.end(1)
            whole = _extended(passage.plain, end)
            if any(span.start < whole and start < span.end for span in named):
                continue
            if whole > end and not passage.text[whole : whole + 1].isalnum():
                yield Span(start, whole, "STREET_ADDRESS", 0.75)


def _extended(text: str, end: int) -> int:
    """The end of the address after up to four parts of a flat, then postcode and town, or a known town."""
    for _ in range(4):
        flat = compiled(_FLAT).search(text[end : end + 40])
        if flat is None or text[end + flat.end() :][:1].isalnum():
            break
        end += flat.end()
    for pattern in (_POSTCODE, _TOWN):
        town = compiled(pattern).search(text[end : end + 60])
        if town is not None:
            closing = town.group().endswith(")") and "(" not in town.group()
            day = compiled(_DAY).search(town.group())
            return end + (day.start() if day else town.end() - closing)
    return end


def _capitalised(found: str) -> bool:
    """Whether a word of the street's name, beyond the small ones, begins with a capital or a digit."""
    words = found.replace(",", " ").replace("/", "/ ").split()[1:]
    names = [word for word in words if word.lower() not in _SMALL and word[:1].isalpha()]
    return not names or any(word[:1].isupper() for word in names)
