"""Quarantine: everything that was set aside can be read again, by the home that holds the keys."""

from __future__ import annotations

import stat

import pytest

from infra.errors import StoreError
from infra.home import Home
from infra.ledger.vault import Vault
from infra.stores.quarantine import Quarantine, SetAside


def test_rows_come_back_with_their_reasons_and_are_sealed_on_disk(home: Home) -> None:
    vault = Vault.open(home)
    rows = [
        SetAside("train", 3, ("not UTF-8",), b"caf\xe9 secret"),
        SetAside("test", 9, ("text is missing", "label-known"), b"\x00"),
    ]
    quarantine = Quarantine(home, vault)
    path = quarantine.write("triage", "run-1", [("sub-a", rows[0]), ("sub-b", rows[1])])
    assert list(quarantine.read("triage", "run-1")) == rows
    assert path.parent.parent == home.quarantine and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"secret" not in path.read_bytes() and b"UTF-8" not in path.read_bytes()
    assert "secret" not in repr(rows[0])


def test_a_second_run_of_the_same_name_replaces_and_an_unknown_one_is_refused(home: Home) -> None:
    quarantine = Quarantine(home, Vault.open(home))
    quarantine.write("triage", "run-1", [("sub-a", SetAside("train", 1, ("x",), b"one"))])
    quarantine.write("triage", "run-1", [])
    assert list(quarantine.read("triage", "run-1")) == []
    with pytest.raises(StoreError):
        list(quarantine.read("triage", "run-2"))
