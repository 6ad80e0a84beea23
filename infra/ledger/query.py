"""What can be asked of the ledger: a filter, and its SQL. Values always travel as parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from infra.contracts.audit import AuditEvent
from infra.digest import Digest
from infra.errors import BadInput


@dataclass(frozen=True)
class Entry:
    """One event where it stands in the chain. `index` counts from 0."""

    index: int
    event: AuditEvent
    leaf: Digest
    head: Digest


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
    since: datetime | None = None
    until: datetime | None = None
    before_index: int | None = None
    """Only entries below this index: to page backwards."""
    limit: int = 100
    """The newest so many of what matches; they come in the ledger's order."""


@dataclass(frozen=True)
class Where:
    """A condition in SQL with the values of its marks."""

    sql: str
    values: tuple[str | int, ...]


_EXACT = "kind = ?"
_EXACT_OR_BELOW = "kind = ? OR (kind >= ? AND kind < ?)"


def where(wanted: AuditFilter) -> Where:
    """The filter as a condition on the ledger's columns."""
    parts: list[str] = []
    values: list[str | int] = []
    for column in ("pipeline", "response_id", "tenant", "subject", "outcome"):
        if value := getattr(wanted, column):
            parts.append(f"{column} = ?")
            values.append(value)
    if wanted.kinds:
        # Ranges, not substrings, so that the index on `kind` serves: '/' follows '.' in ASCII.
        parts.append("(" + " OR ".join(_EXACT if "." in kind else _EXACT_OR_BELOW for kind in wanted.kinds) + ")")
        for kind in wanted.kinds:
            values += [kind] if "." in kind else [kind, kind + ".", kind + "/"]
    if wanted.version is not None:
        parts.append("version = ?")
        values.append(wanted.version)
    if wanted.since is not None:
        parts.append("at >= ?")
        values.append(_utc(wanted.since))
    if wanted.until is not None:
        parts.append("at < ?")
        values.append(_utc(wanted.until))
    if wanted.before_index is not None:
        parts.append("idx < ?")
        values.append(wanted.before_index)
    return Where(" AND ".join(parts) or "1", tuple(values))


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
