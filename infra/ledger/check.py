"""Checks a whole ledger in bounded memory.

Every leaf, head, column and payload; the signed tip; the list of requests under way; the triggers that forbid changes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from infra.contracts.audit import AuditEvent
from infra.contracts.signed import Signed
from infra.digest import Digest, sha256
from infra.errors import BadInput, Refused
from infra.ledger.chain import (
    COLUMNS,
    GENESIS,
    Columns,
    LedgerTip,
    digest_text,
    leaf_hash,
    next_head,
    read_event,
    sealed_digest,
)
from infra.ledger.schema import SCHEMA
from infra.signing import Verifier

_MOST = 100
"""How many problems are listed; all are counted."""

_UNDER_WAY = """SELECT response_id FROM events WHERE kind = 'request.admitted'
    EXCEPT SELECT response_id FROM events WHERE kind = 'request.completed'"""


@dataclass(frozen=True)
class LedgerProblem:
    """One thing that is not as it was written. `index` is None where it concerns the ledger as a whole."""

    index: int | None
    what: str


@dataclass(frozen=True)
class LedgerCheck:
    """What a verification found. `problems` holds the first 100 of `problem_count`, in the ledger's order."""

    events: int
    head: Digest
    """The head recomputed from the entries that are there."""
    key_id: str
    """The present installation key; the tip was checked against it, or against one that it replaced."""
    problems: tuple[LedgerProblem, ...]
    problem_count: int

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return self.problem_count == 0


def check(connection: sqlite3.Connection, key: Verifier) -> LedgerCheck:
    """Recomputes everything within the connection's transaction. Raises sqlite3.Error when the file cannot be read."""
    found: list[LedgerProblem] = []
    count = 0
    chain = _Chain()
    for part in (chain.entries(connection), chain.ending(connection, key), _stray(connection), _triggers(connection)):
        for problem in part:
            count += 1
            if len(found) < _MOST:
                found.append(problem)
    return LedgerCheck(chain.count, digest_text(chain.head), key.key_id, tuple(found), count)


class _Chain:
    """One pass over the entries."""

    def __init__(self) -> None:
        self.count = 0
        self.head = GENESIS

    def entries(self, connection: sqlite3.Connection) -> Iterator[LedgerProblem]:
        names = ", ".join(f"events.{name}" for name in COLUMNS)
        rows = connection.execute(
            f"SELECT events.idx, event, leaf, head, data, {names} FROM events "  # noqa: S608
            "LEFT JOIN payloads USING (idx) ORDER BY events.idx"
        )
        for index, event, leaf, head, payload, *columns in rows:
            for missing in range(self.count, min(index, self.count + _MOST)):
                yield LedgerProblem(missing, "the entry is missing")
            for what in _entry(event, leaf, payload, tuple(columns)):
                yield LedgerProblem(index, what)
            expected = next_head(self.head, leaf if isinstance(leaf, bytes) else b"")
            if head != expected:
                yield LedgerProblem(index, "the head does not follow from the entries before")
            # Going on from the stored head names the entry that was changed, and not all that come after it.
            self.head = head if isinstance(head, bytes) else expected
            self.count = index + 1

    def ending(self, connection: sqlite3.Connection, key: Verifier) -> Iterator[LedgerProblem]:
        row = connection.execute("SELECT signed FROM tip").fetchone()
        if row is None:
            if self.count:
                yield LedgerProblem(None, "the signed tip is missing")
            return
        try:
            tip = key.open(Signed.from_json(str(row[0]).encode()), LedgerTip)
        except (Refused, ValueError):
            yield LedgerProblem(None, "the signature of the tip does not verify")
            return
        for missing in range(self.count, min(tip.size, self.count + _MOST)):
            yield LedgerProblem(missing, "the entry is missing")
        if tip.size < self.count:
            yield LedgerProblem(tip.size, "the entry stands after the signed end")
        elif tip.size == self.count and tip.head != digest_text(self.head):
            yield LedgerProblem(None, "the last head is not the signed one")


def _entry(event: object, leaf: object, payload: object, columns: tuple[object, ...]) -> Iterator[str]:
    if not isinstance(event, bytes) or not isinstance(payload, bytes | None):
        yield "the event or its payload is not bytes"
        return
    if leaf != leaf_hash(event, payload):
        yield "the event or its payload is not what the leaf covers"
    parsed: AuditEvent | None = None
    try:
        if Columns.of(event).values() != columns:
            yield "the query columns are not those of the event"
        parsed = read_event(event)
    except BadInput:
        yield "the event cannot be read"
    if parsed is not None and sealed_digest(parsed) != (sha256(payload) if payload is not None else None):
        yield "the payload is missing, or is not the one that the event names"


def _stray(connection: sqlite3.Connection) -> Iterator[LedgerProblem]:
    for (index,) in connection.execute("SELECT idx FROM payloads EXCEPT SELECT idx FROM events"):
        yield LedgerProblem(index, "a payload has no entry")
    for (_,) in connection.execute(f"SELECT response_id FROM pending EXCEPT SELECT * FROM ({_UNDER_WAY})"):  # noqa: S608
        yield LedgerProblem(None, "the list of requests under way names one that is not")
    for (_,) in connection.execute(f"SELECT * FROM ({_UNDER_WAY}) EXCEPT SELECT response_id FROM pending"):  # noqa: S608
        yield LedgerProblem(None, "a request under way is missing from the list of those")


def _triggers(connection: sqlite3.Connection) -> Iterator[LedgerProblem]:
    if _objects(connection) != _expected():
        yield LedgerProblem(None, "the tables or the triggers that forbid changes are not as Sluice made them")


def _objects(connection: sqlite3.Connection) -> frozenset[tuple[str, str, str | None]]:
    return frozenset(connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall())


@lru_cache(maxsize=1)
def _expected() -> frozenset[tuple[str, str, str | None]]:
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(SCHEMA)
        return _objects(connection)
    finally:
        connection.close()
