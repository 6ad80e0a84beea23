"""Walks over a ledger's entries in bounded memory and says what is not as it was written, entry by entry.

Each leaf against its entry, payloads, what is listed of checks, the stored hashes of the tree, the signed checkpoints.
A part of a ledger is walked over on the stored hashes of what stands before it; others check those.
"""

from __future__ import annotations

import sys
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from infra.contracts.record_events import EntriesExpired
from infra.digest import sha256
from infra.errors import BadInput, Refused
from infra.ledger.archive.archived import Archive
from infra.ledger.checkpoint import open_earlier, open_trusted
from infra.ledger.query import digest_text
from infra.ledger.record import fired_in, read_event, sealed_in
from infra.ledger.stored_tree import StoredHashes
from infra.ledger.tree import TILE, Frontier, TileHash
from infra.ledger.verify import leaf_hash
from infra.ledger.walked_rows import ArchivedRows, WalkedRow, table_rows
from infra.signing import TrustedKeys
from infra.stores.connection import Connection

MOST = 100
"""How many problems, or missing entries in a row, are listed one by one."""
TOLD = 1_000
_MOST_MISSING = 1_000_000
"""Beyond such a gap an index is taken for a wrong one, not for the end of a gap."""
_ASK_AGAIN_S = 2.0
_STILL_ARCHIVED = "the entry has expired and is still in the archive: sluice audit expire takes it away"
_AT = b'"at":"'
_AT_BYTES = len("2026-01-02T03:04:05.000678Z")


@dataclass(frozen=True)
class LedgerProblem:
    """One thing that is not as it was written. `index` is None where it concerns the ledger as a whole.

    `last` is not None where it is one of the entries from `index` to `last`, and no more can be said.
    """

    index: int | None
    what: str
    last: int | None = None


@dataclass(frozen=True)
class Part:
    """Indices from `first` (a multiple of 256) to before `until`; None: to the end."""

    first: int = 0
    until: int | None = None
    archived: int = 0
    """Before which the view of who puts the parts together has requests in the archive."""

    def where(self, column: str) -> str:
        """The condition that an index lies in the part; the first part takes what lies before the log as well."""
        lower = [f"{column} >= {self.first}"] if self.first else []
        upper = [f"{column} < {self.until}"] if self.until is not None else []
        return " AND ".join([*lower, *upper]) or "1 = 1"


def origin_of(connection: Connection) -> str:
    """The log's name; '' where there is none, or more than one."""
    found = connection.execute("SELECT origin FROM log").fetchall()
    return str(found[0][0]) if len(found) == 1 else ""


class Walk:
    """One pass over entries, in order, with what lies beside each; from a multiple of 256 on, or from the beginning."""

    def __init__(
        self,
        connection: Connection,
        archive: Archive,
        keys: TrustedKeys,
        part: Part,
        meanwhile: Callable[[], list[tuple[int, int]]],
    ) -> None:
        """`meanwhile` gives the expired ranges anew: what expires while this goes on leaves the archive's files.

        Raises LedgerChanged when the hashes before the part are not all stored.
        """
        self._connection = connection
        self._meanwhile = meanwhile
        self._later: list[tuple[int, int]] = []
        self._asked_s = -_ASK_AGAIN_S
        self._archived = archive.within(connection)
        self._keys = keys
        self._part = part
        self.count = part.first
        """The index after the last entry that was walked over."""
        self.payloads = 0
        self.fired = 0
        self.tiles = 0
        self.open = 0
        """Of the archive: how many more requests were admitted than completed."""
        self.frontier = Frontier.of(part.first, StoredHashes(connection, archive))
        self.origin = origin_of(connection)
        self._earlier = connection.stream(
            f"SELECT size, note FROM checkpoints WHERE {part.where('size - 1')} ORDER BY size"  # noqa: S608
        )
        self._next_earlier = next(self._earlier, None)
        self._agreed = part.first
        """Up to here a signed root, or who walks over the parts before, has confirmed the entries."""
        self._named = -1
        """The highest index of which something was said."""
        self._times: list[bytes] = []
        self._expired = deque(expired_ranges(connection))
        self._roots = {one.until: one.root for one in self._archived.segments if part.first < one.until}

    def problems(self, advance: Callable[[int], None]) -> Iterator[LedgerProblem]:
        """Everything that is not as it was written. `advance` hears of each thousand entries."""
        until = sys.maxsize if self._part.until is None else self._part.until
        rows = ArchivedRows(self._connection, self._archived, self._part.first, until, self._part.archived)
        for row in chain(rows, table_rows(self._connection, self._in_tables)):
            index, entry, leaf = row[0], row[1], row[2]
            if index < self.count or index - self.count > _MOST_MISSING:
                yield LedgerProblem(index, "the entry stands outside the log")
                continue
            if index > self.count:
                yield from _damage(rows)
                yield from self._missing(index)
            for what in self._entry(row):
                self._named = index
                yield LedgerProblem(index, what)
            self.count = index + 1
            # Going on from the stored leaf names the entry that was changed, and not all that come after it.
            yield from self._grow(leaf if isinstance(leaf, bytes) else b"", entry)
            if self.count % TOLD == 0:
                advance(TOLD)
        self.open = rows.open
        yield from _damage(rows)
        if self._part.until is not None and self.count < self._part.until:
            yield from self._missing(self._part.until)

    @property
    def _in_tables(self) -> str:
        """The condition of what is walked over in the ledger's own tables."""
        until, where = self._archived.until, self._part.where("idx")
        return f"{where} AND (idx >= {until} OR idx < 0)" if until else where

    def _entry(self, row: WalkedRow) -> list[str]:
        """What is wrong with an entry and what lies beside it. A list: millions of generators would cost a fifth."""
        index, event, leaf, payload, fired, archived, others = row
        expired, wrong = self._is_expired(index), [*others]
        if event is None and (expired or (archived and self._expired_meanwhile(index))):
            left = payload is not None or fired or wrong
            return ["something of an expired entry is still there"] if left else []
        if expired:
            wrong.append(_STILL_ARCHIVED if archived else "an entry that expired is there again")
        if not isinstance(event, bytes):
            return [*wrong, "the entry is not text"]
        if leaf_hash(event) != leaf:
            wrong.append("the entry is not the one that its leaf is the hash of")
        if sealed_in(event) != (None if payload is None else _held(payload)):
            wrong.append("the payload is missing, or is not the one that the entry names")
        if archived:
            return wrong
        self.payloads += payload is not None
        try:
            found = fired_in(event)
        except ValueError:
            found = ()
            wrong.append("the entry cannot be read")
        self.fired += len(found)
        if found != fired:
            wrong.append("the index of what checks found does not say what the entry says")
        return wrong

    def _is_expired(self, index: int) -> bool:
        while self._expired and self._expired[0][1] <= index:
            self._expired.popleft()
        return bool(self._expired) and self._expired[0][0] <= index

    def _expired_meanwhile(self, index: int) -> bool:
        if time.monotonic() - self._asked_s >= _ASK_AGAIN_S:
            self._later, self._asked_s = self._meanwhile(), time.monotonic()
        place = bisect_right(self._later, (index, sys.maxsize)) - 1
        return place >= 0 and index < self._later[place][1]

    def _missing(self, index: int) -> Iterator[LedgerProblem]:
        for missing in range(self.count, min(index, self.count + MOST)):
            yield LedgerProblem(missing, "the entry is missing")
        self._named = index - 1
        for _ in range(self.count, index):
            yield from self._grow(b"", b"")
        self.count = index

    def _grow(self, leaf: bytes, event: object) -> Iterator[LedgerProblem]:
        if isinstance(event, bytes):
            place = event.find(_AT) + len(_AT)
            self._times.append(event[place : place + _AT_BYTES])
        for tile in self.frontier.append(leaf):
            self.tiles += 1
            yield from self._tile(tile)
            self._times = []
        while self._next_earlier is not None and self._next_earlier[0] <= self.frontier.size:
            yield from self._checkpoint(*self._next_earlier)
            self._next_earlier = next(self._earlier, None)

    def _tile(self, tile: TileHash) -> Iterator[LedgerProblem]:
        span = TILE**tile.level
        first, last = tile.number * span, (tile.number + 1) * span - 1
        row = self._connection.execute(
            "SELECT hash, first_at, last_at FROM tiles WHERE level = ? AND number = ?", (tile.level, tile.number)
        ).fetchone()
        if self._named >= first:
            return  # said already
        if row is None or row[0] != tile.hash:
            self._named = last
            yield LedgerProblem(first, "an entry was changed together with its leaf, or the tree's hash over it", last)
        elif tile.level == 1 and len(self._times) == TILE and _times(row) != (min(self._times), max(self._times)):
            yield LedgerProblem(first, "the times that the tile of these entries says are not theirs", last)
        if tile.level == 1 and self._roots.get(last + 1, self._root) != self._root:
            yield LedgerProblem(None, f"the archive's list gives another root at {last + 1} entries")

    @property
    def _root(self) -> str:
        return digest_text(self.frontier.root)

    def _checkpoint(self, size: object, note: object) -> Iterator[LedgerProblem]:
        try:
            earlier = open_earlier(str(note), self.origin, self._keys)
        except Refused:
            yield LedgerProblem(None, f"the signature of the checkpoint of {size} does not verify")
            return
        if earlier.size != size or size != self.frontier.size:
            yield LedgerProblem(None, f"the checkpoint of {size} stands in another one's place")
        elif earlier.root == self.frontier.root:
            self._agreed = earlier.size
        elif self._named < self._agreed:
            self._named = earlier.size - 1
            yield LedgerProblem(
                self._agreed, "an entry is not the one of the signed checkpoint after it", earlier.size - 1
            )

    def ending(self) -> Iterator[LedgerProblem]:
        """What the newest signed checkpoint says of the end; for the part that reaches it."""
        row = self._connection.execute("SELECT note FROM tip").fetchone()
        if row is None:
            if self.count:
                yield LedgerProblem(None, "the signed checkpoint of the end is missing")
            return
        try:
            tip = open_trusted(str(row[0]), self.origin, self._keys)
        except Refused:
            yield LedgerProblem(None, "the signature of the newest checkpoint does not verify")
            return
        for missing in range(self.count, min(tip.size, self.count + MOST)):
            yield LedgerProblem(missing, "the entry is missing")
        if tip.size < self.count:
            yield LedgerProblem(tip.size, "the entry stands after the signed end", self.count - 1)
        elif tip.size == self.count and tip.root != self.frontier.root and self._named < self._agreed:
            yield LedgerProblem(self._agreed, "an entry is not the one of the newest signed checkpoint", self.count - 1)
        if self._next_earlier is not None:
            yield LedgerProblem(None, f"there is a checkpoint of {self._next_earlier[0]}, beyond the signed end")


def _damage(rows: ArchivedRows) -> Iterator[LedgerProblem]:
    """The files of the archive that could not be read so far, each once."""
    while rows.damage:
        first, what, last = rows.damage.pop(0)
        yield LedgerProblem(first, what, last)


def _held(payload: object) -> str:
    """The digest of a payload; '' where it is not bytes."""
    return sha256(payload) if isinstance(payload, bytes) else ""


def _times(row: tuple[object, object, object]) -> tuple[bytes, bytes]:
    return str(row[1]).encode(), str(row[2]).encode()


def expired_ranges(connection: Connection) -> list[tuple[int, int]]:
    """The ranges of entries that expiries name, ascending. One that is no event is found when its turn comes."""
    found: list[tuple[int, int]] = []
    for (entry,) in connection.execute("SELECT entry FROM events WHERE kind = 'entries.expired'"):
        try:
            event = read_event(bytes(entry))
        except (BadInput, TypeError):
            continue
        if isinstance(event, EntriesExpired):
            found += [(one.first, one.until) for one in event.ranges]
    return sorted(found)
