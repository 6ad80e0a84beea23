"""Phone numbers: shape, libphonenumber's plans of the countries that a language points to, and context."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from policies.checks import Language
from policies.guardrails.detectors.cues import OTHER_NUMBERS, Cue, nearest_cue
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.table_cells import header_before
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled, standing_alone, words
from policies.guardrails.redact import Span

_CANDIDATE = (
    r"(?:\(?(?:\+|00) ?[0-9]{1,3}\)?[ ./-]{0,2})?(?:\([0-9]{1,5}\)[ ./-]{0,2})?[0-9](?:[ ./-]{0,2}[0-9]){4,13}"
    r"(?: ?(?:x|ext\.?|extension) ?[0-9]{1,6})?"
)
_NO_PHONE = (
    r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}(?: [0-9]{1,2})?|[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{3}-[0-9]{2}-[0-9]{4}"
    r"|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9]{4} ?- ?[0-9]{4}|97[89][ -]?[0-9][0-9 -]{8,14}"
)
"""Dates, thousands, US Social Security numbers, internet addresses, spans of years, ISBN."""
_DOTTED = r"[6789][0-9]{2}\.[0-9]{3}\.(?:[0-9]{2}[1-9]|[0-9][1-9][0-9]|[1-9][0-9]{2})"
"""Nine digits of a Spanish number in threes, which no round sum in thousands looks like."""
_AMERICAN = (
    r"(?:(?:\+1|001|1)[ .-]?)?(?:\([0-9]{3}\) ?|[0-9]{3}[.-])[0-9]{3}[.-][0-9]{4}(?: ?(?:x|ext\.?) ?[0-9]{1,6})?"
)
"""The North American spelling, which says phone even of a number that is not given out."""
_TRUNK = r"\(?0[0-9]{1,4}\)?(?:[ .-][0-9]{2,8}){1,5}"
"""A trunk 0 and groups: national numbers of most of Europe."""
_COUNTED = (
    r"^ ?(?:€|\$|%|euros?|eur|dolares|dollars|usd|pesos|habitantes|personas|unidades|votos|visitas|veces|filas|bytes"
    r"|metros"
    r"|km|kg|segundos|anos|people|inhabitants|units|votes|views|times|rows|records|users|pounds|seconds|years|kwh|ms)\b"
)
"""What is counted is no phone."""
_CODE = r"\b[A-Z]{3,5} $"
"""Capitals before digits: a code of both, such as a British bank's."""
_ODD = r"(?:^|\.)[0-9](?:\.|$)|[0-9]+\.[0-9]+\.[0-9]{3,}\.[0-9]+$"
"""Versions."""
_WORDS = (
    r"tels?|telfs?|tlfs?|tfnos?|tlfnos?|tfs?|telefonos?|telefonicos?|telefonicamente|moviles|movil|mov"
    r"|celular(?:es)?|celu"
    r"|cel|fijo|fono|llamar?|llamad|llamame|llamadme|llameme|llamenme|llamarme|llamarle|llamenos|llamo|llame|llamen"
    r"|llamada|marca|marque|whats?app|whatsap|guasap|wasap|wsp|wa|bizum|sms|contacto|contactar|contacta|localizar"
    r"|avisar? al|avisad al|avisame al|fax|centralita|phones?|telephone|mobile|cell|cellphone|landline|call|calls"
    r"|called"
    r"|calling|ring|text|texted|text me|dial|reach|reached|contact|desk|office|number changed|my number|contact number"
    r"|new number|registered|linea|extension|mi numero|su numero|nuevo numero|numero de contacto|voicemail|hotline"
    r"|signal"
    r"|telegram"
)
_TYPED = words("telefono movil celular llamar llamame llamadme contacto phone mobile whatsapp telephone")
_HOME: dict[Language, tuple[str, ...]] = {"es": ("ES", "MX", "AR", "CO", "CL"), "en": ("US", "GB")}
_NEAR = 24
"""Code points beside a number that may be blanks up to its line's ends."""
_MOST_DIGITS = 13
"""Of a national number with its trunk prefix, anywhere."""


class _Plan(NamedTuple):
    """How a country's national numbers look in digits, the trunk prefix first."""

    country_code: int
    shape: str
    trunk: str = ""


_PLANS = {
    "ES": _Plan(34, r"[5-9][0-9]{8}"),
    "MX": _Plan(52, r"[1-9][0-9]{9}"),
    "AR": _Plan(54, r"0?[1-9][0-9]{9}", "0"),
    "CO": _Plan(57, r"[36][0-9]{9}"),
    "CL": _Plan(56, r"[2-9][0-9]{8}"),
    "US": _Plan(1, r"1?[2-9][0-9]{9}", "1"),
    "GB": _Plan(44, r"0[1-9][0-9]{8,9}", "0"),
}


class PhoneNumber(Detector):
    """Finds PHONE_NUMBER."""

    name = "phone-number"
    reach = Reach(span=44, context=48, before=200)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Numbers of a country's plan, unless the nearest word says that they are something else."""
        for match in standing_alone(_CANDIDATE, passage.plain, also="_#$€£"):
            start, end, found = match.start(), match.end(), match.group()
            if found[0] == "(" and found.count("(") > found.count(")"):
                start, found = start + 1, found[1:]  # the bracket belongs to the sentence: `my phone (+34 612345678)`
            if not self._edges(passage, start, end):
                continue
            if compiled(_NO_PHONE).fits(found) and not compiled(_DOTTED).fits(found):
                continue
            cue = self._cue(passage, start, end)
            score = self._score(found, passage.language, cue)
            if score < 0.7 and self._tail_of_a_code(passage, start):
                continue
            if not score and cue is Cue.NONE and (_fills_line(passage, start, end) or _fills_cell(passage, start, end)):
                score = 0.55
            if score:
                yield Span(start, end, "PHONE_NUMBER", score)

    def _cue(self, passage: Passage, start: int, end: int) -> Cue:
        """What the nearest word says; in a table, what stands at the head of the column."""
        cue = nearest_cue(passage, start, end, speaks_for=_WORDS, against=OTHER_NUMBERS, typed=_TYPED)
        if cue is not Cue.NONE:
            return cue
        header = header_before(passage, start, self.reach.lookback)
        return Cue.FOR if header and compiled(rf"\b(?:{_WORDS})\b").is_in(header) else cue

    def _edges(self, passage: Passage, start: int, end: int) -> bool:
        """Whether the number is not a part of a longer one, an amount, a path or a decimal."""
        before, after = passage.before(start, 2), passage.after(end, 2)
        if before[-1:] and before[-1:] in "-/.,:" and before[:1].isdigit():
            return False
        if before[-1:] in ("-", "/", "=") and before[:1].isalpha() and before[-1:] != "=":
            return False
        if compiled(_COUNTED).is_in(passage.after(end, 14)):
            return False
        return not (after[:1] in {"-", "/", ".", ",", ":"} and after[1:].isdigit()) and after[:1] not in {"%", "€", "$"}

    def _tail_of_a_code(self, passage: Passage, start: int) -> bool:
        """Whether digits, or capitals that are a code's, stand directly before the candidate."""
        # On the same line only: a number that begins a line is not the tail of what ended the one above.
        before = passage.text[max(0, start - 6) : start].rpartition("\n")[2]
        return before[-2:-1].isdigit() or (not passage.text.isupper() and compiled(_CODE).is_in(before))

    def _score(self, found: str, language: Language, cue: Cue) -> float:
        """How sure it is: 0 where nothing speaks for a phone."""
        digits = sum(map(str.isdigit, found))
        international = found.lstrip("(").startswith(("+", "00"))
        if cue is Cue.AGAINST and not international:
            return 0.0
        grouped = digits < len(found)
        if international and _valid_abroad(found):
            return 0.95
        if _valid_at_home(found, _HOME[language]):
            return 0.95 if cue is Cue.FOR else 0.75 if grouped else 0.6
        if compiled(_AMERICAN).fits(found):
            return 0.6
        if compiled(_ODD).is_in(found):
            return 0.0
        if cue is Cue.FOR and (digits == 6 or international or 7 <= digits <= _MOST_DIGITS):
            return 0.65
        return 0.55 if compiled(_TRUNK).fits(found) and 7 <= digits <= _MOST_DIGITS else 0.0


def _fills_line(passage: Passage, start: int, end: int) -> bool:
    """Whether a grouped number of 6 to 11 digits is all that stands in its line, as in a letterhead."""
    before, after = passage.text[max(0, start - _NEAR) : start], passage.text[end : end + _NEAR]
    alone = before.rstrip(" >")[-1:] in {"", "\n"} and after.lstrip(" .")[:1] in {"", "\n"}
    return alone and _grouped(passage.text[start:end])


def _fills_cell(passage: Passage, start: int, end: int) -> bool:
    """Whether a number that Spain gives out stands alone between separators, as in a row of values or a table."""
    before = passage.text[max(0, start - 3) : start].rstrip(" ")[-1:]
    after = passage.text[end : end + 3].lstrip(" ")[:1]
    if not (before and after and before in ";|\t'\"," and after in ";|\t'\",)\n"):
        return False
    return _valid_at_home(passage.text[start:end], _HOME["es"][:1])


def _grouped(found: str) -> bool:
    digits = sum(map(str.isdigit, found))
    return 6 <= digits <= 11 and digits < len(found) and not compiled(_ODD).is_in(found)


def _valid_at_home(found: str, regions: tuple[str, ...]) -> bool:
    """Whether a country gives the number out. Its shape is looked at first: that is a hundred times faster."""
    import phonenumbers

    digits = "".join(filter(str.isdigit, found.partition("x")[0].partition("e")[0]))
    for region in regions:
        plan = _PLANS[region]
        if not compiled(plan.shape).fits(digits):
            continue
        national = digits.removeprefix(plan.trunk) if plan.trunk else digits
        if phonenumbers.is_valid_number(phonenumbers.PhoneNumber(plan.country_code, int(national))):
            return True
    return False


def _valid_abroad(found: str) -> bool:
    """Whether a number with a country code is one that the country gives out."""
    import phonenumbers

    bare = found.lstrip("(")
    number = "+" + bare[2:] if bare.startswith("00") else bare
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(number, None)))
    except phonenumbers.NumberParseException:
        return False
