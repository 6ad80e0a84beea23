"""Ledger: the append-only record of every request and every lifecycle step, as a hash chain in SQLite.

What `append` returned for is on disk and stays.
MUST: several threads and processes append at once; an event id is written once; an event is durable before anybody
knows its index. MUST NOT: change or drop an entry; extend a chain whose end is not the signed one.

Life of an event: canonical bytes -> leaf (covers event and payload) -> head (covers all before) -> signed tip ->
commit -> index.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infra.contracts.audit import AuditEvent, RequestAdmitted, RequestCompleted
from infra.contracts.signed import Signed
from infra.digest import Digest, sha256
from infra.errors import BadInput, Refused, StoreError
from infra.home import Home
from infra.ledger.chain import (
    COLUMNS,
    GENESIS,
    LedgerTip,
    digest_text,
    leaf_hash,
    next_head,
    read_event,
    sealed_digest,
)
from infra.ledger.check import LedgerCheck, check
from infra.ledger.query import AuditFilter, Entry, where
from infra.ledger.record import Record, interrupted
from infra.ledger.schema import SCHEMA, VERSION
from infra.ledger.writers import Writer, alive, forget
from infra.signing import Signer
from infra.stores.sqlite import Database
from infra.stores.trust import installation_key, installation_signer

_INSERT = f"INSERT INTO events (idx, {', '.join(COLUMNS)}, event, leaf, head) VALUES (?{', ?' * (len(COLUMNS) + 3)})"  # noqa: S608
_CHANGED = "sluice audit verify (it names the entry), then restore the ledger from a backup"


@dataclass(frozen=True)
class _KnownTip:
    """The last durable tip that verified, as stored and as read: most appends follow our own and need no new check."""

    signed: str
    tip: LedgerTip


@dataclass(frozen=True)
class _Written:
    """What a transaction wrote, not yet durable."""

    indices: tuple[int, ...]
    tip: _KnownTip


class Ledger:
    """One home's ledger. Thread-safe; any number of processes may have it open."""

    def __init__(self, home: Home, signer: Signer) -> None:
        self._database = Database(home.ledger, SCHEMA, VERSION)
        self._signer = signer
        self._key = installation_key(home)
        self._writers = home.ledger.parent / "writers"
        self._writer: Writer | None = None
        self._writer_lock = threading.Lock()
        self._known_tip = _KnownTip("", LedgerTip(size=0, head=digest_text(GENESIS)))

    @classmethod
    def open(cls, home: Home) -> Ledger:
        """Opens the ledger, or makes an empty one. Raises StoreError."""
        home.folder(home.ledger.parent)
        return cls(home, installation_signer(home))

    def append(self, event: AuditEvent, *, payload: bytes | None = None) -> int:
        """Writes an event and returns its index; durable when it returns.

        `payload` is the sealed bytes that the event's `sealed` names. The same event twice returns the first index.
        Raises StoreError when it could not be written, when the id was used for another event, or when the chain's end
        was changed from outside; BadInput when the payload is not the one that the event names.
        """
        return self.append_many([(event, payload)])[0]

    def append_many(self, items: Iterable[tuple[AuditEvent, bytes | None]]) -> tuple[int, ...]:
        """Writes events with their payloads in one durable transaction: all of them or none."""
        records = [Record.of(event, payload) for event, payload in items]
        with self._database.writing() as connection:
            written = self._write(connection, records)
        self._known_tip = written.tip
        return written.indices

    def get(self, event_id: str) -> Entry | None:
        """One entry by its event's id."""
        found = self._select("event_id = ?", (event_id,), 1)
        return found[0] if found else None

    def of_response(self, response_id: str) -> tuple[Entry, ...]:
        """Everything recorded of one request, in order."""
        return self.query(AuditFilter(response_id=response_id, limit=1_000)) if response_id else ()

    def query(self, wanted: AuditFilter) -> tuple[Entry, ...]:
        """The newest entries that match, in the ledger's order. Raises StoreError when one of them is no event."""
        condition = where(wanted)
        return self._select(condition.sql, condition.values, wanted.limit)

    def intact(self, entry: Entry) -> bool:
        """Whether an entry, its payload and its link to the one before are as they were written."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT event, leaf, head, data FROM events LEFT JOIN payloads USING (idx) WHERE idx = ?",
                (entry.index,),
            ).fetchone()
            before = connection.execute("SELECT head FROM events WHERE idx = ?", (entry.index - 1,)).fetchone()
        if row is None or (before is None and entry.index > 0):
            return False
        event, leaf, head, payload = row
        return bool(
            event == entry.event.to_json()
            and leaf == leaf_hash(event, payload)
            and head == next_head(before[0] if before else GENESIS, leaf)
            and sealed_digest(entry.event) == (sha256(payload) if payload is not None else None)
        )

    def payload(self, entry: Entry) -> bytes | None:
        """The sealed bytes of an entry, or None where it has none. Raises StoreError when they are gone or changed."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT data FROM payloads WHERE idx = ?", (entry.index,)).fetchone()
        data = bytes(row[0]) if row else None
        if sealed_digest(entry.event) != (sha256(data) if data is not None else None):
            raise StoreError(f"the payload of entry {entry.index} is missing or was changed", cure=_CHANGED)
        return data

    def verify(self) -> LedgerCheck:
        """Recomputes every leaf, head, column and payload digest, and checks the signed tip. Stops no writer."""
        with self._database.reading() as connection:
            return check(connection, self._key)

    def end_digest(self) -> Digest | None:
        """What the signature of the ledger's end is over, or None while nothing was recorded. See `verify`."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT signed FROM tip").fetchone()
        return sha256(Signed.from_json(str(row[0]).encode()).payload.encode()) if row else None

    def close_interrupted(self) -> int:
        """Records `interrupted` for every admitted request whose writer ended without completing it.

        Returns how many. Requests of writers that still run, in this process or another, are left alone.
        """
        with self._database.writing() as connection:
            names = [str(row[0]) for row in connection.execute("SELECT DISTINCT writer FROM pending")]
            dead = [name for name in names if not alive(self._writers, name)]
            lost: list[str] = []
            for name in dead:
                lost += [
                    row[0] for row in connection.execute("SELECT response_id FROM pending WHERE writer = ?", (name,))
                ]
            events = [self._interrupted(connection, response_id) for response_id in lost]
            written = self._write(connection, [Record.of(event, None) for event in events])
        self._known_tip = written.tip
        for name in dead:
            forget(self._writers, name)
        return len(lost)

    def close(self) -> None:
        """Ends this writer: what it admitted and never completed may be closed as interrupted from now on."""
        with self._writer_lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        self._database.close()

    def _write(self, connection: sqlite3.Connection, records: Sequence[Record]) -> _Written:
        index, head = self._end(connection)
        start = index
        indices = []
        for record in records:
            known = connection.execute(
                "SELECT idx, leaf FROM events WHERE event_id = ?", (record.columns.event_id,)
            ).fetchone()
            if known is not None:
                if known[1] != record.leaf:
                    raise StoreError(
                        f"another event was written with the id {record.columns.event_id!r}", cure="use a new event id"
                    )
                indices.append(int(known[0]))
                continue
            head = next_head(head, record.leaf)
            connection.execute(_INSERT, (index, *record.columns.values(), record.data, record.leaf, head))
            if record.payload is not None:
                connection.execute("INSERT INTO payloads (idx, data) VALUES (?, ?)", (index, record.payload))
            self._follow(connection, record.event)
            indices.append(index)
            index += 1
        if index == start:
            return _Written(tuple(indices), self._known_tip)
        tip = LedgerTip(size=index, head=digest_text(head))
        signed = self._signer.sign(tip).to_json().decode()
        connection.execute(
            "INSERT INTO tip (one, signed) VALUES (1, ?) ON CONFLICT DO UPDATE SET signed = excluded.signed", (signed,)
        )
        return _Written(tuple(indices), _KnownTip(signed, tip))

    def _end(self, connection: sqlite3.Connection) -> tuple[int, bytes]:
        """Next index and last head, once they are known to be the signed ones: a changed end is never signed anew."""
        row = connection.execute("SELECT idx, head FROM events ORDER BY idx DESC LIMIT 1").fetchone()
        index, head = (int(row[0]) + 1, bytes(row[1])) if row else (0, GENESIS)
        signed = connection.execute("SELECT signed FROM tip").fetchone()
        try:
            if self._tip(str(signed[0]) if signed else "") == LedgerTip(size=index, head=digest_text(head)):
                return index, head
        except (Refused, ValueError):
            pass
        raise StoreError("the end of the ledger was changed from outside; nothing was recorded", cure=_CHANGED)

    def _tip(self, signed: str) -> LedgerTip:
        known = self._known_tip
        if known.signed == signed:
            return known.tip
        tip = self._key.open(Signed.from_json(signed.encode()), LedgerTip)
        if tip.size < known.tip.size:
            raise Refused("the ledger is shorter than it was", cure=_CHANGED)
        self._known_tip = _KnownTip(signed, tip)
        return tip

    def _follow(self, connection: sqlite3.Connection, event: AuditEvent) -> None:
        """Keeps the list of requests under way, so that a crash leaves their names and whose they were."""
        if isinstance(event, RequestAdmitted):
            connection.execute(
                "INSERT OR REPLACE INTO pending (response_id, writer) SELECT ?1, ?2 WHERE NOT EXISTS "
                "(SELECT 1 FROM events WHERE response_id = ?1 AND kind = 'request.completed')",
                (event.response_id, self._name()),
            )
        elif isinstance(event, RequestCompleted):
            connection.execute("DELETE FROM pending WHERE response_id = ?", (event.response_id,))

    def _name(self) -> str:
        with self._writer_lock:
            if self._writer is None or not self._writer.ours:
                self._writer = Writer(self._writers)
            return self._writer.name

    def _interrupted(self, connection: sqlite3.Connection, response_id: str) -> RequestCompleted:
        row = connection.execute(
            "SELECT event FROM events WHERE response_id = ? AND kind = 'request.admitted'", (response_id,)
        ).fetchone()
        if row is None:
            raise StoreError("the list of requests under way names one that was never admitted", cure=_CHANGED)
        return interrupted(bytes(row[0]))

    def _select(self, condition: str, values: tuple[str | int, ...], limit: int) -> tuple[Entry, ...]:
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT idx, event, leaf, head FROM events WHERE {condition} ORDER BY idx DESC LIMIT ?",  # noqa: S608
                (*values, limit),
            ).fetchall()
        return tuple(_entry(*row) for row in reversed(rows))


def _entry(index: int, event: bytes, leaf: bytes, head: bytes) -> Entry:
    try:
        return Entry(index, read_event(event), digest_text(leaf), digest_text(head))
    except BadInput:
        raise StoreError(f"entry {index} of the ledger was changed", cure=_CHANGED) from None
