"""Verification finds every change: whatever value, row or signature somebody with the file in hand alters."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.home import Home
from infra.ledger.archive.archived import Archive
from infra.ledger.check import LedgerCheck, check
from infra.ledger.checkpoint import sign_checkpoint
from infra.ledger.log import Ledger
from infra.ledger.store import open_store
from infra.ledger.stored_tree import StoredHashes
from infra.ledger.tree import TILE, Frontier
from infra.ledger.verify import Checkpoint, leaf_hash
from infra.signing import Signer, TrustedKeys
from infra.stores.connection import Connection
from infra.stores.trust import installation_key, installation_signer

_REQUESTS = 290
_ENTRIES = 2 * _REQUESTS + 1  # one request is under way
_TABLES = ("events", "payloads", "fired", "tiles", "checkpoints", "segments", "log", "tip")


class Taken(Exception):
    """Ends a transaction so that nothing of it stays."""


class Evidence:
    """A finished ledger; every use of `opened` is a transaction without the triggers, and is taken back."""

    def __init__(self, home: Home, events: Any) -> None:
        self.home = home
        self.postgres = bool(home.ledger_url)
        ledger = Ledger.open(home)
        for number in range(_REQUESTS):
            payload = b"sealed-%d" % number
            end = (events.completed(number, payload=payload), payload)
            ledger.append_many([(events.admitted(number), None), end])
        ledger.append(events.admitted(9_999))
        ledger.close()
        self.key: TrustedKeys = installation_key(home)
        self.signer: Signer = installation_signer(home)
        self.origin = ledger.origin
        self._store = open_store(home)
        self._objects: list[tuple[str, str, str]] = []
        if not self.postgres:
            with sqlite3.connect(home.ledger) as connection:
                self._objects = connection.execute(
                    "SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'index') AND sql IS NOT NULL"
                ).fetchall()

    @contextmanager
    def opened(self) -> Iterator[Connection]:
        with suppress(Taken), self._store.database.writing() as connection:
            self._triggers(connection, on=False)
            yield connection
            raise Taken

    def verdict(self, connection: Connection) -> LedgerCheck:
        """With triggers and indexes put back, where they still can be: what is found is the tampering itself."""
        self._triggers(connection, on=True)
        return check(self.home, connection, self._store, Archive(self.home), self.key, lambda _: None)

    def _triggers(self, connection: Connection, *, on: bool) -> None:
        if self.postgres:
            for table in _TABLES:
                connection.execute(f"ALTER TABLE {table} {'ENABLE' if on else 'DISABLE'} TRIGGER ALL")
            return
        for kind, name, sql in self._objects:
            with suppress(sqlite3.Error):  # an index over what is no JSON any more, or over two of one id
                connection.execute(sql if on else f"DROP {kind} {name}")

    def sign(self, connection: Connection, signer: Signer | None = None) -> None:
        """Puts a checkpoint of what is stored now in the place of the newest, as who has a key would."""
        (size,) = connection.execute("SELECT count(*) FROM events").fetchone()
        root = Frontier.of(size, StoredHashes(connection, Archive(self.home))).root
        note = sign_checkpoint(Checkpoint(self.origin, size, root), signer or self.signer)
        connection.execute("UPDATE tip SET note = ?", (note,))


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def evidence(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, events: Any) -> Evidence:
    home = Home.open(tmp_path_factory.mktemp("evidence"))
    url = request.getfixturevalue("new_database")() if request.param == "postgres" else ""
    return Evidence(replace(home, ledger_url=url), events)


def changed(connection: Connection, statement: str, values: tuple[Any, ...]) -> bool:
    """Whether the store takes a change: an entry that is no JSON, it refuses itself."""
    connection.execute("SAVEPOINT before")
    try:
        taken = connection.execute(statement, values).rowcount == 1  # type: ignore[attr-defined]
    except Exception:
        connection.execute("ROLLBACK TO SAVEPOINT before")
        return False
    return bool(taken)


def named(found: LedgerCheck) -> set[int | None]:
    return {problem.index for problem in found.problems}


def test_the_untouched_copy_verifies(evidence: Evidence) -> None:
    with evidence.opened() as connection:
        found = evidence.verdict(connection)
    assert (found.problems, found.events, found.origin) == ((), _ENTRIES, evidence.origin)
    assert found.key_id == evidence.key.key_id


_OTHERS = (b"\xff\x00", b"{}", b"12", b"", 12, "text", None)
_CELLS = [("events", "entry"), ("events", "leaf"), ("payloads", "data"), ("fired", "name"), ("fired", "verdict")]


@settings(max_examples=80, deadline=None)
@given(cell=st.sampled_from(_CELLS), row=st.integers(0, _ENTRIES - 1), data=st.data())
def test_any_changed_value_is_found_at_its_index(
    evidence: Evidence, cell: tuple[str, str], row: int, data: st.DataObject
) -> None:
    table, column = cell
    with evidence.opened() as connection:
        rows = connection.execute(f"SELECT idx, {column} FROM {table} ORDER BY idx").fetchall()
        index, old = rows[row % len(rows)]
        if isinstance(old, bytes):
            place = data.draw(st.integers(0, len(old) - 1))
            new: object = old[:place] + bytes([old[place] ^ data.draw(st.integers(1, 255))]) + old[place + 1 :]
        else:
            place = data.draw(st.integers(0, len(old) - 1))
            letter = data.draw(st.characters(exclude_characters=old[place], exclude_categories=("Cs",)))
            new = data.draw(st.sampled_from((old[:place] + letter + old[place + 1 :], old[:place], "", 7)))
        if new == old:
            return
        if not changed(
            connection, f"UPDATE {table} SET {column} = ? WHERE idx = ? AND {column} = ?", (new, index, old)
        ):
            return
        found = evidence.verdict(connection)
    assert index in named(found)


@settings(max_examples=40, deadline=None)
@given(
    row=st.integers(0, _ENTRIES - 1), column=st.sampled_from(("entry", "leaf", "data")), new=st.sampled_from(_OTHERS)
)
def test_a_value_of_another_kind_is_found(evidence: Evidence, row: int, column: str, new: Any) -> None:
    table = "payloads" if column == "data" else "events"
    with evidence.opened() as connection:
        index = row if column != "data" else row // 2 * 2 + 1 if row < _ENTRIES - 1 else 1
        if not changed(connection, f"UPDATE {table} SET {column} = ? WHERE idx = ?", (new, index)):
            return
        found = evidence.verdict(connection)
    assert index in named(found)


@settings(max_examples=40, deadline=None)
@given(dropped=st.sets(st.integers(0, _ENTRIES - 1), min_size=1, max_size=20), beside=st.booleans())
def test_every_dropped_row_is_named(evidence: Evidence, dropped: set[int], beside: bool) -> None:
    with evidence.opened() as connection:
        for index in dropped:
            for table in ("events", *(("payloads", "fired") if beside else ())):
                connection.execute(f"DELETE FROM {table} WHERE idx = ?", (index,))
        found = evidence.verdict(connection)
    assert dropped <= named(found)


@settings(max_examples=40, deadline=None)
@given(index=st.integers(0, _ENTRIES - 1), count=st.integers(1, 300))
def test_entries_cut_out_and_closed_up_are_found(evidence: Evidence, index: int, count: int) -> None:
    """The rows after them moved down, as if they had never been."""
    with evidence.opened() as connection:
        for table in ("events", "payloads", "fired"):
            connection.execute(f"DELETE FROM {table} WHERE idx >= ? AND idx < ?", (index, index + count))
            connection.execute(f"UPDATE {table} SET idx = -idx WHERE idx >= ?", (index + count,))
            connection.execute(f"UPDATE {table} SET idx = -idx - ? WHERE idx < 0", (count,))
        found = evidence.verdict(connection)
    tile = index // TILE * TILE
    assert any(one is not None and tile <= one for one in named(found))


@settings(max_examples=40, deadline=None)
@given(pair=st.sets(st.integers(0, _ENTRIES - 1), min_size=2, max_size=2), whole=st.booleans())
def test_swapped_rows_are_found(evidence: Evidence, pair: set[int], whole: bool) -> None:
    one, two = sorted(pair)
    with evidence.opened() as connection:
        for table in ("events", "payloads", "fired") if whole else ("events",):
            place = f"UPDATE {table} SET idx = CASE idx WHEN ? THEN ? ELSE ? END WHERE idx IN (?, ?)"
            connection.execute(place, (one, -1, -2, one, two))
            connection.execute(place, (-1, two, one, -1, -2))
        found = evidence.verdict(connection)
    low = {index for problem in found.problems if (index := problem.index) is not None}
    assert low and min(low) <= one


@settings(max_examples=40, deadline=None)
@given(index=st.integers(0, _ENTRIES - 1))
def test_an_entry_changed_together_with_its_leaf_is_narrowed_to_its_tile(evidence: Evidence, index: int) -> None:
    with evidence.opened() as connection:
        forge(connection, index)
        found = evidence.verdict(connection)
    (problem,) = found.problems
    assert problem.index is not None and problem.last is not None
    assert problem.index <= index <= problem.last
    if index < _ENTRIES // TILE * TILE:
        assert problem.last < problem.index + TILE


@settings(max_examples=40, deadline=None)
@given(index=st.integers(0, _ENTRIES - 1), size=st.integers(0, _ENTRIES))
def test_a_forger_who_recomputes_the_whole_tree_fails_at_the_signature(
    evidence: Evidence, index: int, size: int
) -> None:
    with evidence.opened() as connection:
        forge(connection, index)
        cut(connection, max(index + 1, size))
        regrow(connection)
        found = evidence.verdict(connection)
    assert not found.ok


@settings(max_examples=10, deadline=None)
@given(index=st.integers(0, _ENTRIES - 1))
def test_a_checkpoint_signed_with_another_key_is_refused(
    evidence: Evidence, index: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Signer.load_or_create(tmp_path_factory.mktemp("other") / "other.key")
    with evidence.opened() as connection:
        forge(connection, index)
        regrow(connection)
        evidence.sign(connection, other)
        found = evidence.verdict(connection)
    assert "the signature of the newest checkpoint does not verify" in {problem.what for problem in found.problems}


def test_a_log_cut_back_under_a_good_signature_is_found_by_the_earlier_checkpoint(evidence: Evidence) -> None:
    """Who has the key can sign a shorter log; what the file still holds of the longer one gives it away."""
    with evidence.opened() as connection:
        (size,) = connection.execute("SELECT max(size) FROM checkpoints").fetchone()
        cut(connection, size - 1)
        regrow(connection)
        evidence.sign(connection)
        found = evidence.verdict(connection)
    assert any("beyond the signed end" in problem.what for problem in found.problems)


def test_an_entry_after_the_signed_end_is_found(evidence: Evidence) -> None:
    with evidence.opened() as connection:
        (entry,) = connection.execute("SELECT entry FROM events ORDER BY idx DESC LIMIT 1").fetchone()
        forged = entry.replace(b"resp-9999", b"resp-7777")
        connection.execute(
            "INSERT INTO events (idx, entry, leaf) VALUES (?, ?, ?)", (_ENTRIES, forged, leaf_hash(forged))
        )
        connection.execute("INSERT INTO pending VALUES ('resp-7777', 'w')")
        found = evidence.verdict(connection)
    assert named(found) == {_ENTRIES}


def test_a_payload_that_is_not_the_events_own_is_found_even_under_a_good_signature(evidence: Evidence) -> None:
    """What a writer that skips `append`, but has the key, could leave behind."""
    index = _ENTRIES - 2
    with evidence.opened() as connection:
        connection.execute("UPDATE payloads SET data = ? WHERE idx = ?", (b"\0", index))
        evidence.sign(connection)
        found = evidence.verdict(connection)
    assert [(problem.index, "payload" in problem.what) for problem in found.problems] == [(index, True)]


def forge(connection: Connection, index: int) -> None:
    """Changes one entry, with a leaf made to fit."""
    (entry,) = connection.execute("SELECT entry FROM events WHERE idx = ?", (index,)).fetchone()
    forged = entry.replace(b'"acme"', b'"evil"')
    assert forged != entry
    connection.execute("UPDATE events SET entry = ?, leaf = ? WHERE idx = ?", (forged, leaf_hash(forged), index))


def cut(connection: Connection, size: int) -> None:
    """Drops everything from an index on, with what lies beside, as if it had never been."""
    for table in ("events", "payloads", "fired"):
        connection.execute(f"DELETE FROM {table} WHERE idx >= ?", (size,))
    connection.execute("DELETE FROM pending")
    connection.execute(
        "INSERT INTO pending SELECT response_id, 'w' FROM events GROUP BY response_id HAVING count(*) = 1"
    )


def regrow(connection: Connection) -> None:
    """Makes the stored hashes of subtrees fit the leaves."""
    times = connection.execute("SELECT first_at, last_at FROM tiles LIMIT 1").fetchone()
    connection.execute("DELETE FROM tiles")
    frontier = Frontier()
    for (leaf,) in connection.execute("SELECT leaf FROM events ORDER BY idx").fetchall():
        for tile in frontier.append(leaf):
            connection.execute("INSERT INTO tiles VALUES (?, ?, ?, ?, ?)", (tile.level, tile.number, tile.hash, *times))


def _sql(*statements: str, values: tuple[Any, ...] = ()) -> Callable[[Connection], object]:
    return lambda connection: [connection.execute(statement, values) for statement in statements]


_NOTHING = (bytes(32),)
_ELSEWHERE: dict[str, Callable[[Connection], object]] = {
    "tip dropped": _sql("DELETE FROM tip"),
    "tip changed": _sql(f"UPDATE tip SET note = replace(note, '{_ENTRIES}', '{_ENTRIES - 1}')"),
    "tip no note": _sql("UPDATE tip SET note = 'x'"),
    "everything dropped": _sql(*(f"DELETE FROM {table}" for table in ("events", "payloads", "fired", "pending"))),
    "a payload too many": _sql("INSERT INTO payloads VALUES (5000, ?)", values=_NOTHING),
    "a payload where none belongs": _sql("INSERT INTO payloads VALUES (0, ?)", values=_NOTHING),
    "a find too many": _sql("INSERT INTO fired VALUES (5000, 'pii', 'block')"),
    "a find where none belongs": _sql("INSERT INTO fired VALUES (0, 'pii', 'block')"),
    "a find dropped": _sql("DELETE FROM fired WHERE idx = 1 AND name = 'EMAIL'"),
    "under way, forgotten": _sql("DELETE FROM pending"),
    "under way, made up": _sql("INSERT INTO pending VALUES ('resp-1', 'writer-1')"),
    "under way, another's": _sql("UPDATE pending SET response_id = 'resp-1'"),
    "an index added": _sql("CREATE INDEX more ON events (tenant, idx, leaf)"),
    "an index dropped": _sql("DROP INDEX IF EXISTS events_kind", "CREATE INDEX events_kind ON events (tenant)"),
    "a negative index": _sql("UPDATE events SET idx = -1 WHERE idx = 0"),
    "an index far away": _sql("UPDATE events SET idx = 1152921504606846976 WHERE idx = 5"),
    "an entry that expired unsaid": _sql("UPDATE events SET entry = NULL WHERE idx = 4"),
    "another log's name": _sql("UPDATE log SET origin = 'example.com/other'"),
    "two names": _sql("INSERT INTO log VALUES ('example.com/other')"),
    "no name": _sql("DELETE FROM log"),
    "a tile dropped": _sql("DELETE FROM tiles WHERE number = 1"),
    "a tile added": _sql("INSERT INTO tiles VALUES (1, 2, ?, '', '')", values=_NOTHING),
    "a tile's hash": _sql("UPDATE tiles SET hash = ? WHERE number = 1", values=_NOTHING),
    "a tile's first time": _sql("UPDATE tiles SET first_at = '2030'"),
    "a tile's last time": _sql("UPDATE tiles SET last_at = '2020'"),
    "an earlier checkpoint": _sql("UPDATE checkpoints SET note = replace(note, '=', 'x')"),
    "an earlier checkpoint elsewhere": _sql("UPDATE checkpoints SET size = size + 1"),
}


@pytest.mark.parametrize("tamper", _ELSEWHERE.values(), ids=_ELSEWHERE.keys())
def test_what_lies_beside_the_entries_is_checked_too(
    evidence: Evidence, tamper: Callable[[Connection], object]
) -> None:
    with evidence.opened() as connection:
        tamper(connection)
        assert not evidence.verdict(connection).ok


def test_missing_triggers_are_found(evidence: Evidence) -> None:
    with evidence.opened() as connection:
        found = check(evidence.home, connection, evidence._store, Archive(evidence.home), evidence.key, lambda _: None)
    assert [problem.index for problem in found.problems] == [None]
    assert "triggers" in found.problems[0].what
