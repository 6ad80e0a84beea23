"""What has been kept long enough: chosen, taken away and named by an event, within one transaction of the ledger.

A request expires as a whole: what was recorded of it and what callers said of its answer, once the youngest of that is
old enough. What is under way stays, and so does what a hold covers. The leaves stay in any case, and the tree with
them. Lifecycle events never expire.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.record_events import EntriesExpired, IndexRange
from infra.ledger.holds import Hold, holds_within
from infra.ledger.tree import TILE, ranges_of
from infra.stores.connection import Connection

EVENT_CLASS = "request"
_KINDS = frozenset({"request.admitted", "request.completed", "request.refused", "feedback.given"})
_LAST = "feedback.given"
"""Goes first where not all of a request fits into one step: nothing of it is needed to understand the rest."""
_WINDOW = 500
"""Indices that are looked through in one step."""
MOST = 1_000
"""Entries that expire in one step at most: each may be a range of its own, and all ranges stand in one entry."""


@dataclass(frozen=True)
class ExpiryRule:
    """How long requests are kept, and why for so short a time where that is below the floor."""

    days: int
    reason: str
    before: datetime
    """What is not older than this stays."""


@dataclass(frozen=True)
class Gone:
    """An entry that expired, as it was, for whoever keeps something beside it."""

    index: int
    entry: bytes
    payload: bytes | None


@dataclass(frozen=True)
class Step:
    """What one step over the indices from `first` on found; the next one goes on at `following`."""

    first: int
    following: int
    indices: tuple[int, ...]
    held: tuple[tuple[str, int], ...] = ()
    """How many old entries stay, by the id of the hold that covers them."""
    gone: tuple[Gone, ...] = ()
    """What was taken away; nothing where it was only looked for."""


@dataclass(frozen=True)
class _Row:
    index: int
    kind: str
    at: datetime
    response_id: str
    subject: str


def end_of_old(connection: Connection, rule: ExpiryRule) -> int:
    """No entry from this index on is old enough: whole tiles know their times."""
    before = _text(rule.before)
    (size,) = connection.execute("SELECT coalesce(max(idx) + 1, 0) FROM events").fetchone()
    row = connection.execute(
        "SELECT coalesce(max(CASE WHEN first_at < ? THEN number END) + 1, 0), coalesce(max(number) + 1, 0) "
        "FROM tiles WHERE level = 1",
        (before,),
    ).fetchone()
    young_from, whole = int(row[0]) * TILE, int(row[1]) * TILE
    return young_from if young_from < whole else int(size)


def find_old(connection: Connection, rule: ExpiryRule, first: int, *, most: int = MOST) -> Step:
    """What may expire of the entries from an index on, and with them of later ones. Changes nothing."""
    rows = _rows(connection, "idx >= ? AND idx < ?", (first, first + _WINDOW))
    before = [row for row in rows if row.kind in _KINDS and row.at < rule.before]
    groups = _groups(connection, before)
    under_way = _under_way(connection, [row.response_id for row in before])
    holds = holds_within(connection) if groups else ()
    chosen: list[int] = []
    held: dict[str, int] = {}
    for group in groups:
        if max(row.at for row in group) >= rule.before or group[0].response_id in under_way:
            continue
        if cover := _cover(group, holds):
            here = [row for row in group if first <= row.index < first + _WINDOW]  # each is counted once
            held[cover.id] = held.get(cover.id, 0) + len(here)
            continue
        fitting = group[: most - len(chosen)]
        chosen += [row.index for row in fitting]
        if len(fitting) < len(group):
            # Once more over the same indices: what has expired by then is not found again.
            return Step(first, first, tuple(sorted(chosen)))
    return Step(first, first + _WINDOW, tuple(sorted(chosen)), tuple(sorted(held.items())))


def take_away(connection: Connection, indices: Sequence[int]) -> tuple[Gone, ...]:
    """Removes the bytes of entries and everything beside them. Their expiry must be recorded in the same transaction.

    SQLite overwrites them; of PostgreSQL's files they go with the server's next VACUUM.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA secure_delete=ON")
    gone: list[Gone] = []
    for first, until in ranges_of(list(indices)):
        for index, entry, payload in connection.execute(
            "SELECT events.idx, entry, data FROM events LEFT JOIN payloads USING (idx) "
            "WHERE events.idx >= ? AND events.idx < ? ORDER BY events.idx",
            (first, until),
        ).fetchall():
            gone.append(Gone(int(index), bytes(entry), None if payload is None else bytes(payload)))
        connection.execute("UPDATE events SET entry = NULL WHERE idx >= ? AND idx < ?", (first, until))
        for table in ("payloads", "fired"):
            connection.execute(f"DELETE FROM {table} WHERE idx >= ? AND idx < ?", (first, until))  # noqa: S608
    return tuple(gone)


def expired_event(rule: ExpiryRule, indices: Sequence[int]) -> EntriesExpired:
    """The event that names what expired."""
    return EntriesExpired(
        event_id=new_id("expired"),
        at=now(),
        pipeline="",
        ranges=tuple(IndexRange(first=first, until=until) for first, until in ranges_of(list(indices))),
        event_class=EVENT_CLASS,
        retention_days=rule.days,
        reason=rule.reason,
    )


def _groups(connection: Connection, rows: Sequence[_Row]) -> list[list[_Row]]:
    """The entries with everything else that was recorded of the same requests."""
    related: dict[str, list[_Row]] = {}
    ids = list(dict.fromkeys(row.response_id for row in rows if row.response_id))
    if ids:
        marks = ",".join("?" * len(ids))
        for row in _rows(connection, f"response_id IN ({marks})", ids):
            related.setdefault(row.response_id, []).append(row)
    groups = [sorted(related[one], key=lambda row: (row.kind != _LAST, row.index)) for one in ids]
    return groups + [[row] for row in rows if not row.response_id]


def _rows(connection: Connection, condition: str, values: Sequence[str | int]) -> list[_Row]:
    found = connection.execute(
        "SELECT idx, kind, at, coalesce(response_id, ''), coalesce(subject, '') FROM events "  # noqa: S608
        f"WHERE {condition} AND entry IS NOT NULL ORDER BY idx",
        values,
    ).fetchall()
    return [_Row(int(row[0]), str(row[1]), datetime.fromisoformat(row[2]), str(row[3]), str(row[4])) for row in found]


def _under_way(connection: Connection, ids: Sequence[str]) -> frozenset[str]:
    if not ids:
        return frozenset()
    marks = ",".join("?" * len(ids))
    rows = connection.execute(f"SELECT response_id FROM pending WHERE response_id IN ({marks})", ids)  # noqa: S608
    return frozenset(str(row[0]) for row in rows)


def _cover(group: Sequence[_Row], holds: Sequence[Hold]) -> Hold | None:
    subjects = {row.subject for row in group}
    times = [row.at for row in group]
    covering: Iterator[Hold] = (hold for hold in holds if hold.covers_entries(subjects, times))
    return next(covering, None)


def _text(at: datetime) -> str:
    """The form in which events write their time, so that texts compare as times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
