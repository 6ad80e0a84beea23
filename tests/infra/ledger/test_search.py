"""Search: finds what a plain search over the texts finds, keeps no word, and forgets a subject for good."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.digest import sha256
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.search import SearchIndex, split
from infra.ledger.vault import Vault

BOTH_STORES = True
_TEXTS = (
    "No puedo entrar en mi cuenta: la contraseña caducó",
    "I cannot log in, my password has expired",
    "Mi FACTURA del año pasado, por favor",
    "The invoice of last year, please [EMAIL]",
)


@pytest.fixture
def said(ledger: Ledger, home: Home, events: Any) -> Callable[[int, str, str], int]:
    """Records one request with its text under a subject's key; returns the index of its end."""
    vault = Vault.open(home)

    def say(number: int, subject: str, text: str) -> int:
        kept = json.dumps({"messages": [{"role": "user", "content": text}], "answer": "Of course."})
        payload = vault.seal(subject, kept.encode())
        admitted = events.admitted(number).model_copy(update={"subject": subject})
        end = events.completed(number).model_copy(update={"subject": subject, "sealed": sha256(payload)})
        ledger.append(admitted)
        return ledger.append(end, payload=payload)

    return say


def found(ledger: Ledger, search: SearchIndex, text: str, **more: Any) -> list[int]:
    search.catch_up()
    return [entry.index for entry in ledger.query(AuditFilter(words=search.words(text), **more))]


def test_words_are_found_without_case_and_accents(ledger: Ledger, home: Home, said: Any) -> None:
    places = [said(number, f"sub-{number}", text) for number, text in enumerate(_TEXTS)]
    search = SearchIndex(ledger, Vault.open(home))
    assert found(ledger, search, "contrasena") == [places[0]]
    assert found(ledger, search, "PASSWORD expired") == [places[1]]
    assert found(ledger, search, "Año factura") == [places[2]]
    assert found(ledger, search, "email") == [places[3]]
    assert found(ledger, search, "password factura") == []
    assert found(ledger, search, "course") == places
    assert found(ledger, search, "course", limit=2) == places[-2:]
    assert found(ledger, search, "course", subject="sub-1") == [places[1]]
    assert found(ledger, search, "content role user") == [], "the JSON around a text is not text"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_splitting_a_text_again_changes_nothing(text: str) -> None:
    words = list(split(text))
    assert list(split(" ".join(words))) == words


def test_what_came_later_is_found_and_nothing_twice(ledger: Ledger, home: Home, said: Any) -> None:
    search, other = SearchIndex(ledger, Vault.open(home)), SearchIndex(Ledger.open(home), Vault.open(home))
    first = said(1, "sub-1", _TEXTS[1])
    assert found(ledger, search, "password") == found(ledger, other, "password") == [first]
    later = said(2, "sub-2", _TEXTS[1])
    assert found(ledger, other, "password") == found(ledger, search, "password") == [first, later]
    assert search.catch_up() == other.catch_up() == 0


def test_the_table_holds_no_word(ledger: Ledger, home: Home, said: Any) -> None:
    said(1, "sub-1", "supercalifragilistic")
    search = SearchIndex(ledger, Vault.open(home))
    assert len(found(ledger, search, "supercalifragilistic")) == 1
    if not home.ledger_url:
        for path in home.ledger.parent.glob("*"):
            if path.is_file():
                assert b"califragi" not in path.read_bytes()
    stranger = SearchIndex(ledger, Vault.open(Home.open(home.root.parent / "stranger")))
    assert stranger.words("supercalifragilistic") != search.words("supercalifragilistic")


@pytest.mark.parametrize("key_gone", [False, True], ids=["before its key goes", "after"])
def test_a_subject_is_forgotten(ledger: Ledger, home: Home, said: Any, raw: Any, key_gone: bool) -> None:
    said(1, "sub-a", "alpha beta")
    said(2, "sub-b", "alpha gamma")
    vault = Vault.open(home)
    search = SearchIndex(ledger, vault)
    search.catch_up()
    if key_gone:
        vault.destroy("sub-a")
    assert search.forget("sub-a") == 1
    assert found(ledger, search, "beta") == []
    assert found(ledger, search, "alpha") == [3]
    if not home.ledger_url:
        hashed = search.words("beta")[0].to_bytes(8, "big")
        files = [path for path in home.ledger.parent.glob("search.sqlite*") if path.is_file()]
        assert files and not any(hashed in path.read_bytes() for path in files)


def test_a_text_whose_key_is_gone_is_passed_over(ledger: Ledger, home: Home, said: Any) -> None:
    said(1, "sub-a", "alpha")
    said(2, "sub-b", "alpha")
    vault = Vault.open(home)
    vault.destroy("sub-a")
    assert found(ledger, SearchIndex(ledger, vault), "alpha") == [3]
