"""The tree as it lies in the store: its hashes, its right edge as the last signed checkpoint vouches for it.

MUST NOT: grow a tree whose stored end is not the signed one, or that is shorter than this process knew it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.errors import Refused, StoreError
from infra.ledger.archive.archived import Archive
from infra.ledger.checkpoint import open_trusted
from infra.ledger.tree import TILE, Frontier, TileHash, subtree
from infra.ledger.verify import Checkpoint
from infra.signing import TrustedKeys
from infra.stores.connection import Connection

CHANGED = "sluice audit verify (it names the entry), then restore the ledger from a backup"


class LedgerChanged(StoreError):
    """What is stored is not what was signed."""


@dataclass(frozen=True)
class Edge:
    """The right edge of the tree at a signed checkpoint. What holds one never lets it grow: it grows a copy."""

    note: str = ""
    """The signed checkpoint; '' while nothing was recorded."""
    frontier: Frontier = field(default_factory=Frontier)
    last_leaf: bytes = b""


@dataclass(frozen=True)
class StoredHashes:
    """The hashes of the tree, read within one transaction; those of the archive's leaves out of its tiles."""

    connection: Connection
    archive: Archive

    def hashes(self, level: int, first: int, count: int) -> Sequence[bytes]:
        """So many hashes of a tile level, in order.

        Raises LedgerChanged when one is missing, StoreError when the archive has to be asked and does not answer.
        """
        between = (first, first + count)
        if level == 0:
            rows = self.connection.execute("SELECT leaf FROM events WHERE idx >= ? AND idx < ? ORDER BY idx", between)
        else:
            sql = "SELECT hash FROM tiles WHERE level = ? AND number >= ? AND number < ? ORDER BY number"
            rows = self.connection.execute(sql, (level, *between))
        found = [bytes(row[0]) for row in rows]
        if level == 0 and len(found) < count:
            found = self._with_archived(first, first + count)
        if len(found) != count:
            raise LedgerChanged("hashes of the ledger's tree are missing", cure=CHANGED)
        return found

    def _with_archived(self, first: int, until: int) -> list[bytes]:
        """Leaves of which some are in the archive alone, as far as they are anywhere."""
        sql = "SELECT idx, leaf FROM events WHERE idx >= ? AND idx < ?"
        leaves = {int(index): bytes(leaf) for index, leaf in self.connection.execute(sql, (first, until)).fetchall()}
        end = min(until, self.archive.within(self.connection).end)
        for number in sorted({index // TILE for index in range(first, end) if index not in leaves}):
            leaves |= enumerate(self._archived_tile(number), number * TILE)
        return [leaves[index] for index in range(first, until) if index in leaves]

    def _archived_tile(self, number: int) -> Sequence[bytes]:
        """The leaves of a tile of the archive, once they lead to the hash that the ledger has of it."""
        leaves = self.archive.leaves(number)
        frontier = Frontier()
        for leaf in leaves:
            frontier.append(leaf)
        if [frontier.root] != list(self.hashes(1, number, 1)):
            raise LedgerChanged(f"the hashes of the archive's tile {number} were changed", cure=CHANGED)
        return leaves


def present_edge(hashes: StoredHashes, known: Edge, origin: str, keys: TrustedKeys) -> Edge:
    """The edge as it is stored now, once the stored hashes lead to the signed root. `known` is what was there before.

    Raises LedgerChanged when the end was changed, cut off or signed by nobody known, or `known` is not its beginning.
    """
    connection = hashes.connection
    row = connection.execute("SELECT note FROM tip").fetchone()
    note = str(row[0]) if row else ""
    last = connection.execute("SELECT idx, leaf FROM events ORDER BY idx DESC LIMIT 1").fetchone()
    size, last_leaf = (int(last[0]) + 1, bytes(last[1])) if last else (0, b"")
    edge = known
    if note != known.note:
        try:
            tip = open_trusted(note, origin, keys)
        except Refused:
            raise _changed() from None
        if tip.size != size:
            raise _changed()
        edge = _grown(hashes, known, tip, Edge(note, Frontier(), last_leaf))
    if (size, last_leaf) != (edge.frontier.size, edge.last_leaf):
        raise _changed()
    return edge


def _grown(hashes: StoredHashes, known: Edge, tip: Checkpoint, new: Edge) -> Edge:
    """What others have appended since `known`; the leaves one by one where they are few."""
    before = known.frontier
    if tip.size < before.size:
        raise _changed()
    if before.size < (end := hashes.archive.within(hashes.connection).end):
        # Appends do not wait for the archive: of what lies there they hold the hashes of whole tiles against it.
        before = before.whole_tiles
    if before.size >= end and tip.size - before.size <= TILE:
        frontier = before.copy()
        for leaf in hashes.hashes(0, before.size, tip.size - before.size):
            frontier.append(leaf)
    else:
        if before.size and subtree(hashes, 0, before.size) != before.root:
            raise _changed()
        frontier = Frontier.of(tip.size, hashes)
    if frontier.root != tip.root:
        raise _changed()
    return Edge(new.note, frontier, new.last_leaf)


def keep_tiles(connection: Connection, whole: Sequence[TileHash]) -> None:
    """Writes the roots of subtrees that became whole; their entries must be written before."""
    for tile in whole:
        first, last = "", ""
        if tile.level == 1:
            start = tile.number * TILE
            first, last = connection.execute(
                "SELECT min(at), max(at) FROM events WHERE idx >= ? AND idx < ?", (start, start + TILE)
            ).fetchone()
        connection.execute(
            "INSERT INTO tiles VALUES (?, ?, ?, ?, ?)", (tile.level, tile.number, tile.hash, first, last)
        )


def _changed() -> LedgerChanged:
    return LedgerChanged("the end of the ledger was changed from outside; nothing was recorded", cure=CHANGED)
