"""Layout 3: a ledger that was a hash chain comes out as a tree with every entry as it was, or stays as it was."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.contracts.base import now
from infra.contracts.record_events import LedgerMoved, ServiceChanged
from infra.contracts.request_events import RequestCompleted
from infra.digest import canonical_json, sha256
from infra.errors import CheckFailed, SluiceError, StoreError
from infra.home import Home
from infra.home_state import HOME_VERSION, home_version, write_state
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.tree import Frontier
from infra.migrations.m0003_ledger_tree import _Tree
from infra.migrations.run import migrate
from infra.stores.trust import rotate_signer

_D = "sha256:" + "d" * 64
_AT = "2026-01-02T03:04:05.000678Z"


def _sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _text(digest: bytes) -> str:
    return f"sha256:{digest.hex()}"


def _objects(path: Path) -> set[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        return set(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))


def _files(home: Home) -> list[str]:
    return sorted(path.name for path in home.ledger.parent.iterdir() if not path.name.startswith("."))


def test_every_entry_comes_out_as_it_was_in_a_tree_that_verifies(chain: Any) -> None:
    before, head = chain.events(), chain.head
    migrate(chain.home)
    assert home_version(chain.home) == HOME_VERSION and _files(chain.home) == ["ledger.sqlite"]
    assert chain.home.ledger.stat().st_mode & 0o777 == 0o600
    assert chain.events()[:-1] == before
    ledger = Ledger.open(chain.home)
    checked = ledger.verify()
    assert checked.problems == () and checked.events == len(before) + 1
    moved = ledger.get("ledger/moved")
    assert moved is not None and moved.index == len(before) and ledger.intact(moved)
    assert isinstance(moved.event, LedgerMoved) and moved.event.key_id == chain.key_id
    assert (moved.event.entries, moved.event.head) == (len(before), _text(head))
    assert json.loads(before[-1])["at"] < moved.event.model_dump(mode="json")["at"]


def test_what_today_s_ledger_does_it_does_with_the_moved_one(chain: Any) -> None:
    migrate(chain.home)
    ledger = Ledger.open(chain.home)
    for detector in ("EMAIL_ADDRESS", "PERSON", "pii"):
        (entry,) = ledger.query(AuditFilter(detector=detector, action="redact"))
        assert entry.index == 1 and ledger.payload(entry) == b"sealed 1" and ledger.intact(entry)
    (blocked,) = ledger.query(AuditFilter(action="block"))
    assert blocked.index == 3 and ledger.payload(blocked) == b""
    assert ledger.query(AuditFilter(detector="topic", action="allow")) == ()
    assert [entry.index for entry in ledger.query(AuditFilter(subject="sub-" + "a" * 32))] == [0, 2, 4, 306]
    since = ledger.query(AuditFilter(since=now().replace(year=2026, month=1, day=3), limit=500))
    assert [entry.event.kind for entry in since] == ["ledger.moved"]
    assert ledger.close_interrupted() == 1 and ledger.close_interrupted() == 0
    ended = ledger.of_response("resp_4")[-1].event
    assert isinstance(ended, RequestCompleted) and ended.outcome == "interrupted"
    more = [
        (ServiceChanged(event_id=f"more/{n}", at=now(), pipeline="", service="s", action="started"), None)
        for n in range(300)
    ]
    assert ledger.append_many(more)[0] == 309
    assert ledger.verify().problems == ()


def test_the_file_has_what_a_new_one_has(chain: Any, tmp_path: Path) -> None:
    migrate(chain.home)
    fresh = Home.open(tmp_path / "fresh")
    Ledger.open(fresh).close()
    assert _objects(chain.home.ledger) == _objects(fresh.ledger)


def test_migrating_twice_changes_nothing(chain: Any) -> None:
    migrate(chain.home)
    before = chain.home.ledger.read_bytes()
    for version in (HOME_VERSION, 2):  # also where the ledger is of today's layout, and the home does not say so
        write_state(chain.home, version)
        migrate(chain.home)
        assert home_version(chain.home) == HOME_VERSION and chain.home.ledger.read_bytes() == before


def _allow_changes(connection: sqlite3.Connection) -> None:
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")


def _sql(text: str) -> Callable[[Any, sqlite3.Connection], object]:
    return lambda _, connection: connection.executescript(text)


_TAMPERED: dict[str, tuple[Callable[[Any, sqlite3.Connection], object], str]] = {
    "event": (
        _sql("UPDATE events SET event = CAST(replace(event, 'started', 'stopped') AS BLOB) WHERE idx = 20"),
        "entry 20 or its payload is not what the chain covers",
    ),
    "event as text": (_sql("UPDATE events SET event = CAST(event AS TEXT) WHERE idx = 20"), "entry 20 or its payload"),
    "leaf": (_sql("UPDATE events SET leaf = zeroblob(32) WHERE idx = 3"), "entry 3 or its payload"),
    "head": (_sql("UPDATE events SET head = zeroblob(32) WHERE idx = 9"), "entry 9 does not follow"),
    "payload": (_sql("UPDATE payloads SET data = x'00' WHERE idx = 1"), "entry 1 or its payload"),
    "payload gone": (_sql("DELETE FROM payloads WHERE idx = 3"), "entry 3 or its payload"),
    "payload of nothing": (_sql("INSERT INTO payloads VALUES (9999, x'00')"), "a payload has no entry"),
    "gap": (_sql("DELETE FROM events WHERE idx = 200"), "entry 200 is missing"),
    "before the first": (_sql("UPDATE events SET idx = -1 WHERE idx = 0"), "entry 0 is missing"),
    "cut end": (_sql("DELETE FROM events WHERE idx > 299"), "entry 300 is missing"),
    "all gone": (_sql("DELETE FROM events; DELETE FROM payloads"), "entry 0 is missing"),
    "beyond the end": (lambda old, c: old.sign(c, size=305), "entry 305 stands after the signed end"),
    "another end": (lambda old, c: old.sign(c, head=_D), "entry 306 is not the one at the signed end"),
    "no tip": (_sql("DELETE FROM tip"), "signature of the end, after entry 306, is missing"),
    "forged tip": (lambda old, c: old.sign(c, Ed25519PrivateKey.generate()), "does not verify"),
    "another noun": (lambda old, c: old.sign(c, schema="sluice/ledger-tip/2"), "does not verify"),
    "damaged tip": (_sql("UPDATE tip SET signed = '{}'"), "does not verify"),
}


@pytest.mark.parametrize("how", _TAMPERED)
def test_a_chain_that_was_changed_is_never_signed_anew(chain: Any, how: str) -> None:
    change, expected = _TAMPERED[how]
    with chain.connection() as connection:
        _allow_changes(connection)
        change(chain, connection)
    _refused(chain.home, CheckFailed, expected)


def _refused(home: Home, error: type[SluiceError], expected: str) -> None:
    before, names = home.ledger.read_bytes(), _files(home)
    with pytest.raises(error, match=expected) as refused:
        migrate(home)
    assert "nothing was changed" in refused.value.cure
    assert home.ledger.read_bytes() == before and _files(home) == names and home_version(home) == 2
    assert not (home.root / ".migration").exists()


_NO_EVENTS = [{}, [], "x", {"at": 1}, {"at": "x"}, {"at": _AT, "sealed": _D}, {"at": _AT, "checks": [{}]}]


@pytest.mark.parametrize("entry", _NO_EVENTS)
def test_what_was_signed_but_is_no_event_is_refused(empty_chain: Any, entry: Any) -> None:
    chain = empty_chain
    chain.append((chain.service(1), None), (chain.service(2), None))
    with chain.connection() as connection:
        _allow_changes(connection)
        event = canonical_json(entry)
        leaf = _sha(b"sluice/leaf/1\0", len(event).to_bytes(8, "big"), event)
        before = connection.execute("SELECT head FROM events WHERE idx = 0").fetchone()[0]
        chain.head = _sha(b"sluice/head/1\0", before, leaf)
        connection.execute("UPDATE events SET event = ?, leaf = ?, head = ? WHERE idx = 1", (event, leaf, chain.head))
        chain.sign(connection)
    _refused(chain.home, CheckFailed, "entry 1 cannot be read")


def test_a_ledger_of_an_unknown_layout_is_left_alone(chain: Any) -> None:
    with chain.connection() as connection:
        connection.execute("PRAGMA user_version=9")
    _refused(chain.home, StoreError, "the ledger has layout 9, not 1")


def test_what_sqlite_cannot_do_is_one_sentence(chain: Any) -> None:
    with chain.connection() as connection:
        connection.execute("DROP TABLE pending")
    _refused(chain.home, StoreError, "the ledger cannot be moved: no such table: pending")


def test_without_the_private_key_nothing_is_signed(chain: Any) -> None:
    path = chain.home.keys / "installation.key"
    kept = path.read_bytes()
    path.unlink()
    _refused(chain.home, StoreError, "private key is gone")
    path.write_bytes(base64.b64encode(bytes(32)))
    _refused(chain.home, StoreError, "not that of its private key")
    path.write_bytes(kept)
    (chain.home.keys / "installation.pub").unlink()  # a crash between the two files: today's code makes it anew
    migrate(chain.home)
    assert Ledger.open(chain.home).verify().ok


def test_an_empty_ledger_becomes_an_empty_tree(empty_chain: Any) -> None:
    migrate(empty_chain.home)
    ledger = Ledger.open(empty_chain.home)
    checked = ledger.verify()
    assert checked.ok and checked.events == 0 and ledger.end_digest() is None
    assert ledger.append(ServiceChanged(event_id="a", at=now(), pipeline="", service="s", action="started")) == 0


@pytest.mark.parametrize("made", [False, True])
def test_a_home_without_a_ledger_gets_a_new_one(home: Home, made: bool) -> None:
    write_state(home, 2)
    home.folder(home.ledger.parent)
    if made:
        home.ledger.touch(mode=0o600)  # a first start that was cut off
    migrate(home)
    assert home_version(home) == HOME_VERSION
    assert Ledger.open(home).verify().ok


def test_the_time_never_goes_back(chain: Any) -> None:
    chain.append((chain.service(999, at="2999-12-31T23:59:59.000678Z"), None))
    migrate(chain.home)
    assert json.loads(chain.events()[-1])["at"] == "2999-12-31T23:59:59.000678Z"


def test_the_end_that_a_retired_key_had_signed_counts(chain: Any) -> None:
    with chain.connection() as connection:
        payload = chain.sign(connection)
    old = chain.key_id
    rotated = rotate_signer(chain.home, "installation", [sha256(payload)])
    migrate(chain.home)
    ledger = Ledger.open(chain.home)
    assert ledger.verify().ok and rotated.new.key_id != old == json.loads(chain.events()[-1])["key_id"]


def test_an_end_that_the_retired_key_is_not_known_for_does_not_count(chain: Any) -> None:
    rotate_signer(chain.home, "installation", [sha256(b"another")])
    _refused(chain.home, CheckFailed, "does not verify")
    (chain.home.keys / "installation.retired.json").unlink()
    _refused(chain.home, CheckFailed, "does not verify")


@pytest.mark.parametrize("placed", [0, 1, 2])
def test_a_rotation_that_was_cut_off_after_it_counted(chain: Any, placed: int) -> None:
    keys = chain.home.keys
    before = {name: (keys / name).read_bytes() for name in ("installation.key", "installation.pub")}
    with chain.connection() as connection:
        payload = chain.sign(connection)
    rotate_signer(chain.home, "installation", [sha256(payload)])
    (keys / "installation.retired.json").rename(keys / ".installation.next.json")
    if placed < 2:
        (keys / "installation.pub").write_bytes(before["installation.pub"])
    if placed < 1:
        (keys / "installation.key").rename(keys / ".installation.next.key")
        (keys / "installation.key").write_bytes(before["installation.key"])
    migrate(chain.home)
    ledger = Ledger.open(chain.home)
    assert ledger.verify().problems == ()
    ledger.append(ServiceChanged(event_id="a", at=now(), pipeline="", service="s", action="started"))


def test_a_crash_at_any_moment_leaves_the_chain_or_the_tree(chain: Any, cut_off: Callable[..., Iterator[int]]) -> None:
    kept = chain.home.root.with_name("kept")
    shutil.copytree(chain.home.root, kept)
    before = chain.events()

    def prepare() -> None:
        shutil.rmtree(chain.home.root)
        shutil.copytree(kept, chain.home.root)

    deaths = 0
    for _ in cut_off(prepare, lambda: migrate(chain.home)):
        deaths += 1
        assert chain.events()[: len(before)] == before
        migrate(chain.home)
        assert len(chain.events()) == len(before) + 1 and home_version(chain.home) == HOME_VERSION
        assert not (chain.home.root / ".migration").exists()
    assert deaths > 8
    assert Ledger.open(chain.home).verify().ok


def test_its_tree_is_the_ledger_s_also_where_subtrees_of_65536_become_whole() -> None:
    ours, theirs = _Tree(), Frontier()
    for number in range(65_540):
        leaf = _sha(number.to_bytes(4, "big"))
        assert ours.add(leaf) == [(tile.level, tile.number, tile.hash) for tile in theirs.append(leaf)]
    assert ours.text == f"65540\n{base64.b64encode(theirs.root).decode()}\n"
