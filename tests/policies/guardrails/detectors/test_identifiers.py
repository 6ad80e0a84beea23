"""Each detector of identifiers: what it finds, and the near-misses that it must not."""

from __future__ import annotations

import pytest

from policies.checks import Language
from policies.guardrails.compiled import Guards

FOUND: list[tuple[Language, str, str, str]] = [
    ("es", "Mi DNI es 47996692Q.", "47996692Q", "ES_NIF"),
    ("es", "DNI: 47.996.692-Q", "47.996.692-Q", "ES_NIF"),
    ("es", "dni 47996692 q", "47996692 q", "ES_NIF"),
    ("es", "NIE X1234567L caducado", "X1234567L", "ES_NIE"),
    ("es", "nie x-1234567-l", "x-1234567-l", "ES_NIE"),
    ("es", "CIF A58818501", "A58818501", "ES_CIF"),
    ("es", "NSS 28/12345678/40", "28/12345678/40", "ES_NSS"),
    ("es", "La cuenta 2100 0418 45 0200051332 sigue abierta", "2100 0418 45 0200051332", "ES_CCC"),
    ("es", "matrícula 1234 BCD", "1234 BCD", "ES_PLATE"),
    ("es", "el coche M-1234-AB", "M-1234-AB", "ES_PLATE"),
    ("es", "pasaporte ABC123456", "ABC123456", "ES_PASSPORT"),
    ("es", "ES91 2100 0418 4502 0005 1332", "ES91 2100 0418 4502 0005 1332", "IBAN_CODE"),
    ("en", "pay to gb33bukb20201555555555 please", "gb33bukb20201555555555", "IBAN_CODE"),
    ("en", "my card 4539 1488 0343 6467", "4539 1488 0343 6467", "CREDIT_CARD"),
    ("en", "amex 378282246310005", "378282246310005", "CREDIT_CARD"),
    ("es", "nacida el 26/3/95", "26/3/95", "DATE_OF_BIRTH"),
    ("es", "Fecha de nacimiento: 14 de marzo de 2002", "14 de marzo de 2002", "DATE_OF_BIRTH"),
    ("en", "Born on July 4, 1976 in Ohio", "July 4, 1976", "DATE_OF_BIRTH"),
    ("en", '{"date_of_birth": "1990-03-04"}', "1990-03-04", "DATE_OF_BIRTH"),
    ("es", "móvil 612 34 56 78", "612 34 56 78", "PHONE_NUMBER"),
    ("es", "llámame al +34 612345678", "+34 612345678", "PHONE_NUMBER"),
    ("es", "mi cel es 5528582618", "5528582618", "PHONE_NUMBER"),
    # What ends the line above is not the head of the number.
    ("es", "nos vemos a las 8\n612345678", "612345678", "PHONE_NUMBER"),
    ("es", "es de AB12\n612345678", "612345678", "PHONE_NUMBER"),
    ("en", "call (312) 340-4716 now", "(312) 340-4716", "PHONE_NUMBER"),
    ("en", "call +44 7966 461774", "+44 7966 461774", "PHONE_NUMBER"),
    ("en", "write to ana.gil+x@mail.example.org today", "ana.gil+x@mail.example.org", "EMAIL_ADDRESS"),
    ("es", "correo: josé@correo.es", "josé@correo.es", "EMAIL_ADDRESS"),
    ("en", "mail\u00a0jane\u200b@example.org", "jane\u200b@example.org", "EMAIL_ADDRESS"),
    ("en", "login from 83.238.4.96", "83.238.4.96", "IP_ADDRESS"),
    ("en", "host 2001:db8:77f0::13f up", "2001:db8:77f0::13f", "IP_ADDRESS"),
    ("en", "mac 03:cf:7f:e3:1a:16", "03:cf:7f:e3:1a:16", "MAC_ADDRESS"),
    ("en", "at ftp://ana:luna7@ftp.example/copias.", "ftp://ana:luna7@ftp.example/copias", "URL_CREDENTIALS"),
    ("en", "coins to 1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "CRYPTO"),
    (
        "en",
        "coins to 0xcf1c4c5612d5bdec9ae075d212cd8bc8c6ce1da1",
        "0xcf1c4c5612d5bdec9ae075d212cd8bc8c6ce1da1",
        "CRYPTO",
    ),
    ("en", "my SSN is 536-32-3065", "536-32-3065", "US_SSN"),
    ("es", "CURP BOXW310820HNERXN09", "BOXW310820HNERXN09", "MX_CURP"),
    ("es", "RFC GODE561231GR8", "GODE561231GR8", "MX_RFC"),
    ("es", "Vivo en Calle Mayor, 12, 3º B, 28013 Madrid.", "Calle Mayor, 12, 3º B, 28013 Madrid", "STREET_ADDRESS"),
    ("es", "mandalo a c/ del sol 5, bajo a, soria", "c/ del sol 5, bajo a, soria", "STREET_ADDRESS"),
    ("en", "lives at 169 Oak Ave, Apt 7, Denver, CO 80203.", "169 Oak Ave, Apt 7, Denver, CO 80203", "STREET_ADDRESS"),
    ("en", "sent to PSC 7004, Box 8380\nAPO AP 11949", "PSC 7004, Box 8380\nAPO AP 11949", "STREET_ADDRESS"),
]

NEAR_MISSES: list[tuple[Language, str]] = [
    ("es", "Código de artículo 47996692A en stock"),
    ("es", "ref. interna X1234567M, pasillo 7"),
    ("es", "expediente A58818502"),
    ("es", "NSS 28/12345678/41"),
    ("es", "la cuenta 2100 0418 46 0200051332"),
    ("es", "El modelo 4538 UZK consume 1,2 kWh"),
    ("es", "la bujía 11641-LHR"),
    ("es", "lote ABC123456, caduca en marzo"),
    ("es", "ES92 2100 0418 4502 0005 1332"),
    ("en", "voucher 4539 1488 0343 6468"),
    ("es", "El 16 de febrero a las 14:00 habrá corte de agua"),
    ("es", "Tu número de reserva es 661724487."),
    ("en", "Your booking number is 294419910."),
    ("es", "de 10.000.001 a 99.999.999 filas"),
    ("en", "git clone git@github.com:acme/project.git"),
    ("en", "the sprite icon@2x.png is blurred"),
    ("en", "npm install @types/node"),
    ("en", "fixed in build 12.6.9691.9, not in 7.0.26"),
    ("en", "version 10.2.3.4 of the library"),
    ("en", "mask 255.255.255.0"),
    ("en", "timer 00:15:30:45"),
    ("en", "std::vector and a::b"),
    ("en", "see https://example.org/a:b@c"),
    ("en", "1BoatSLRHtKNngkdXEeobR76b53LETtpyU"),
    ("en", "Part no. 666-91-5826 is out of stock"),
    ("en", "The serial 131-00-6655 belongs to the scanner"),
    ("es", "CURP BOXW310820HNERXN08"),
    ("es", "La calle está cortada y la plaza mayor, en obras."),
    ("en", "ISBN 978-84-053-3351-0, hardback"),
    ("en", "sha1 3e31c1bfa6abed75714e0912c1a731912b4bd8e0"),
]


@pytest.mark.parametrize(("language", "text", "found", "entity"), FOUND)
def test_it_is_found_whole(guards: Guards, language: Language, text: str, found: str, entity: str) -> None:
    spans = [(text[span.start : span.end], span.entity) for span in guards.redact_row(text, language).spans]
    assert (found, entity) in spans


@pytest.mark.parametrize(("language", "text"), NEAR_MISSES)
def test_a_near_miss_is_left_alone(guards: Guards, language: Language, text: str) -> None:
    assert guards.redact_row(text, language).text == text


def test_offsets_are_code_points_of_the_original(guards: Guards) -> None:
    text = "👩‍👩‍👧 e\u0301l: jane@example.org 😀"
    [span] = guards.redact_row(text, "en").spans
    assert text[span.start : span.end] == "jane@example.org"
