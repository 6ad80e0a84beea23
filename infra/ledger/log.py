"""Ledger: the append-only record of every request and every lifecycle step, as a Merkle tree (RFC 6962) in a database.

What `append` returned for is on disk and stays.
MUST: several threads and processes append at once; an event id is written once, as long as the tables have it (ids of
requests hold their time, and leave with the archive); an event is durable before anybody knows its index. MUST NOT:
change or drop an entry; extend a tree whose end is not the signed one.

Life of an event: canonical bytes -> leaf -> tree -> signed checkpoint -> commit (with whatever else waits) -> index.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from infra.clock import CLOCK
from infra.contracts.audit import AuditEvent
from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.record_events import ClockBehind
from infra.digest import Digest, sha256
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.archive.archived import Archive, Segment
from infra.ledger.check import LedgerCheck, check
from infra.ledger.checkpoint import log_key, sign_checkpoint, signed_digest
from infra.ledger.expiry import OVERTAKING, ExpiryRule, Step, expired_events, take_away
from infra.ledger.group_commit import GroupCommit
from infra.ledger.growing import Group, Growing
from infra.ledger.proofs import Proofs
from infra.ledger.query import AuditFilter, Entry, read_entry
from infra.ledger.record import Record, sealed_digest
from infra.ledger.store import open_store
from infra.ledger.stored_tree import CHANGED, Edge, LedgerChanged, StoredHashes, present_edge
from infra.ledger.under_way import UnderWay
from infra.ledger.verify import Checkpoint, LogKey
from infra.ledger.view import KindCount, View
from infra.signing import Signer
from infra.stores.connection import Connection
from infra.stores.trust import installation_key, installation_signer

_LOG = logging.getLogger("sluice.ledger")
_GROUP = 256
"""How many appends are committed together at most."""
_EARLIER_S = 60.0
"""How far apart the checkpoints are that are kept beside the newest one."""
_BEHIND_S = 1.0


class Ledger:
    """One home's ledger. Thread-safe; any number of processes may have it open."""

    def __init__(self, home: Home, signer: Signer) -> None:
        store = open_store(home)
        self._home, self.store, self._database = home, store, store.database
        self.archive = Archive(home)
        self._signer = signer
        self._key = installation_key(home)
        self._under_way = UnderWay(store.writers)
        self._edge = Edge()
        self._group = GroupCommit[Group, tuple[int, ...]](self._commit, _GROUP)
        self._earlier = datetime.min.replace(tzinfo=now().tzinfo)
        with self._database.reading() as connection:
            self.origin = str(connection.execute("SELECT origin FROM log").fetchone()[0])
            self._behind_s = _follow_times(connection)

    @classmethod
    def open(cls, home: Home) -> Ledger:
        """Opens the ledger, or makes an empty one. Raises StoreError."""
        return cls(home, installation_signer(home))

    def append(self, event: AuditEvent, *, payload: bytes | None = None) -> int:
        """Writes an event and returns its index; durable when it returns.

        `payload` is the sealed bytes that the event's `sealed` names. The same event twice returns the first index.
        Raises StoreError when it could not be written, when the id was used for another event, or when the log's end
        was changed from outside; BadInput when the payload is not the one that the event names.
        """
        return self.append_many([(event, payload)])[0]

    def append_many(self, items: Iterable[tuple[AuditEvent, bytes | None]]) -> tuple[int, ...]:
        """Writes events with their payloads durably: all of them or none. Raises what `append` raises."""
        (outcome,) = self._group.submit([tuple(Record.of(event, payload) for event, payload in items)])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def append_each(self, items: Iterable[tuple[AuditEvent, bytes | None]]) -> list[int | Exception]:
        """Writes events that have nothing to do with each other. Each has its index, or what went wrong with it."""
        ready: list[Record | Exception] = []
        for event, payload in items:
            try:
                ready.append(Record.of(event, payload))
            except Exception as error:
                ready.append(error)
        written = iter(self._group.submit([(one,) for one in ready if isinstance(one, Record)]))
        return [_first(next(written)) if isinstance(one, Record) else one for one in ready]

    def __len__(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute("SELECT coalesce(max(idx) + 1, 0) FROM events").fetchone()[0])

    def get(self, event_id: str) -> Entry | None:
        """One entry by its event's id, of those that are not in the archive alone: no request's."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT idx, entry, leaf FROM events WHERE event_id = ?", (event_id,)).fetchone()
        return read_entry(*row) if row else None

    def of_response(self, response_id: str) -> tuple[Entry, ...]:
        """Everything recorded of one request, in order."""
        return self.query(AuditFilter(response_id=response_id, limit=1_000)) if response_id else ()

    def query(self, wanted: AuditFilter) -> tuple[Entry, ...]:
        """The newest entries that match, in the log's order. Raises StoreError when one of them is no event."""
        with self.view(words=bool(wanted.words)) as view:
            return view.select(wanted)

    def indices(self, wanted: AuditFilter) -> list[int]:
        """The indices of every entry that matches, whatever the filter's limit, ascending."""
        with self.view(words=bool(wanted.words)) as view:
            return view.indices(wanted)

    def kinds(self) -> tuple[KindCount, ...]:
        """How many entries of each kind there are, and from when to when."""
        with self.view() as view:
            return view.kinds()

    def outcomes(self) -> dict[str, int]:
        """How many requests ended in each way."""
        with self.view() as view:
            return view.outcomes()

    def raw_entries(self, first: int, until: int) -> list[tuple[int, bytes]]:
        """Index and bytes of the entries from `first` to before `until` that have not expired, in order."""
        with self.view() as view:
            return list(view.entries(range(first, until)))

    def sealed_entries(self, indices: Iterable[int]) -> Iterator[tuple[int, bytes, bytes]]:
        """The entries among these that have a sealed payload: index, bytes and payload."""
        with self.view() as view:
            yield from view.sealed(indices)

    def sealed_of(self, subject: str) -> list[int]:
        """The indices of all entries with a sealed payload of one data subject (a pseudonym), ascending."""
        with self.view() as view:
            return view.sealed_of(subject)

    @contextmanager
    def view(self, *, words: bool = False) -> Iterator[View]:
        """One consistent view of the tables and the archive; with the table of words where that is asked for."""
        with self.store.reading(words=words) as connection:
            yield View(connection, self.archive.within(connection))

    def intact(self, entry: Entry) -> bool:
        """Whether an entry and its payload are as they were written: the signed checkpoint vouches for its bytes."""
        try:
            with self.proofs() as proofs:
                vouched = proofs.vouches(entry.index, entry.event.to_json())
                payload = proofs.view.payload(entry.index)
        except LedgerChanged:
            return False
        return vouched and sealed_digest(entry.event) == _digest(payload)

    @contextmanager
    def proofs(self) -> Iterator[Proofs]:
        """Proofs at the newest checkpoint. Raises LedgerChanged when what is stored is not what that one signed."""
        with self._database.reading() as connection:
            hashes = StoredHashes(connection, self.archive)
            yield Proofs(hashes, present_edge(hashes, Edge(), self.origin, self._key))

    @property
    def keys(self) -> tuple[LogKey, ...]:
        """The public keys of this log's checkpoints, the present one first: to be pinned by who verifies them."""
        return tuple(log_key(self.origin, key) for key in self._key.all)

    def payload(self, entry: Entry) -> bytes | None:
        """The sealed bytes of an entry, or None where it has none. Raises StoreError when they are gone or changed."""
        with self.view() as view:
            data = view.payload(entry.index)
        if sealed_digest(entry.event) != _digest(data):
            raise StoreError(f"the payload of entry {entry.index} is missing or was changed", cure=CHANGED)
        return data

    def verify(self, advance: Callable[[int], None] = lambda _: None) -> LedgerCheck:
        """Recomputes everything that is stored and holds it against the signed checkpoint. Stops no writer.

        `advance` hears of each thousand entries that were done.
        """
        with self._database.reading() as connection:
            return check(self._home, connection, self.store, self.archive, self._key, advance)

    def index_problems(self) -> list[str]:
        """Where a query misses something or finds too much since an index of the database was changed: the first 100.

        `verify` reads the tables, and takes less time. Raises BadInput where the store cannot say, StoreError.
        """
        with self._database.reading() as connection:
            return self.store.index_problems(connection)

    def end_digest(self) -> Digest | None:
        """What the signature of the newest checkpoint is over, or None while nothing was recorded. See `verify`."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT note FROM tip").fetchone()
        return signed_digest(str(row[0])) if row else None

    def close_interrupted(self) -> int:
        """Records `interrupted` for every admitted request whose writer ended without completing it.

        Returns how many. Requests of writers that still run, in this process or another, are left alone.
        """
        with self._database.writing() as connection:
            lost = self._under_way.lost(connection)
            outcomes, edge = self._write(connection, [(end,) for end in lost.ends])
            for outcome in outcomes:
                if isinstance(outcome, Exception):
                    raise outcome
        self._edge = edge
        self._under_way.forget(lost)
        return len(lost.ends)

    def expire(self, rule: ExpiryRule, step: Step, seen: int) -> Step | None:
        """Takes away what a step of an expiry has chosen (retention.py) and records that it did, both or neither.

        None, and nothing is changed, when something that overtakes it was recorded since the log had `seen` entries.
        """
        with self._database.writing() as connection:
            if _recorded_since(connection, seen, OVERTAKING):
                return None
            gone = take_away(connection, step.indices)
            events = [Record.of(event, None) for event in expired_events(rule, step.indices)]
            _, edge = self._write(connection, [tuple(events)])
        self._edge = edge
        return replace(step, gone=gone)

    def record_unless(
        self, kinds: Sequence[str], seen: int, events: Iterable[AuditEvent], segment: Segment | None = None
    ) -> bool:
        """Writes events durably, unless one of some kinds was recorded since the log had `seen` entries.

        With a segment, which must be the next one, its entries may leave the tables from then on. False when nothing
        was written; else what `append` raises.
        """
        with self._database.writing() as connection:
            if _recorded_since(connection, seen, kinds):
                return False
            if segment is not None:
                if self.archive.within(connection).end != segment.first:
                    return False
                row = (segment.first, segment.until, segment.name, segment.root)
                connection.execute("INSERT INTO segments (first, until, place, digest) VALUES (?, ?, ?, ?)", row)
            _, edge = self._write(connection, [tuple(Record.of(event, None) for event in events)])
        self._edge = edge
        return True

    def sign(self, size: int, root: str) -> str:
        """The checkpoint of a beginning of this log, for a place that has no more of it."""
        return sign_checkpoint(Checkpoint(self.origin, size, bytes.fromhex(root.removeprefix("sha256:"))), self._signer)

    def close(self) -> None:
        """Ends this writer: what it admitted and never completed may be closed as interrupted from now on."""
        self._under_way.close()
        self._database.close()

    def _commit(self, groups: Sequence[Group]) -> Sequence[tuple[int, ...] | Exception]:
        with self._database.writing() as connection:
            outcomes, edge = self._write(connection, groups)
        self._edge = edge  # durable by now
        return outcomes

    def _write(self, connection: Connection, groups: Sequence[Group]) -> tuple[list[tuple[int, ...] | Exception], Edge]:
        edge = present_edge(StoredHashes(connection, self.archive), self._edge, self.origin, self._key)
        growing = Growing.after(edge, connection, groups)
        self._tell_clock(growing)
        outcomes = [growing.add_group(group) for group in groups]
        if not growing.added:
            return outcomes, edge
        growing.flush()
        self._under_way.follow(connection, [record.event for _, record in growing.added])
        checkpoint = Checkpoint(self.origin, growing.frontier.size, growing.frontier.root)
        note = sign_checkpoint(checkpoint, self._signer)
        connection.execute(
            "INSERT INTO tip (one, note) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET note = excluded.note", (note,)
        )
        if (at := now()) and (at - self._earlier).total_seconds() >= _EARLIER_S:
            connection.execute("INSERT INTO checkpoints (size, note) VALUES (?, ?)", (checkpoint.size, note))
            self._earlier = at
        return outcomes, Edge(note, growing.frontier, growing.last_leaf)

    def _tell_clock(self, growing: Growing) -> None:
        """Once in a process, before its first entry: that the system's clock was behind the record."""
        if self._behind_s > _BEHIND_S:
            _LOG.warning("the system's clock is %.0f s behind the record: its times go on from there", self._behind_s)
            event = ClockBehind(event_id=new_id("clock"), at=now(), pipeline="", seconds=round(self._behind_s, 3))
            growing.add(Record.of(event, None))
        self._behind_s = 0.0


def _first(outcome: tuple[int, ...] | Exception) -> int | Exception:
    return outcome if isinstance(outcome, Exception) else outcome[0]


def _recorded_since(connection: Connection, seen: int, kinds: Sequence[str]) -> bool:
    marks = ",".join("?" * len(kinds))
    sql = f"SELECT 1 FROM events WHERE idx >= ? AND kind IN ({marks})"  # noqa: S608
    return connection.execute(sql, (seen, *kinds)).fetchone() is not None


def _follow_times(connection: Connection) -> float:
    """Lets this process's times go on from the last recorded one; by how many seconds the system's clock is behind."""
    row = connection.execute("SELECT at FROM events ORDER BY idx DESC LIMIT 1").fetchone()
    try:
        return CLOCK.not_before(datetime.fromisoformat(row[0])) if row else 0.0
    except (TypeError, ValueError):  # a damaged entry: `verify` names it
        return 0.0


def _digest(data: bytes | None) -> Digest | None:
    return sha256(data) if data is not None else None
