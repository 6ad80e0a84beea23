"""What can be asked of the ledger: a filter, and its SQL. Values always travel as parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from infra.contracts.audit import AuditEvent
from infra.digest import Digest
from infra.errors import BadInput, StoreError
from infra.ledger.record import read_event
from infra.ledger.stored_tree import CHANGED
from infra.ledger.tree import TILE
from infra.stores.connection import Connection


@dataclass(frozen=True)
class Entry:
    """One event where it stands in the log. `index` counts from 0."""

    index: int
    event: AuditEvent
    leaf: Digest


@dataclass(frozen=True)
class AuditFilter:
    """Which entries to show; what is left out restricts nothing. `since` is inclusive, `until` exclusive (aware)."""

    kinds: tuple[str, ...] = ()
    """Exact kinds ('release.written') or their first parts ('request')."""
    pipeline: str = ""
    response_id: str = ""
    tenant: str = ""
    subject: str = ""
    outcome: str = ""
    version: int | None = None
    policy: str = ""
    """The digest of a guardrail policy."""
    trace_id: str = ""
    detector: str = ""
    """A rule's id or an entity: entries in which it found something."""
    action: str = ""
    """What a check did: flag, redact or block."""
    since: datetime | None = None
    until: datetime | None = None
    before_index: int | None = None
    """Only entries below this index: to page backwards."""
    limit: int = 100
    """The newest so many of what matches; they come in the ledger's order."""


_FIELDS = {
    "pipeline": "pipeline",
    "response_id": "response_id",
    "tenant": "tenant",
    "subject": "subject",
    "outcome": "outcome",
    "version": "version",
    "guardrails": "policy",
    "trace_id": "trace_id",
}
"""The columns that are asked for a value, and the filter's name for each."""
_EXACT = "kind = ?"
_EXACT_OR_BELOW = "kind = ? OR (kind >= ? AND kind < ?)"


def select(connection: Connection, wanted: AuditFilter) -> tuple[Entry, ...]:
    """The newest entries that match, in the log's order. Raises StoreError when one of them is no event."""
    condition, values = _condition(connection, wanted)
    rows = connection.execute(
        f"SELECT idx, entry, leaf FROM events WHERE {condition} ORDER BY idx DESC LIMIT ?",  # noqa: S608
        (*values, wanted.limit),
    ).fetchall()
    return tuple(read_entry(*row) for row in reversed(rows))


def select_indices(connection: Connection, wanted: AuditFilter) -> list[int]:
    """The indices of every entry that matches, ascending; the filter's limit does not count."""
    condition, values = _condition(connection, wanted)
    rows = connection.execute(f"SELECT idx FROM events WHERE {condition} ORDER BY idx", values)  # noqa: S608
    return [int(row[0]) for row in rows]


def _condition(connection: Connection, wanted: AuditFilter) -> tuple[str, list[str | int]]:
    parts = ["entry IS NOT NULL"]  # what has expired is found by nothing
    values: list[str | int] = []
    for column, name in _FIELDS.items():
        if (value := getattr(wanted, name)) not in ("", None):
            parts.append(f"{column} = ?")
            values.append(value)
    if wanted.kinds:
        # Ranges, not substrings, so that the index on `kind` serves: '/' follows '.' in ASCII.
        parts.append("(" + " OR ".join(_EXACT if "." in kind else _EXACT_OR_BELOW for kind in wanted.kinds) + ")")
        for kind in wanted.kinds:
            values += [kind] if "." in kind else [kind, kind + ".", kind + "/"]
    for name, value in (("name", wanted.detector), ("verdict", wanted.action)):
        if value:
            parts.append(f"idx IN (SELECT idx FROM fired WHERE {name} = ?)")  # noqa: S608
            values.append(value)
    if wanted.detector and wanted.action:
        parts[-2:] = ["idx IN (SELECT idx FROM fired WHERE name = ? AND verdict = ?)"]
    for bound, at in _times(connection, wanted):
        parts.append(bound)
        values.append(at)
    if wanted.before_index is not None:
        parts.append("idx < ?")
        values.append(wanted.before_index)
    return " AND ".join(parts), values


def _times(connection: Connection, wanted: AuditFilter) -> list[tuple[str, str | int]]:
    """Bounds of time, with the indices between which such entries lie: whole tiles know their earliest and latest."""
    bounds: list[tuple[str, str | int]] = []
    (whole,) = connection.execute("SELECT coalesce(max(number) + 1, 0) FROM tiles WHERE level = 1").fetchone()
    if wanted.since is not None:
        since = _utc(wanted.since)
        (first,) = connection.execute(
            "SELECT coalesce(min(number), ?) FROM tiles WHERE level = 1 AND last_at >= ?", (whole, since)
        ).fetchone()
        bounds += [("at >= ?", since), ("idx >= ?", first * TILE)]
    if wanted.until is not None:
        until = _utc(wanted.until)
        (last,) = connection.execute(
            "SELECT coalesce(max(number), -1) FROM tiles WHERE level = 1 AND first_at < ?", (until,)
        ).fetchone()
        bounds.append(("at < ?", until))
        if last < whole - 1:
            bounds.append(("idx < ?", (last + 1) * TILE))
    return bounds


def read_entry(index: int, event: bytes, leaf: bytes) -> Entry:
    """An entry from its columns. Raises StoreError when it is no event."""
    try:
        return Entry(index, read_event(event), digest_text(leaf))
    except BadInput:
        raise StoreError(f"entry {index} of the ledger was changed", cure=CHANGED) from None


def digest_text(raw: bytes) -> Digest:
    """32 bytes as a digest."""
    return Digest("sha256:" + raw.hex())


def _utc(at: datetime) -> str:
    """The form in which events write their time, so that texts compare as times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


_AGO = re.compile(r"(\d{1,5})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def read_time(text: str) -> datetime:
    """An aware time from ISO 8601 (UTC where it names no zone), or from '90m', '24h', '7d': so long ago.

    Raises BadInput for anything else.
    """
    if ago := _AGO.fullmatch(text):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput("not a time", cure="write 2026-01-31, 2026-01-31T12:00Z, or 90m, 24h, 7d") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
