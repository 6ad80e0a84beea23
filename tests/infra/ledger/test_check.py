"""Verification finds every change: whatever column, byte, row or signature somebody with the file in hand alters."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.home import Home
from infra.ledger.chain import COLUMNS, Columns, LedgerTip, digest_text, leaf_hash, next_head
from infra.ledger.check import LedgerCheck, check
from infra.ledger.log import Ledger
from infra.signing import Signer, VerifyKey
from infra.stores.trust import installation_key, installation_signer

_REQUESTS = 8
_ENTRIES = 2 * _REQUESTS + 1  # one request is under way
_TABLE_COLUMNS = {"events": ("idx", *COLUMNS, "event", "leaf", "head"), "payloads": ("idx", "data")}


class Evidence:
    """A finished ledger; every use of `opened` works on a fresh copy with the triggers out of the way."""

    def __init__(self, folder: Path, events: Any) -> None:
        home = Home.open(folder / "home")
        ledger = Ledger.open(home)
        for number in range(_REQUESTS):
            payload = b"sealed-%d" % number
            ledger.append(events.admitted(number))
            ledger.append(events.completed(number, payload=payload), payload=payload)
        ledger.append(events.admitted(99))
        ledger.close()
        self.key: VerifyKey = installation_key(home)
        self.signer: Signer = installation_signer(home)
        self._original = home.ledger
        self._copy = folder / "copy.sqlite"

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        shutil.copyfile(self._original, self._copy)
        connection = sqlite3.connect(self._copy, isolation_level=None)
        connection.execute("PRAGMA journal_mode=MEMORY")
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.close()

    def verdict(self, connection: sqlite3.Connection) -> LedgerCheck:
        """With the triggers put back: what is found must be the tampering itself."""
        original = sqlite3.connect(self._original)
        for (sql,) in original.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(sql)
        original.close()
        return check(connection, self.key)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory, events: Any) -> Evidence:
    return Evidence(tmp_path_factory.mktemp("evidence"), events)


def named(found: LedgerCheck) -> set[int | None]:
    return {problem.index for problem in found.problems}


def test_the_untouched_copy_verifies(evidence: Evidence) -> None:
    with evidence.opened() as connection:
        found = evidence.verdict(connection)
    assert (found.problems, found.events, found.key_id) == ((), _ENTRIES, evidence.key.key_id)


_CELLS = [(table, column) for table, columns in _TABLE_COLUMNS.items() for column in columns if column != "idx"]


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
        elif isinstance(old, str):
            new = data.draw(st.text(alphabet="abcdef0123456789-/", max_size=12).filter(lambda text: text != old))
        else:
            new = data.draw(st.integers(-3, 2**40).filter(lambda number: number != old))
        try:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE idx = ?", (new, index))
        except sqlite3.IntegrityError:
            return  # an event id that another entry has
        found = evidence.verdict(connection)
    assert index in named(found)


@settings(max_examples=40, deadline=None)
@given(dropped=st.sets(st.integers(0, _ENTRIES - 1), min_size=1), payloads=st.booleans())
def test_every_dropped_row_is_named(evidence: Evidence, dropped: set[int], payloads: bool) -> None:
    with evidence.opened() as connection:
        for index in dropped:
            connection.execute("DELETE FROM events WHERE idx = ?", (index,))
            if payloads:
                connection.execute("DELETE FROM payloads WHERE idx = ?", (index,))
        found = evidence.verdict(connection)
    assert dropped <= named(found)


@settings(max_examples=40, deadline=None)
@given(pair=st.sets(st.integers(0, _ENTRIES - 1), min_size=2, max_size=2), whole=st.booleans())
def test_swapped_rows_are_found(evidence: Evidence, pair: set[int], whole: bool) -> None:
    one, two = sorted(pair)
    columns = [*COLUMNS, "event", *(["leaf", "head"] if whole else [])]
    with evidence.opened() as connection:
        rows = [
            connection.execute(f"SELECT {', '.join(columns)} FROM events WHERE idx = ?", (i,)).fetchone()
            for i in (one, two)
        ]
        for index in (one, two):
            connection.execute("UPDATE events SET event_id = ? WHERE idx = ?", (f"free-{index}", index))
        for index, row in ((one, rows[1]), (two, rows[0])):
            marks = ", ".join(f"{column} = ?" for column in columns)
            connection.execute(f"UPDATE events SET {marks} WHERE idx = ?", (*row, index))
        connection.execute("UPDATE payloads SET idx = CASE idx WHEN ? THEN -1 WHEN ? THEN -2 ELSE idx END", (one, two))
        connection.execute("UPDATE payloads SET idx = CASE idx WHEN -1 THEN ? WHEN -2 THEN ? ELSE idx END", (two, one))
        found = evidence.verdict(connection)
    assert named(found) & {one, one + 1}


@settings(max_examples=30, deadline=None)
@given(index=st.integers(0, _ENTRIES - 1), drop_rest=st.booleans())
def test_a_forger_who_recomputes_the_whole_chain_fails_at_the_signature(
    evidence: Evidence, index: int, drop_rest: bool
) -> None:
    with evidence.opened() as connection:
        rewrite(connection, index, drop_rest=drop_rest)
        assert not evidence.verdict(connection).ok


def test_an_entry_after_the_signed_end_is_found(evidence: Evidence) -> None:
    with evidence.opened() as connection:
        event, head = connection.execute("SELECT event, head FROM events ORDER BY idx DESC LIMIT 1").fetchone()
        forged = event.replace(b"resp-99", b"resp-77")
        leaf = leaf_hash(forged, None)
        marks = ", ".join("?" * (len(COLUMNS) + 4))
        connection.execute(
            f"INSERT INTO events VALUES ({marks})",
            (_ENTRIES, *Columns.of(forged).values(), forged, leaf, next_head(head, leaf)),
        )
        connection.execute("INSERT INTO pending VALUES ('resp-77', 'w')")
        found = evidence.verdict(connection)
    assert named(found) == {_ENTRIES}


def test_a_payload_that_is_not_the_events_own_is_found_even_under_a_good_signature(evidence: Evidence) -> None:
    """What a writer that skips `append`, but has the key, could leave behind."""
    last_completed = _ENTRIES - 2
    with evidence.opened() as connection:
        connection.execute("UPDATE payloads SET data = x'00' WHERE idx = ?", (last_completed,))
        size, head = rewrite(connection, last_completed, drop_rest=False, change=False)
        tip = evidence.signer.sign(LedgerTip(size=size, head=digest_text(head))).to_json().decode()
        connection.execute("UPDATE tip SET signed = ?", (tip,))
        found = evidence.verdict(connection)
    assert [(problem.index, "payload" in problem.what) for problem in found.problems] == [(last_completed, True)]


@settings(max_examples=10, deadline=None)
@given(index=st.integers(0, _ENTRIES - 1))
def test_a_tip_signed_with_another_key_is_refused(evidence: Evidence, index: int, tmp_path_factory: Any) -> None:
    other = Signer.load_or_create(tmp_path_factory.mktemp("other") / "other.key")
    with evidence.opened() as connection:
        size, head = rewrite(connection, index, drop_rest=False)
        tip = other.sign(LedgerTip(size=size, head=digest_text(head))).to_json().decode()
        connection.execute("UPDATE tip SET signed = ?", (tip,))
        found = evidence.verdict(connection)
    assert {problem.what for problem in found.problems} == {"the signature of the tip does not verify"}


def rewrite(connection: sqlite3.Connection, index: int, *, drop_rest: bool, change: bool = True) -> tuple[int, bytes]:
    """Changes the tenant or outcome of one entry, with columns, leaf and every head after it made to fit."""
    if drop_rest:
        connection.execute("DELETE FROM events WHERE idx > ?", (index,))
        connection.execute("DELETE FROM payloads WHERE idx > ?", (index,))
        under_way = "SELECT response_id FROM events GROUP BY response_id HAVING count(*) = 1"
        connection.execute(f"INSERT OR IGNORE INTO pending SELECT response_id, 'w' FROM ({under_way})")
        connection.execute(f"DELETE FROM pending WHERE response_id NOT IN ({under_way})")
    head = leaf_before(connection, index)
    rows = connection.execute(
        "SELECT idx, event, data FROM events LEFT JOIN payloads USING (idx) WHERE idx >= ? ORDER BY idx", (index,)
    ).fetchall()
    for at, event, payload in rows:
        forged = (
            event.replace(b'"acme"', b'"evil"').replace(b'"answered"', b'"blocked"')
            if change and at == index
            else event
        )
        leaf = leaf_hash(forged, payload)
        head = next_head(head, leaf)
        marks = ", ".join(f"{column} = ?" for column in (*COLUMNS, "event", "leaf", "head"))
        connection.execute(
            f"UPDATE events SET {marks} WHERE idx = ?", (*Columns.of(forged).values(), forged, leaf, head, at)
        )
    return int(rows[-1][0]) + 1, head


def leaf_before(connection: sqlite3.Connection, index: int) -> bytes:
    from infra.ledger.chain import GENESIS

    row = connection.execute("SELECT head FROM events WHERE idx = ?", (index - 1,)).fetchone()
    return bytes(row[0]) if row else GENESIS


_ELSEWHERE: dict[str, Callable[[sqlite3.Connection], object]] = {
    "tip dropped": lambda c: c.execute("DELETE FROM tip"),
    "tip changed": lambda c: c.execute("UPDATE tip SET signed = replace(signed, '17', '16')"),
    "tip not JSON": lambda c: c.execute("UPDATE tip SET signed = 'x'"),
    "everything dropped": lambda c: c.executescript("DELETE FROM events; DELETE FROM payloads; DELETE FROM pending;"),
    "a payload too many": lambda c: c.execute("INSERT INTO payloads VALUES (500, x'00')"),
    "a payload where none belongs": lambda c: c.execute("INSERT INTO payloads VALUES (0, x'00')"),
    "under way, forgotten": lambda c: c.execute("DELETE FROM pending"),
    "under way, made up": lambda c: c.execute("INSERT INTO pending VALUES ('resp-1', 'writer-1')"),
    "an index added": lambda c: c.execute("CREATE INDEX more ON events (tenant)"),
    "a negative index": lambda c: c.execute("UPDATE events SET idx = -1 WHERE idx = 0"),
}


@pytest.mark.parametrize("tamper", _ELSEWHERE.values(), ids=_ELSEWHERE.keys())
def test_what_lies_beside_the_entries_is_checked_too(
    evidence: Evidence, tamper: Callable[[sqlite3.Connection], object]
) -> None:
    with evidence.opened() as connection:
        tamper(connection)
        assert not evidence.verdict(connection).ok


def test_missing_triggers_are_found(evidence: Evidence) -> None:
    with evidence.opened() as connection:
        found = check(connection, evidence.key)
    assert [problem.index for problem in found.problems] == [None]
    assert "triggers" in found.problems[0].what
