"""The rows that a check walks over, in order: those of the ledger's own tables, and those of its archive."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

from infra.ledger.archive.archived import Archived, Segment
from infra.ledger.archive.bloom import Value
from infra.ledger.archive.place import DamagedFile, MissingFile
from infra.ledger.archive.segment import KINDS, Derived, StoredRow
from infra.ledger.archive.tiles import read_leaves
from infra.ledger.record import Fired
from infra.ledger.tree import TILE
from infra.ledger.verify import leaf_hash
from infra.stores.connection import Connection

WalkedRow = tuple[int, object, object, object, tuple[Fired, ...], bool, tuple[str, ...]]
"""One entry with what lies beside it, as it is stored: whoever changed it may have left anything there.

Index, entry, leaf, payload, what the tables list of its checks; whether it is archived, and what is then wrong with its
columns or with what the tables still have of it. A plain tuple: a class would cost a tenth of a whole check.
"""


def table_rows(connection: Connection, where: str) -> Iterator[WalkedRow]:
    """The rows of the ledger's own tables that meet a condition on `idx`."""
    beside = "events LEFT JOIN payloads USING (idx)"
    rows = connection.stream(f"SELECT idx, entry, leaf, data FROM {beside} WHERE {where} ORDER BY idx")  # noqa: S608
    names = f"SELECT idx, name, verdict FROM fired WHERE {where} ORDER BY idx, name, verdict"  # noqa: S608
    listed = _Listed(connection.stream(names))
    for index, entry, leaf, payload in rows:
        yield index, entry, leaf, payload, listed.of(index), False, ()


class ArchivedRows:
    """The rows of the archive from an index to before another one, each beside what the tables still have of it."""

    def __init__(self, connection: Connection, archived: Archived, first: int, until: int, counted: int) -> None:
        """`counted`: the index before which the view that counts the tables' requests has them in the archive."""
        self._connection = connection
        self._counted = counted
        self._archived = archived
        self._first, self._until = first, min(until, archived.until)
        self.damage: list[tuple[int, str, int]] = []
        """Entries (the first and the last) whose file is missing or damaged, and which; grows while they are read."""
        self.open = 0
        """How many more requests were admitted in them than completed."""

    def __iter__(self) -> Iterator[WalkedRow]:
        for segment in self._archived.segments:
            first, until = max(segment.first, self._first), min(segment.until, self._until)
            if first < until:
                yield from self._segment(segment, first, until)

    def _segment(self, segment: Segment, first: int, until: int) -> Iterator[WalkedRow]:
        kept = _Kept(
            self._connection.stream(
                "SELECT idx, entry, leaf FROM events WHERE idx >= ? AND idx < ? ORDER BY idx", (first, until)
            )
        )
        leaves = self._leaves(first, until)
        following, values = first, set[Value]()
        try:
            with self._archived.archive.file(segment) as file:
                for stored in file.stored(first, until):
                    if stored.row.idx != following:
                        raise DamagedFile("its entries are not in order", where=segment.name)
                    self.open += _OPENS.get(stored.derived.kind, 0) if following < self._counted else 0
                    yield _walked(stored, next(leaves), kept.of(following), values)
                    following += 1
                if file.denies_any(values):
                    self.damage.append((first, f"its filter denies what it has: {segment.name}", until - 1))
        except (MissingFile, DamagedFile) as error:
            self.damage.append((following, f"{error.what}: {segment.name}", until - 1))

    def _leaves(self, first: int, until: int) -> Iterator[bytes]:
        """The leaves' hashes in the archive's tiles; empty ones from where a tile is missing on."""
        place, low, high = self._archived.archive.place, first // TILE, -(-until // TILE)
        number = low
        try:
            for tile in read_leaves(place, low, high):
                yield from tile[max(0, first - number * TILE) :]
                number += 1
        except (MissingFile, DamagedFile) as error:
            self.damage.append((max(first, number * TILE), f"{error.what}: hashes of the tree", until - 1))
            yield from repeat(b"")


_OPENS: dict[object, int] = {"request.admitted": 1, "request.completed": -1}


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


class _Kept:
    """What the ledger's own tables still have of archived entries, read in step with these."""

    def __init__(self, rows: Iterator[tuple[int, object, object]]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def of(self, index: int) -> tuple[object, object] | None:
        """Entry and leaf, or None where the tables have none."""
        while self._next is not None and self._next[0] < index:
            self._next = next(self._rows, None)
        return self._next[1:] if self._next is not None and self._next[0] == index else None


def _walked(stored: StoredRow, leaf: bytes, kept: tuple[object, object] | None, values: set[Value]) -> WalkedRow:
    """`values` gathers what the file's filter must not deny: what the entry itself says."""
    row, wrong = stored.row, []
    try:
        derived = Derived.of(row.entry)
        values.update(derived.values)
        if stored.derived != derived:
            wrong.append("the archive's columns do not say what the entry says")
        if row.entry is not None and derived.kind not in KINDS and (kept is None or kept[0] is None):
            wrong.append("the entry is missing from the ledger's own tables")
    except ValueError:
        wrong.append("the entry cannot be read")
    if kept is not None and (kept[1] != leaf or (kept[0] is not None and kept[0] != row.entry)):
        wrong.append("the ledger's own tables and the archive have two different entries")
    if not leaf and row.entry is not None:
        leaf = leaf_hash(row.entry)  # that its tile is missing is said once
    return row.idx, row.entry, leaf, row.payload, (), True, tuple(wrong)
