"""Where a home's ledger is kept: a SQLite file, or a PostgreSQL database that several gateways share."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Protocol

from infra.errors import BadInput
from infra.home import Home
from infra.ledger.postgres_schema import SCHEMA as POSTGRES_SCHEMA
from infra.ledger.postgres_schema import SEARCH_SCHEMA as POSTGRES_SEARCH_SCHEMA
from infra.ledger.schema import SCHEMA, SEARCH_SCHEMA, SEARCH_VERSION, VERSION
from infra.ledger.writers import FolderWriters, PostgresWriters, Writers
from infra.stores.connection import Connection, Transactions
from infra.stores.sqlite import Database, read_only

if TYPE_CHECKING:
    from infra.stores.postgres import PostgresDatabase

_POSTGRES = "sluice_ledger"
_POSTGRES_SEARCH = "sluice_search"
"""The schemas of the tables, in whatever database the setting names."""


class LedgerStore(Protocol):
    """The tables of one ledger, and who writes to them."""

    @property
    def database(self) -> Transactions:
        """Its transactions."""

    @property
    def writers(self) -> Writers:
        """Who is alive of those that write."""

    @property
    def search(self) -> Transactions:
        """Where the words of search.py are."""

    def reading(self, *, words: bool) -> AbstractContextManager[Connection]:
        """One consistent view; with the table of words in it where that is asked for. Raises StoreError."""

    def as_made(self, connection: Connection) -> bool:
        """Whether tables, indexes and triggers are the ones that Sluice made."""

    def index_problems(self, connection: Connection) -> list[str]:
        """Where the database's own indexes say something else than its tables. Raises BadInput, StoreError."""


@dataclass
class SqliteStore:
    """A file in the home."""

    database: Database
    writers: FolderWriters

    @cached_property
    def search(self) -> Database:
        """A file beside it."""
        return Database(self.database.path.with_name("search.sqlite"), SEARCH_SCHEMA, SEARCH_VERSION)

    def reading(self, *, words: bool) -> AbstractContextManager[Connection]:
        """One view of both files, where the words are asked for."""
        return read_only(self.database.path, self.search.path if words else None)

    def as_made(self, connection: Connection) -> bool:
        """Compares every object of the file with those of a new one."""
        return _objects(connection) == _expected()

    def index_problems(self, connection: Connection) -> list[str]:
        """Has SQLite look up each row in each index, and each page's bounds; its words name no value."""
        rows = connection.execute("PRAGMA integrity_check").fetchall()
        return [str(row[0]) for row in rows if row[0] != "ok"]


@dataclass
class PostgresStore:
    """A schema in a database."""

    database: PostgresDatabase
    writers: PostgresWriters

    @property
    def search(self) -> PostgresDatabase:
        """A schema beside it."""
        return _postgres_search(self.database.url)

    def reading(self, *, words: bool) -> AbstractContextManager[Connection]:
        """One view of both schemas, where the words are asked for."""
        if words:
            self.search  # noqa: B018 - makes the table that is not there yet
        return self.database.reading()

    def as_made(self, connection: Connection) -> bool:
        """Compares every object of the schema with those of a new one, made beside it and taken back."""
        return _definitions(connection, _POSTGRES) == self.database.trial(
            POSTGRES_SCHEMA, lambda trial, schema: _definitions(trial, schema)
        )

    def index_problems(self, _: Connection) -> list[str]:
        """That takes rights on the server. Raises BadInput."""
        raise BadInput(
            "the indexes of PostgreSQL cannot be checked from here",
            cure=f"let who runs the server say `pg_amcheck --schema {_POSTGRES} --heapallindexed DATABASE`",
        )


def open_store(home: Home) -> LedgerStore:
    """Opens the ledger's tables, or makes them. Raises StoreError."""
    if home.ledger_url:
        database = _postgres(home.ledger_url)
        return PostgresStore(database, PostgresWriters(database))
    home.folder(home.ledger.parent)
    return SqliteStore(Database(home.ledger, SCHEMA, VERSION), FolderWriters(home.ledger.parent / "writers"))


@lru_cache(maxsize=4)
def _postgres(url: str) -> PostgresDatabase:
    """One for the process: its idle connections serve everybody who reads."""
    from infra.stores.postgres import PostgresDatabase

    return PostgresDatabase(url, _POSTGRES, POSTGRES_SCHEMA, VERSION, beside=_POSTGRES_SEARCH)


@lru_cache(maxsize=4)
def _postgres_search(url: str) -> PostgresDatabase:
    from infra.stores.postgres import PostgresDatabase

    return PostgresDatabase(url, _POSTGRES_SEARCH, POSTGRES_SEARCH_SCHEMA, SEARCH_VERSION)


@contextmanager
def reading(home: Home) -> Iterator[Connection]:
    """One consistent view of a ledger that is there, without opening it for writing. Raises StoreError."""
    if home.ledger_url:
        with _postgres(home.ledger_url).reading() as connection:
            yield connection
    else:
        with read_only(home.ledger) as connection:
            yield connection


def has_record(home: Home) -> bool:
    """Whether a home has a ledger; with PostgreSQL, whether one is set."""
    return bool(home.ledger_url) or home.ledger.exists()


_DEFINITIONS = """
SELECT 'table', relname, relkind::text, relrowsecurity::text, relforcerowsecurity::text
    FROM pg_class WHERE relnamespace = ?::regnamespace AND relkind NOT IN ('i', 'c', 't')
UNION ALL SELECT 'column', relname, attname,
    concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attgenerated, attcollation),
    pg_get_expr(adbin, adrelid)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace = ?::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, convalidated::text, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = ?::regnamespace
UNION ALL SELECT 'index', relname, '', concat_ws(' ', indisvalid, indisready), pg_get_indexdef(indexrelid)
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = ?::regnamespace
UNION ALL SELECT 'trigger', relname, tgname, tgenabled::text, pg_get_triggerdef(pg_trigger.oid)
    FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE relnamespace = ?::regnamespace AND NOT tgisinternal
UNION ALL SELECT 'rule', relname, rulename, ev_enabled::text, pg_get_ruledef(pg_rewrite.oid)
    FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class WHERE relnamespace = ?::regnamespace
UNION ALL SELECT 'function', proname, '', '', pg_get_functiondef(oid)
    FROM pg_proc WHERE pronamespace = ?::regnamespace
"""


def _definitions(connection: Connection, schema: str) -> frozenset[tuple[str, ...]]:
    """Every object of a PostgreSQL schema but the table that says its layout, without the schema's name."""
    rows = connection.execute(_DEFINITIONS, (schema,) * _DEFINITIONS.count("?")).fetchall()
    named = {tuple(str(part).replace(f"{schema}.", "") for part in row) for row in rows}
    return frozenset(row for row in named if row[1] != "layout")


def _objects(connection: Connection | sqlite3.Connection) -> frozenset[tuple[str, str, str | None]]:
    return frozenset(connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall())


@lru_cache(maxsize=1)
def _expected() -> frozenset[tuple[str, str, str | None]]:
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(SCHEMA)
        return _objects(connection)
    finally:
        connection.close()
