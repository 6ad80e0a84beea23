"""The master key that the vault names at this moment, followed while another process puts a new one in its place.

A process keeps the key that it used last. Whoever reads keys reads the vault's name for their master in the same
transaction; whoever writes one learns it while the vault is locked for writing, so that no rotation can come between:
nothing is ever wrapped by a master that has been destroyed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.errors import StoreError
from infra.home import Home
from infra.ledger.master_key import find_master, master_key, master_key_path, wrapping, wrong_master
from infra.stores.sqlite import Database

ReadT = TypeVar("ReadT")


def named_master(connection: sqlite3.Connection) -> str:
    """The id of the master that wraps the keys, as this transaction sees them; '' in a vault that has none yet."""
    row = connection.execute("SELECT id FROM masters WHERE retired IS NULL").fetchone()
    return str(row[0]) if row else ""


class PresentMaster:
    """What wraps and unwraps the keys of one home's vault. Thread-safe."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._known: tuple[str, AESGCM] | None = None

    def read(self, database: Database, read: Callable[[sqlite3.Connection], ReadT]) -> tuple[AESGCM, ReadT]:
        """What `read` finds in the vault, and what unwraps it: both as of one moment.

        Raises StoreError when the master that the vault names is not the home's.
        """
        missed = None
        while True:
            named, found = database.look(lambda connection: (named_master(connection), read(connection)))
            if (opener := self._of(named)) is not None:
                return opener, found
            if named == missed:
                raise self.wrong()
            missed = named  # a rotation came between: it has another name for it by now

    def to_write(self, connection: sqlite3.Connection) -> AESGCM:
        """What wraps a key that this transaction writes; it must have the vault for writing. Raises StoreError."""
        opener = self._of(named_master(connection))
        if opener is None:
            raise self.wrong()
        return opener

    def wrong(self) -> StoreError:
        """The error for a master key that is gone, damaged or not this vault's."""
        try:
            master_key(self._home)
        except StoreError as error:
            return error
        return wrong_master(master_key_path(self._home))

    def _of(self, named: str) -> AESGCM | None:
        known = self._known
        if known is None or known[0] != named:
            key = find_master(self._home, named)
            if key is None:
                return None
            self._known = known = (named, wrapping(key))
        return known[1]
