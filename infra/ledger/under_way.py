"""The requests under way: who answers them, so that what a dead writer left open is closed as interrupted."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from infra.contracts.audit import AuditEvent
from infra.contracts.request_events import RequestAdmitted, RequestEnd
from infra.errors import StoreError
from infra.ledger.record import Record, interrupted, read_event
from infra.ledger.stored_tree import CHANGED
from infra.ledger.writers import Writer, alive, forget


@dataclass(frozen=True)
class Lost:
    """What dead writers left: their names, and how each of their requests ended."""

    writers: tuple[str, ...]
    ends: tuple[Record, ...]


class UnderWay:
    """The list of them, kept by one writer of the ledger among others. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Writer | None = None
        self._lock = threading.Lock()

    def follow(self, connection: sqlite3.Connection, event: AuditEvent) -> None:
        """Takes note of an event that is being written."""
        if isinstance(event, RequestAdmitted):
            connection.execute(
                "INSERT OR REPLACE INTO pending (response_id, writer) SELECT ?1, ?2 WHERE NOT EXISTS "
                "(SELECT 1 FROM events WHERE response_id = ?1 AND kind = 'request.completed')",
                (event.response_id, self._name()),
            )
        elif isinstance(event, RequestEnd):
            connection.execute("DELETE FROM pending WHERE response_id = ?", (event.response_id,))

    def lost(self, connection: sqlite3.Connection) -> Lost:
        """What writers that are gone left open. Those that still run, here or elsewhere, are left alone."""
        names = [str(row[0]) for row in connection.execute("SELECT DISTINCT writer FROM pending")]
        dead = tuple(name for name in names if not alive(self._folder, name))
        ends = [
            Record.of(_interrupted(connection, response_id), None)
            for name in dead
            for (response_id,) in connection.execute(
                "SELECT response_id FROM pending WHERE writer = ?", (name,)
            ).fetchall()
        ]
        return Lost(dead, tuple(ends))

    def forget(self, lost: Lost) -> None:
        """Removes the marks of dead writers, once their requests are closed."""
        for name in lost.writers:
            forget(self._folder, name)

    def close(self) -> None:
        """Ends this writer: what it left open may be closed as interrupted from now on."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _name(self) -> str:
        with self._lock:
            if self._writer is None or not self._writer.ours:
                self._writer = Writer(self._folder)
            return self._writer.name


def _interrupted(connection: sqlite3.Connection, response_id: str) -> AuditEvent:
    row = connection.execute(
        "SELECT CAST(event AS BLOB) FROM events WHERE response_id = ? AND kind = 'request.admitted'", (response_id,)
    ).fetchone()
    admitted = read_event(bytes(row[0])) if row else None
    if not isinstance(admitted, RequestAdmitted):
        raise StoreError("the list of requests under way names one that was never admitted", cure=CHANGED)
    return interrupted(admitted)
