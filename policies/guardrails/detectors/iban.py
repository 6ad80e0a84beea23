"""International bank account numbers: the country's length and ISO 7064 mod 97."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.patterns import compiled
from policies.guardrails.redact import Span

_LENGTHS = {
    "ad": 24, "ae": 23, "al": 28, "at": 20, "az": 28, "ba": 20, "be": 16, "bg": 22, "bh": 22, "br": 29, "ch": 21,
    "cr": 22, "cy": 24, "cz": 24, "de": 22, "dk": 18, "do": 28, "ee": 20, "es": 24, "fi": 18, "fo": 18, "fr": 27,
    "gb": 22, "ge": 22, "gi": 23, "gl": 18, "gr": 27, "gt": 28, "hr": 21, "hu": 28, "ie": 22, "il": 23, "is": 26,
    "it": 27, "jo": 30, "kw": 30, "kz": 20, "lb": 28, "li": 21, "lt": 20, "lu": 20, "lv": 21, "mc": 27, "md": 24,
    "me": 22, "mk": 19, "mt": 31, "mu": 30, "nl": 18, "no": 15, "pk": 24, "pl": 28, "ps": 29, "pt": 25, "qa": 29,
    "ro": 24, "rs": 22, "sa": 24, "se": 24, "si": 19, "sk": 24, "sm": 27, "tn": 24, "tr": 26, "ua": 29, "va": 22,
    "xk": 20, "bi": 27, "by": 28, "dj": 27, "eg": 29, "fk": 18, "hn": 28, "iq": 23, "lc": 32, "ly": 25, "mn": 20,
    "ni": 28, "om": 23, "ru": 33, "sc": 31, "sd": 18, "so": 23, "st": 25, "sv": 28, "tl": 23, "vg": 24, "ye": 30,
}  # fmt: skip
"""Characters per country, from the IBAN registry (ISO 13616)."""
_SEPARATORS = " -./"


class Iban(Detector):
    """Finds IBAN_CODE."""

    name = "iban"
    reach = Reach(span=68, context=4)

    def find(self, passage: Passage) -> Iterator[Span]:
        """Numbers whose check digits are right, with any single separators."""
        from stdnum import iban

        text = passage.plain
        for match in compiled(r"[a-z]{2}[ -]?[0-9]{2}").finditer(text):
            start = match.start()
            if start and text[start - 1].isalnum() and text[max(0, start - 4) : start] != "iban":
                continue
            code, end = _take(text, start, _LENGTHS.get(text[start : start + 2], 0))
            if code and not text[end : end + 1].isalnum() and iban.is_valid(code, check_country=False):
                yield Span(start, end, "IBAN_CODE", 1.0)


def _take(text: str, start: int, length: int) -> tuple[str, int]:
    """The next `length` letters and digits and where they end; '' where the text breaks off."""
    code = ""
    position = start
    while len(code) < length:
        if position >= len(text):
            return "", position
        letter = text[position]
        if letter.isascii() and letter.isalnum():
            code += letter
        elif letter not in _SEPARATORS or not text[position - 1].isalnum():
            return "", position
        position += 1
    return code, position
