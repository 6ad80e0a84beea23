"""What of a ledger lies in its archive, as one transaction sees it: the rows of segments, and their leaves' hashes.

The place is asked only once something lies there. Nothing here is evidence by itself: rows are as good as the tree that
`verify` and proofs hold them against.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from infra.digest import Digest
from infra.errors import Refused, StoreError
from infra.home import Home
from infra.ledger.archive.place import ArchivePlace, DamagedFile, MissingFile, open_place
from infra.ledger.archive.segment import KINDS, Derived, Row, SegmentFile
from infra.ledger.archive.tiles import split_tile, tile_name
from infra.stores.connection import Connection

MARKER = "log"
"""The file that says whose archive a place is: without it a place that is not mounted would look like a loss."""
_TILES_KEPT = 1_024
"""8 KiB each: proofs of neighbours ask for the same tile."""


@dataclass(frozen=True)
class Segment:
    """A closed part of the log. Segments follow each other without a gap, from entry 0 on."""

    first: int
    until: int
    name: str
    """Of its file, below the archive's root."""
    root: Digest
    """The root of the tree of the `until` first entries."""


class Archive:
    """The archive of one home. Thread-safe."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.leaves = lru_cache(maxsize=_TILES_KEPT)(self._leaves)
        """The leaves' hashes of a whole tile, by its number. Raises StoreError."""

    @cached_property
    def place(self) -> ArchivePlace:
        """Where it lies. Raises StoreError, MissingPart."""
        return open_place(self._home)

    def require(self, origin: str) -> None:
        """Makes sure that the place is there and is this log's. Raises StoreError, Refused."""
        try:
            _same_log(self.place.read(MARKER), origin, self.place.address)
        except MissingFile:
            raise StoreError(
                f"the archive is not here: its file {MARKER!r} is missing",
                where=self.place.address,
                cure="mount it, set SLUICE_LEDGER_ARCHIVE to where it is, or restore it from a backup",
            ) from None

    def claim(self, origin: str) -> None:
        """Makes the place this log's, unless it is another one's. Raises StoreError, Refused."""
        try:
            _same_log(self.place.read(MARKER), origin, self.place.address)
        except MissingFile:
            self.place.write(MARKER, origin.encode())

    def within(self, connection: Connection) -> Archived:
        """What lies there, as a transaction sees it."""
        rows = connection.execute("SELECT first, until, place, digest FROM segments ORDER BY first").fetchall()
        segments = tuple(Segment(int(row[0]), int(row[1]), str(row[2]), Digest(str(row[3]))) for row in rows)
        return Archived(self, segments, _cleared(connection, segments) if segments else 0)

    def file(self, segment: Segment) -> SegmentFile:
        """Opens a segment's file. Raises MissingFile, StoreError."""
        return SegmentFile(self.place, segment.name, segment.first, segment.until)

    def _leaves(self, tile: int) -> tuple[bytes, ...]:
        return tuple(split_tile(self.place.read(tile_name(0, tile))))


def _same_log(marker: bytes, origin: str, address: str) -> None:
    if marker != origin.encode():
        raise Refused("the archive there is another log's", where=address, cure="give each home a prefix of its own")


@dataclass(frozen=True)
class Archived:
    """The segments of one view of the ledger."""

    archive: Archive
    segments: tuple[Segment, ...]
    until: int
    """Entries of the kinds of segment.KINDS are in the ledger's own tables from this index on, and nowhere else
    before it; of the last segments they may still be in both places."""

    @property
    def end(self) -> int:
        """Where the segments end. What closes a segment goes on from there."""
        return self.segments[-1].until if self.segments else 0

    def entries(self, indices: Sequence[int], *, payloads: bool = False) -> Iterator[Row]:
        """The rows of ascending indices, of every kind, expired ones too; without payloads where nobody needs them."""
        cleared = indices[: bisect_left(indices, self.until)]
        for segment in self.segments:
            asked = cleared[bisect_left(cleared, segment.first) : bisect_left(cleared, segment.until)]
            if asked:
                with self.archive.file(segment) as file:
                    yield from file.rows(asked, payloads=payloads)

    def rows(self, indices: Sequence[int], *, payloads: bool = True) -> Iterator[Row]:
        """Those rows among them of the kinds that lie here alone and have not expired."""
        return (row for row in self.entries(indices, payloads=payloads) if _kind(row) in KINDS)


def _kind(row: Row) -> str | int | None:
    """None where the entry has expired. Raises StoreError when it is no event."""
    try:
        return Derived.of(row.entry).kind
    except ValueError:
        raise DamagedFile(f"entry {row.idx} of the archive was changed", cure="sluice audit verify") from None


def _cleared(connection: Connection, segments: Sequence[Segment]) -> int:
    """The index from which on entries of the archive's kinds are still in the ledger's own tables."""
    found = [
        connection.execute(
            f"SELECT idx FROM events {connection.use('events_kind')} WHERE kind = ? ORDER BY idx LIMIT 1",  # noqa: S608
            (kind,),
        ).fetchone()
        for kind in KINDS
    ]
    return min([segments[-1].until, *(int(row[0]) for row in found if row is not None)])
