"""Finds entries in the archive: what query.py and postings.py do in the ledger's own tables, over Parquet.

Whole segments are passed over by the times that the ledger's tiles know; of the others the columns that are asked for
are read, the newest segment first, and entries only of what is given back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from infra.contracts.base import now, utc_text
from infra.contracts.ids import made_at
from infra.extras import need
from infra.ledger.archive.archived import Archived, Segment
from infra.ledger.archive.segment import KINDS, Row, SegmentFile
from infra.ledger.postings import VERDICTS, Bounds, exact_kinds
from infra.ledger.query import FIELDS, AuditFilter, bounds_of
from infra.stores.connection import Connection

_CHUNK = 500
"""Entries that are read at once at most."""
_SKEW = timedelta(days=1)
"""How far the clocks of gateways may be apart."""


@dataclass(frozen=True)
class Find:
    """One question to the archived part of a ledger, within one transaction."""

    connection: Connection
    archived: Archived
    wanted: AuditFilter

    @cached_property
    def _wanted_bounds(self) -> Bounds:
        wanted = self.wanted
        earliest = not_before(wanted.response_id or wanted.event_id.partition("/")[0])
        if earliest is not None and (wanted.since is None or wanted.since < earliest):
            wanted = replace(wanted, since=earliest)
        return bounds_of(self.connection, wanted)

    def newest(self) -> Iterator[Row]:
        """The rows of entries that match, the newest first, read segment by segment; payloads are left out."""
        for segment in reversed(self.archived.segments):
            found = self._in(segment)
            for end in range(len(found), 0, -_CHUNK):
                yield from reversed(list(self.archived.rows(found[max(0, end - _CHUNK) : end], payloads=False)))

    def indices(self) -> list[int]:
        """The indices of all that match, ascending, by their columns."""
        return [index for segment in self.archived.segments for index in self._in(segment, times=True)]

    def rows(self, columns: Sequence[str], responses: Collection[str] | None = None) -> Iterator[tuple[Any, ...]]:
        """Some columns of all that match, in the log's order; of some responses only, where they are given."""
        among = None
        if responses is not None:
            arrow, compute = need("pyarrow", extra="archive"), need("pyarrow.compute", extra="archive")
            among = compute.field("response_id").isin(arrow.array(sorted(responses), arrow.string()))
        for table in self._tables(columns, among):
            yield from zip(*(column.to_pylist() for column in table.columns), strict=True)

    def count(self, column: str) -> Counter[str]:
        """How often each value stands in a column of all that match."""
        found = Counter[str]()
        for table in self._tables([column]):
            found.update({one["values"]: one["counts"] for one in table.column(0).value_counts().to_pylist()})
        del found[None]
        return found

    def kinds(self) -> Iterator[tuple[str, int, str, str]]:
        """The kinds of all that match, segment by segment: how many, and the first and the last time."""
        for table in self._tables(["kind", "at"]):
            grouped = table.group_by("kind").aggregate([("at", "count"), ("at", "min"), ("at", "max")])
            for one in grouped.to_pylist():
                yield one["kind"], one["at_count"], one["at_min"], one["at_max"]

    def _tables(self, columns: Sequence[str], among: Any = None) -> Iterator[Any]:
        """Some columns of what matches by its columns, segment by segment."""
        for segment in self.archived.segments:
            if bounds := self._bounds(segment):
                where = self._expression(bounds, times=True)
                with self.archived.archive.file(segment) as file:
                    yield file.columns(columns, where if among is None else where & among)

    def _in(self, segment: Segment, *, times: bool = False) -> list[int]:
        """The indices of what matches in a segment, ascending; between the wanted times only if `times`."""
        bounds = self._bounds(segment)
        if bounds is None:
            return []
        with self.archived.archive.file(segment) as file:
            return sorted(self._matching(file, bounds, times=times))

    def _bounds(self, segment: Segment) -> Bounds | None:
        """The indices to look through in a segment; None where nothing in it can match."""
        if self.wanted.kinds and not set(exact_kinds(self.wanted.kinds)) & set(KINDS):
            return None
        bounds = self._wanted_bounds
        until = min(segment.until, self.archived.until, segment.until if bounds.until is None else bounds.until)
        first = max(segment.first, bounds.first)
        return Bounds(first, until) if first < until else None

    def _matching(self, file: SegmentFile, bounds: Bounds, *, times: bool) -> list[int]:
        where = self._expression(bounds, times=times)
        if not (self.wanted.detector or self.wanted.action):
            return list(file.columns(["idx"], where).column(0).to_pylist())
        return _fired(file.columns(["idx", "fired"], where), self.wanted.detector, self.wanted.action)

    def _expression(self, bounds: Bounds, *, times: bool) -> Any:
        compute = need("pyarrow.compute", extra="archive")
        field, wanted = compute.field, self.wanted
        assert bounds.until is not None
        kinds = [kind for kind in exact_kinds(wanted.kinds) if kind in KINDS] if wanted.kinds else list(KINDS)
        found = (field("idx") >= bounds.first) & (field("idx") < bounds.until) & field("kind").isin(kinds)
        for column, name in FIELDS.items():
            if (value := getattr(wanted, name)) not in ("", None):
                found &= field(column) == value
        if wanted.words:
            found &= field("idx").isin(sorted(self._with_words(bounds)))
        if times and wanted.since is not None:
            found &= field("at") >= utc_text(wanted.since)
        if times and wanted.until is not None:
            found &= field("at") < utc_text(wanted.until)
        return found

    def _with_words(self, bounds: Bounds) -> set[int]:
        """The entries whose sealed text holds all of the words; the table of words is never archived."""
        sql = "SELECT idx FROM words WHERE word = ? AND idx >= ? AND idx < ?"
        sets = [
            {int(row[0]) for row in self.connection.execute(sql, (word, bounds.first, bounds.until)).fetchall()}
            for word in self.wanted.words
        ]
        return set.intersection(*sets)


def not_before(response_id: str) -> datetime | None:
    """Before which nothing was recorded of a response; None where its id does not say."""
    made = made_at(response_id)
    return made - _SKEW if made is not None and made < now() + _SKEW else None


def _fired(table: Any, detector: str, action: str) -> list[int]:
    """The indices of rows in which a check found something, as `postings.fired` says."""
    compute = need("pyarrow.compute", extra="archive")
    lists = table.column("fired").combine_chunks()
    found, parents = compute.list_flatten(lists), compute.list_parent_indices(lists)
    if detector:
        arrow = need("pyarrow", extra="archive")
        wanted = [f"{verdict} {detector}" for verdict in ((action,) if action else VERDICTS)]
        mask = compute.is_in(found, value_set=arrow.array(wanted, arrow.string()))
    else:
        mask = compute.starts_with(found, f"{action} ")
    return list(table.column("idx").take(compute.unique(compute.filter(parents, mask))).to_pylist())
