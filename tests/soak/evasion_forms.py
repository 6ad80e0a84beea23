"""The ways in which personal data hides from a pattern: each writes an entity in a form that still means it."""

from __future__ import annotations

import base64
import codecs
import html
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

_NIF_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_CYRILLIC = str.maketrans("aceopxyijsABCEHIKMOPTXS", "асеорхуіјѕАВСЕНІКМОРТХЅ")
_DIGIT_WORDS = ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve")
_HIDDEN = (
    "\u200b",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\u00ad",
    "\u202e",
    "\x04",
    "\x13",
    "\U00040000",
    "\U000a1234",
    "\ufe0f",
)


@dataclass(frozen=True)
class Entity:
    """A made-up value with right check digits."""

    kind: str
    text: str


def entity(random: Random) -> Entity:
    """A Spanish identity number, a card, an account or a mail address."""
    kind = random.choice(("ES_NIF", "CREDIT_CARD", "IBAN_CODE", "EMAIL_ADDRESS"))
    if kind == "ES_NIF":
        number = random.randrange(10_000_000, 99_999_999)
        return Entity(kind, f"{number}{_NIF_LETTERS[number % 23]}")
    if kind == "CREDIT_CARD":
        body = "4" + "".join(random.choices("0123456789", k=14))
        return Entity(kind, body + _luhn(body))
    if kind == "IBAN_CODE":
        body = "".join(random.choices("0123456789", k=20))
        return Entity(kind, f"ES{98 - int(body + '142800') % 97:02}{body}")
    name = "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=7))
    return Entity(kind, f"{name}@{random.choice(('correo', 'mail', 'empresa'))}.{random.choice(('es', 'com', 'org'))}")


def _luhn(body: str) -> str:
    digits = [int(digit) for digit in reversed(body)]
    total = sum(sum(divmod(2 * digit, 10)) if place % 2 == 0 else digit for place, digit in enumerate(digits))
    return str(-total % 10)


@dataclass(frozen=True)
class Form:
    """One way to write. `fits` says of which kinds of entities it still speaks."""

    name: str
    write: Callable[[str, Random], str]
    fits: frozenset[str] = frozenset({"ES_NIF", "CREDIT_CARD", "IBAN_CODE", "EMAIL_ADDRESS"})


def _between(sign: str) -> Callable[[str, Random], str]:
    return lambda text, _: sign.join(text)


def _hidden(text: str, random: Random) -> str:
    return (
        "".join(letter + (random.choice(_HIDDEN) if random.random() < 0.5 else "") for letter in text[:-1]) + text[-1]
    )


def _styled(text: str, _: Random) -> str:
    shifts = ((0x30, 10, 0x1D7CE), (0x41, 26, 0x1D400), (0x61, 26, 0x1D41A))
    return "".join(
        next((chr(ord(each) - first + to) for first, count, to in shifts if first <= ord(each) < first + count), each)
        for each in text
    )


def _digits(zero: int) -> Callable[[str, Random], str]:
    return lambda text, _: "".join(chr(zero + int(each)) if each.isdigit() else each for each in text)


def _base64(text: str, _: Random) -> str:
    return base64.b64encode(f"is {text} ok".encode()).decode()


def _twice(text: str, random: Random) -> str:
    return _base64(_base64(text, random), random)


_NUMBERS = frozenset({"ES_NIF", "CREDIT_CARD", "IBAN_CODE"})
_PLAIN_NUMBERS = frozenset({"ES_NIF", "CREDIT_CARD"})
_MAIL = frozenset({"EMAIL_ADDRESS"})
FORMS = (
    Form("as it is", lambda text, _: text),
    Form("full width", lambda text, _: "".join(chr(ord(each) + 0xFEE0) for each in text)),
    Form("styled letters", _styled),
    Form("Arabic digits", _digits(0x660)),
    Form("Devanagari digits", _digits(0x966)),
    Form("look-alike letters", lambda text, _: text[:1] + text[1:].translate(_CYRILLIC)),
    Form("no width between", _hidden),
    Form("struck through", lambda text, _: "".join(each + "\u0336" for each in text)),
    Form("keycaps", lambda text, _: "".join(f"{each}\ufe0f\u20e3" if each.isdigit() else each for each in text)),
    Form("blanks between", _between(" ")),
    Form("dots between", _between("."), _NUMBERS),
    Form("stars between", _between("*"), _NUMBERS),
    Form("dashes between", _between(" - "), _NUMBERS),
    Form("a letter a line", _between("\n"), _NUMBERS),
    Form(
        "groups of four",
        lambda text, _: "*".join(text[at : at + 4] for at in range(0, len(text), 4)),
        frozenset({"CREDIT_CARD", "IBAN_CODE"}),
    ),
    Form("HTML decimal", lambda text, _: "".join(f"&#{ord(each)};" for each in text)),
    Form("HTML names", lambda text, _: html.escape(text).replace("@", "&commat;").replace(".", "&period;"), _MAIL),
    Form(
        "percent", lambda text, random: "".join(f"%{ord(each):02X}" if random.random() < 0.6 else each for each in text)
    ),
    Form("quoted for a URL", lambda text, _: quote(text, safe=""), _MAIL),
    Form("backslash u", lambda text, _: "".join(f"\\u{ord(each):04x}" for each in text)),
    Form("backslash x", lambda text, _: "".join(f"\\x{ord(each):02x}" for each in text)),
    Form("base64", _base64),
    Form("base64 twice", _twice),
    Form("base64 for URLs", lambda text, _: base64.urlsafe_b64encode(f"is {text} ok?>".encode()).decode()),
    Form("base32", lambda text, _: base64.b32encode(text.encode()).decode()),
    Form("hex", lambda text, _: text.encode().hex()),
    Form("hex with blanks", lambda text, _: text.encode().hex(" ")),
    Form("percent of base64", lambda text, random: quote(_base64(text, random), safe="")),
    Form("tags", lambda text, _: "".join(chr(0xE0000 + ord(each)) for each in text)),
    Form("at and dot", lambda text, _: text.replace("@", " arroba ").replace(".", " punto "), _MAIL),
    Form("at and dot in brackets", lambda text, _: text.replace("@", " [at] ").replace(".", " (dot) "), _MAIL),
    Form(
        "digits in words",
        lambda text, _: " ".join(_DIGIT_WORDS[int(each)] if each.isdigit() else each for each in text),
        _PLAIN_NUMBERS,
    ),
    Form(
        "letters for digits",
        lambda text, _: text[0] + text[1:6].replace("0", "O").replace("1", "l") + text[6:],
        frozenset({"CREDIT_CARD"}),
    ),
)
"""All of them."""


def rotated(text: str) -> str:
    """The text in rot13."""
    return codecs.encode(text, "rot13")
