"""Names of persons in both languages, in any case; everyday words that are names too are left alone."""

from __future__ import annotations

import pytest

from policies.checks import Language
from policies.guardrails.compiled import Guards

NAMES: list[tuple[Language, str, list[str]]] = [
    ("es", "Me llamo Guillermo Manzano y hace una semana hice el pedido.", ["Guillermo Manzano"]),
    ("es", "buenas! m llamo mihai garay, m podeis llamar?", ["mihai garay"]),
    ("es", "Atentamente,\nEncarnación Mate", ["Encarnación Mate"]),
    ("es", "Titular: Etxeberria Cáceres, Ceferino", ["Etxeberria Cáceres, Ceferino"]),
    ("es", "ESTIMADA SRA. DURÁN: LE ESCRIBE PAULINO PRIEGO.", ["DURÁN", "PAULINO PRIEGO"]),
    ("es", "la clienta, t. duran, pide cambiar la cuenta", ["t. duran"]),
    ("es", "asisten Encarna Velasco y Mei Villalba Vilanova", ["Encarna Velasco", "Mei Villalba Vilanova"]),
    ("es", "Se cita a Ramón y Cajal Ortega mañana", ["Ramón y Cajal Ortega"]),
    ("es", '{"nombre": "María Ángeles Rocha"}', ["María Ángeles Rocha"]),
    ("es", "León: llego tarde\nAntonia: vale", ["León", "Antonia"]),
    ("en", "The witness, Natasha Carter, arrived.", ["Natasha Carter"]),
    ("en", "I spoke to Kaoru Yamamoto yesterday about it.", ["Kaoru Yamamoto"]),
    ("en", "PLEASE CALL BETHANY JONES BEFORE NOON.", ["BETHANY JONES"]),
    ("en", "my name is lena andersson", ["lena andersson"]),
    ("en", "Ship it to Erlendur G. Hafliðason this week", ["Erlendur G. Hafliðason"]),
    ("en", 'Xylia: "Who is there?"', ["Xylia"]),
    ("en", "The founders: Mazzi, Bowman and Doyle.", ["Mazzi", "Bowman", "Doyle"]),
    ("es", "Ponentes: Etxeberria, Velasco, Garay.", ["Etxeberria", "Velasco", "Garay"]),
]
WORDS: list[tuple[Language, str]] = [
    ("es", "El rocío de la mañana estropeó las hojas del olivo; la rosa no."),
    ("es", "Es un pilar básico del proyecto; sin él no hay consuelo posible."),
    ("es", "La reina mueve en diagonal; el caballo, en ele."),
    ("es", "INSERT INTO clientes VALUES (3)"),
    ("es", "Bodegas Sol y Mar S.L. vende en Valencia"),
    ("en", "Will the bill pass before the summer break?"),
    ("en", "Frank talk and a patient ear go a long way."),
    ("en", "Hello, I'm still waiting on my card."),
    ("en", "Vitamin B Complex and Plan C Phones, Series A Shares"),
    ("en", 'Note: "keep it dry"\nSKU: "4 pieces"'),
    ("en", "Christian names and family names go in separate boxes."),
]


@pytest.mark.parametrize(("language", "text", "found"), NAMES)
def test_a_name_is_found_whole(guards: Guards, language: Language, text: str, found: list[str]) -> None:
    spans = guards.redact_row(text, language).spans
    assert [text[span.start : span.end] for span in spans if span.entity == "PERSON"] == found


@pytest.mark.parametrize(("language", "text"), WORDS)
def test_an_everyday_word_is_no_name(guards: Guards, language: Language, text: str) -> None:
    assert guards.redact_row(text, language).text == text
