"""Checks a whole ledger in bounded memory: everything that a query or a proof can return, from the file alone.

Every leaf against its entry, the tree against the signed checkpoints, payloads, the index of what checks found, the
list of requests under way, SQLite's own indexes, and the triggers that forbid changes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from infra.contracts.record_events import EntriesExpired
from infra.digest import Digest, sha256
from infra.errors import BadInput, Refused
from infra.ledger.checkpoint import open_earlier, open_trusted
from infra.ledger.query import digest_text
from infra.ledger.record import Fired, fired_in, read_event, sealed_in
from infra.ledger.store import LedgerStore
from infra.ledger.tree import TILE, Frontier, TileHash
from infra.ledger.verify import leaf_hash
from infra.signing import TrustedKeys
from infra.stores.connection import Connection

_MOST = 100
"""How many problems are listed; all are counted."""
_MOST_MISSING = 1_000_000
"""Beyond such a gap an index is taken for a wrong one, not for the end of a gap."""
_TOLD = 1_000
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
class LedgerCheck:
    """What a verification found. `problems` holds the first 100 of `problem_count`, in the ledger's order."""

    events: int
    origin: str
    root: Digest
    """The root recomputed from the entries that are there."""
    key_id: str
    """The present installation key; the checkpoint was checked against it, or against one that it replaced."""
    problems: tuple[LedgerProblem, ...]
    problem_count: int

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return self.problem_count == 0


def check(connection: Connection, store: LedgerStore, keys: TrustedKeys, advance: Callable[[int], None]) -> LedgerCheck:
    """Recomputes everything within the connection's transaction. Raises what reading raises."""
    found: list[LedgerProblem] = []
    count = 0
    walk = _Walk(connection, keys)
    for part in (walk.entries(advance), walk.ending(), _beside(connection, walk), _as_made(connection, store)):
        for problem in part:
            count += 1
            if len(found) < _MOST:
                found.append(problem)
    return LedgerCheck(walk.count, walk.origin, digest_text(walk.frontier.root), keys.key_id, tuple(found), count)


class _Walk:
    """One pass over the entries, in order, with what lies beside each."""

    def __init__(self, connection: Connection, keys: TrustedKeys) -> None:
        self._connection = connection
        self._keys = keys
        self.count = 0
        self.tiles = 0
        self.frontier = Frontier()
        origins = connection.execute("SELECT CAST(origin AS TEXT) FROM log").fetchall()
        self.origin = str(origins[0][0]) if len(origins) == 1 else ""
        self._earlier = connection.stream("SELECT size, note FROM checkpoints ORDER BY size")
        self._next_earlier = next(self._earlier, None)
        self._agreed = 0
        """Up to here a signed root has confirmed the entries."""
        self._named = -1
        """The highest index of which something was said."""
        self._times: list[bytes] = []
        self._expired = _expired(connection)

    def entries(self, advance: Callable[[int], None]) -> Iterator[LedgerProblem]:
        rows = self._connection.stream(
            "SELECT events.idx, entry, leaf, data FROM events LEFT JOIN payloads USING (idx) ORDER BY events.idx"
        )
        listed = _Listed(self._connection.stream("SELECT idx, name, verdict FROM fired ORDER BY idx, name, verdict"))
        for index, event, leaf, payload in rows:
            if index < self.count or index - self.count > _MOST_MISSING:
                yield LedgerProblem(index, "the entry stands outside the log")
                continue
            if index > self.count:
                yield from self._missing(index)
            for what in self._entry(index, event, leaf, payload, listed):
                self._named = index
                yield LedgerProblem(index, what)
            self.count = index + 1
            # Going on from the stored leaf names the entry that was changed, and not all that come after it.
            yield from self._grow(leaf if isinstance(leaf, bytes) else b"", event)
            if self.count % _TOLD == 0:
                advance(_TOLD)

    def _entry(self, index: int, event: object, leaf: object, payload: object, listed: _Listed) -> Iterator[str]:
        while self._expired and self._expired[0][1] <= index:
            self._expired.popleft()
        expired = bool(self._expired) and self._expired[0][0] <= index
        if event is None and expired:
            if payload is not None or listed.of(index):
                yield "something of an expired entry is still there"
            return
        if expired:
            yield "an entry that expired is there again"
        if not isinstance(event, bytes):
            yield "the entry is not text"
            return
        if leaf_hash(event) != leaf:
            yield "the entry is not the one that its leaf is the hash of"
        held = sha256(payload) if isinstance(payload, bytes) else None if payload is None else ""
        if sealed_in(event) != held:
            yield "the payload is missing, or is not the one that the entry names"
        try:
            fired = fired_in(event)
        except ValueError:
            fired = ()
            yield "the entry cannot be read"
        if listed.of(index) != fired:
            yield "the index of what checks found does not say what the entry says"

    def _missing(self, index: int) -> Iterator[LedgerProblem]:
        for missing in range(self.count, min(index, self.count + _MOST)):
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
        for missing in range(self.count, min(tip.size, self.count + _MOST)):
            yield LedgerProblem(missing, "the entry is missing")
        if tip.size < self.count:
            yield LedgerProblem(tip.size, "the entry stands after the signed end", self.count - 1)
        elif tip.size == self.count and tip.root != self.frontier.root and self._named < self._agreed:
            yield LedgerProblem(self._agreed, "an entry is not the one of the newest signed checkpoint", self.count - 1)
        if self._next_earlier is not None:
            yield LedgerProblem(None, f"there is a checkpoint of {self._next_earlier[0]}, beyond the signed end")


def _times(row: tuple[object, object, object]) -> tuple[bytes, bytes]:
    return str(row[1]).encode(), str(row[2]).encode()


def _expired(connection: Connection) -> deque[tuple[int, int]]:
    """The ranges of entries that expiries name, ascending. One that is no event is found when its turn comes."""
    found: list[tuple[int, int]] = []
    for (entry,) in connection.execute("SELECT entry FROM events WHERE kind = 'entries.expired'"):
        try:
            event = read_event(bytes(entry))
        except (BadInput, TypeError):
            continue
        if isinstance(event, EntriesExpired):
            found += [(one.first, one.until) for one in event.ranges]
    return deque(sorted(found))


class _Listed:
    """The index of what checks found, read in step with the entries."""

    def __init__(self, rows: Iterator[tuple[int, str, str]]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def of(self, index: int) -> tuple[Fired, ...]:
        """What is listed of an entry; rows of entries that are not there are passed over."""
        found = []
        while self._next is not None and self._next[0] <= index:
            if self._next[0] == index:
                found.append((self._next[1], self._next[2]))
            self._next = next(self._rows, None)
        return tuple(found)


def _beside(connection: Connection, walk: _Walk) -> Iterator[LedgerProblem]:
    """What lies in the other tables and belongs to no entry, or is missing there."""
    for (index,) in connection.execute("SELECT idx FROM payloads EXCEPT SELECT idx FROM events"):
        yield LedgerProblem(index, "a payload has no entry")
    for (index,) in connection.execute("SELECT idx FROM fired EXCEPT SELECT idx FROM events"):
        yield LedgerProblem(index, "the index of what checks found names an entry that is not there")
    (tiles,) = connection.execute("SELECT count(*) FROM tiles").fetchone()
    if tiles > walk.tiles:
        yield LedgerProblem(None, "there are hashes of subtrees that the tree does not have")
    yield from _under_way(connection)


def _under_way(connection: Connection) -> Iterator[LedgerProblem]:
    ended = "EXISTS (SELECT 1 FROM events WHERE response_id = pending.response_id AND kind = ?)"
    (wrong,) = connection.execute(
        f"SELECT count(*) FROM pending WHERE NOT {ended} OR {ended}",  # noqa: S608
        ("request.admitted", "request.completed"),
    ).fetchone()
    if wrong:
        yield LedgerProblem(None, f"the list of requests under way names {wrong} that are not")
    counts = {
        kind: connection.execute("SELECT count(*) FROM events WHERE kind = ?", (kind,)).fetchone()[0]
        for kind in ("request.admitted", "request.completed")
    }
    (listed,) = connection.execute("SELECT count(*) FROM pending").fetchone()
    missing = counts["request.admitted"] - counts["request.completed"] - (listed - wrong)
    if missing > 0:
        yield LedgerProblem(None, f"{missing} requests under way are missing from the list of those")


def _as_made(connection: Connection, store: LedgerStore) -> Iterator[LedgerProblem]:
    if not store.as_made(connection):
        yield LedgerProblem(None, "the tables or the triggers that forbid changes are not as Sluice made them")
