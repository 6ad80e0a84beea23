"""The home's own keys in the vault: one for pseudonyms, one for keyed digests; made once, wrapped by the master key.

They outlive every master: a data subject has the same name, and a row the same id, after a rotation.
"""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag

from infra.contracts.base import now
from infra.errors import StoreError
from infra.ledger.master_key import KEY_BYTES, NONCE_BYTES, master_id, wrapping, wrong_master
from infra.stores.sqlite import Database

LAYOUT = 2
"""The vault's `PRAGMA user_version`; 1 had no table for these keys (infra/migrations/m0001)."""

# Word for word as the migration makes them.
HOME_KEYS_SCHEMA = """
CREATE TABLE home_keys (
    purpose TEXT PRIMARY KEY,
    wrapped BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE masters (
    id TEXT PRIMARY KEY,
    made TEXT NOT NULL,
    retired TEXT
) WITHOUT ROWID;
"""
_PURPOSES = ("pseudonym", "digest")


@dataclass(frozen=True)
class HomeKeys:
    """The two keys, opened."""

    pseudonym: bytes
    digest: bytes


def home_keys(database: Database, master: bytes, where: Path) -> HomeKeys:
    """The home's keys, made on first use, race-free between processes.

    Raises StoreError when the master does not open them, or when they are gone from a vault that is in use.
    """
    with database.reading() as connection:
        kept = _kept(connection)
    if not kept:
        with database.writing() as connection:
            if not _kept(connection):
                if connection.execute("SELECT 1 FROM keys LIMIT 1").fetchone():
                    raise StoreError(
                        "the home's keys for pseudonyms are gone from the vault",
                        where=str(database.path),
                        cure="restore it from a backup",
                    )
                for purpose in _PURPOSES:
                    wrapped = wrap(master, purpose, secrets.token_bytes(KEY_BYTES))
                    connection.execute("INSERT INTO home_keys VALUES (?, ?)", (purpose, wrapped))
                connection.execute("INSERT INTO masters VALUES (?, ?, NULL)", (master_id(master), now().isoformat()))
            kept = _kept(connection)
    try:
        opened = {purpose: unwrap(master, purpose, wrapped) for purpose, wrapped in kept.items()}
        return HomeKeys(opened["pseudonym"], opened["digest"])
    except (InvalidTag, ValueError, KeyError):
        raise wrong_master(where) from None


def wrap(master: bytes, purpose: str, key: bytes) -> bytes:
    """A home key as the vault keeps it: nonce, ciphertext and tag."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + wrapping(master).encrypt(nonce, key, _bound(purpose))


def unwrap(master: bytes, purpose: str, wrapped: bytes) -> bytes:
    """Opens what `wrap` gave. Raises InvalidTag."""
    return wrapping(master).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound(purpose))


def _kept(connection: sqlite3.Connection) -> dict[str, bytes]:
    return {str(row[0]): bytes(row[1]) for row in connection.execute("SELECT purpose, wrapped FROM home_keys")}


def _bound(purpose: str) -> bytes:
    return f"sluice/vault/home/1\0{purpose}".encode()
