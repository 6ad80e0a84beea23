"""Dates of birth: a date right after the words that make it one."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled, standing_alone
from policies.guardrails.redact import Span

_MONTHS = (
    r"enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre"
    r"|january|february|march|april|may|june|july|august|september|october|november|december"
    r"|ene|feb|mar|abr|may|jun|jul|ago|sept?|oct|nov|dic|jan|apr|aug|dec"
)
_DATE = (
    r"[0-9]{1,2}[ ]?[-/.][ ]?[0-9]{1,2}[ ]?[-/.][ ]?(?:[0-9]{4}|[0-9]{2})"
    r"|[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}"
    rf"|[0-9]{{1,2}}(?:st|nd|rd|th|º|o|\.)?[ -](?:de |of )?(?:{_MONTHS})\.?,?[ -](?:de |del )?(?:[0-9]{{4}}"
    r"|[0-9]{2})"
    rf"|(?:{_MONTHS})\.? [0-9]{{1,2}}(?:st|nd|rd|th)?,? (?:[0-9]{{4}})"
)
_BORN = (
    r"\b(?:nacid[oa]s?|nacio|naci|nacimiento|f\.? ?nac\.?|fec\.? ?nac\.?|fnac|fecha de nac\.?|fecha_nac\w*"
    r"|fecha ?nac\w*|f\.n\.?"
    r"|f/n|cumpleanos|cumple|natalicio|born|birth|birthday|birth_?date|dob|d\.o\.b\.?|date_of_birth|dateofbirth)"
    r"[^0-9a-z]{0,4}[^0-9\n.;]{0,40}$"
)


class DateOfBirth(Detector):
    """Finds DATE_OF_BIRTH."""

    name = "date-of-birth"
    reach = Reach(span=34, context=60)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Dates that follow a word about birth in the same clause."""
        if not passage.has_digit:
            return
        for match in standing_alone(_DATE, passage.plain):
            if compiled(_BORN).search(passage.before(match.start(), self.reach.context)):
                yield Span(match.start(), match.end(), "DATE_OF_BIRTH", 0.9)
