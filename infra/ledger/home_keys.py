"""The home's own keys in the vault: one for pseudonyms, one for keyed digests; made once, wrapped by the master key.

They outlive every master: a data subject has the same name, and a row the same id, after a rotation.
"""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.contracts.base import now
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.master_key import KEY_BYTES, NONCE_BYTES, master_id, master_key, wrapping
from infra.ledger.present_master import PresentMaster
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


def home_keys(home: Home, database: Database, masters: PresentMaster) -> HomeKeys:
    """The home's keys, made on first use, race-free between processes.

    Raises StoreError when the master does not open them, or when they are gone from a vault that is in use.
    """
    with database.reading() as connection:
        there = bool(_kept(connection))
    if not there:
        with database.writing() as connection:
            if not _kept(connection):
                _make(home, connection)
    wrapper, kept = masters.read(database, _kept)
    try:
        opened = {purpose: unwrap(wrapper, purpose, wrapped) for purpose, wrapped in kept.items()}
        return HomeKeys(opened["pseudonym"], opened["digest"])
    except (InvalidTag, ValueError, KeyError):
        raise masters.wrong() from None


def wrap(wrapper: AESGCM, purpose: str, key: bytes) -> bytes:
    """A home key as the vault keeps it: nonce, ciphertext and tag."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + wrapper.encrypt(nonce, key, _bound(purpose))


def unwrap(wrapper: AESGCM, purpose: str, wrapped: bytes) -> bytes:
    """Opens what `wrap` gave. Raises InvalidTag."""
    return wrapper.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound(purpose))


def _make(home: Home, connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT 1 FROM keys LIMIT 1").fetchone():
        raise StoreError(
            "the home's keys for pseudonyms are gone from the vault",
            where=str(home.vault),
            cure="restore it from a backup",
        )
    master = master_key(home)
    for purpose in _PURPOSES:
        wrapped = wrap(wrapping(master), purpose, secrets.token_bytes(KEY_BYTES))
        connection.execute("INSERT INTO home_keys VALUES (?, ?)", (purpose, wrapped))
    connection.execute("INSERT INTO masters VALUES (?, ?, NULL)", (master_id(master), now().isoformat()))


def _kept(connection: sqlite3.Connection) -> dict[str, bytes]:
    return {str(row[0]): bytes(row[1]) for row in connection.execute("SELECT purpose, wrapped FROM home_keys")}


def _bound(purpose: str) -> bytes:
    return f"sluice/vault/home/1\0{purpose}".encode()
