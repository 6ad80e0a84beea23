"""SQL over the public part of the ledger: a DuckDB file that follows the log, opened read-only for each question.

    events   one row for each entry: its fields, and the whole entry as JSON
    checks   one row for each guard check of a request

The file is made out of the log and may be deleted: it is a convenience, not evidence. What a question can reach is
these tables alone: no file, no network, no setting. Expired entries leave it with the next question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from infra.contracts.record_events import EntriesExpired
from infra.errors import BadInput, StoreError
from infra.extras import need
from infra.ledger.log import Ledger
from infra.ledger.query import ALL_ENTRIES, AuditFilter

_BATCH = 50_000
_LAYOUT = 1
_MEMORY = "512MB"
_TEXTS = (
    *("event_id", "kind", "pipeline", "response_id", "tenant", "key_id", "subject", "outcome", "refusal_rule"),
    *("guardrails", "manifest", "trace_id", "sealed"),
)
_NUMBERS = {"version": "BIGINT", "prompt_tokens": "BIGINT", "completion_tokens": "BIGINT", "seconds": "DOUBLE"}
_TABLES = (
    f"""CREATE TABLE events (idx BIGINT, time TIMESTAMP, {", ".join(f"{name} VARCHAR" for name in _TEXTS)},
    {", ".join(f"{name} {kind}" for name, kind in _NUMBERS.items())}, entry JSON)""",
    """CREATE TABLE checks (idx BIGINT, time TIMESTAMP, tenant VARCHAR, rule VARCHAR, direction VARCHAR,
    verdict VARCHAR, score DOUBLE, milliseconds DOUBLE)""",
    "CREATE TABLE followed (upto BIGINT, expired BIGINT)",
    "INSERT INTO followed VALUES (0, 0)",
)
_FIELD = "nullif(json_extract_string(entry, '$.{0}'), '') AS {0}"
_AT = "strptime(json_extract_string(entry, '$.at'), '%Y-%m-%dT%H:%M:%S.%fZ')"
_EVENTS = f"""
INSERT INTO events SELECT idx, {_AT}, {", ".join(_FIELD.format(name) for name in _TEXTS)},
    {", ".join(f"CAST(json_extract(entry, '$.{name}') AS {kind})" for name, kind in _NUMBERS.items())}, entry
FROM batch
"""  # noqa: S608
_CHECKS = f"""
INSERT INTO checks SELECT idx, {_AT}, json_extract_string(entry, '$.tenant'),
    json_extract_string(one, '$.rule'), json_extract_string(one, '$.direction'), json_extract_string(one, '$.verdict'),
    CAST(json_extract(one, '$.score') AS DOUBLE), CAST(json_extract(one, '$.milliseconds') AS DOUBLE)
FROM (SELECT idx, entry, unnest(json_extract(entry, '$.checks[*]')) AS one FROM batch)
"""  # noqa: S608


@dataclass(frozen=True)
class Answer:
    """What a question gave: the columns' names, and the rows as they come."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


class SqlView:
    """The DuckDB file of one ledger. Several processes may use it; one at a time brings it up to date."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self._ledger = ledger
        self._path = folder / f"columns-{_LAYOUT}.duckdb"
        self._duckdb = need("duckdb", extra="sql")
        self._arrow = need("pyarrow", extra="sql")

    def catch_up(self) -> int:
        """Takes over what was recorded since the last time; returns how many entries. Raises StoreError."""
        try:
            with FileLock(f"{self._path}.lock", mode=0o600), self._duckdb.connect(str(self._path)) as connection:
                self._path.chmod(0o600)
                _run(connection, f"SET memory_limit = '{_MEMORY}'")
                if not _run(connection, "SELECT 1 FROM information_schema.tables LIMIT 1"):
                    for statement in ("BEGIN", *_TABLES, "COMMIT"):
                        _run(connection, statement)
                self._drop_expired(connection)
                return self._take_over(connection)
        except (self._duckdb.Error, OSError) as error:
            raise StoreError(
                f"the columns for SQL cannot be brought up to date: {type(error).__name__}",
                where=str(self._path),
                cure="free some disk space, or delete the file: it is made anew",
            ) from None

    def ask(self, sql: str) -> Answer:
        """Runs one query. Raises BadInput with DuckDB's sentence when it is none, or reaches beyond the tables."""
        connection = self._duckdb.connect(str(self._path), read_only=True)
        for setting in (f"memory_limit = '{_MEMORY}'", "enable_external_access = false", "lock_configuration = true"):
            _run(connection, f"SET {setting}")
        try:
            asked = connection.extract_statements(sql)
            if len(asked) != 1 or asked[0].type.name not in ("SELECT", "EXPLAIN"):
                raise BadInput("one SELECT is asked for", cure="e.g. SELECT kind, count(*) FROM events GROUP BY 1")
            result = connection.execute(asked[0])
        except self._duckdb.Error as error:
            raise BadInput(f"the query cannot be run: {error}", cure="the tables are events and checks") from None
        return Answer(tuple(column[0] for column in result.description), self._rows(result))

    def _rows(self, result: Any) -> Iterator[tuple[Any, ...]]:
        try:
            while rows := result.fetchmany(1_000):
                yield from rows
        except self._duckdb.Error as error:
            raise BadInput(f"the query cannot be run: {error}", cure="the tables are events and checks") from None

    def _take_over(self, connection: Any) -> int:
        ((upto,),) = _run(connection, "SELECT upto FROM followed")
        begun, end = int(upto), len(self._ledger)
        for first in range(begun, end, _BATCH):
            until = min(first + _BATCH, end)
            entries = self._ledger.raw_entries(first, until)
            _run(connection, "BEGIN")
            if entries:  # all of them may have expired
                indices, texts = [index for index, _ in entries], [entry.decode() for _, entry in entries]
                connection.register("batch", self._arrow.table({"idx": indices, "entry": texts}))
                for statement in (_EVENTS, _CHECKS):
                    _run(connection, statement)
                connection.unregister("batch")
            _run(connection, "UPDATE followed SET upto = ?", (until,))
            _run(connection, "COMMIT")
        return end - begun

    def _drop_expired(self, connection: Any) -> None:
        ((done,),) = _run(connection, "SELECT expired FROM followed")
        wanted = AuditFilter(kinds=("entries.expired",), from_index=done, limit=ALL_ENTRIES)
        for entry in self._ledger.query(wanted):
            if isinstance(entry.event, EntriesExpired):
                for one in entry.event.ranges:
                    for table in ("events", "checks"):
                        gone = f"DELETE FROM {table} WHERE idx >= ? AND idx < ?"  # noqa: S608
                        _run(connection, gone, (one.first, one.until))
            _run(connection, "UPDATE followed SET expired = ?", (entry.index + 1,))


def _run(connection: Any, sql: str, values: tuple[int, ...] = ()) -> list[tuple[Any, ...]]:
    """Runs one statement to its end: DuckDB takes no other before."""
    found: list[tuple[Any, ...]] = connection.execute(sql, values).fetchall()
    return found
