"""Expiry of what lies in the archive: recorded first, then taken out of the segments' files.

A run that was cut off in between leaves entries there of which the record says that they expired: `sluice audit verify`
names them, and the next run takes them out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from infra.errors import StoreError
from infra.ledger.archive.archived import Segment
from infra.ledger.archive.segment import Row, SegmentFile, encode
from infra.ledger.expiry import ExpiryRule, Gone, Step, expired_events, find_old_archived
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.walk import expired_ranges

_TRIES = 5
_CHUNK = 500
_COULD_KEEP = ("hold.placed", "feedback.given")
"""What may have come while it was chosen, and keeps something from expiring."""

Forgetter = Callable[[Sequence[Gone]], object]


def expire_segment(ledger: Ledger, rule: ExpiryRule, segment: Segment, *, dry: bool) -> Step:
    """Chooses what may expire of a segment and records it; with `dry` it only chooses. Raises StoreError."""
    for _ in range(_TRIES):
        with ledger.view() as view:
            step = find_old_archived(view, rule, segment.first, segment.until)
            (seen,) = view.connection.execute("SELECT max(idx) + 1 FROM events").fetchone()
        if dry or not step.indices:
            return step
        if ledger.record_unless(_COULD_KEEP, int(seen), expired_events(rule, step.indices)):
            return step
    raise StoreError("holds or feedback came again and again while entries were chosen", cure="run the command again")


def take_out(ledger: Ledger, forgetters: Sequence[Forgetter]) -> int:
    """Takes out of the archive's files what the record says has expired; returns how many entries. Raises StoreError.

    Each forgetter is handed it before, to remove what it keeps beside it.
    """
    with ledger.view() as view:
        segments = view.archived.segments
        ranges = expired_ranges(view.connection)
        present = AuditFilter(limit=0)
        left = [int(index) for (index,) in view.archived_rows(["idx"], present)] if ranges else []
    expired = [index for first, until in ranges for index in left[bisect_left(left, first) : bisect_left(left, until)]]
    for segment in segments:
        here = expired[bisect_left(expired, segment.first) : bisect_left(expired, segment.until)]
        if here:
            _rewrite(ledger, segment, here, forgetters)
    return len(expired)


def _rewrite(ledger: Ledger, segment: Segment, indices: list[int], forgetters: Sequence[Forgetter]) -> None:
    with ledger.archive.file(segment) as file:
        for start in range(0, len(indices), _CHUNK):
            rows = file.rows(indices[start : start + _CHUNK])
            gone = [Gone(row.idx, row.entry, row.payload) for row in rows if row.entry is not None]
            for forget in forgetters:
                forget(gone)
        data = encode(_without(file, segment, frozenset(indices)))
    ledger.archive.place.write(segment.name, data)


def _without(file: SegmentFile, segment: Segment, indices: frozenset[int]) -> Iterator[Row]:
    for stored in file.stored(segment.first, segment.until):
        row = stored.row
        yield Row(row.idx, None) if row.idx in indices else row
