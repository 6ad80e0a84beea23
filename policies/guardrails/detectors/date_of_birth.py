"""Dates of birth: a date, in digits or in words, beside the words that make it one."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.cues import misspelt
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled, standing_alone, words
from policies.guardrails.redact import Span

_MONTHS = (
    r"(?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre"
    r"|january|february|march|april|may|june|july|august|september|october|november|december"
    r"|ene|feb|mar|abr|may|jun|jul|ago|sept?|oct|nov|dic|jan|apr|aug|dec)\.?"
)
_UNITS_ES = r"(?:un[oa]?|dos|tres|cuatro|cinco|seis|siete|ocho|nueve)"
_DAY_ES = (
    rf"(?:primero|{_UNITS_ES}|diez|once|doce|trece|catorce|quince|dieci[a-z]{{4,6}}|veinte|veinti[a-z]{{2,6}}"
    r"|treinta(?: y un[oa]?)?)"
)
_TENS_ES = r"(?:diez|once|doce|trece|catorce|quince|dieci[a-z]{4,6}|veinti?[a-z]{0,6}|[a-z]{4,8}nta)"
_YEAR_ES = (
    rf"(?:mil novecientos(?: {_TENS_ES})?(?: y)?(?: {_UNITS_ES})?"
    rf"|dos mil(?: {_TENS_ES})?(?: y)?(?: {_UNITS_ES})?)"
)
_ORDINAL_EN = (
    r"(?:(?:twenty|thirty)[ -])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|tenth|eleventh|twelfth"
    r"|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth"
)
_UNITS_EN = r"(?:one|two|three|four|five|six|seven|eight|nine)"
_TENS_EN = r"(?:ten|eleven|twelve|[a-z]{3,5}teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
_YEAR_EN = (
    r"(?:nineteen(?: hundred(?: and)?)?|two thousand(?: and)?|twenty)"
    rf"(?:[ -](?:oh[ -])?{_TENS_EN})?(?:[ -]{_UNITS_EN})?"
)
_YEAR = r"(?:[0-9]{4}|['’]?[0-9]{2})"
_DATE = (
    r"[0-9]{1,2}[ ]?[-/.][ ]?[0-9]{1,2}[ ]?[-/.][ ]?(?:[0-9]{4}|[0-9]{2})"
    r"|[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}"
    rf"|[0-9]{{1,2}}(?:st|nd|rd|th|º|o|\.)?[ /.-]?(?:de |of )?{_MONTHS},?[ /.-]?(?:de |del |del ano |of )?{_YEAR}"
    rf"|{_MONTHS}[ -][0-9]{{1,2}}(?:st|nd|rd|th)?,?[ -](?:[0-9]{{4}})"
    rf"|(?:[0-9]{{1,2}}|{_DAY_ES}) de {_MONTHS},? (?:de |del )?(?:ano )?(?:{_YEAR_ES}|{_YEAR})"
    rf"|(?:the )?(?:{_ORDINAL_EN}|[0-9]{{1,2}}(?:st|nd|rd|th)?)(?: day)?(?: of)? {_MONTHS},?(?: in)? (?:{_YEAR_EN}"
    rf"|{_YEAR})"
    rf"|{_MONTHS} (?:the )?(?:{_ORDINAL_EN}|[0-9]{{1,2}}(?:st|nd|rd|th)?),?(?: in)? (?:{_YEAR_EN}|[0-9]{{4}})"
)
_COMPACT = (
    r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])|[0-9]{1,2} [0-9]{1,2} (?:19|20)[0-9]{2}"
    r"|(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])(?:19|20)[0-9]{2}"
)
"""A date without separators, or with blanks: only directly behind a label."""
_LABEL = (
    r"(?:nacimiento|n[au]cimiento|nacimeinto|nacimineto|nac\.?|fnac|fecha ?_?nac\w*|fec\.? ?nac\.?|f\.? ?nac\.?"
    r"|f\.n\.?|f/n"
    r"|date ?_?of ?_?birth|birth ?_?date|birth ?_?day|bday|born on|dob|d\.o\.b\.?|d/o/b)"
)
_TYPED = words("nacido nacida nacio nacimiento birthday birth")
_LABELLED = rf"(?:\b|_){_LABEL}[^0-9a-z]{{1,6}}(?:es |is |el )?$"
_BORN = (
    rf"(?:\b|_)(?:{_LABEL}|nacid[oa]s?|nacio|naci|nazco|cumpleanos|(?:mi|su|tu|de) cumple|natalicio|born|birth"
    rf"|birthdays?)"
    r"[^0-9a-z]{1,6}[^0-9\n.;]{0,60}$|\bcumple(?: anos)?(?: es)?(?: el)? $"
)
_AFTER = (
    r"^[^0-9a-z\n]{0,4}(?:(?:es|fue|is|was|como|as)? ?(?:mi|su|la|his|her|my|the)? ?)?"
    r"(?:fecha de nac\w*|nacimiento|f\.? ?nac\b|cumpleanos|date of birth|birth ?date|birthday|dob\b|d\.o\.b)"
)


class DateOfBirth(Detector):
    """Finds DATE_OF_BIRTH."""

    name = "date-of-birth"
    reach = Reach(span=64, context=40, before=80)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Dates beside a word about birth in the same clause."""
        for match in standing_alone(_DATE, passage.plain):
            before, after = (
                passage.before(match.start(), self.reach.lookback),
                passage.after(match.end(), self.reach.context),
            )
            if compiled(_BORN).is_in(before) or compiled(_AFTER).is_in(after) or misspelt(before[-30:], _TYPED):
                yield Span(match.start(), match.end(), "DATE_OF_BIRTH", 0.9)
        for match in standing_alone(_COMPACT, passage.plain):
            if compiled(_LABELLED).is_in(passage.before(match.start(), 40)):
                yield Span(match.start(), match.end(), "DATE_OF_BIRTH", 0.8)
