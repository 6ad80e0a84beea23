"""Finds entries in the archive: what query.py and postings.py do in the ledger's own tables, over Parquet.

Whole segments are passed over by the times that the ledger's tiles know, or by their own filters; of the others the
columns that are asked for are read, the newest segment first, and entries only of what is given back.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, partial, reduce
from typing import Any

from infra.contracts.base import now, utc_text
from infra.contracts.ids import made_at
from infra.extras import need
from infra.ledger.archive.archived import Archived, Segment
from infra.ledger.archive.bloom import Value
from infra.ledger.archive.segment import KINDS, Row, SegmentFile
from infra.ledger.postings import VERDICTS, Bounds, exact_kinds
from infra.ledger.query import FIELDS, AuditFilter, bounds_of
from infra.stores.connection import Connection

_Criterion = tuple[str, Callable[[Any], Any]]
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

    @cached_property
    def _asked(self) -> list[Value]:
        values = [(column, getattr(self.wanted, name)) for column, name in FIELDS.items()]
        return [(column, value) for column, value in values if value not in ("", None)]

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
        for segment in self.archived.segments:
            for table in self._tables(segment, columns, responses=responses):
                yield from zip(*(column.to_pylist() for column in table.columns), strict=True)

    def count(self, column: str) -> Counter[str]:
        """How often each value stands in a column of all that match."""
        found = Counter[str]()
        for segment in self.archived.segments:
            for table in self._tables(segment, [column]):
                found.update({one["values"]: one["counts"] for one in table.column(0).value_counts().to_pylist()})
        del found[None]
        return found

    def kinds(self) -> Iterator[tuple[str, int, str, str]]:
        """The kinds of all that match, segment by segment: how many, and the first and the last time."""
        for segment in self.archived.segments:
            for table in self._tables(segment, ["kind", "at"]):
                grouped = table.group_by("kind").aggregate([("at", "count"), ("at", "min"), ("at", "max")])
                for one in grouped.to_pylist():
                    yield one["kind"], one["at_count"], one["at_min"], one["at_max"]

    def _in(self, segment: Segment, *, times: bool = False) -> list[int]:
        """The indices of what matches in a segment, ascending; between the wanted times only if `times`."""
        if not (self.wanted.detector or self.wanted.action):
            tables = self._tables(segment, ["idx"], times=times)
            return [index for table in tables for index in table.column(0).to_pylist()]
        tables = self._tables(segment, ["idx", "fired"], times=times)
        return [index for table in tables for index in _fired(table, self.wanted.detector, self.wanted.action)]

    def _tables(
        self,
        segment: Segment,
        columns: Sequence[str],
        *,
        times: bool = True,
        responses: Collection[str] | None = None,
    ) -> Iterator[Any]:
        """Some columns of what matches in a segment by its columns, a row group at a time."""
        bounds = self._bounds(segment)
        if bounds is None or bounds.until is None:
            return
        criteria = self._criteria(bounds)
        if self.wanted.words:
            holding = self._with_words(bounds)
            if not holding:
                return
            criteria.append(("idx", lambda field: field.isin(holding)))
        if times:
            criteria += self._between()
        if responses is not None:
            arrow = need("pyarrow", extra="archive")
            criteria.append(("response_id", lambda field: field.isin(arrow.array(sorted(responses), arrow.string()))))
        field = need("pyarrow.compute", extra="archive").field
        where = reduce(operator.and_, (meets(field(column)) for column, meets in criteria))
        with self.archived.archive.file(segment) as file:
            if self._denied(file, responses):
                return
            yield from file.columns(columns, where, [column for column, _ in criteria], bounds.first, bounds.until)

    def _bounds(self, segment: Segment) -> Bounds | None:
        """The indices to look through in a segment; None where nothing in it can match."""
        if self.wanted.kinds and not set(exact_kinds(self.wanted.kinds)) & set(KINDS):
            return None
        bounds = self._wanted_bounds
        until = min(segment.until, self.archived.until, segment.until if bounds.until is None else bounds.until)
        first = max(segment.first, bounds.first)
        return Bounds(first, until) if first < until else None

    def _criteria(self, bounds: Bounds) -> list[_Criterion]:
        """The columns that a row is judged by, and how each is (over expressions of pyarrow.compute)."""
        wanted = self.wanted
        kinds = [kind for kind in exact_kinds(wanted.kinds) if kind in KINDS] if wanted.kinds else list(KINDS)
        found: list[_Criterion] = [
            ("idx", lambda field: (field >= bounds.first) & (field < bounds.until)),
            ("kind", lambda field: field.isin(kinds)),
        ]
        found += [(column, partial(operator.eq, value)) for column, value in self._asked]
        return found

    def _denied(self, file: SegmentFile, responses: Collection[str] | None) -> bool:
        """Whether a file says itself that it has nothing of what is asked for."""
        if any(file.denies(one) for one in self._asked):
            return True
        return responses is not None and all(file.denies(("response_id", one)) for one in responses)

    def _between(self) -> list[_Criterion]:
        since, until = self.wanted.since, self.wanted.until
        found: list[_Criterion] = []
        if since is not None:
            found.append(("at", lambda field: field >= utc_text(since)))
        if until is not None:
            found.append(("at", lambda field: field < utc_text(until)))
        return found

    def _with_words(self, bounds: Bounds) -> list[int]:
        """The entries whose sealed text holds all of the words; the table of words is never archived."""
        sql = "SELECT idx FROM words WHERE word = ? AND idx >= ? AND idx < ?"
        sets = [
            {int(row[0]) for row in self.connection.execute(sql, (word, bounds.first, bounds.until)).fetchall()}
            for word in self.wanted.words
        ]
        return sorted(set.intersection(*sets))


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
    return sorted(table.column("idx").take(compute.unique(compute.filter(parents, mask))).to_pylist())
