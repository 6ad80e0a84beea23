"""The requests under way: who answers them, so that what a dead writer left open is closed as interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.contracts.audit import AuditEvent
from infra.contracts.request_events import RequestAdmitted, RequestEnd
from infra.errors import StoreError
from infra.ledger.record import Record, interrupted, read_event
from infra.ledger.stored_tree import CHANGED
from infra.ledger.writers import Writers
from infra.stores.connection import Connection
from infra.stores.insert import marks, portions


@dataclass(frozen=True)
class Lost:
    """What dead writers left: their names, and how each of their requests ended."""

    writers: tuple[str, ...]
    ends: tuple[Record, ...]


class UnderWay:
    """The list of them, kept by one writer of the ledger among others. Thread-safe."""

    def __init__(self, writers: Writers) -> None:
        self._writers = writers

    def follow(self, connection: Connection, events: Sequence[AuditEvent]) -> None:
        """Takes note of events that were just written, in their order."""
        admitted = [event.response_id for event in events if isinstance(event, RequestAdmitted)]
        writer = self._writers.name() if admitted else ""
        for part in portions(admitted):
            asked = marks(len(part), 2)
            connection.execute(
                f"INSERT INTO pending (response_id, writer) SELECT column1, column2 FROM (VALUES {asked}) AS asked "  # noqa: S608
                "WHERE NOT EXISTS (SELECT 1 FROM events WHERE response_id = column1 AND kind = 'request.completed') "
                "ON CONFLICT (response_id) DO UPDATE SET writer = excluded.writer",
                [value for response_id in part for value in (response_id, writer)],
            )
        for part in portions([event.response_id for event in events if isinstance(event, RequestEnd)]):
            connection.execute(f"DELETE FROM pending WHERE response_id IN ({','.join('?' * len(part))})", part)  # noqa: S608

    def lost(self, connection: Connection) -> Lost:
        """What writers that are gone left open. Those that still run, here or elsewhere, are left alone."""
        names = [str(row[0]) for row in connection.execute("SELECT DISTINCT writer FROM pending")]
        dead = tuple(name for name in names if not self._writers.alive(connection, name))
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
        self._writers.forget(lost.writers)

    def close(self) -> None:
        """Ends this writer: what it left open may be closed as interrupted from now on."""
        self._writers.close()


def _interrupted(connection: Connection, response_id: str) -> AuditEvent:
    row = connection.execute(
        "SELECT entry FROM events WHERE response_id = ? AND kind = 'request.admitted'", (response_id,)
    ).fetchone()
    admitted = read_event(bytes(row[0])) if row else None
    if not isinstance(admitted, RequestAdmitted):
        raise StoreError("the list of requests under way names one that was never admitted", cure=CHANGED)
    return interrupted(admitted)
