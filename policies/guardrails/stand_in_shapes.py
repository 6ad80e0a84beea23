"""What stands for a code, a number, a date or a place: its right shape, and never anybody's value.

- mail addresses, hosts: the domains that RFC 2606 reserves; IP and MAC addresses: the ranges for documentation;
- phones: +1 and +44 in the ranges kept for fiction; Spanish ones begin with 4, which no subscriber has; numbers of any
  other country under +999, which is no country;
- IBAN, cards, DNI, NIE, CIF, NSS, CCC, CURP, RFC: right form, wrong check digits; wallets: no valid checksum;
- SSN: area 666, which was never given out; plates: with vowels, which no Spanish plate has;
- streets, towns and companies: made of words that name none; dates: any other day;
- what has no shape of its own here, secrets too: its kind and a random tail, e.g. `api_key-7k3q2m9x`.
"""

from __future__ import annotations

import hashlib
import hmac
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from policies.checks import Language
from policies.guardrails.patterns import compiled
from policies.guardrails.stand_in_names import listed

T = TypeVar("T")

_TAIL = "23456789abcdefghjkmnpqrstvwxyz"
"""Letters and digits that nobody mistakes for one another."""
_BLOCK = 32


class Draw:
    """A stream of numbers that only who has the key can foretell: HMAC-SHA-256 over parts and a counter."""

    def __init__(self, key: bytes, *parts: str) -> None:
        encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
        self._key = key
        self._seed = b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
        self._left = b""
        self._counter = 0

    def below(self, limit: int) -> int:
        """A number from 0 to limit - 1 (limit up to 2**32)."""
        if len(self._left) < 8:
            block = self._seed + self._counter.to_bytes(4, "big")
            self._left += hmac.new(self._key, block, hashlib.sha256).digest()
            self._counter += 1
        piece, self._left = self._left[:8], self._left[8:]
        return int.from_bytes(piece, "big") % limit

    def of(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[self.below(len(choices))]

    def digits(self, count: int) -> str:
        """So many digits."""
        return "".join(str(self.below(10)) for _ in range(count))

    def tail(self, count: int) -> str:
        """So many letters and digits."""
        return "".join(self.of(_TAIL) for _ in range(count))


@dataclass(frozen=True)
class Asked:
    """What a stand-in is wanted for."""

    entity: str
    original: str
    """Folded: without signs that have no width."""
    language: Language


Maker = Callable[[Asked, Draw], str]
"""Proposes a stand-in; asked again with another draw where it is taken, or is a real value."""

_SEPARATORS = " .-()/:\u00a0\u202f"


def squeezed(text: str) -> str:
    """A code without its separators, in lower case."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _mail(asked: Asked, draw: Draw) -> str:
    boxes = (
        ("contacto", "correo", "buzon", "cuenta") if asked.language == "es" else ("contact", "mail", "inbox", "post")
    )
    return f"{draw.of(boxes)}.{draw.tail(5)}@{draw.of(('example.org', 'example.com', 'example.net'))}"


def _url(asked: Asked, draw: Draw) -> str:
    del asked
    return f"https://user-{draw.tail(5)}:{draw.tail(8)}@{draw.of(('example.org', 'example.com'))}/{draw.tail(4)}"


_AREAS_US = listed("202 206 212 213 303 305 312 404 415 503 512 602 608 614 617 702 713 801 816 919")
_FICTION_GB = ("7700 900", "1632 960", "20 7946 0", "113 496 0", "121 496 0", "131 496 0", "141 496 0", "161 496 0")


def _phone(asked: Asked, draw: Draw) -> str:
    digits = "".join(letter for letter in asked.original if letter.isdigit())
    abroad = asked.original.lstrip(" (").startswith(("+", "00"))
    national = digits.removeprefix("00") if abroad else digits
    if abroad and national.startswith("44"):
        return f"+44 {draw.of(_FICTION_GB)}{draw.digits(3)}"
    if (abroad and national.startswith("1")) or (not abroad and len(digits) == 10 and digits[0] in "23456789"):
        number = f"{draw.of(_AREAS_US)}-555-01{draw.digits(2)}"
        return f"+1 {number}" if abroad else number
    if (abroad and national.startswith("34")) or (not abroad and len(digits) == 9 and digits[0] in "6789"):
        number = f"4{draw.digits(2)} {draw.digits(3)} {draw.digits(3)}"
        return f"+34 {number}" if abroad else number
    if not abroad and digits.startswith("07"):
        return f"07700 900{draw.digits(3)}"
    if abroad:
        return f"+999 {draw.digits(3)} {draw.digits(3)} {draw.digits(3)}"
    return f"0000 {draw.digits(3)} {draw.digits(4)}"


def _ip(asked: Asked, draw: Draw) -> str:
    if ":" in asked.original:
        return f"2001:db8:{draw.below(65535) + 1:x}:{draw.below(65535) + 1:x}::{draw.below(65535) + 1:x}"
    if draw.below(2):
        return f"{draw.of(('192.0.2', '198.51.100', '203.0.113'))}.{draw.below(254) + 1}"
    return f"198.{18 + draw.below(2)}.{draw.below(256)}.{draw.below(254) + 1}"  # RFC 2544: measuring networks


def _mac(asked: Asked, draw: Draw) -> str:
    sign = "-" if "-" in asked.original else ":"
    tail = [f"{draw.below(256):02x}" for _ in range(3)]
    return sign.join(("02", "00", "5e", *tail))  # locally administered: no maker's


def _ssn(asked: Asked, draw: Draw) -> str:
    del asked
    return f"666-{draw.below(99) + 1:02d}-{draw.below(9999) + 1:04d}"


def _plate(asked: Asked, draw: Draw) -> str:
    del asked
    return f"{draw.digits(4)} {draw.of('BCDFGHJKLMNP')}{draw.of('AEIOU')}{draw.of('AEIOU')}"


def _passport(asked: Asked, draw: Draw) -> str:
    del asked
    return f"Q{draw.of(string.ascii_uppercase)}{draw.of(string.ascii_uppercase)}{draw.digits(6)}"


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _wallet(asked: Asked, draw: Draw) -> str:
    low = asked.original.lower()
    length = min(max(len(asked.original), 26), 62)
    if low.startswith("0x"):
        return "0x" + "".join(draw.of("0123456789abcdef") for _ in range(40))
    if low.startswith("bc1"):
        return "bc1q" + "".join(draw.of("acdefghjklmnpqrstuvwxyz023456789") for _ in range(length - 4))
    return draw.of("13") + "".join(draw.of(_BASE58) for _ in range(length - 1))


def _scrambled(asked: Asked, draw: Draw, *, kept: int, letters: str, valid: Callable[[str], bool]) -> str:
    """The same shape with other digits and letters; the first `kept` letters or digits stay. Never a valid value."""
    for _ in range(40):
        made: list[str] = []
        seen = 0
        for sign in asked.original.upper():
            if not sign.isalnum():
                made.append(sign if sign in " -./" else " ")
                continue
            seen += 1
            ascii_sign = sign.isascii() and seen <= kept
            made.append(sign if ascii_sign else draw.of("0123456789" if sign.isdigit() else letters))
        text = "".join(made).strip()
        if not valid(text) and not valid(squeezed(text).upper()):
            return text
    return _labelled(asked, draw)


def _luhn(text: str) -> bool:
    digits = [int(sign) for sign in text if sign in string.digits]
    doubled = [digit if index % 2 == 0 else sum(divmod(2 * digit, 10)) for index, digit in enumerate(reversed(digits))]
    return bool(digits) and sum(doubled) % 10 == 0


def _mod_97(text: str) -> bool:
    plain = squeezed(text).upper()
    if not plain.isascii() or len(plain) < 5:
        return False
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def _nif(text: str) -> bool:
    plain = squeezed(text).upper()
    number = plain[:-1].replace("X", "0", 1).replace("Y", "1", 1).replace("Z", "2", 1)
    return number.isdecimal() and plain[-1:] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def _nss(text: str) -> bool:
    digits = squeezed(text)
    return len(digits) == 12 and digits.isdecimal() and int(digits[:10]) % 97 == int(digits[10:])


def _by_stdnum(module: str, text: str) -> bool:
    from importlib import import_module

    return bool(import_module(f"stdnum.{module}").is_valid(text))


_MONTHS = (
    listed("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
    listed("january february march april may june july august september october november december"),
    listed("ene feb mar abr may jun jul ago sep oct nov dic"),
    listed("jan feb mar apr may jun jul aug sep oct nov dec"),
)


_WORD = r"\p{L}+"
_DATE_WORDS = frozenset(listed("de del of the st nd rd th")).union(*_MONTHS)


def _date(asked: Asked, draw: Draw) -> str:
    """Another day, written in the same way. Numbers of 4 digits are years, smaller ones days or months."""
    found = (match.group() for match in compiled(_WORD).finditer(asked.original.casefold()))
    if not compiled("[0-9]").is_in(asked.original) or not _DATE_WORDS.issuperset(found):
        return _labelled(asked, draw)

    def number(digits: str) -> str:
        if len(digits) == 4:
            return str(1930 + draw.below(75))
        if len(digits) == 2 and int(digits) > 31:
            return f"{40 + draw.below(60):02d}"
        most = 28 if int(digits) > 12 else 12
        return f"{draw.below(most) + 1:0{len(digits)}d}"

    def month(word: str) -> str:
        listed = next((names for names in _MONTHS if word.lower() in names), None)
        if listed is None:
            return word
        other = draw.of(listed)
        return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other

    return _replaced("[0-9]{1,4}", number, _replaced(_WORD, month, asked.original))


def _replaced(pattern: str, make: Callable[[str], str], text: str) -> str:
    """The text with what `make` gives in the place of each match."""
    pieces: list[str] = []
    position = 0
    for match in compiled(pattern).finditer(text):
        pieces += (text[position : match.start()], make(match.group()))
        position = match.end()
    return "".join((*pieces, text[position:]))


_ES_NOUNS = listed("Faro Molino Puente Tejado Sendero Espejo Arroyo Farol Reloj Naranjo Castillejo Tintero")
_ES_ADJECTIVES = listed("Dormido Azulado Volador Callado Lejano Plateado Inventado Escondido Tranquilo Perdido")
_EN_NOUNS = listed("Heron Lantern Kettle Thimble Pebble Skylark Bramble Teacup Acorn Magpie Compass Candle")
_EN_ADJECTIVES = listed("Sleepy Silver Crooked Hollow Amber Drifting Paper Velvet Whistling Wandering")


def _street(asked: Asked, draw: Draw) -> str:
    house = draw.below(299) + 1
    if asked.language == "es":
        return f"{draw.of(('Calle', 'Avenida', 'Plaza'))} del {draw.of(_ES_NOUNS)} {draw.of(_ES_ADJECTIVES)} {house}"
    return f"{house} {draw.of(_EN_ADJECTIVES)} {draw.of(_EN_NOUNS)} {draw.of(('Street', 'Lane', 'Avenue', 'Road'))}"


def _place(asked: Asked, draw: Draw) -> str:
    if asked.language == "es":
        return f"{draw.of(('Villar', 'Aldea', 'Puebla', 'Cortijo'))} del {draw.of(_ES_NOUNS)} {draw.of(_ES_ADJECTIVES)}"
    return f"{draw.of(_EN_ADJECTIVES)} {draw.of(_EN_NOUNS)}{draw.of(('bury', 'ham', 'wick', 'stead', 'combe'))}"


def _company(asked: Asked, draw: Draw) -> str:
    if asked.language == "es":
        return f"{draw.of(_ES_NOUNS)} {draw.of(_ES_ADJECTIVES)} {draw.below(89) + 10} S.L."
    return f"{draw.of(_EN_ADJECTIVES)} {draw.of(_EN_NOUNS)} {draw.below(89) + 10} Ltd"


def _labelled(asked: Asked, draw: Draw) -> str:
    return f"{squeezed(asked.entity) or 'value'}-{draw.tail(8)}"


def _code(kept: int, letters: str, valid: Callable[[str], bool]) -> Maker:
    return partial(_scrambled, kept=kept, letters=letters, valid=valid)


def _stdnum(module: str) -> Callable[[str], bool]:
    return partial(_by_stdnum, module)


_LETTERS = string.ascii_uppercase
_CODES: Mapping[str, Maker] = {
    "PHONE_NUMBER": _phone,
    "IBAN_CODE": _code(2, _LETTERS, _mod_97),
    "CREDIT_CARD": _code(1, _LETTERS, _luhn),
    "ES_NIF": _code(0, "TRWAGMYFPDXBNJZSQVHLCKE", _nif),
    "ES_NIE": _code(1, "TRWAGMYFPDXBNJZSQVHLCKE", _nif),
    "ES_CIF": _code(1, "ABCDEFGHJ", _stdnum("es.cif")),
    "ES_NSS": _code(0, _LETTERS, _nss),
    "ES_CCC": _code(0, _LETTERS, _stdnum("es.ccc")),
    "MX_CURP": _code(0, "BCDFGHJKLM", _stdnum("mx.curp")),
    "MX_RFC": _code(0, "BCDFGHJKLM", _stdnum("mx.rfc")),
    "ES_PLATE": _plate,
    "ES_PASSPORT": _passport,
    "US_SSN": _ssn,
    "MAC_ADDRESS": _mac,
}
"""A model may write these with other separators, or none."""
_TEXTS: Mapping[str, Maker] = {
    "EMAIL_ADDRESS": _mail,
    "URL_CREDENTIALS": _url,
    "IP_ADDRESS": _ip,
    "CRYPTO": _wallet,
    "DATE_OF_BIRTH": _date,
    "STREET_ADDRESS": _street,
    "LOCATION": _place,
    "ORGANIZATION": _company,
}
"""A model writes these as they are."""


def is_code(entity: str) -> bool:
    """Whether separators say nothing in values of this kind."""
    return entity in _CODES


def propose(asked: Asked, draw: Draw) -> str:
    """A stand-in of the right shape for anything but a name."""
    maker = _CODES.get(asked.entity) or _TEXTS.get(asked.entity) or _labelled
    return maker(asked, draw) or _labelled(asked, draw)
