"""Families of writing that the development rows do not have: each with what must be found, and what must not."""

from __future__ import annotations

import pytest

from policies.checks import Language
from policies.guardrails.compiled import Guards

FOUND: dict[str, list[tuple[Language, str, str, str]]] = {
    "ends of sentences": [
        ("es", "La matrícula del coche es 1234 BCD.", "1234 BCD", "ES_PLATE"),
        ("es", "la matricula del coche es 4821-KLM.", "4821-KLM", "ES_PLATE"),
        ("es", "Mi pasaporte es PAB123456.", "PAB123456", "ES_PASSPORT"),
    ],
    "slips of the keys in the cue": [
        ("es", "mi pasaprote es PAB123456", "PAB123456", "ES_PASSPORT"),
        ("es", "pasaport: XDA 123456", "XDA 123456", "ES_PASSPORT"),
        ("es", "mi telefnoo 5528582618", "5528582618", "PHONE_NUMBER"),
        ("es", "nacdio el 4/8/1981", "4/8/1981", "DATE_OF_BIRTH"),
        ("en", "my pasport AB123456 expired", "AB123456", "ES_PASSPORT"),
    ],
    "the word behind": [
        ("es", "XDA123456 es mi número de pasaporte", "XDA123456", "ES_PASSPORT"),
        ("es", "5528582618 es mi celular", "5528582618", "PHONE_NUMBER"),
        ("en", "12/05/1980 is my date of birth", "12/05/1980", "DATE_OF_BIRTH"),
        ("es", "12/05/1980 (fecha de nacimiento)", "12/05/1980", "DATE_OF_BIRTH"),
    ],
    "dates in words": [
        ("es", "nací el dos de mayo de mil novecientos diez", "dos de mayo de mil novecientos diez", "DATE_OF_BIRTH"),
        ("es", "nacido el 3 de mayo del 85", "3 de mayo del 85", "DATE_OF_BIRTH"),
        ("en", "born on the fifth of May 1980", "the fifth of May 1980", "DATE_OF_BIRTH"),
        ("en", "She was born on May fifth, nineteen eighty-five.", "May fifth, nineteen eighty-five", "DATE_OF_BIRTH"),
        ("en", "DOB 05-MAY-1980", "05-MAY-1980", "DATE_OF_BIRTH"),
        ("en", "birth date: 19800512", "19800512", "DATE_OF_BIRTH"),
        ("en", '{"birthDate": "1980-05-12"}', "1980-05-12", "DATE_OF_BIRTH"),
    ],
    "tables": [
        ("es", "id;nombre;telefono\n1;Rosa Gil;5528582618\n2;Luis Paz;5528582619", "5528582619", "PHONE_NUMBER"),
        ("en", "| name | phone |\n| Ann Lee | 020 7946 0018 |", "020 7946 0018", "PHONE_NUMBER"),
        ("es", "INSERT INTO clientes VALUES ('39856605C', '648560118');", "648560118", "PHONE_NUMBER"),
    ],
    "brackets and lists": [
        ("es", "mi telefono (+34717509531) y mi correo", "+34717509531", "PHONE_NUMBER"),
        ("en", "card 4539 1488 0343 6467 12/27 123", "4539 1488 0343 6467", "CREDIT_CARD"),
        ("en", "card 4539.1488.0343.6467", "4539.1488.0343.6467", "CREDIT_CARD"),
        ("en", "IBANGB33BUKB20201555555555", "GB33BUKB20201555555555", "IBAN_CODE"),
        ("en", "pay EG380019000500000000263180002", "EG380019000500000000263180002", "IBAN_CODE"),
    ],
    "addresses of machines": [
        ("en", "from ::ffff:192.0.2.128 to us", "::ffff:192.0.2.128", "IP_ADDRESS"),
        ("en", "open [2001:db8:85a3::8a2e:370:7334]:443", "2001:db8:85a3::8a2e:370:7334", "IP_ADDRESS"),
        ("en", "MAC 001A2B3C4D5E", "001A2B3C4D5E", "MAC_ADDRESS"),
        ("en", "mac address 00 1A 2B 3C 4D 5E", "00 1A 2B 3C 4D 5E", "MAC_ADDRESS"),
    ],
    "mail that is told": [
        ("es", "escribe a ana.gil arroba correo punto es", "ana.gil arroba correo punto es", "EMAIL_ADDRESS"),
        ("en", "ask ana.gil [at] example [dot] org", "ana.gil [at] example [dot] org", "EMAIL_ADDRESS"),
    ],
    "addresses": [
        ("es", "Vivo en Gran Vía 45, 2º dcha, 28013 Madrid.", "Gran Vía 45, 2º dcha, 28013 Madrid", "STREET_ADDRESS"),
        ("es", "Vivo en Mayor 12, 3º B, 28013 Madrid.", "Mayor 12, 3º B, 28013 Madrid", "STREET_ADDRESS"),
        ("es", "en calle antonio gil 151, piso 10, Rosa y Juan", "calle antonio gil 151, piso 10", "STREET_ADDRESS"),
        ("es", "Pasará por Plaza Mayor 8, 50046 Vigo el martes 24", "Plaza Mayor 8, 50046 Vigo", "STREET_ADDRESS"),
        ("en", "Flat 3, 22 High Street, Leeds LS1 4AB", "Flat 3, 22 High Street, Leeds LS1 4AB", "STREET_ADDRESS"),
        ("en", "at 16 Penn Avenue NW, Boise, ID 20500", "16 Penn Avenue NW, Boise, ID 20500", "STREET_ADDRESS"),
    ],
    "names": [
        ("en", "My name is Vanessa P. Hertzog but", "Vanessa P. Hertzog", "PERSON"),
        ("en", "What's your last name? Baba", "Baba", "PERSON"),
        ("en", "please ask Christina Rosing", "Christina Rosing", "PERSON"),
        ("en", "olga krylova wrote to us", "olga krylova", "PERSON"),
        ("es", "¿Cómo te llamas? Nerea Sáenz", "Nerea Sáenz", "PERSON"),
    ],
}  # fmt: skip
SPARED: dict[str, list[tuple[Language, str]]] = {
    "words that only look like cues": [
        ("es", "La fiesta nacional es el 12/10/2024 y hay desfile."),
        ("es", "El contrato cumple con todo desde el 12/05/2020."),
        ("es", "El pasillo ABC123456 del almacén está cerrado."),
        ("es", "Son 650000000 habitantes en el continente."),
        ("es", "multiplcia 612345678 por 3"),
    ],
    "names that are something else": [
        ("en", "He has Parkinson's disease."),
        ("en", "The Doppler effect shifts the tone."),
        ("es", "El teorema de Pitágoras y el premio Cervantes."),
        ("es", "el leon y la rosa son simbolos"),
        ("es", "Salimos de Jerez de la Frontera por la tarde."),
    ],
    "logins and explanations": [
        ("en", "ssh root@server.example.org -p 2222"),
        ("en", "git clone ssh://git@github.com/acme/project.git"),
        ("es", "Correo de ejemplo: nombre.apellido arroba dominio punto es"),
        ("es", "La arroba pesa 11,5 kg."),
    ],
    "numbers": [
        ("en", "clause 4.3.2.1 of the annex"),
        ("en", "Chrome 120.0.6099.71 is out"),
        ("en", "the hash 001a2b3c4d5e of the commit"),
        ("en", "the broadcast address ff:ff:ff:ff:ff:ff"),
        ("es", "09 95, con eso os vale?"),
        ("en", "it is 5 minutes walk from here"),
    ],
}


@pytest.mark.parametrize(
    ("language", "text", "found", "entity"), [case for family in FOUND.values() for case in family]
)
def test_it_is_found_whole(guards: Guards, language: Language, text: str, found: str, entity: str) -> None:
    spans = [(text[span.start : span.end], span.entity) for span in guards.redact_row(text, language).spans]
    assert (found, entity) in spans


@pytest.mark.parametrize(("language", "text"), [case for family in SPARED.values() for case in family])
def test_a_near_miss_is_left_alone(guards: Guards, language: Language, text: str) -> None:
    assert guards.redact_row(text, language).text == text
