"""Banned words and competitors: word forms, look-alikes and gaps are found, words that only hold them are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.guardrails.detectors.ban_list import BanList
from policies.guardrails.detectors.competitors import Competitor, Competitors

BANNED = ("casino", "apuesta", "crédito rápido", "pol", "juez", "guarantee", "get rich quick", "zorro azul", "3com")
FOUND = [
    ("the casino opens", "casino"),
    ("two CASINOS open", "CASINOS"),
    ("the casino's rules", "casino's"),
    ("una apuesta segura", "apuesta"),
    ("las apuestas de hoy", "apuestas"),
    ("pida un credito rapido", "credito rapido"),
    ("pida CRÉDITOS-RÁPIDOS no", None),
    ("un crédito-rápido aquí", "crédito-rápido"),
    ("ask Pol about it", "Pol"),
    ("dos jueces vinieron", "jueces"),
    ("we guarantee it", "guarantee"),
    ("guarantees are void", "guarantees"),
    ("GET  rich quick!", None),
    ("get rich quick!", "get rich quick"),
    ("get-rich-quick!", "get-rich-quick"),
    ("un c4s1n0 en línea", "c4s1n0"),
    ("el c a s i n o abre", "c a s i n o"),
    ("el c.a.s.i.n.o abre", "c.a.s.i.n.o"),
    ("el ca\u200bsi\u200bno abre", "ca\u200bsi\u200bno"),
    ("el саsinо abre", "саsinо"),
    ("el ｃａｓｉｎｏ abre", "ｃａｓｉｎｏ"),
    ("a cassssino", "cassssino"),
    ("¡apueeeestas!", "apueeeestas"),
    ("una 4puest4", "4puest4"),
    ("old 3com cards", "3com"),
    ("los zorros azules", None),
    ("un zorro azul", "zorro azul"),
]
LEFT = [
    *("the police came", "a pool of water", "a polar bear", "Poland is nice", "polvo de hornear", "pole position"),
    *("no: casilla", "un caso sin número", "a cast in ovens", "casi no abre", "apuesto joven: apuest", "e-com"),
    *("juego y juzgado", "el juezno", "un crédito muy rápido", "rápido crédito", "we grant it", "quick and rich"),
    *("the azure zorro", "3 com", "econ 3000", "c a s a", "5015", "1234"),
]


@pytest.fixture(scope="module")
def ban() -> BanList:
    return BanList(BANNED)


@pytest.mark.parametrize(("text", "word"), [case for case in FOUND if case[1]])
def test_a_banned_word_is_found_in_its_forms_and_disguises(ban: BanList, redacted, text: str, word: str) -> None:
    assert redacted(ban, text) == text.replace(word, "<BANNED_WORD>")


@pytest.mark.parametrize("text", LEFT)
def test_a_word_that_only_holds_or_resembles_one_is_left(ban: BanList, redacted, text: str) -> None:
    assert redacted(ban, text) == text


def test_without_forms_only_the_word_itself_is_found(redacted) -> None:
    strict = BanList(["casino"], forms=False)
    assert redacted(strict, "casino casinos CASINO") == "<BANNED_WORD> casinos <BANNED_WORD>"


def test_four_hundred_terms_compile_and_every_one_is_found(redacted) -> None:
    many = [f"palabra{chr(97 + index % 26)}{chr(97 + index // 26)}x" for index in range(400)]
    ban = BanList(many)
    assert all(redacted(ban, f"es {term}.") == "es <BANNED_WORD>." for term in many[::37])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    case=st.sampled_from([case for case in FOUND if case[1]]),
    at=st.integers(0, 260),
    cuts=st.lists(st.integers(0, 1200), max_size=20),
)
def test_a_stream_cut_anywhere_finds_what_the_whole_has(ban, redacted, streamed, case, at, cuts) -> None:
    filler = "We looked at it and all is fine, the parcel left the depot today. " * 5
    text = f"{filler[:at]} {case[0]} {filler * 2}"
    assert streamed(ban, text, cuts) == redacted(ban, text)
    assert "<BANNED_WORD>" in redacted(ban, text)


RIVALS = Competitors(
    [
        Competitor(("Acme", "Acme Telecom", "acme.example")),
        Competitor(("Voltamax", "Volta-Max")),
        Competitor(("Orange",), everyday=True),
        Competitor(("Llama", "Llamaya"), everyday=True),
    ]
)
NAMED = [
    ("Acme is cheaper", "Acme"),
    ("ACME's price", "ACME's"),
    ("Acme Telecom is cheaper", "Acme Telecom"),
    ("see acme.example today", "acme.example"),
    ("va con Voltamax", "Voltamax"),
    ("va con volta max", "volta max"),
    ("los Voltamaxes", "Voltamaxes"),
    ("V0ltam4x", "V0ltam4x"),
    ("Vοltamaх is it", "Vοltamaх"),
    ("A c m e is it", "A c m e"),
    ("Voltarnax is it", "Voltarnax"),
    ("I switched to orange last week", "orange"),
    ("me cambio a orange mañana", "orange"),
    ("la empresa Orange cobra", "Orange"),
    ("we saw Orange there", "Orange"),
    ("orange's tariffs", "orange"),
    ("dice que Llama ofrece más", "Llama"),
]
NO_NAMES = [
    *("an orange a day", "Orange juice is fine.", "¿Quiere naranja u orange?", "the orange cat", "La llama se apagó."),
    *("Llama mañana a las 9.", "He said: Orange is a colour.", "acmeology", "the acme-free", "volta al max", "macmed"),
    *("oranges are sweet", "me llama mi madre", "orange peel", "Una llama en los Andes come hierba.", "AN ORANGE CAT"),
]


@pytest.mark.parametrize(("text", "name"), NAMED)
def test_a_competitor_is_found(redacted: Callable[..., str], text: str, name: str) -> None:
    found = redacted(RIVALS, text)
    assert found in {text.replace(name, "<COMPETITOR>"), text.replace(name, "<COMPETITOR>'s").replace("'s's", "'s")}


@pytest.mark.parametrize("text", [text for text in NO_NAMES if text != "the acme-free"])
def test_an_everyday_word_is_no_competitor(redacted: Callable[..., str], text: str) -> None:
    assert redacted(RIVALS, text) == text
