"""Checks of the archive what no single entry shows: that the record names each segment, and what other clients read.

The entries in it are walked over like all others (walk.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from infra.contracts.record_events import SegmentArchived
from infra.errors import Refused
from infra.ledger.archive.archived import Archive
from infra.ledger.archive.place import DamagedFile, MissingFile
from infra.ledger.archive.tiles import CHECKPOINT, tile_name, upper_tiles
from infra.ledger.checkpoint import open_earlier
from infra.ledger.query import ALL_ENTRIES, AuditFilter, newest
from infra.ledger.store import LedgerStore
from infra.ledger.stored_tree import LedgerChanged, StoredHashes
from infra.ledger.tree import TILE, Frontier
from infra.ledger.walk import LedgerProblem, origin_of
from infra.signing import TrustedKeys
from infra.stores.connection import Connection


def archive_problems(
    connection: Connection, store: LedgerStore, archive: Archive, keys: TrustedKeys
) -> Iterator[LedgerProblem]:
    """What is not as it was written. Raises StoreError when the place does not answer."""
    segments = archive.within(connection).segments
    if not segments:
        return
    recorded = set()
    for entry in newest(connection, AuditFilter(kinds=(_KIND,), limit=ALL_ENTRIES)):
        event = entry.event
        if isinstance(event, SegmentArchived):
            recorded.add((event.first, event.until, event.root))
    following = 0
    for one in segments:
        if one.first != following or (one.first, one.until, one.root) not in recorded:
            yield LedgerProblem(one.first, "no event says that these entries were archived", one.until - 1)
        following = one.until
        recorded.discard((one.first, one.until, one.root))
    for first, until, _ in sorted(recorded):
        yield LedgerProblem(first, "these entries were archived, and the list of segments does not say so", until - 1)
    try:
        note = archive.place.read(CHECKPOINT).decode(errors="replace")
        with store.database.reading() as later:  # a run may have gone on: this view is not older than the checkpoint
            yield from _for_others(later, archive, keys, note)
    except (LedgerChanged, MissingFile, DamagedFile) as error:
        yield LedgerProblem(None, f"the archive's checkpoint cannot be held against the ledger: {error.what}")


def _for_others(connection: Connection, archive: Archive, keys: TrustedKeys, note: str) -> Iterator[LedgerProblem]:
    """The archive's checkpoint, and its tiles above the leaves'."""
    hashes = StoredHashes(connection, archive)
    (size,) = connection.execute("SELECT max(idx) + 1 FROM events").fetchone()
    try:
        checkpoint = open_earlier(note, origin_of(connection), keys)
    except Refused:
        yield LedgerProblem(None, "the signature of the archive's checkpoint does not verify")
        return
    aligned = checkpoint.size <= size and checkpoint.size % TILE == 0
    if not aligned or Frontier.of(checkpoint.size, hashes).root != checkpoint.root:
        yield LedgerProblem(None, "the archive's checkpoint is not one of this log")
        return
    for level, number, width in upper_tiles(checkpoint.size):
        name = tile_name(level, number, width)
        try:
            found = archive.place.read(name)
        except MissingFile:
            found = b""
        if found != b"".join(hashes.hashes(level, number * TILE, width)):
            yield LedgerProblem(None, f"the archive's {name} is missing, or is not what the ledger has")


_KIND: str = SegmentArchived.model_fields["kind"].default
