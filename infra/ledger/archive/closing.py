"""Closes segments: what is old enough of the log goes into the archive, and then leaves the ledger's own tables.

In this order, so that a crash at any moment loses nothing and leaves a ledger that verifies: the files, read back; the
archive's checkpoint; the event and the row of `segments`, in one transaction; then the rows, some hundred at a time.
What a run left undone the next one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from infra.contracts.base import now, utc_text
from infra.contracts.ids import new_id
from infra.contracts.record_events import SegmentArchived
from infra.digest import sha256
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.archive.archived import Segment
from infra.ledger.archive.place import DamagedFile, write_checked
from infra.ledger.archive.segment import KINDS, MOST_BYTES, MOST_ENTRIES, SEGMENTS, Row, encode, segment_name
from infra.ledger.archive.tiles import CHECKPOINT, read_leaves, write_tiles
from infra.ledger.archive.upkeep import upkeep
from infra.ledger.log import Ledger
from infra.ledger.query import digest_text
from infra.ledger.record import sealed_in
from infra.ledger.stored_tree import CHANGED, LedgerChanged, StoredHashes
from infra.ledger.tree import TILE, Frontier
from infra.ledger.verify import leaf_hash
from infra.ledger.view import View
from infra.stores.connection import Connection
from infra.stores.wal import empty_wal

_WINDOW = 500
"""Indices that are cleared away in one transaction: appends wait for one of them at most."""
_TRIES = 3


@dataclass(frozen=True)
class ClosedSegments:
    """What a run did, or would do."""

    segments: int
    entries: int
    size_bytes: int
    """Of the Parquet files."""
    cleared: int
    """Entries that left the ledger's own tables."""
    place: str


@dataclass(frozen=True)
class _Made:
    segment: Segment
    size_bytes: int
    seen: int
    """The size of the log that it was made of."""


def archive(
    home: Home, ledger: Ledger, before: datetime, *, dry: bool = False, advance: Callable[[int], None] = lambda _: None
) -> ClosedSegments:
    """Closes everything that was recorded before a time, but for requests under way and what came after them.

    `advance` hears of each segment how many entries it has. Raises StoreError, LedgerChanged when an entry is not what
    was signed, Refused while another process does the same.
    """
    place = ledger.archive.place
    if dry:
        first, end = old_part(ledger, before)
        return ClosedSegments(-(-(end - first) // MOST_ENTRIES), end - first, 0, 0, place.address)
    with upkeep(home):
        first, end = old_part(ledger, before)
        with ledger.view() as view:
            present = view.archived.segments
        if present:
            ledger.archive.require(ledger.origin)
        elif first < end:
            ledger.archive.claim(ledger.origin)
        tidy(ledger)
        cleared = clear(ledger)
        if present:
            _sign(ledger, present[-1])
        segments, size_bytes, at = 0, 0, first
        while at < end:
            made = _close(ledger, at, end)
            cleared += _clear(ledger)
            advance(made.segment.until - at)
            segments, size_bytes, at = segments + 1, size_bytes + made.size_bytes, made.segment.until
        if not home.ledger_url:
            empty_wal(home.ledger)  # where readers keep it from that, the next run does it
        return ClosedSegments(segments, at - first, size_bytes, cleared, place.address)


def old_part(ledger: Ledger, before: datetime) -> tuple[int, int]:
    """From where to where the log can be closed: whole tiles of entries that were recorded before a time."""
    with ledger.view() as view:
        first = view.archived.end
        young, whole, open_from = view.connection.execute(
            "SELECT (SELECT min(number) FROM tiles WHERE level = 1 AND number >= ? AND last_at >= ?), "
            "(SELECT coalesce(max(number) + 1, 0) FROM tiles WHERE level = 1), "
            "(SELECT min(idx) FROM events JOIN pending USING (response_id))",
            (first // TILE, utc_text(before)),
        ).fetchone()
    end = (whole if young is None else young) * TILE
    if open_from is not None:
        end = min(end, open_from // TILE * TILE)
    return first, max(first, end)


def _close(ledger: Ledger, first: int, end: int) -> _Made:
    for _ in range(_TRIES):
        made = _write(ledger, first, end)
        segment = made.segment
        event = SegmentArchived(
            event_id=new_id("segment"),
            at=now(),
            pipeline="",
            first=segment.first,
            until=segment.until,
            root=segment.root,
            size_bytes=made.size_bytes,
        )
        if ledger.record_unless(["entries.expired"], made.seen, [event], segment):
            return made
    raise StoreError("entries expired again and again while they were archived", cure="run the command again")


def _write(ledger: Ledger, first: int, end: int) -> _Made:
    """Writes a segment's files, and reads them back."""
    place = ledger.archive.place
    with ledger.view() as view:
        rows = _Taken(view.connection, first, min(end, first + MOST_ENTRIES))
        data = encode(rows)
        hashes = StoredHashes(view.connection, ledger.archive)
        root = Frontier.of(rows.until, hashes).root
        write_tiles(place, hashes, first, rows.until)
        (seen,) = view.connection.execute("SELECT max(idx) + 1 FROM events").fetchone()
    name = segment_name(first)
    write_checked(place, name, data)
    leaves = [leaf for tile in read_leaves(place, first // TILE, rows.until // TILE) for leaf in tile]
    if sha256(b"".join(leaves)) != rows.leaves:
        raise StoreError("the archive does not keep what it is given", where=place.address, cure="check its disk")
    made = Segment(first, rows.until, name, digest_text(root))
    _sign(ledger, made)
    return _Made(made, len(data), int(seen))


def _sign(ledger: Ledger, last: Segment) -> None:
    """Writes the archive's checkpoint: of all up to the end of a segment, by the present key."""
    ledger.archive.place.write(CHECKPOINT, ledger.sign(last.until, last.root).encode())


class _Taken:
    """The rows of the next segment out of the tables, each as it was signed; `until` is known once they are read."""

    def __init__(self, connection: Connection, first: int, end: int) -> None:
        self._connection = connection
        self._first, self._end = first, end
        self._leaves: list[bytes] = []
        self.until = first

    @property
    def leaves(self) -> str:
        """The digest of all leaves' hashes in a row."""
        return sha256(b"".join(self._leaves))

    def __iter__(self) -> Iterator[Row]:
        rows = self._connection.stream(
            "SELECT idx, entry, leaf, data FROM events LEFT JOIN payloads USING (idx) "
            "WHERE idx >= ? AND idx < ? ORDER BY idx",
            (self._first, self._end),
        )
        size_bytes = 0
        for index, entry, leaf, payload in rows:
            if index % TILE == 0 and size_bytes >= MOST_BYTES:
                return
            row = Row(index, None if entry is None else bytes(entry), None if payload is None else bytes(payload))
            if index != self.until or not _as_signed(row, bytes(leaf)):
                raise LedgerChanged(f"entry {self.until} is not the one that was recorded; not archived", cure=CHANGED)
            size_bytes += len(row.entry or b"") + len(row.payload or b"")
            self._leaves.append(bytes(leaf))
            self.until += 1
            yield row


def _as_signed(row: Row, leaf: bytes) -> bool:
    """Whether a row is what its leaf is the hash of; that the leaves are the tree's, writing them will show."""
    if row.entry is None:
        return row.payload is None
    sealed = sha256(row.payload) if row.payload is not None else None
    return leaf_hash(row.entry) == leaf and sealed_in(row.entry) == sealed


def tidy(ledger: Ledger) -> None:
    """Removes files of segments that nothing names: what a killed run left would never expire. Raises StoreError."""
    place = ledger.archive.place
    with ledger.view() as view:
        named = {segment.name for segment in view.archived.segments}
    for name in place.names(SEGMENTS):
        if f"{SEGMENTS}/{name}" not in named:
            place.remove(f"{SEGMENTS}/{name}")


def clear(ledger: Ledger) -> int:
    """Takes out of the tables what an earlier run had archived, once the file still has it. How many entries.

    Raises StoreError, DamagedFile when the file is not what the tables have; then nothing is cleared.
    """
    with ledger.view() as view:
        archived = view.archived
        for segment in archived.segments if archived.until < archived.end else ():
            if segment.until > archived.until:
                _hold_against_tables(view, segment, max(segment.first, archived.until))
    return _clear(ledger)


def _hold_against_tables(view: View, segment: Segment, first: int) -> None:
    kept = view.connection.stream(
        "SELECT idx, entry, data FROM events LEFT JOIN payloads USING (idx) WHERE idx >= ? AND idx < ? ORDER BY idx",
        (first, segment.until),
    )
    with view.archived.archive.file(segment) as file:
        stored = file.stored(first, segment.until)
        for index, entry, payload in kept:
            row = next((one.row for one in stored if one.row.idx == index), None)
            if row is None or (entry is not None and (bytes(entry), payload and bytes(payload)) != row[1:]):
                raise DamagedFile(
                    f"entry {index} of the archive is not what the ledger's tables still have; nothing was cleared",
                    where=segment.name,
                    cure="restore the archive from a backup, then run the same command again",
                )


def _clear(ledger: Ledger) -> int:
    """Takes out of the tables what is in the archive; returns how many entries."""
    with ledger.view() as view:
        first, end = view.archived.until, view.archived.end
    marks = ",".join("?" * len(KINDS))
    count = 0
    while first < end:
        window = (first, min(first + _WINDOW, end))
        with ledger.store.database.writing() as connection:
            for table in ("payloads", "fired"):
                connection.execute(f"DELETE FROM {table} WHERE idx >= ? AND idx < ?", window)  # noqa: S608
            sql = f"DELETE FROM events WHERE idx >= ? AND idx < ? AND (entry IS NULL OR kind IN ({marks}))"  # noqa: S608
            count += connection.execute(sql, (*window, *KINDS)).rowcount
        first = window[1]
    return count
