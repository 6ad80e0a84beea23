"""Opens the SQLite files of a home: WAL, durable commits (synchronous FULL), several processes, private to the owner.

What SQLite reports comes out as StoreError with a cure. Schemas belong to the stores that own them.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from infra.errors import SluiceError, StoreError
from infra.stores.connection import Value

ReadT = TypeVar("ReadT")
PAGE_BYTES = 8_192
"""Of a new file: an entry of the ledger has one to two thousand bytes, and few of those fit SQLite's usual page."""
_BUSY_S = 30.0
"""How long a writer waits for another process before it gives up."""

_CURES: tuple[tuple[str, str, str], ...] = (
    ("full", "the disk is full", "free some disk space; nothing was recorded"),
    ("readonly", "the file cannot be written to", "make the file and its folder writable; nothing was recorded"),
    ("read-only", "the file cannot be written to", "make the file and its folder writable; nothing was recorded"),
    ("locked", "another process holds it for too long", "try again; `sluice status` shows what runs"),
    ("unable to open", "the file cannot be opened", "make the file and its folder readable and writable"),
    ("disk I/O", "the disk failed or is full", "free some disk space and check the disk; nothing was recorded"),
    ("malformed", "the file is damaged", "restore it from a backup"),
    ("not a database", "the file is damaged", "restore it from a backup"),
)


class SqliteConnection(sqlite3.Connection):
    """A connection whose queries of any length are read row by row, as SQLite does anyway."""

    def stream(self, sql: str, values: Sequence[Value] = (), /) -> Iterator[Any]:
        """The rows of a query, each made when it is asked for."""
        return self.execute(sql, values)

    def use(self, index: str, /) -> str:
        """Without statistics SQLite takes the first index that fits; who knows better says so."""
        return f"INDEXED BY {index}"


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turns what SQLite and the disk raise into StoreError, headed by the file's path."""
    try:
        yield
    except sqlite3.Error as error:
        # SQLite's own messages name tables and columns, never values.
        text = str(error)
        for sign, what, cure in _CURES:
            if sign in text:
                raise StoreError(what, where=str(path), cure=cure) from None
        raise StoreError(f"the store failed: {text}", where=str(path), cure="sluice doctor") from None
    except OSError as error:
        if isinstance(error, SluiceError):
            raise
        raise StoreError(
            f"the store failed: {error.strerror}", where=str(path), cure="make the file and its folder writable"
        ) from None


def connect(path: Path, schema: str, version: int) -> SqliteConnection:
    """Opens a store and makes its tables on first use, race-free between processes. Threads may take turns with it.

    The connection is in autocommit mode: who writes says BEGIN IMMEDIATE. Raises StoreError when it cannot be opened,
    or when another version of Sluice wrote it.
    """
    with store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, factory=SqliteConnection
        )
        if _version(connection) == 0:
            # Two processes that switch to WAL at once can see "locked" in spite of the busy timeout.
            with FileLock(path.with_name(f".{path.name}.lock")):
                connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
                connection.execute("PRAGMA journal_mode=WAL")
                if _version(connection) == 0:
                    connection.executescript(f"BEGIN IMMEDIATE;\n{schema}\nPRAGMA user_version={version};\nCOMMIT;")
        found = _version(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, not only unlinked
    if found != version:
        connection.close()
        older = found < version  # the home's migrations bring every file up to date (infra/home_state.py)
        raise StoreError(
            f"the file has layout {found}, this Sluice reads layout {version}",
            where=str(path),
            cure="any command with SLUICE_HOME set to its home migrates it" if older else "use a newer Sluice",
        )
    return connection


@contextmanager
def read_only(path: Path, beside: Path | None = None) -> Iterator[SqliteConnection]:
    """One consistent view of a file that is there, whatever its layout, and of a second one. Raises StoreError."""
    with store_errors(path):
        connection = _opened(path)
        try:
            if beside is not None:
                connection.execute("ATTACH DATABASE ? AS beside", (f"{beside.as_uri()}?mode=rw",))
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.close()


def _opened(path: Path) -> SqliteConnection:
    """Opens a file that is there. Never made anew: a store that is gone must not look like an empty one."""
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        timeout=_BUSY_S,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
        factory=SqliteConnection,
    )
    # A text that is none is a finding of whoever checks it, not the end of the check.
    connection.text_factory = _text
    return connection


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to, or None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


class Database:
    """One SQLite file for one process: a writing connection under a lock, and a fresh connection for each read."""

    def __init__(self, path: Path, schema: str, version: int) -> None:
        self.path = path
        self._schema = schema
        self._version = version
        self._lock = threading.RLock()
        self._owner = os.getpid()
        self._connection = connect(path, schema, version)
        self._file = _identity(path)
        self._looker = _Looker(path)

    @contextmanager
    def writing(self) -> Iterator[SqliteConnection]:
        """One durable transaction: committed when the block ends, rolled back when it raises.

        Threads and processes take turns. Raises StoreError when nothing could be written.
        """
        with self._lock, store_errors(self.path):
            if os.getpid() != self._owner:
                # A connection must not be carried across a fork: the child opens its own.
                self._connection = connect(self.path, self._schema, self._version)
                self._owner = os.getpid()
            if _identity(self.path) != self._file:
                # SQLite would go on writing to the file that nobody sees any more.
                raise StoreError(
                    "the file was removed or replaced while it was in use; nothing was recorded",
                    where=str(self.path),
                    cure="put the file back from a backup, then `sluice down` and `sluice up`",
                )
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[SqliteConnection]:
        """One consistent view that no writer blocks. Raises StoreError."""
        with read_only(self.path) as connection:
            yield connection

    def look(self, read: Callable[[SqliteConnection], ReadT]) -> ReadT:
        """What `read` finds in one consistent view: short questions that every request asks. Raises StoreError.

        The connection is kept for the next one: `read` must not hand on a cursor, whose view would stay with it.
        """
        return self._looker.look(read)

    def checkpoint(self) -> None:
        """Moves the write-ahead log into the file and empties it: overwritten bytes are gone. Raises StoreError."""
        with self._lock, store_errors(self.path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Closes the writing connection. Nothing may be written afterwards."""
        self._looker.close()
        with self._lock:
            self._connection.close()


class _Looker:
    """A connection for reading that is kept while its file and its process are the same. Threads take turns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._kept: tuple[SqliteConnection, int, tuple[int, int] | None] | None = None

    def look(self, read: Callable[[SqliteConnection], ReadT]) -> ReadT:
        with self._lock, store_errors(self._path):
            where = os.getpid(), _identity(self._path)
            if self._kept is None or self._kept[1:] != where:
                self._drop()
                self._kept = (_opened(self._path), *where)
            connection = self._kept[0]
            try:
                connection.execute("BEGIN")
                found = read(connection)
                connection.execute("ROLLBACK")
            except BaseException:
                self._drop()  # at once: an error's traceback would hold the view, and the file's log with it
                raise
            return found

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept[0].close()
            self._kept = None
