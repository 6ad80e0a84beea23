"""The ledger's tables.

Triggers forbid every change of what was written; `sluice audit verify` says whether they are still there.
"""

from __future__ import annotations

VERSION = 1

_NEVER = "\n".join(
    f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;"
    for table, verb in (
        ("events", "update"),
        ("events", "delete"),
        ("payloads", "update"),
        ("payloads", "delete"),
        ("tip", "delete"),
    )
)

SCHEMA = f"""
CREATE TABLE events (
    idx INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    at TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    response_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    outcome TEXT NOT NULL,
    version INTEGER,
    event BLOB NOT NULL,
    leaf BLOB NOT NULL,
    head BLOB NOT NULL
);
CREATE INDEX events_response ON events (response_id, kind);
CREATE INDEX events_kind ON events (kind);
CREATE TABLE payloads (idx INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE tip (one INTEGER PRIMARY KEY CHECK (one = 1), signed TEXT NOT NULL);
CREATE TABLE pending (response_id TEXT PRIMARY KEY, writer TEXT NOT NULL) WITHOUT ROWID;
{_NEVER}
"""
