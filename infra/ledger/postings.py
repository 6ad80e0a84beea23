"""Finds the newest entries that meet several criteria at once, in a time that does not grow with the log.

Each criterion is a list of indices, sorted, that a database's index holds already. The rarest one is walked from its
newest end, and each index that it gives is looked up in the others: no entry is read that is not given back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from infra.contracts.audit import AuditEvent
from infra.stores.connection import Connection, Value

VERDICTS = ("flag", "redact", "block")
_KINDS = sorted({shape.model_fields["kind"].default for shape in get_args(AuditEvent)})
_COUNTED = 20_000
"""So far each list is counted to find the rarest: a millisecond each."""


@dataclass(frozen=True)
class Posting:
    """One list of indices: the entries of which a few columns of a table have these values."""

    table: str
    index: str
    columns: tuple[str, ...]
    values: tuple[Value, ...]

    def where(self, alias: str) -> str:
        """The condition that an entry is in the list, with a mark for each value."""
        return " AND ".join(f"{alias}.{column} = ?" for column in self.columns)

    def hint(self, connection: Connection) -> str:
        """What names the index, where there is more than one way to the list."""
        return connection.use(self.index) if self.index else ""


@dataclass(frozen=True)
class Criterion:
    """An entry meets it when it is in one of these lists."""

    lists: tuple[Posting, ...]


@dataclass(frozen=True)
class Bounds:
    """Indices from `first` to before `until` (None: to the end)."""

    first: int = 0
    until: int | None = None

    def where(self, alias: str) -> str:
        """The condition, with the numbers in it."""
        upper = f" AND {alias}.idx < {int(self.until)}" if self.until is not None else ""
        return f"{alias}.idx >= {int(self.first)}{upper}"


def equal(column: str, value: Value) -> Criterion:
    """Entries with this value in one of the columns that have an index."""
    return Criterion((Posting("events", f"events_{column}", (column,), (value,)),))


def fired(detector: str, action: str) -> Criterion:
    """Entries in which a rule or an entity was found, or in which a check did something; '' means any."""
    if not detector:
        return Criterion((Posting("fired", "fired_verdict", ("verdict",), (action,)),))
    verdicts = (action,) if action else VERDICTS
    return Criterion(
        tuple(Posting("fired", "fired_name", ("name", "verdict"), (detector, verdict)) for verdict in verdicts)
    )


def word(hashed: int) -> Criterion:
    """Entries whose sealed text holds a word (search.py)."""
    return Criterion((Posting("words", "", ("word",), (hashed,)),))


def kinds(wanted: Sequence[str]) -> Criterion:
    """Entries of exact kinds, or of all kinds below a first part."""
    return Criterion(tuple(Posting("events", "events_kind", ("kind",), (kind,)) for kind in exact_kinds(wanted)))


def exact_kinds(wanted: Sequence[str]) -> list[str]:
    """The exact kinds that are meant by such kinds or first parts."""
    return [kind for kind in _KINDS if any(kind == one or kind.startswith(f"{one}.") for one in wanted)]


def newest_indices(connection: Connection, criteria: Sequence[Criterion], bounds: Bounds, limit: int) -> list[int]:
    """The newest so many indices of entries that meet every criterion, the newest first."""
    if not criteria:
        rows = connection.execute(
            f"SELECT idx FROM events WHERE entry IS NOT NULL AND {bounds.where('events')} "  # noqa: S608
            "ORDER BY idx DESC LIMIT ?",
            (limit,),
        )
        return [int(row[0]) for row in rows.fetchall()]
    ordered = _rarest_first(connection, criteria, bounds)
    parts, values = list[str](), list[Value]()
    for posting in ordered[0].lists:
        sql, bound = _walk(connection, posting, ordered[1:], bounds)
        parts.append(f"SELECT * FROM ({sql} ORDER BY idx DESC LIMIT {int(limit)}) AS part{len(parts)}")  # noqa: S608
        values += bound
    if not parts:
        return []
    rows = connection.execute(
        f"SELECT DISTINCT idx FROM ({' UNION ALL '.join(parts)}) AS parts ORDER BY idx DESC LIMIT ?",  # noqa: S608
        (*values, limit),
    )
    return [int(row[0]) for row in rows.fetchall()]


def all_indices(
    connection: Connection, criteria: Sequence[Criterion], bounds: Bounds, times: Sequence[tuple[str, str]]
) -> list[int]:
    """Every index of entries that meet the criteria and lie between times, ascending."""
    probes, values = _probes(connection, criteria, "events")
    conditions = ["entry IS NOT NULL", bounds.where("events"), *probes, *(f"at {sign} ?" for sign, _ in times)]
    rows = connection.execute(
        f"SELECT idx FROM events WHERE {' AND '.join(conditions)} ORDER BY idx",  # noqa: S608
        (*values, *(at for _, at in times)),
    )
    return [int(row[0]) for row in rows.fetchall()]


def _walk(
    connection: Connection, posting: Posting, others: Sequence[Criterion], bounds: Bounds
) -> tuple[str, list[Value]]:
    """One list, narrowed by the other criteria."""
    probes, values = _probes(connection, others, "walked")
    conditions = " AND ".join([posting.where("walked"), bounds.where("walked"), *probes])
    distinct = "DISTINCT " if posting.table == "fired" else ""
    table = f"{posting.table} AS walked {posting.hint(connection)}"
    return f"SELECT {distinct}walked.idx FROM {table} WHERE {conditions}", [*posting.values, *values]  # noqa: S608


def _probes(connection: Connection, criteria: Sequence[Criterion], outer: str) -> tuple[list[str], list[Value]]:
    """That an index is in one of each criterion's lists, looked up in the database's index and nowhere else."""
    conditions, values = [], list[Value]()
    for criterion in criteria:
        found = []
        for posting in criterion.lists:
            table = f"{posting.table} AS probed {posting.hint(connection)}"
            found.append(f"EXISTS (SELECT 1 FROM {table} WHERE {posting.where('probed')} AND probed.idx = {outer}.idx)")  # noqa: S608
            values += posting.values
        conditions.append(f"({' OR '.join(found) or '1 = 0'})")
    return conditions, values


def _rarest_first(connection: Connection, criteria: Sequence[Criterion], bounds: Bounds) -> list[Criterion]:
    if len(criteria) == 1:
        return list(criteria)
    return sorted(criteria, key=lambda criterion: _count(connection, criterion, bounds))


def _count(connection: Connection, criterion: Criterion, bounds: Bounds) -> int:
    """How many entries meet a criterion, as far as that is counted."""
    count = 0
    for posting in criterion.lists:
        table = f"{posting.table} AS counted {posting.hint(connection)}"
        (found,) = connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {posting.where('counted')} "  # noqa: S608
            f"AND {bounds.where('counted')} LIMIT {_COUNTED}) AS several",
            posting.values,
        ).fetchone()
        count += int(found)
    return count
