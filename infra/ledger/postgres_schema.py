"""The ledger's tables as PostgreSQL makes them; what they mean and which changes are let through: schema.py."""

from __future__ import annotations

from infra.ledger.schema import ALLOWED, COLUMNS, INDEXED

_TYPES = {"version": "bigint"}
_DERIVED = "\n".join(
    f"    {name} {_TYPES.get(name, 'text')} GENERATED ALWAYS AS "
    f"(ledger_field(entry, '{name}'){'::bigint' if name in _TYPES else ''}) STORED,"
    for name in COLUMNS
)
_INDICES = "\n".join(
    f"CREATE INDEX events_{name} ON events ({name}, idx) WHERE {name} IS NOT NULL;" for name in INDEXED
)
_NEVER = "\n".join(
    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} FOR EACH ROW "
    f"EXECUTE FUNCTION {table}_{verb.lower()}_allowed();"
    for table, verb in ALLOWED
)
_EMPTYING = "\n".join(
    f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION ledger_refuse();"
    for table in sorted({table for table, _ in ALLOWED})
)
# A trigger's WHEN holds no subquery in PostgreSQL: the condition stands in its function.
_FUNCTIONS = "\n".join(
    f"""CREATE FUNCTION {table}_{verb.lower()}_allowed() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF {condition or "false"} THEN RETURN {"NEW" if verb == "UPDATE" else "OLD"}; END IF;
    RAISE EXCEPTION 'the ledger is append-only';
END $body$;"""
    for (table, verb), condition in ALLOWED.items()
)

SCHEMA = f"""
CREATE FUNCTION ledger_field(entry bytea, field text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(convert_from(entry, 'UTF8')::json ->> field, '');
CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $body$;
CREATE TABLE log (origin text NOT NULL);
INSERT INTO log VALUES ('sluice.local/' || substr(md5(gen_random_uuid()::text), 1, 16));
CREATE TABLE events (
    idx bigint PRIMARY KEY,
    entry bytea,
{_DERIVED}
    leaf bytea NOT NULL
);
CREATE TABLE payloads (idx bigint PRIMARY KEY, data bytea NOT NULL);
CREATE TABLE fired (
    idx bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    verdict text COLLATE "C" NOT NULL,
    PRIMARY KEY (idx, name, verdict)
);
CREATE TABLE tiles (
    level bigint NOT NULL,
    number bigint NOT NULL,
    hash bytea NOT NULL,
    first_at text COLLATE "C" NOT NULL,
    last_at text COLLATE "C" NOT NULL,
    PRIMARY KEY (level, number)
);
CREATE TABLE tip (one bigint PRIMARY KEY CHECK (one = 1), note text NOT NULL);
CREATE TABLE checkpoints (size bigint PRIMARY KEY, note text NOT NULL);
CREATE TABLE pending (response_id text PRIMARY KEY, writer text NOT NULL);
CREATE TABLE segments (first bigint PRIMARY KEY, until bigint NOT NULL, place text NOT NULL, digest text NOT NULL);
CREATE UNIQUE INDEX events_event_id ON events (event_id);
{_INDICES}
CREATE INDEX fired_name ON fired (name, verdict, idx);
CREATE INDEX fired_verdict ON fired (verdict, idx);
{_FUNCTIONS}
{_NEVER}
{_EMPTYING}
"""  # noqa: S608
SEARCH_SCHEMA = """
CREATE TABLE words (word bigint NOT NULL, idx bigint NOT NULL, PRIMARY KEY (word, idx));
CREATE TABLE followed (one bigint PRIMARY KEY CHECK (one = 1), upto bigint NOT NULL);
"""
"""In a schema of its own: appends do not wait for it."""
