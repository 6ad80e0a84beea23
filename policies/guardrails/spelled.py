"""Signs and digits written as words: `jane at mail dot com`, `juan (arroba) correo punto es`, `seis uno dos`. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from policies.guardrails.patterns import compiled, words
from policies.guardrails.rewritten import Piece

_OPEN, _CLOSE = r"\s{0,2}[\[({<*_-]{1,2}\s?", r"\s?[\])}>*_-]{1,2}\s{0,2}"
_AT = rf"(?:{_OPEN}(?:at|arroba|@){_CLOSE}|\s{{1,2}}(?:at|arroba)\s{{1,2}}|\s{{0,2}}@\s{{0,2}})"
_DOT = rf"(?:{_OPEN}(?:dot|punto|\.){_CLOSE}|\s{{1,2}}(?:dot|punto)\s{{1,2}})"
_DASH = r"(?:\s(?:guion|guión|dash|hyphen)(?:\s(?:medio|bajo))?\s|\s(?:underscore|barra baja|plus)\s)"
_NAME = rf"[\p{{L}}\p{{N}}._%+-]{{1,64}}(?:(?:{_DOT}|{_DASH})[\p{{L}}\p{{N}}._%+-]{{1,40}}){{0,3}}"
_LABEL = r"[\p{L}\p{N}-]{1,40}"
_DOMAIN = rf"{_LABEL}(?:(?:{_DASH}){_LABEL}){{0,2}}(?:(?:\.|{_DOT})[\p{{L}}\p{{N}}-]{{2,24}}){{1,4}}"
_MAIL = rf"(?i)({_NAME})({_AT})({_DOMAIN})"
_HOSTS = r"(?i)^(?:gmail|hotmail|yahoo|outlook|icloud|proton|protonmail|live|msn|aol|gmx|telefonica)\."
_NO_NAME = words(
    "us me it him her them you look find here available is are was were be see visit contact out up one that this site"
    " online website page live shop store book order hosted app back now today only and or in on email mail reach write"
    " working works work always directly more read sold starting based meet team"
)
"""What stands before `at example dot com` in a sentence that names no mailbox."""
_NOBODY = words(
    "name nombre apellido apellidos surname first last firstname lastname user usuario username someone somebody"
    " alguien you your tu yo me email correo mail address direccion ejemplo example"
)
_NOWHERE = words("domain dominio example ejemplo company empresa site host server servidor provider proveedor")
"""An address of these alone shows how one is written, and is nobody's."""

_DIGITS = {
    "zero": "0", "oh": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "cero": "0", "uno": "1", "dos": "2", "tres": "3", "cuatro": "4", "cinco": "5",
    "seis": "6", "siete": "7", "ocho": "8", "nueve": "9",
}  # fmt: skip
_TEENS = {
    "diez": "10", "once": "11", "doce": "12", "trece": "13", "catorce": "14", "quince": "15", "dieciseis": "16",
    "dieciséis": "16", "diecisiete": "17", "dieciocho": "18", "diecinueve": "19", "veinte": "20", "veintiuno": "21",
    "veintidos": "22", "veintidós": "22", "veintitres": "23", "veintitrés": "23", "veinticuatro": "24",
    "veinticinco": "25", "veintiseis": "26", "veintiséis": "26", "veintisiete": "27", "veintiocho": "28",
    "veintinueve": "29", "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14",
    "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
_TENS = {
    "treinta": "3", "cuarenta": "4", "cincuenta": "5", "sesenta": "6", "setenta": "7", "ochenta": "8", "noventa": "9",
    "twenty": "2", "thirty": "3", "forty": "4", "fifty": "5", "sixty": "6", "seventy": "7", "eighty": "8",
    "ninety": "9",
}  # fmt: skip
_ONE = "|".join(_DIGITS)
_NUMBER = rf"(?:(?:{'|'.join(_TENS)})(?:(?: y |[ -])(?:{_ONE}))?|{'|'.join(_TEENS)}|{_ONE})"
_NUMBERS = rf"(?i)\b{_NUMBER}(?:[ ,.;-]{{1,3}}{_NUMBER}){{4,}}\b"
SIGNS = (
    r"(?i:\barroba\b|[\[({<]\s?(?:at|@|dot|punto|\.)\s?[\])}>]|\sdot\s|\spunto\s(?:com|net|org|es|mx|ar|co|cl|pe|eu)\b|\s@\s"
    rf"|\sat\s(?:gmail|hotmail|yahoo|outlook|icloud|proton)|\b(?:{_ONE})[ ,.;-]{{1,3}}(?:{_ONE})\b)"
)
"""Without a match of this nothing is spelled."""


def spoken(text: str) -> list[Piece]:
    """Mail addresses and numbers as their signs, each as one stretch."""
    mails = list(_mails(text))
    numbers = (piece for piece in _numbers(text) if not any(_overlap(piece, mail) for mail in mails))
    return sorted((*mails, *numbers), key=lambda piece: piece.start)


def _overlap(one: Piece, other: Piece) -> bool:
    return one.start < other.end and other.start < one.end


def _mails(text: str) -> Iterator[Piece]:
    for match in compiled(_MAIL).finditer(text):
        name, sign, domain = match.group(1), match.group(2), match.group(3)
        bare = sign.strip().lower() == "at"
        plain_domain = not compiled(rf"(?i){_DOT}|{_DASH}").is_in(domain)
        if sign == "@" and plain_domain and " " not in name:
            continue
        if bare and (name.split()[-1].lower() in _NO_NAME or (plain_domain and not compiled(_HOSTS).is_in(domain))):
            continue
        address = f"{_signed(name)}@{_signed(domain)}"
        if not _is_pattern(address):
            yield Piece(match.start(), match.end(), address)


def _is_pattern(address: str) -> bool:
    local, _, domain = address.lower().partition("@")
    return domain.split(".")[0] in _NOWHERE and all(part in _NOBODY for part in local.replace("_", ".").split("."))


def _signed(spelled: str) -> str:
    """Words for signs as the signs."""
    text = _replaced(spelled, rf"(?i){_DOT}", ".")
    text = _replaced(text, r"(?i)\s(?:underscore|barra baja|gui[oó]n bajo)\s", "_")
    text = _replaced(text, r"(?i)\splus\s", "+")
    return _replaced(text, rf"(?i){_DASH}", "-")


def _replaced(text: str, pattern: str, by: str) -> str:
    pieces: list[str] = []
    position = 0
    for match in compiled(pattern).finditer(text):
        pieces += (text[position : match.start()], by)
        position = match.end()
    return "".join((*pieces, text[position:]))


def _numbers(text: str) -> Iterator[Piece]:
    for match in compiled(_NUMBERS).finditer(text):
        digits = "".join(
            _digits(word.group().lower()) for word in compiled(rf"(?i)\b{_NUMBER}\b").finditer(match.group())
        )
        yield Piece(match.start(), match.end(), digits)


def _digits(number: str) -> str:
    parts = number.replace("-", " ").replace(" y ", " ").split()
    if parts[0] in _TENS:
        return _TENS[parts[0]] + (_DIGITS[parts[1]] if len(parts) > 1 else "0")
    return _TEENS.get(number) or _DIGITS[number]
