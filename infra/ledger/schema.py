"""The ledger's tables in SQLite.

What queries search by is computed by SQLite out of an entry's own bytes and stands nowhere else, so that it cannot say
anything else. Triggers forbid every change of what was written; `sluice audit verify` says whether they are still
there.
"""

from __future__ import annotations

VERSION = 2
COLUMNS = (
    "event_id",
    "kind",
    "at",
    "pipeline",
    "response_id",
    "tenant",
    "subject",
    "outcome",
    "version",
    "guardrails",
    "manifest",
    "trace_id",
)
"""What of an event can be asked for; NULL where it has no such field."""
_INDEXED = tuple(name for name in COLUMNS if name not in ("event_id", "at", "manifest"))

_NEVER = "\n".join(
    f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;"
    for table, verb in (
        ("events", "update"),
        ("events", "delete"),
        ("payloads", "update"),
        ("payloads", "delete"),
        ("fired", "update"),
        ("fired", "delete"),
        ("tiles", "update"),
        ("tiles", "delete"),
        ("checkpoints", "update"),
        ("checkpoints", "delete"),
        ("log", "update"),
        ("log", "delete"),
        ("tip", "delete"),
    )
)
_DERIVED = "\n".join(f"    {name} AS (nullif(json_extract(event, '$.{name}'), ''))," for name in COLUMNS)
_INDICES = "\n".join(f"CREATE INDEX events_{name} ON events ({name}) WHERE {name} IS NOT NULL;" for name in _INDEXED)

SCHEMA = f"""
CREATE TABLE log (origin TEXT NOT NULL);
INSERT INTO log VALUES ('sluice.local/' || lower(hex(randomblob(8))));
CREATE TABLE events (
    idx INTEGER PRIMARY KEY,
    event TEXT NOT NULL,
{_DERIVED}
    leaf BLOB NOT NULL
);
CREATE UNIQUE INDEX events_event_id ON events (event_id);
{_INDICES}
CREATE TABLE payloads (idx INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE fired (
    idx INTEGER NOT NULL,
    name TEXT NOT NULL,
    verdict TEXT NOT NULL,
    PRIMARY KEY (idx, name, verdict)
) WITHOUT ROWID;
CREATE INDEX fired_name ON fired (name, verdict, idx);
CREATE TABLE tiles (
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hash BLOB NOT NULL,
    first_at TEXT NOT NULL,
    last_at TEXT NOT NULL,
    PRIMARY KEY (level, number)
) WITHOUT ROWID;
CREATE TABLE tip (one INTEGER PRIMARY KEY CHECK (one = 1), note TEXT NOT NULL);
CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL);
CREATE TABLE pending (response_id TEXT PRIMARY KEY, writer TEXT NOT NULL) WITHOUT ROWID;
{_NEVER}
"""  # noqa: S608
"""
log          the log's name, that its checkpoints bear
events       the entries: canonical JSON, whose hash is the leaf
payloads     what is sealed beside an entry
fired        which checks of which entry found something: by rule and by entity
tiles        the roots of whole subtrees of 256, 65,536 ... leaves; of those of 256, the earliest and the latest time
tip          the signed checkpoint of the whole log
checkpoints  earlier ones, a minute apart while there was traffic
pending      requests under way, and who answers them
"""
