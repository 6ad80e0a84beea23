"""Puts a new master key in the old one's place: every key in the vault is wrapped anew, and the old master destroyed.

    1. `keys/.master.next.key`     the new master, durable
    2. one transaction             every key wrapped anew; the new master named in `masters`: from here on it counts
    3. `keys/master.key`           overwritten and replaced

A crash before 2 leaves the old master in force, after 2 the new one: `settle_master` looks which of them the vault
names, and finishes or forgets. What a copy of the old vault and the old master open, they open for ever.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag

from infra.contracts.base import now
from infra.errors import StoreError
from infra.home import Home, write_atomic
from infra.ledger.home_keys import unwrap, wrap
from infra.ledger.master_key import (
    KEY_BYTES,
    NONCE_BYTES,
    master_id,
    master_key,
    master_key_path,
    subject_bound,
    wrapping,
    wrong_master,
)
from infra.stores.sqlite import store_errors


@dataclass(frozen=True)
class MasterRecord:
    """One master key that this vault had or has; `retired` is '' while it wraps the keys."""

    id: str
    made: str
    retired: str


def rotate_master(home: Home) -> MasterRecord:
    """Makes a new master key and destroys the old one; the caller has the home alone. Returns the new one.

    Raises StoreError when the old one is gone or does not open the vault; nothing is changed then.
    """
    settle_master(home)
    old, new = master_key(home), secrets.token_bytes(KEY_BYTES)
    write_atomic(_next_path(home), new)
    with store_errors(home.vault), closing(_connect(home)) as connection:
        connection.execute("PRAGMA secure_delete=ON")  # the old wrapping is overwritten, not only unlinked
        connection.execute("BEGIN IMMEDIATE")
        try:
            _rewrap(connection, old, new)
        except (InvalidTag, ValueError):
            connection.execute("ROLLBACK")
            raise wrong_master(master_key_path(home)) from None
        connection.execute("COMMIT")
    settle_master(home)
    return masters(home)[-1]


def settle_master(home: Home) -> None:
    """Finishes or forgets a rotation that was cut off. Costs one look where there was none. Raises StoreError."""
    following, path = _next_path(home), master_key_path(home)
    if not following.exists():
        return
    try:
        waiting = following.read_bytes()
        if len(waiting) != KEY_BYTES or not _wraps(home, master_id(waiting)):
            following.unlink(missing_ok=True)
            return
        with store_errors(home.vault), closing(_connect(home)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        _overwrite(path)
        following.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(
            f"the new master key cannot be put in place: {error.strerror}",
            where=str(path),
            cure="make the folder writable and run any command: it goes on where it was",
        ) from None


def masters(home: Home) -> tuple[MasterRecord, ...]:
    """Every master key that this vault had, the present one last. Raises StoreError."""
    if not home.vault.exists():
        return ()
    with store_errors(home.vault), closing(_connect(home)) as connection:
        rows = connection.execute(
            "SELECT id, made, coalesce(retired, '') FROM masters ORDER BY retired IS NULL, made, id"
        ).fetchall()
    return tuple(MasterRecord(*row) for row in rows)


def _rewrap(connection: sqlite3.Connection, old: bytes, new: bytes) -> None:
    before, after = wrapping(old), wrapping(new)
    moment = now().isoformat()
    for purpose, wrapped in connection.execute("SELECT purpose, wrapped FROM home_keys").fetchall():
        changed = wrap(new, purpose, unwrap(old, purpose, wrapped))
        connection.execute("UPDATE home_keys SET wrapped = ? WHERE purpose = ?", (changed, purpose))
    rows = connection.execute("SELECT subject, generation, wrapped FROM keys WHERE wrapped IS NOT NULL").fetchall()
    for subject, generation, wrapped in rows:
        bound = subject_bound(subject, generation)
        key = before.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], bound)
        nonce = secrets.token_bytes(NONCE_BYTES)
        connection.execute(
            "UPDATE keys SET wrapped = ? WHERE subject = ? AND generation = ?",
            (nonce + after.encrypt(nonce, key, bound), subject, generation),
        )
    connection.execute("UPDATE masters SET retired = ? WHERE retired IS NULL", (moment,))
    connection.execute("INSERT INTO masters VALUES (?, ?, NULL)", (master_id(new), moment))


def _wraps(home: Home, wanted: str) -> bool:
    present = masters(home)
    return bool(present) and present[-1].id == wanted and not present[-1].retired


def _overwrite(path: Path) -> None:
    """Best effort: a file system that copies on write keeps the old bytes for a while."""
    if path.exists():
        with path.open("r+b") as file:
            file.write(bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())


def _next_path(home: Home) -> Path:
    return home.keys / ".master.next.key"


def _connect(home: Home) -> sqlite3.Connection:
    connection = sqlite3.connect(home.vault, timeout=30.0, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    return connection
