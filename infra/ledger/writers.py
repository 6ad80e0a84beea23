"""Which writers of the ledger are alive.

A writer holds a lock that is let go when its process ends, however it ends: on a file of its own, or in PostgreSQL for
its connection. So another gateway's requests under way are never taken for interrupted ones, and a process number used
again fools nobody.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from infra.errors import StoreError
from infra.stores.connection import Connection

if TYPE_CHECKING:
    from infra.stores.postgres import PostgresDatabase

_NAME = re.compile(r"writer-[0-9a-f]{24}")
_BEGINS_S = 60.0


class Writers(Protocol):
    """One writer among others."""

    def name(self) -> str:
        """The name of this writer; from now on it is alive. Raises StoreError."""

    def alive(self, connection: Connection, name: str) -> bool:
        """Whether a writer still runs; asked within a transaction that writes."""

    def forget(self, names: Iterable[str]) -> None:
        """Removes the marks of dead writers, once nothing names them any more."""

    def close(self) -> None:
        """Ends it: it is alive no longer."""


class FolderWriters:
    """Writers of one machine: each locks a file. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._mark: _Mark | None = None

    def name(self) -> str:
        """The name of this writer; from now on it is alive. Raises StoreError."""
        with self._lock:
            if self._mark is None or not self._mark.ours:
                self._mark = _Mark(self._folder)
            return self._mark.name

    def alive(self, _: Connection, name: str) -> bool:
        """Whether a writer still runs. One without a file does not; a name of the wrong form is not a writer's."""
        return bool(_NAME.fullmatch(name)) and self._locked(name)

    def _locked(self, name: str) -> bool:
        try:
            descriptor = os.open(self._folder / f"{name}.lock", os.O_RDWR)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # not ours to judge: better an unfinished record for a while than a wrong one
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def forget(self, names: Iterable[str]) -> None:
        """Removes the files of dead writers, once nothing names them any more."""
        for name in names:
            if _NAME.fullmatch(name):
                (self._folder / f"{name}.lock").unlink(missing_ok=True)
        for path in self._folder.glob("writer-*.lock"):
            # Of writers that died with nothing under way. One that has just begun may not have locked its file yet.
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _BEGINS_S and not self._locked(path.stem):
                    path.unlink()

    def close(self) -> None:
        """Ends it: it is alive no longer."""
        with self._lock:
            if self._mark is not None:
                self._mark.close()
                self._mark = None


class _Mark:
    """The locked file of one writer: it is alive as long as this is open."""

    def __init__(self, folder: Path) -> None:
        self.name = f"writer-{secrets.token_hex(12)}"
        self._process = os.getpid()
        self._path = folder / f"{self.name}.lock"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(
                f"cannot mark this writer as alive: {error.strerror}",
                where=str(self._path),
                cure="make the folder writable",
            ) from None

    @property
    def ours(self) -> bool:
        """False in a forked child, which needs a mark of its own."""
        return self._process == os.getpid()

    def close(self) -> None:
        """Lets go of the mark: a writer without a file is not alive."""
        if self.ours:
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


class PostgresWriters:
    """Writers of several machines: each holds an advisory lock on a connection of its own. Thread-safe."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._held: tuple[str, int, Any] | None = None

    def name(self) -> str:
        """The name of this writer; from now on it is alive. Raises StoreError.

        A connection that was lost, and the lock with it, is made again under the same name: what was admitted under it
        goes on. Until then another gateway may take this writer for dead and close its requests as interrupted.
        """
        with self._lock:
            if self._held is None or self._held[1] != os.getpid():
                name = f"writer-{secrets.token_hex(12)}"
                self._held = (name, os.getpid(), self._locked(name))
            elif not self._database.answers(self._held[2]):
                self._held = (self._held[0], os.getpid(), self._locked(self._held[0]))
            return self._held[0]

    def _locked(self, name: str) -> Any:
        connection = self._database.connect()
        connection.execute("SELECT pg_advisory_lock(%s)", (_number(name),))
        return connection

    def alive(self, connection: Connection, name: str) -> bool:
        """Whether a writer still runs: nobody else gets its lock."""
        if not _NAME.fullmatch(name) or (self._held is not None and self._held[0] == name):
            return bool(_NAME.fullmatch(name))
        return not connection.execute("SELECT pg_try_advisory_xact_lock(?)", (_number(name),)).fetchone()[0]

    def forget(self, names: Iterable[str]) -> None:
        """Nothing to do: the lock went with the connection."""

    def close(self) -> None:
        """Ends it: it is alive no longer."""
        with self._lock:
            if self._held is not None and self._held[1] == os.getpid():
                self._held[2].close()
            self._held = None


def _number(name: str) -> int:
    """The lock of a writer: 63 bits of its name."""
    return int(name.removeprefix("writer-")[:16], 16) >> 1
