"""Puts a new master key in the old one's place: every key in the vault is wrapped anew, and the old master destroyed.

    1. `keys/.master.next.key`     the new master, durable
    2. one transaction             every key wrapped anew; the new master named in `masters`: from here on it counts
    3. `keys/master.key`           what had wrapped it is destroyed, where a command did; overwritten and replaced

A crash before 2 leaves the old master in force, after 2 the new one: `settle_master` looks which of them the vault
names, and finishes or forgets. What a copy of the old vault and the old master open, they open for ever.

Others may go on sealing and unsealing meanwhile (infra/ledger/present_master.py). A new key waits for 2, which takes
about a second for each 100,000 keys.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.contracts.base import now
from infra.errors import StoreError
from infra.home import Home, write_atomic
from infra.ledger.home_keys import unwrap, wrap
from infra.ledger.key_provider import provider_of
from infra.ledger.master_key import (
    KEY_BYTES,
    NONCE_BYTES,
    find_master,
    master_id,
    master_key_path,
    next_master_path,
    subject_bound,
    wrapping,
)
from infra.ledger.present_master import PresentMaster, named_master
from infra.ledger.rotation_lock import no_rotation, rotating, rotating_if_free
from infra.stores.sqlite import store_errors
from infra.stores.wal import empty_wal

_AT_ONCE = 5_000


@dataclass(frozen=True)
class MasterRecord:
    """One master key that this vault had or has; `retired` is '' while it wraps the keys."""

    id: str
    made: str
    retired: str

    @property
    def since(self) -> datetime:
        """When it began to wrap the keys."""
        return datetime.fromisoformat(self.made)


def rotate_master(home: Home, *, forget: str = "") -> MasterRecord:
    """Makes a new master key and destroys the old one, and with it every key of the subject `forget`. Returns it.

    All or nothing, also where the process is killed. Raises Refused while another rotation goes on, StoreError when the
    old master is gone or does not open the vault; nothing is changed then.
    """
    with rotating(home):
        _settle(home)
        new = secrets.token_bytes(KEY_BYTES)
        write_atomic(next_master_path(home), provider_of(home).wrap(new))
        with store_errors(home.vault), closing(_connect(home)) as connection:
            connection.execute("PRAGMA secure_delete=ON")  # the old wrapping is overwritten, not only unlinked
            connection.execute("BEGIN IMMEDIATE")
            try:
                _rewrap(home, connection, new, forget)
            except (InvalidTag, ValueError):
                connection.execute("ROLLBACK")
                raise PresentMaster(home).wrong() from None
            connection.execute("COMMIT")
        _settle(home)
        return masters(home)[-1]


def settle_master(home: Home) -> None:
    """Finishes or forgets a rotation that was cut off; leaves one that goes on alone. Costs one look else.

    Raises StoreError.
    """
    if next_master_path(home).exists():
        with rotating_if_free(home) as free:
            if free:
                _settle(home)


@contextmanager
def unrotated(home: Home) -> Iterator[None]:
    """Keeps vault and master as they are to each other for a `with` block: copies made in it belong together.

    Waits for a rotation, and finishes one that was cut off. Raises Refused, StoreError.
    """
    while True:
        settle_master(home)
        with no_rotation(home):
            if not next_master_path(home).exists():
                yield
                return


def masters(home: Home) -> tuple[MasterRecord, ...]:
    """Every master key that this vault had, the present one last. Raises StoreError."""
    if not home.vault.exists():
        return ()
    with store_errors(home.vault), closing(_connect(home)) as connection:
        rows = connection.execute(
            "SELECT id, made, coalesce(retired, '') FROM masters ORDER BY retired IS NULL, made, id"
        ).fetchall()
    return tuple(MasterRecord(*row) for row in rows)


def leave_nothing_behind(home: Home) -> bool:
    """Makes the vault's file anew without its free pages and empties its write-ahead log. Others may go on.

    False when readers kept it from being emptied; what it holds then was wrapped by masters that are gone.
    Raises StoreError.
    """
    with store_errors(home.vault), closing(_connect(home)) as connection:
        connection.execute("PRAGMA temp_store=MEMORY")  # no copy in a folder for temporary files
        connection.execute("VACUUM")
    return empty_wal(home.vault)


def _settle(home: Home) -> None:
    following, path, provider = next_master_path(home), master_key_path(home), provider_of(home)
    if not following.exists():
        return
    try:
        waiting = following.read_bytes()
        new = provider.unwrap(waiting)
        if new is None or not _wraps(home, master_id(new)):
            provider.destroy(waiting)
            following.unlink(missing_ok=True)
            return
        empty_wal(home.vault)
        if path.exists():
            provider.destroy(path.read_bytes())
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


def _rewrap(home: Home, connection: sqlite3.Connection, new: bytes, forget: str) -> None:
    # Asked while nobody else can write: this is the master of every key that is there.
    old = find_master(home, named_master(connection))
    if old is None:
        raise ValueError("the master that the vault names is not here")
    before, after = wrapping(old), wrapping(new)
    moment = _later_than_all(connection)
    connection.execute(
        "UPDATE keys SET wrapped = NULL, destroyed = ? WHERE subject = ? AND wrapped IS NOT NULL", (moment, forget)
    )
    for purpose, wrapped in connection.execute("SELECT purpose, wrapped FROM home_keys").fetchall():
        changed = wrap(after, purpose, unwrap(before, purpose, wrapped))
        connection.execute("UPDATE home_keys SET wrapped = ? WHERE purpose = ?", (changed, purpose))
    last = ("", 0)
    while rows := connection.execute(
        "SELECT subject, generation, wrapped FROM keys WHERE (subject, generation) > (?, ?) AND wrapped IS NOT NULL "
        "ORDER BY subject, generation LIMIT ?",
        (*last, _AT_ONCE),
    ).fetchall():
        connection.executemany(
            "UPDATE keys SET wrapped = ? WHERE subject = ? AND generation = ?",
            [(_wrapped_anew(before, after, *row), row[0], row[1]) for row in rows],
        )
        last = (rows[-1][0], rows[-1][1])
    # Every reading of the vault asks for the one in force, and each erasure leaves a row.
    connection.execute("CREATE INDEX IF NOT EXISTS masters_in_force ON masters (id) WHERE retired IS NULL")
    connection.execute("UPDATE masters SET retired = ? WHERE retired IS NULL", (moment,))
    connection.execute("INSERT INTO masters VALUES (?, ?, NULL)", (master_id(new), moment))


def _wrapped_anew(before: AESGCM, after: AESGCM, subject: str, generation: int, wrapped: bytes) -> bytes:
    bound = subject_bound(subject, generation)
    key = before.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], bound)
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + after.encrypt(nonce, key, bound)


def _later_than_all(connection: sqlite3.Connection) -> str:
    """Now, or just after the newest master where the system's clock is behind it: their times are their order."""
    moment = now()
    (newest,) = connection.execute("SELECT max(made) FROM masters").fetchone()
    if newest is not None:
        moment = max(moment, datetime.fromisoformat(newest) + timedelta(microseconds=1))
    return moment.isoformat()


def _wraps(home: Home, wanted: str) -> bool:
    present = masters(home)
    return bool(present) and present[-1].id == wanted and not present[-1].retired


def _overwrite(path: Path) -> None:
    """Best effort: a file system that copies on write keeps the old bytes for a while."""
    with path.open("r+b") as file:
        file.write(bytes(os.fstat(file.fileno()).st_size))
        file.flush()
        os.fsync(file.fileno())


def _connect(home: Home) -> sqlite3.Connection:
    connection = sqlite3.connect(home.vault, timeout=30.0, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    return connection
