"""One consistent view of the whole ledger: its own tables and the archive, as if they were one.

What governs the ledger itself (holds, expiries, releases, keys) is in the tables; of requests only the newer ones are.
The archive is asked last, and only for what can lie there.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from infra.ledger.archive.archived import Archived
from infra.ledger.archive.find import Find, not_before
from infra.ledger.query import AuditFilter, Entry, in_time, newest, read_entry, select_indices
from infra.ledger.record import sealed_in
from infra.ledger.tree import ranges_of
from infra.ledger.verify import leaf_hash
from infra.stores.connection import Connection
from infra.stores.insert import portions


@dataclass(frozen=True)
class KindCount:
    """The entries of one kind: how many, and the times of the first and the last (RFC 3339)."""

    kind: str
    entries: int
    first: str
    last: str


@dataclass(frozen=True)
class View:
    """Both parts of the ledger within one transaction."""

    connection: Connection
    archived: Archived

    def select(self, wanted: AuditFilter) -> tuple[Entry, ...]:
        """The newest entries that match, in the log's order. Raises StoreError when one of them is no event."""
        return tuple(reversed(list(islice(self._newest(wanted), wanted.limit))))

    def indices(self, wanted: AuditFilter) -> list[int]:
        """The indices of every entry that matches, ascending; the filter's limit does not count."""
        return list(
            heapq.merge(select_indices(self.connection, self._in_tables(wanted)), self._archived_indices(wanted))
        )

    def kinds(self) -> tuple[KindCount, ...]:
        """How many entries of each kind there are, and from when to when."""
        counted = self.connection.execute(
            "SELECT kind, count(*), min(idx), max(idx) FROM events WHERE kind IS NOT NULL GROUP BY kind"
        ).fetchall()
        found: dict[str, list[KindCount]] = {}
        for kind, count, first, last in counted:
            ends = [
                self.connection.execute("SELECT at FROM events WHERE idx = ?", (one,)).fetchone()[0]
                for one in (first, last)
            ]
            found.setdefault(str(kind), []).append(KindCount(str(kind), int(count), str(ends[0]), str(ends[1])))
        for one in self._archived_kinds():
            found.setdefault(one.kind, []).append(one)
        return tuple(
            KindCount(
                kind,
                sum(part.entries for part in parts),
                min(part.first for part in parts),
                max(part.last for part in parts),
            )
            for kind, parts in sorted(found.items())
        )

    def outcomes(self) -> dict[str, int]:
        """How many requests ended in each way."""
        rows = self.connection.execute(
            "SELECT outcome, count(*) FROM events WHERE outcome IS NOT NULL GROUP BY outcome"
        ).fetchall()
        count = Counter({str(outcome): int(number) for outcome, number in rows})
        if self.archived.until:
            count += self._find(AuditFilter()).count("outcome")
        return dict(sorted(count.items()))

    def entries(self, indices: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of the entries among ascending indices that have not expired, in order."""
        for row in self.archived.entries(indices):
            if row.entry is not None:
                yield row.idx, row.entry
        for first, until in ranges_of(indices[bisect_left(indices, self.archived.until) :]):
            rows = self.connection.execute(
                "SELECT idx, entry FROM events WHERE idx >= ? AND idx < ? AND entry IS NOT NULL ORDER BY idx",
                (first, until),
            )
            for index, entry in rows:
                yield int(index), bytes(entry)

    def sealed(self, indices: Iterable[int]) -> Iterator[tuple[int, bytes, bytes]]:
        """Index, bytes and payload of the entries among these that have a payload, ascending."""
        asked = sorted(set(indices))
        for row in self.archived.rows(asked):  # of what has a payload the tables have nothing that is older
            if row.entry is not None and row.payload is not None:
                yield row.idx, row.entry, row.payload
        for part in portions(asked):
            marks = ",".join("?" * len(part))
            where = f"entry IS NOT NULL AND idx IN ({marks})"
            sql = f"SELECT idx, entry, data FROM payloads JOIN events USING (idx) WHERE {where} ORDER BY idx"  # noqa: S608
            for index, entry, payload in self.connection.execute(sql, part).fetchall():
                yield int(index), bytes(entry), bytes(payload)

    def sealed_of(self, subject: str) -> list[int]:
        """The indices of all entries with a sealed payload of one data subject (a pseudonym), ascending."""
        rows = self.connection.execute("SELECT DISTINCT response_id FROM events WHERE subject = ?", (subject,))
        ids = {str(row[0]) for row in rows.fetchall() if row[0] is not None}
        ids |= {str(one) for (one,) in self.archived_rows(["response_id"], AuditFilter(subject=subject))}
        return sorted(self._sealed_in_tables(ids) | self._sealed_in_archive(ids))

    def payload(self, index: int) -> bytes | None:
        """What is sealed beside an entry; None where nothing is, or it is gone."""
        row = self.connection.execute("SELECT data FROM payloads WHERE idx = ?", (index,)).fetchone()
        if row is not None:
            return bytes(row[0])
        return next((found.payload for found in self.archived.rows([index])), None)

    def archived_rows(
        self, columns: Sequence[str], wanted: AuditFilter, responses: Collection[str] | None = None
    ) -> Iterator[tuple[Any, ...]]:
        """Some columns of what the archive has that matches, in the log's order; of some responses, where given."""
        if not self.archived.until or (responses is not None and not responses):
            return
        times = [not_before(one) for one in responses or ()]
        if times and None not in times:
            wanted = replace(wanted, since=min(time for time in times if time))
        yield from self._find(wanted).rows(columns, responses)

    def _newest(self, wanted: AuditFilter) -> Iterator[Entry]:
        """Every entry that matches, the newest first. The archive is not asked before the tables came down to it."""
        tables, archive = newest(self.connection, self._in_tables(wanted)), self._archived_newest(wanted)
        for entry in tables:
            if entry.index < self.archived.until:
                yield from heapq.merge(chain([entry], tables), archive, key=lambda one: -one.index)
                return
            yield entry
        yield from archive

    def _in_tables(self, wanted: AuditFilter) -> AuditFilter:
        """What to ask the ledger's own tables: the table of words goes on to hold those of archived entries."""
        return replace(wanted, from_index=max(wanted.from_index, self.archived.until)) if wanted.words else wanted

    def _archived_newest(self, wanted: AuditFilter) -> Iterator[Entry]:
        if self.archived.until:
            for row in self._find(wanted).newest():
                assert row.entry is not None
                entry = read_entry(row.idx, row.entry, leaf_hash(row.entry))
                if in_time(entry, wanted):
                    yield entry

    def _archived_indices(self, wanted: AuditFilter) -> list[int]:
        return self._find(wanted).indices() if self.archived.until else []

    def _archived_kinds(self) -> Sequence[KindCount]:
        if not self.archived.until:
            return ()
        return [KindCount(*one) for one in self._find(AuditFilter()).kinds()]

    def _sealed_in_tables(self, ids: set[str]) -> set[int]:
        found: set[int] = set()
        for part in portions(sorted(ids)):
            marks = ",".join("?" * len(part))
            sql = f"SELECT idx FROM events JOIN payloads USING (idx) WHERE response_id IN ({marks})"  # noqa: S608
            found |= {int(row[0]) for row in self.connection.execute(sql, part).fetchall()}
        return found

    def _sealed_in_archive(self, ids: set[str]) -> set[int]:
        indices = [index for (index,) in self.archived_rows(["idx"], AuditFilter(), ids)]
        return {row.idx for row in self.archived.rows(indices, payloads=False) if sealed_in(row.entry or b"")}

    def _find(self, wanted: AuditFilter) -> Find:
        return Find(self.connection, self.archived, wanted)
