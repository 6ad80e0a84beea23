"""One transaction of the log: records get their indices one after the other, and are written together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.errors import StoreError
from infra.ledger.record import Record
from infra.ledger.stored_tree import Edge, keep_tiles
from infra.ledger.tree import Frontier, TileHash
from infra.stores.connection import Connection
from infra.stores.insert import insert, portions

Group = tuple[Record, ...]
"""Records that are written all or none."""


@dataclass
class Growing:
    """What a transaction will have written. Nothing of it is in the tables before `flush`."""

    connection: Connection
    frontier: Frontier
    last_leaf: bytes
    known: dict[str, tuple[int, bytes]]
    """Index and leaf of the events that are there already, by event id."""
    added: list[tuple[int, Record]] = field(default_factory=list)
    _whole: list[TileHash] = field(default_factory=list)

    @classmethod
    def after(cls, edge: Edge, connection: Connection, groups: Sequence[Group]) -> Growing:
        """Begins at the log's end, knowing which of these events were written before."""
        ids = [record.event.event_id for group in groups for record in group]
        known: dict[str, tuple[int, bytes]] = {}
        for part in portions(ids):
            marks = ",".join("?" * len(part))
            rows = connection.execute(f"SELECT event_id, idx, leaf FROM events WHERE event_id IN ({marks})", part)  # noqa: S608
            known |= {event_id: (int(index), bytes(leaf)) for event_id, index, leaf in rows.fetchall()}
        return cls(connection, edge.frontier.copy(), edge.last_leaf, known)

    def add_group(self, group: Group) -> tuple[int, ...] | Exception:
        """Takes a group's records that are not there yet, once none of its ids is another event's. Their indices."""
        for record in group:
            event_id = record.event.event_id
            if event_id in self.known and self.known[event_id][1] != record.leaf:
                return StoreError(f"another event was written with the id {event_id!r}", cure="use a new event id")
        return tuple(self.add(record) for record in group)

    def add(self, record: Record) -> int:
        """Takes one record, or knows it already. Returns its index."""
        event_id = record.event.event_id
        if event_id not in self.known:
            self.known[event_id] = (self.frontier.size, record.leaf)
            self.added.append((self.frontier.size, record))
            self._whole += self.frontier.append(record.leaf)
            self.last_leaf = record.leaf
        return self.known[event_id][0]

    def flush(self) -> None:
        """Writes the records, what lies beside them, and the hashes of subtrees that became whole."""
        connection, added = self.connection, self.added
        insert(connection, "events", ("idx", "entry", "leaf"), [(i, record.data, record.leaf) for i, record in added])
        payloads = [(i, record.payload) for i, record in added if record.payload is not None]
        insert(connection, "payloads", ("idx", "data"), payloads)
        fired = [(i, *found) for i, record in added for found in record.fired]
        insert(connection, "fired", ("idx", "name", "verdict"), fired)
        keep_tiles(connection, self._whole)
