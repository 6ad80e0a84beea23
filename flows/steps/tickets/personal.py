"""Made-up personal data with valid check digits (python-stdnum), by entity type. Any match with a real person is
chance.

Addresses of the internet are those reserved for documentation (RFC 2606, RFC 5737, RFC 3849).
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from typing import Literal

from infra.extras import need

Language = Literal["en", "es"]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_GIVEN = {
    "en": _words(
        "Olivia James Amelia Harry Charlotte George Emily Thomas Sophie Daniel Hannah Matthew Laura Andrew Rachel Kevin"
        " Natalie Brian Megan Patrick Chloe Samuel Victoria Nathan Priya Omar Aisha Wei Fiona Declan Ingrid Marcus"
    ),
    "es": _words(
        "Lucía Alejandro Carmen Javier Marta Sergio Elena Pablo Cristina Rubén Nuria Andrés Beatriz Álvaro Inés Gonzalo"
        " Teresa Ignacio Raquel Óscar Silvia Adrián Montserrat Jordi Ainhoa Iker Ximena Fernando Lourdes Emilio Noelia"
    ),
}
_FAMILY = {
    "en": _words(
        "Whitaker Thompson Bennett Harrison Caldwell Fletcher Morgan Sinclair Donnelly Pemberton Okafor Patel Nguyen"
        " Lindqvist Hargreaves Ashworth Mitchell Ramsey Delaney Kowalski Sutherland Brennan Ellison Foster Gallagher"
        " Hawkins Iverson Jennings Lockwood Maddox"
    ),
    "es": _words(
        "García Fernández Rodríguez Martínez Navarro Ibáñez Serrano Domínguez Ortega Castaño Villanueva Echeverría"
        " Montoya Quintero Salazar Benítez Figueroa Peralta Aguirre Bustamante Cordero Espinosa Galindo Herrera"
        " Lozano Mendizábal Olivares Puig Rocamora Zamora"
    ),
}
_STREETS = ("Maple Street", "Oak Avenue", "Station Road", "Church Lane", "Willow Drive", "High Street", "Victoria Road")
_TOWNS = ("Springfield, IL 62704", "Portland, OR 97205", "Bristol BS1 4DJ", "Leeds LS2 7EW", "Austin, TX 78701")
_CALLES = ("Calle Mayor", "Avenida de la Constitución", "C/ Alcalá", "Paseo de Gracia", "Plaza de España")
_CIUDADES = ("28013 Madrid", "08007 Barcelona", "41001 Sevilla", "46002 Valencia", "48009 Bilbao", "50001 Zaragoza")
_MONTHS = (
    _words("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
    _words("January February March April May June July August September October November December"),
)


def make(entity: str, language: Language, rng: random.Random) -> str:
    """One value of an entity type, as people of that language write it. Raises KeyError for a type that is not made."""
    return _MAKERS[entity](language, rng)


def _digits(rng: random.Random, count: int, first: str = "") -> str:
    return first + "".join(rng.choice("0123456789") for _ in range(count - len(first)))


def _spaced(text: str, size: int = 4) -> str:
    return " ".join(text[start : start + size] for start in range(0, len(text), size))


def _person(language: Language, rng: random.Random) -> str:
    given, family = rng.choice(_GIVEN[language]), rng.choice(_FAMILY[language])
    if language == "es" and rng.random() < 0.6:
        return f"{given} {family} {rng.choice(_FAMILY['es'])}"
    return f"{given} {family}"


def _phone(language: Language, rng: random.Random) -> str:
    if language == "es":
        number = _digits(rng, 9, rng.choice(("61", "62", "65", "66", "68", "91", "93")))
        form = rng.choice(("{} {} {}", "+34 {} {} {}", "{}-{}-{}", "0034 {} {} {}", "{}{}{}"))
        return form.format(number[:3], number[3:6], number[6:])
    area = rng.choice(("212", "312", "415", "617", "206", "305"))
    form = rng.choice(("({}) {}-{}", "{}-{}-{}", "+1 {} {} {}", "+1-{}-{}-{}"))
    return form.format(area, _digits(rng, 3, rng.choice("23456789") + rng.choice("02345678")), _digits(rng, 4))


def _email(language: Language, rng: random.Random) -> str:
    names = (rng.choice(_GIVEN[language]), rng.choice(_FAMILY[language]))
    given, family = (unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower() for name in names)
    form = rng.choice(("{}.{}", "{}_{}{}", "{}{}", "{}.{}{}"))
    host = rng.choice(("example.com", "example.org", "mail.example.net", "example.net"))
    return form.format(given, family, rng.randint(1, 99)) + "@" + host


def _address(language: Language, rng: random.Random) -> str:
    if language == "es":
        flat = rng.choice((f", {rng.randint(1, 9)}º {rng.choice('ABCD')}", "", f", piso {rng.randint(1, 9)}"))
        return f"{rng.choice(_CALLES)} {rng.randint(1, 180)}{flat}, {rng.choice(_CIUDADES)}"
    flat = rng.choice((f", Apt {rng.randint(1, 40)}", "", f", Flat {rng.randint(1, 40)}"))
    return f"{rng.randint(1, 980)} {rng.choice(_STREETS)}{flat}, {rng.choice(_TOWNS)}"


def _iban(language: Language, rng: random.Random) -> str:
    country = rng.choice(("ES", "ES", "DE") if language == "es" else ("GB", "DE", "IE"))
    if country == "ES":
        bank, account = _digits(rng, 8), _digits(rng, 10)
        body = bank + str(need("stdnum.es.ccc", extra="train").calc_check_digits(f"{bank}00{account}")) + account
    elif country == "DE":
        body = _digits(rng, 18)
    else:
        body = rng.choice(("MIDL", "LOYD", "BARC") if country == "GB" else ("AIBK", "BOFI")) + _digits(rng, 14)
    check = need("stdnum.iban", extra="train").calc_check_digits(f"{country}00{body}")
    number = f"{country}{check}{body}"
    return _spaced(number) if rng.random() < 0.6 else number


def _card(_: Language, rng: random.Random) -> str:
    start = _digits(rng, 15, rng.choice(("4", "51", "53", "55")))
    number = start + str(need("stdnum.luhn", extra="train").calc_check_digit(start))
    return rng.choice((number, _spaced(number), _spaced(number).replace(" ", "-")))


def _birth(language: Language, rng: random.Random) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1945, 2004)
    if language == "es":
        return rng.choice((f"{day:02}/{month:02}/{year}", f"{day} de {_MONTHS[0][month - 1]} de {year}"))
    return rng.choice(
        (f"{month:02}/{day:02}/{year}", f"{day} {_MONTHS[1][month - 1]} {year}", f"{year}-{month:02}-{day:02}")
    )


def _ip(_: Language, rng: random.Random) -> str:
    if rng.random() < 0.25:
        return f"2001:db8::{rng.randrange(1, 0xFFFF):x}:{rng.randrange(1, 0xFFFF):x}"
    return f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randint(1, 254)}"


def _ssn(_: Language, rng: random.Random) -> str:
    return f"{rng.randint(100, 665)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}"


def _mac(_: Language, rng: random.Random) -> str:
    return rng.choice(":-").join(f"{rng.randrange(256):02x}" for _ in range(6))


def _url(language: Language, rng: random.Random) -> str:
    user = rng.choice(_FAMILY[language]).lower()
    user = unicodedata.normalize("NFKD", user).encode("ascii", "ignore").decode()
    return f"https://{user}:{_digits(rng, 4)}{rng.choice(('Xq', 'Rt', 'Zw'))}{_digits(rng, 2)}@shop.example.com/account"


def _nif(_: Language, rng: random.Random) -> str:
    number = _digits(rng, 8)
    letter = str(need("stdnum.es.dni", extra="train").calc_check_digit(number))
    dotted = f"{number[:2]}.{number[2:5]}.{number[5:]}-{letter}"
    return rng.choice((number + letter, f"{number}-{letter}", dotted, number + letter.lower()))


def _nie(_: Language, rng: random.Random) -> str:
    number = rng.choice("XYZ") + _digits(rng, 7)
    letter = str(need("stdnum.es.nie", extra="train").calc_check_digit(number))
    return rng.choice((number + letter, f"{number[0]}-{number[1:]}-{letter}"))


def _cif(_: Language, rng: random.Random) -> str:
    number = rng.choice("AB") + _digits(rng, 7)
    # Companies of the forms A and B have a digit, the first of the two that are possible.
    return number + str(need("stdnum.es.cif", extra="train").calc_check_digits(number))[0]


def _nss(_: Language, rng: random.Random) -> str:
    number = f"{rng.randint(1, 50):02}" + _digits(rng, 8, rng.choice("123456789"))
    check = f"{int(number) % 97:02}"
    return rng.choice((f"{number}{check}", f"{number[:2]}/{number[2:]}/{check}", f"{number[:2]} {number[2:]} {check}"))


def _plate(_: Language, rng: random.Random) -> str:
    letters = "".join(rng.choice("BCDFGHJKLMNPRSTVWXYZ") for _ in range(3))
    return _digits(rng, 4) + rng.choice((" ", "-", "")) + letters


def _passport(_: Language, rng: random.Random) -> str:
    return "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(3)) + _digits(rng, 6)


def _curp(_: Language, rng: random.Random) -> str:
    # Two consonants at the end: no four letters that the register avoids.
    names = rng.choice("BCDFGLMNPRST") + rng.choice("AEIO") + rng.choice("BCDFGLMNPRST") + rng.choice("BCDFGLMNPRST")
    birth = f"{rng.randint(50, 99)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    inner = "".join(rng.choice("BCDFGLMNPRST") for _ in range(3))
    rest = rng.choice("HM") + rng.choice(("DF", "JC", "NL", "PL")) + inner
    number = f"{names}{birth}{rest}0"
    return number + str(need("stdnum.mx.curp", extra="train").calc_check_digit(f"{number}0"))


_MAKERS: dict[str, Callable[[Language, random.Random], str]] = {
    "PERSON": _person,
    "PHONE_NUMBER": _phone,
    "EMAIL_ADDRESS": _email,
    "STREET_ADDRESS": _address,
    "IBAN_CODE": _iban,
    "CREDIT_CARD": _card,
    "DATE_OF_BIRTH": _birth,
    "IP_ADDRESS": _ip,
    "US_SSN": _ssn,
    "MAC_ADDRESS": _mac,
    "URL_CREDENTIALS": _url,
    "ES_NIF": _nif,
    "ES_NIE": _nie,
    "ES_CIF": _cif,
    "ES_NSS": _nss,
    "ES_PLATE": _plate,
    "ES_PASSPORT": _passport,
    "MX_CURP": _curp,
}
