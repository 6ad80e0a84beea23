"""Caller keys: found by the whole key only, kept as a hash, ended at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import BadInput
from infra.home import Home
from infra.stores.callers import Caller, Callers, NewKey


@pytest.fixture
def callers(home: Home) -> Callers:
    return Callers(home)


def test_a_key_finds_its_caller_in_every_process(home: Home, callers: Callers) -> None:
    made = callers.create("acme")
    assert made.key.startswith("slk_") and len(made.key) == 47
    assert callers.find(made.key) == Caller(made.id, "acme") == Callers(home).find(made.key)
    assert {callers.create("acme").key for _ in range(5)}.isdisjoint({made.key})


def test_the_key_itself_is_nowhere_on_disk(home: Home, callers: Callers) -> None:
    key = callers.create("acme").key
    assert callers.find(key)
    for path in home.root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert key.encode() not in content and key[4:20].encode() not in content


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[Callers, NewKey]:
    callers = Callers(Home.open(tmp_path_factory.mktemp("callers")))
    return callers, callers.create("acme")


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_nothing_but_the_whole_key_is_accepted(known: tuple[Callers, NewKey], data: st.DataObject) -> None:
    callers, made = known
    near = st.tuples(st.integers(0, len(made.key)), st.integers(0, 2), st.text(max_size=2)).map(
        lambda edit: made.key[: edit[0]] + edit[2] + made.key[edit[0] + edit[1] :]
    )
    guess = data.draw(st.one_of(st.text(), near, st.sampled_from((made.id, made.key + "\n", made.key.upper(), ""))))
    assert callers.find(guess) == (Caller(made.id, "acme") if guess == made.key else None)


def test_keys_whose_hashes_begin_alike_are_told_apart(home: Home, callers: Callers) -> None:
    made, other = callers.create("acme"), callers.create("other")
    with sqlite3.connect(home.gateway / "callers.sqlite") as connection:
        connection.execute("UPDATE callers SET lookup = (SELECT lookup FROM callers WHERE id = ?)", (made.id,))
    assert callers.find(made.key) == Caller(made.id, "acme")
    assert callers.find(other.key) is None  # its own first digits are not the ones that it is kept under


def test_revoking_is_effective_at_once_elsewhere(home: Home, callers: Callers) -> None:
    made, other = callers.create("acme"), callers.create("acme")
    elsewhere = Callers(home)
    assert elsewhere.find(made.key)
    program = (
        "import sys; from pathlib import Path; from infra.home import Home; from infra.stores.callers import Callers\n"
        "Callers(Home.open(Path(sys.argv[1]))).revoke(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", program, str(home.root), made.id], check=True)
    assert elsewhere.find(made.key) is None
    assert elsewhere.find(other.key)
    first = callers.revoke(made.id)
    assert first.revoked and callers.revoke(made.id) == first
    assert [(record.id, record.revoked is None) for record in callers.list()] == [(made.id, False), (other.id, True)]


def test_unknown_ids_and_bad_tenants_are_refused(callers: Callers) -> None:
    with pytest.raises(BadInput, match="no key"):
        callers.revoke("key-000000000000")
    for tenant in ("", " ", "a b", "a\n", "-a", "x" * 64, "a/b"):
        with pytest.raises(BadInput, match="tenant"):
            callers.create(tenant)


def test_only_a_key_that_was_made_for_it_gets_originals_back(home: Home, callers: Callers) -> None:
    plain, restoring = callers.create("acme"), callers.create("acme", restores=True)
    assert callers.find(plain.key) == Caller(plain.id, "acme", restores=False)
    assert Callers(home).find(restoring.key) == Caller(restoring.id, "acme", restores=True)
    assert {row.id: row.restores for row in callers.list()} == {plain.id: False, restoring.id: True}
    assert callers.revoke(restoring.id).restores and callers.find(restoring.key) is None
