"""The ledger's tables, and how SQLite makes them (PostgreSQL: postgres_schema.py): the same names and meaning.

    log          the log's name, that its checkpoints bear
    events       the entries: canonical JSON, whose hash is the leaf; NULL once it has expired
    payloads     what is sealed beside an entry
    fired        which checks of which entry found something: by rule and by entity
    tiles        the roots of whole subtrees of 256, 65,536 ... leaves; of those of 256, the first and the last time
    tip          the signed checkpoint of the whole log
    checkpoints  earlier ones, a minute apart while there was traffic
    pending      requests under way, and who answers them
    segments     closed parts that lie in the archive; only their entries may leave the tables

What queries search by is computed by the database out of an entry's own bytes and stands nowhere else, so that it
cannot say anything else. Triggers forbid every other change of what was written; `sluice audit verify` says whether
they are still there.
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
INDEXED = tuple(name for name in COLUMNS if name not in ("event_id", "at", "manifest"))
"""Those that queries find entries by; the others only narrow what was found."""

_ARCHIVED = "EXISTS (SELECT 1 FROM segments WHERE first <= OLD.idx AND OLD.idx < until)"
_EXPIRED = "EXISTS (SELECT 1 FROM events WHERE idx = OLD.idx AND entry IS NULL)"
_EXPIRES = "(NEW.entry IS NULL AND NEW.leaf = OLD.leaf AND NEW.idx = OLD.idx)"
ALLOWED = {
    ("events", "UPDATE"): _EXPIRES,
    ("events", "DELETE"): _ARCHIVED,
    ("payloads", "UPDATE"): "",
    ("payloads", "DELETE"): f"({_EXPIRED} OR {_ARCHIVED})",
    ("fired", "UPDATE"): "",
    ("fired", "DELETE"): f"({_EXPIRED} OR {_ARCHIVED})",
    ("tiles", "UPDATE"): "",
    ("tiles", "DELETE"): "",
    ("checkpoints", "UPDATE"): "",
    ("checkpoints", "DELETE"): "",
    ("segments", "UPDATE"): "",
    ("segments", "DELETE"): "",
    ("log", "UPDATE"): "",
    ("log", "DELETE"): "",
    ("tip", "DELETE"): "",
}
"""Which changes the triggers let through, by table and verb; '' where none is."""

_DERIVED = "\n".join(f"    {name} AS (nullif(json_extract(CAST(entry AS TEXT), '$.{name}'), ''))," for name in COLUMNS)
_INDICES = "\n".join(f"CREATE INDEX events_{name} ON events ({name}) WHERE {name} IS NOT NULL;" for name in INDEXED)
_NEVER = "\n".join(
    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
    + (f"WHEN NOT {condition} " if condition else "")
    + "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;"
    for (table, verb), condition in ALLOWED.items()
)
SCHEMA = f"""
CREATE TABLE log (origin TEXT NOT NULL);
INSERT INTO log VALUES ('sluice.local/' || lower(hex(randomblob(8))));
CREATE TABLE events (
    idx INTEGER PRIMARY KEY,
    entry BLOB,
{_DERIVED}
    leaf BLOB NOT NULL
);
CREATE TABLE payloads (idx INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE fired (
    idx INTEGER NOT NULL,
    name TEXT NOT NULL,
    verdict TEXT NOT NULL,
    PRIMARY KEY (idx, name, verdict)
) WITHOUT ROWID;
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
CREATE TABLE segments (first INTEGER PRIMARY KEY, until INTEGER NOT NULL, place TEXT NOT NULL, digest TEXT NOT NULL);
CREATE UNIQUE INDEX events_event_id ON events (event_id);
{_INDICES}
CREATE INDEX fired_name ON fired (name, verdict, idx);
CREATE INDEX fired_verdict ON fired (verdict, idx);
{_NEVER}
"""  # noqa: S608
"""SQLite's."""
SEARCH_VERSION = 1
SEARCH_SCHEMA = """
CREATE TABLE words (word INTEGER NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (word, idx)) WITHOUT ROWID;
CREATE TABLE followed (one INTEGER PRIMARY KEY CHECK (one = 1), upto INTEGER NOT NULL);
"""
"""The table of words (search.py), in a file of its own: appends do not wait for it."""
