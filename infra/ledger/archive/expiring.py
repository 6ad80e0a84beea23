"""Expiry of what lies in the archive: recorded first, then taken out of the segments' files.

A run that was cut off in between leaves entries there of which the record says that they expired: `sluice audit verify`
names them, and the next run takes them out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from infra.errors import StoreError
from infra.ledger.archive.archived import Segment
from infra.ledger.archive.place import write_checked
from infra.ledger.archive.segment import Row, SegmentFile, encode
from infra.ledger.expiry import OVERTAKING, ExpiryRule, Gone, Step, expired_events, find_old_archived
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.view import View
from infra.ledger.walk import expired_ranges

_TRIES = 50
_CHUNK, _CHUNK_BYTES = 500, 16 * 2**20

Forgetter = Callable[[Sequence[Gone]], object]


def expire_segment(ledger: Ledger, rule: ExpiryRule, segment: Segment, *, dry: bool) -> Step:
    """Chooses what may expire of a segment and records it; with `dry` it only chooses. Raises StoreError."""

    def record(step: Step, seen: int) -> Step | None:
        return step if ledger.record_unless(OVERTAKING, seen, expired_events(rule, step.indices)) else None

    return settled(ledger, lambda view: find_old_archived(view, rule, segment.first, segment.until), record, dry=dry)


def settled(
    ledger: Ledger, find: Callable[[View], Step], record: Callable[[Step, int], Step | None], *, dry: bool
) -> Step:
    """Chooses, and records what was chosen, until nothing overtakes it in between; with `dry` it only chooses.

    Chosen outside of the transaction, since the archive may have to be asked. `record` gets the step and how many
    entries the log had. Raises StoreError.
    """
    for _ in range(_TRIES):
        with ledger.view() as view:
            step = find(view)
            (seen,) = view.connection.execute("SELECT coalesce(max(idx) + 1, 0) FROM events").fetchone()
        if dry or not step.indices:
            return step
        if done := record(step, int(seen)):
            return done
    raise StoreError("holds or feedback came again and again while entries were chosen", cure="run the command again")


def take_out(ledger: Ledger, forgetters: Sequence[Forgetter]) -> int:
    """Takes out of the archive's files what the record says has expired; returns how many entries. Raises StoreError.

    Each forgetter is handed it before, to remove what it keeps beside it.
    """
    with ledger.view() as view:
        segments = view.archived.segments
        ranges = expired_ranges(view.connection)
    count = 0
    for segment in segments if ranges else ():
        with ledger.view() as view:
            here = AuditFilter(from_index=segment.first, before_index=segment.until)
            present = [int(index) for (index,) in view.archived_rows(["idx"], here)]
        expired = _within(present, ranges)
        if expired:
            _rewrite(ledger, segment, expired, forgetters)
        count += len(expired)
    return count


def _within(indices: list[int], ranges: list[tuple[int, int]]) -> list[int]:
    """Those of ascending indices that lie in one of some ascending ranges."""
    begins = [first for first, _ in ranges]
    return [index for index in indices if (at := bisect_right(begins, index)) and index < ranges[at - 1][1]]


def _rewrite(ledger: Ledger, segment: Segment, indices: list[int], forgetters: Sequence[Forgetter]) -> None:
    with ledger.archive.file(segment) as file:
        for gone in _portions(file.rows(indices)):
            for forget in forgetters:
                forget(gone)
        data = encode(_without(file, segment, frozenset(indices)))
    write_checked(ledger.archive.place, segment.name, data)


def _portions(rows: Iterator[Row]) -> Iterator[list[Gone]]:
    gone: list[Gone] = []
    size_bytes = 0
    for row in rows:
        if row.entry is not None:
            gone.append(Gone(row.idx, row.entry, row.payload))
            size_bytes += len(row.entry) + len(row.payload or b"")
        if len(gone) == _CHUNK or size_bytes >= _CHUNK_BYTES:
            yield gone
            gone, size_bytes = [], 0
    if gone:
        yield gone


def _without(file: SegmentFile, segment: Segment, indices: frozenset[int]) -> Iterator[Row]:
    for stored in file.stored(segment.first, segment.until):
        row = stored.row
        yield Row(row.idx, None) if row.idx in indices else row
