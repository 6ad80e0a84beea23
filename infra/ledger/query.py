"""What can be asked of the ledger: a filter, and the newest entries that match it, page by page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from infra.contracts.audit import AuditEvent
from infra.contracts.base import utc_text
from infra.digest import Digest
from infra.errors import BadInput, StoreError
from infra.ledger.postings import Bounds, Criterion, all_indices, equal, fired, kinds, newest_indices, word
from infra.ledger.record import read_event
from infra.ledger.stored_tree import CHANGED
from infra.ledger.tree import TILE
from infra.stores.connection import Connection

ALL_ENTRIES = 2**63 - 1
"""The `limit` of a filter that leaves nothing out: more than either database counts to."""


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
    event_id: str = ""
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
    words: tuple[int, ...] = ()
    """Words that the sealed text holds, all of them, as `SearchIndex.words` gives them."""
    since: datetime | None = None
    until: datetime | None = None
    from_index: int = 0
    """Only entries from this index on."""
    before_index: int | None = None
    """Only entries below this index: to page backwards."""
    limit: int = 100
    """The newest so many of what matches; they come in the ledger's order."""


FIELDS = {
    "event_id": "event_id",
    "response_id": "response_id",
    "trace_id": "trace_id",
    "subject": "subject",
    "outcome": "outcome",
    "version": "version",
    "guardrails": "policy",
    "tenant": "tenant",
    "pipeline": "pipeline",
}
"""The columns that are asked for a value, and the filter's name for each; the rarer values first."""


def select(connection: Connection, wanted: AuditFilter) -> tuple[Entry, ...]:
    """The newest entries that match, in the log's order. Raises StoreError when one of them is no event."""
    found: list[Entry] = []
    for entry in newest(connection, wanted):
        found.append(entry)
        if len(found) == wanted.limit:
            break
    return tuple(reversed(found))


def newest(connection: Connection, wanted: AuditFilter) -> Iterator[Entry]:
    """Every entry that matches, the newest first, read page by page; the filter's limit is the size of a page."""
    criteria = _criteria(wanted)
    while True:
        indices = newest_indices(connection, criteria, bounds_of(connection, wanted), wanted.limit)
        for entry in _entries(connection, indices):
            # Whole tiles know their times: what is left to look at are the tiles at both ends.
            if in_time(entry, wanted):
                yield entry
        if len(indices) < wanted.limit:
            return
        wanted = replace(wanted, before_index=indices[-1])


def select_indices(connection: Connection, wanted: AuditFilter) -> list[int]:
    """The indices of every entry that matches, ascending; the filter's limit does not count."""
    times = [(sign, utc_text(at)) for sign, at in ((">=", wanted.since), ("<", wanted.until)) if at is not None]
    return all_indices(connection, _criteria(wanted), bounds_of(connection, wanted), times)


def _criteria(wanted: AuditFilter) -> list[Criterion]:
    found = [
        equal(column, value) for column, name in FIELDS.items() if (value := getattr(wanted, name)) not in ("", None)
    ]
    found = [*map(word, wanted.words), *found]
    if wanted.detector or wanted.action:
        found.insert(0, fired(wanted.detector, wanted.action))
    if wanted.kinds:
        found.append(kinds(wanted.kinds))
    return found


def bounds_of(connection: Connection, wanted: AuditFilter) -> Bounds:
    """The indices between which the entries of the wanted times lie, a tile more at both ends."""
    first, until = wanted.from_index, wanted.before_index
    (whole,) = connection.execute("SELECT coalesce(max(number) + 1, 0) FROM tiles WHERE level = 1").fetchone()
    if wanted.since is not None:
        (tile,) = connection.execute(
            "SELECT coalesce(min(number), ?) FROM tiles WHERE level = 1 AND last_at >= ?",
            (whole, utc_text(wanted.since)),
        ).fetchone()
        first = max(first, tile * TILE)
    if wanted.until is not None:
        (tile,) = connection.execute(
            "SELECT coalesce(max(number), -1) FROM tiles WHERE level = 1 AND first_at < ?", (utc_text(wanted.until),)
        ).fetchone()
        if tile < whole - 1:
            until = min((tile + 1) * TILE, until if until is not None else (tile + 1) * TILE)
    return Bounds(first, until)


def _entries(connection: Connection, indices: list[int]) -> Iterator[Entry]:
    """The entries of some indices, in their order."""
    for start in range(0, len(indices), 500):
        part = indices[start : start + 500]
        marks = ",".join("?" * len(part))
        rows = connection.execute(f"SELECT idx, entry, leaf FROM events WHERE idx IN ({marks})", part).fetchall()  # noqa: S608
        by_index = {int(row[0]): row for row in rows}
        for index in part:
            if by_index[index][1] is not None:  # it has expired, and a word still points to it
                yield read_entry(*by_index[index])


def in_time(entry: Entry, wanted: AuditFilter) -> bool:
    """Whether an entry lies between the wanted times."""
    at = entry.event.at
    return (wanted.since is None or at >= wanted.since) and (wanted.until is None or at < wanted.until)


def read_entry(index: int, event: bytes, leaf: bytes) -> Entry:
    """An entry from its columns. Raises StoreError when it is no event."""
    try:
        return Entry(index, read_event(event), digest_text(leaf))
    except BadInput:
        raise StoreError(f"entry {index} of the ledger was changed", cure=CHANGED) from None


def digest_text(raw: bytes) -> Digest:
    """32 bytes as a digest."""
    return Digest("sha256:" + raw.hex())


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
