"""A database in PostgreSQL: durable commits one after the other, reads from one consistent view.

What PostgreSQL reports comes out as StoreError with a cure; its messages' details, which quote values, never do.
"""

from __future__ import annotations

import os
import secrets
import select
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from infra.errors import StoreError
from infra.extras import need
from infra.stores.address import hidden
from infra.stores.connection import Value

if TYPE_CHECKING:
    import psycopg

ResultT = TypeVar("ResultT")
_CONNECT_S = 10
_IDLE = 8
"""How many connections for reading are kept open between reads."""
_ONE_MAKER = 0x51C1CE  # everybody who makes or migrates the tables takes turns
_CURES = {
    "53100": ("the database server's disk is full", "free some disk space there; nothing was recorded"),
    "25006": ("the database is read-only", "point the setting at the primary server; nothing was recorded"),
    "28": ("the database refuses the login", "check the user and password of the setting"),
    "3D000": ("there is no such database", "create it (createdb), or correct the setting"),
    "42501": ("the database user lacks a right", "grant it the rights on its schema"),
    "57": ("the database server is going down or ended the connection", "try again once it is up"),
    "08": ("the database cannot be reached", "check that the server runs and the setting names it"),
    "53": ("the database server is out of resources", "see its log; nothing was recorded"),
}
"""By SQLSTATE or its class."""


class PostgresConnection:
    """One transaction; `?` stands for a value."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._streams = 0

    def execute(self, sql: str, values: Sequence[Value] = (), /) -> psycopg.Cursor[Any]:
        """Runs one statement."""
        return self._connection.execute(_marks(sql), values or None)

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]], /) -> None:
        """Runs one statement for each row of values."""
        with self._connection.cursor() as cursor:
            cursor.executemany(_marks(sql), rows)

    def stream(self, sql: str, values: Sequence[Value] = (), /) -> Iterator[Any]:
        """The rows of a query of any length, a few thousand at a time."""
        self._streams += 1
        with self._connection.cursor(name=f"stream_{self._streams}") as cursor:
            cursor.itersize = 5_000
            cursor.execute(_marks(sql), values or None)
            yield from cursor

    def use(self, _: str, /) -> str:
        """PostgreSQL plans by its statistics."""
        return ""


class PostgresDatabase:
    """One schema of a PostgreSQL database for one process: a writing connection under a lock, others for reading."""

    def __init__(self, url: str, schema: str, tables: str, version: int, *, beside: str = "") -> None:
        """Opens the schema and makes its tables on first use; sees those of another one `beside`. Raises StoreError."""
        self.where = hidden(url)
        self.url, self._schema = url, schema
        self._path = f"{schema},{beside}" if beside else schema
        self._lock = threading.RLock()
        self._idle: deque[psycopg.Connection[Any]] = deque()
        self._owner = os.getpid()
        self._writer: psycopg.Connection[Any] | None = None
        with self._errors():
            self._make(tables, version)

    @contextmanager
    def writing(self) -> Iterator[PostgresConnection]:
        """One durable transaction: committed when the block ends, rolled back when it raises.

        Threads and processes take turns. Raises StoreError when nothing could be written.
        """
        with self._lock, self._errors():
            connection = self._writing()
            try:
                with connection.transaction():
                    # Held to the end of the transaction: whoever comes next sees all that this one wrote.
                    connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"{self._schema}/append",))
                    yield PostgresConnection(connection)
            except BaseException:
                if connection.closed:
                    self._writer = None
                raise

    @contextmanager
    def reading(self) -> Iterator[PostgresConnection]:
        """One consistent view that no writer blocks. Raises StoreError."""
        with self._errors():
            connection = self._reader()
            try:
                yield PostgresConnection(connection)
                connection.rollback()
            except BaseException:
                connection.close()
                raise
            if len(self._idle) < _IDLE:
                self._idle.append(connection)
            else:
                connection.close()

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of one's own, in autocommit mode. Raises StoreError."""
        with self._errors():
            return self._connect(autocommit=True)

    def answers(self, connection: psycopg.Connection[Any]) -> bool:
        """Whether a connection is still one: asked of the server, since nobody tells."""
        try:
            connection.execute("SELECT 1")
        except _psycopg().Error:
            connection.close()
            return False
        return True

    def trial(self, tables: str, look: Callable[[PostgresConnection, str], ResultT]) -> ResultT:
        """What `look` finds in a new schema with these tables, which is taken back. Raises StoreError."""
        name = f"{self._schema}_trial_{secrets.token_hex(6)}"
        connection = self._connect(autocommit=True)
        try:
            with self._errors(), connection.transaction(force_rollback=True):
                connection.execute(f'CREATE SCHEMA "{name}"')
                connection.execute(f'SET LOCAL search_path = "{name}"')
                connection.execute(tables)
                return look(PostgresConnection(connection), name)
        finally:
            connection.close()

    def checkpoint(self) -> None:
        """Nothing to do here: what is deleted goes with the server's own vacuum and write-ahead log."""

    def close(self) -> None:
        """Closes every connection; using it again opens new ones."""
        with self._lock:
            if self._writer is not None and self._owner == os.getpid():
                self._writer.close()
            self._writer = None
            while self._idle and self._owner == os.getpid():
                self._idle.pop().close()

    def _writing(self) -> psycopg.Connection[Any]:
        if self._owner != os.getpid():
            # A connection must not be carried across a fork: the child opens its own.
            self._writer, self._owner = None, os.getpid()
            self._idle = deque()
        if self._writer is None or not _still_open(self._writer):
            self._writer = self._connect(autocommit=True)
        return self._writer

    def _reader(self) -> psycopg.Connection[Any]:
        if self._owner != os.getpid():
            self._writing()
        with suppress(IndexError):
            while True:
                kept = self._idle.pop()
                if _still_open(kept):
                    return kept
                kept.close()
        connection = self._connect(autocommit=False)
        connection.isolation_level = _psycopg().IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        return connection

    def _connect(self, *, autocommit: bool) -> psycopg.Connection[Any]:
        made: psycopg.Connection[Any] = _psycopg().connect(
            self.url,
            autocommit=autocommit,
            connect_timeout=_CONNECT_S,
            # A commit that returned is on disk, whatever the server's own default says.
            options=f"-c search_path={self._path} -c synchronous_commit=on",
        )
        return made

    def _make(self, tables: str, version: int) -> None:
        connection = self._writing()
        syncs = connection.execute("SHOW fsync").fetchone()
        if syncs != ("on",):
            raise StoreError(
                "the database server does not sync (fsync=off): what it calls durable may be lost",
                where=self.where,
                cure="set fsync=on on the server",
            )
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ONE_MAKER,))
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{self._schema}"')
            connection.execute("CREATE TABLE IF NOT EXISTS layout (version integer NOT NULL)")
            row = connection.execute("SELECT version FROM layout").fetchone()
            if row is None:
                connection.execute(tables)
                connection.execute("INSERT INTO layout VALUES (%s)", (version,))
                return
        if row[0] != version:
            raise StoreError(
                f"the tables have layout {row[0]}, this Sluice reads layout {version}",
                where=self.where,
                cure="use the Sluice that wrote them, or a newer one",
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        psycopg = _psycopg()
        try:
            yield
        except psycopg.Error as error:
            raise _told(error, self.where) from None


def _still_open(connection: psycopg.Connection[Any]) -> bool:
    """Whether an idle connection is one still: the server says nothing on it but that it ends."""
    return not connection.closed and not select.select([connection.fileno()], [], [], 0)[0]


def _told(error: psycopg.Error, where: str) -> StoreError:
    state = error.sqlstate or "08"
    for sign, (what, cure) in _CURES.items():
        if state.startswith(sign):
            return StoreError(what, where=where, cure=cure)
    # The primary message names tables and columns; the detail, which is left out, would quote values.
    what = error.diag.message_primary or type(error).__name__
    return StoreError(f"the database failed: {what}", where=where, cure="see the database server's log")


def _marks(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


def _psycopg() -> Any:
    return need("psycopg", extra="postgres")
