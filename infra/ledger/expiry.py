"""What has been kept long enough: chosen, taken away and named by an event, within one transaction of the ledger.

A request expires as a whole: what was recorded of it and what callers said of its answer, once the youngest of that is
old enough. What is under way stays, and so does what a hold covers. The leaves stay in any case, and the tree with
them. Lifecycle events never expire.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.contracts.base import now, utc_text
from infra.contracts.ids import new_id
from infra.contracts.record_events import EntriesExpired, IndexRange
from infra.ledger.archive.segment import KINDS
from infra.ledger.holds import Hold, holds_within
from infra.ledger.query import AuditFilter
from infra.ledger.tree import TILE, ranges_of
from infra.ledger.view import View
from infra.stores.connection import Connection
from infra.stores.insert import portions

EVENT_CLASS = "request"
OVERTAKING = ("hold.placed", "feedback.given", "entries.expired", "segment.archived")
"""What may be recorded while entries are chosen, and makes it another choice."""
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
class Recorded:
    """What decides about an entry."""

    index: int
    kind: str
    at: datetime
    response_id: str
    subject: str
    archived: bool = False

    @classmethod
    def of(cls, row: Sequence[Any], *, archived: bool) -> Recorded:
        """From its columns (_COLUMNS)."""
        at = datetime.fromisoformat(row[2])
        return cls(int(row[0]), str(row[1]), at, str(row[3] or ""), str(row[4] or ""), archived)


_COLUMNS = ("idx", "kind", "at", "response_id", "subject")


def end_of_old(connection: Connection, rule: ExpiryRule) -> int:
    """No entry from this index on is old enough: whole tiles know their times."""
    before = utc_text(rule.before)
    (size,) = connection.execute("SELECT coalesce(max(idx) + 1, 0) FROM events").fetchone()
    row = connection.execute(
        "SELECT coalesce(max(CASE WHEN first_at < ? THEN number END) + 1, 0), coalesce(max(number) + 1, 0) "
        "FROM tiles WHERE level = 1",
        (before,),
    ).fetchone()
    young_from, whole = int(row[0]) * TILE, int(row[1]) * TILE
    return young_from if young_from < whole else int(size)


def find_old(view: View, rule: ExpiryRule, first: int, *, most: int = MOST) -> Step:
    """What may expire of the entries of the tables from an index on, and with them of later ones. Changes nothing."""
    rows = _rows(view.connection, "idx >= ? AND idx < ?", (first, first + _WINDOW))
    chosen: list[int] = []
    held: dict[str, int] = {}
    for group, hold in _old_requests(view, rule, rows):
        if hold is not None:
            here = [row for row in group if first <= row.index < first + _WINDOW]  # each is counted once
            held[hold.id] = held.get(hold.id, 0) + len(here)
            continue
        ours = [row for row in group if not row.archived]  # the others go with their segment
        fitting = ours[: most - len(chosen)]
        chosen += [row.index for row in fitting]
        if len(fitting) < len(ours):
            # Once more over the same indices: what has expired by then is not found again.
            return Step(first, first, tuple(sorted(chosen)))
    return Step(first, first + _WINDOW, tuple(sorted(chosen)), tuple(sorted(held.items())))


def find_old_archived(view: View, rule: ExpiryRule, first: int, until: int) -> Step:
    """What may expire of the entries of one segment of the archive. Changes nothing."""
    bounds = AuditFilter(from_index=first, before_index=until)
    rows = [Recorded.of(row, archived=True) for row in view.archived_rows(_COLUMNS, bounds)]
    chosen: list[int] = []
    held = Counter[str]()
    for group, hold in _old_requests(view, rule, rows):
        here = [row.index for row in group if row.archived and first <= row.index < until]
        if hold is not None:
            held[hold.id] += len(here)
        else:
            chosen += here
    return Step(first, until, tuple(sorted(chosen)), tuple(sorted(held.items())))


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


def expired_events(rule: ExpiryRule, indices: Sequence[int]) -> Iterator[EntriesExpired]:
    """The events that name what expired: one for each thousand ranges."""
    ranges = ranges_of(list(indices))
    for start in range(0, len(ranges), MOST):
        yield EntriesExpired(
            event_id=new_id("expired"),
            at=now(),
            pipeline="",
            ranges=tuple(IndexRange(first=first, until=until) for first, until in ranges[start : start + MOST]),
            event_class=EVENT_CLASS,
            retention_days=rule.days,
            reason=rule.reason,
        )


def _old_requests(
    view: View, rule: ExpiryRule, rows: Sequence[Recorded]
) -> Iterator[tuple[list[Recorded], Hold | None]]:
    """The requests of which these are entries, each whole, that are over and old; and the hold that covers each."""
    before = [row for row in rows if row.kind in KINDS and row.at < rule.before]
    if not before:
        return
    under_way = _under_way(view.connection, [row.response_id for row in before])
    holds = holds_within(view.connection)
    for group in _groups(view, before):
        if max(row.at for row in group) < rule.before and group[0].response_id not in under_way:
            yield group, _cover(group, holds)


def _groups(view: View, rows: Sequence[Recorded]) -> Iterator[list[Recorded]]:
    """The entries with everything else that was recorded of the same requests."""
    related: dict[str, list[Recorded]] = {}
    ids = list(dict.fromkeys(row.response_id for row in rows if row.response_id))
    for part in portions(ids):
        marks = ",".join("?" * len(part))
        for row in _rows(view.connection, f"response_id IN ({marks})", part):
            related.setdefault(row.response_id, []).append(row)
    for columns in view.archived_rows(_COLUMNS, AuditFilter(), ids):
        row = Recorded.of(columns, archived=True)
        related.setdefault(row.response_id, []).append(row)
    for one in ids:
        yield sorted(related[one], key=lambda row: (row.kind != _LAST, row.index))
    yield from ([row] for row in rows if not row.response_id)


def _rows(connection: Connection, condition: str, values: Sequence[str | int]) -> list[Recorded]:
    found = connection.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM events WHERE {condition} AND entry IS NOT NULL ORDER BY idx",  # noqa: S608
        values,
    ).fetchall()
    return [Recorded.of(row, archived=False) for row in found]


def _under_way(connection: Connection, ids: Sequence[str]) -> frozenset[str]:
    found: set[str] = set()
    for part in portions(ids):
        marks = ",".join("?" * len(part))
        rows = connection.execute(f"SELECT response_id FROM pending WHERE response_id IN ({marks})", part)  # noqa: S608
        found |= {str(row[0]) for row in rows.fetchall()}
    return frozenset(found)


def _cover(group: Sequence[Recorded], holds: Sequence[Hold]) -> Hold | None:
    subjects = {row.subject for row in group}
    times = [row.at for row in group]
    covering: Iterator[Hold] = (hold for hold in holds if hold.covers_entries(subjects, times))
    return next(covering, None)
