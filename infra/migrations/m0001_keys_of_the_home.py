"""Layout 0 -> 1: the vault keeps the keys for pseudonyms and keyed digests itself, wrapped, so that the master can go.

Before, both were derived from the master key: another master would have given every data subject another name. Never
edit this file; it imports nothing of Sluice's own vault, which goes on changing.
"""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.errors import CheckFailed, StoreError
from infra.migrations.migration import Migration

_VAULT = "ledger/vault.sqlite"
_MASTER = "keys/master.key"
_PURPOSES = ("pseudonym", "digest")
_TABLES = """
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


def _apply(copy: Path) -> None:
    if not (copy / _VAULT).exists():
        return  # a home that never sealed anything: its vault will be made in the new layout
    master = _read_master(copy)
    with closing(sqlite3.connect(copy / _VAULT, isolation_level=None)) as connection:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 2:
            return  # made by today's vault in a home that no command had opened yet
        if found != 1:
            raise StoreError(f"the vault has layout {found}, not 1", where=_VAULT, cure="restore it from a backup")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(f"BEGIN IMMEDIATE;\n{_TABLES}")
        for purpose in _PURPOSES:
            nonce = secrets.token_bytes(12)
            key = _derive(master, f"sluice/vault/{purpose}/1")
            wrapped = nonce + AESGCM(_derive(master, "sluice/vault/wrap/1")).encrypt(nonce, key, _bound(purpose))
            connection.execute("INSERT INTO home_keys VALUES (?, ?)", (purpose, wrapped))
        made = datetime.now(UTC).isoformat()
        connection.execute(
            "INSERT INTO masters VALUES (?, ?, NULL)", (_derive(master, "sluice/vault/id/1")[:8].hex(), made)
        )
        connection.execute("PRAGMA user_version=2")
        connection.execute("COMMIT")


def _check(copy: Path) -> None:
    if not (copy / _VAULT).exists():
        return
    master = _read_master(copy)
    wrapping = AESGCM(_derive(master, "sluice/vault/wrap/1"))
    with closing(sqlite3.connect(copy / _VAULT, isolation_level=None)) as connection:
        if connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise CheckFailed("the migrated vault is damaged", where=_VAULT, cure="restore it from a backup")
        try:
            for purpose, wrapped in connection.execute("SELECT purpose, wrapped FROM home_keys").fetchall():
                key = wrapping.decrypt(wrapped[:12], wrapped[12:], _bound(purpose))
                if len(key) != 32:
                    raise ValueError("not a key")
            rows = connection.execute(
                "SELECT subject, generation, wrapped FROM keys WHERE wrapped IS NOT NULL LIMIT 100"
            )
            for subject, generation, wrapped in rows.fetchall():
                bound = f"sluice/vault/wrap/1\0{generation}\0{subject}".encode()
                wrapping.decrypt(wrapped[:12], wrapped[12:], bound)
        except (InvalidTag, ValueError):
            raise CheckFailed(
                "the master key does not open the vault",
                where=_MASTER,
                cure="restore keys/master.key from the same backup as ledger/vault.sqlite",
            ) from None


def _read_master(copy: Path) -> bytes:
    try:
        master = (copy / _MASTER).read_bytes()
    except FileNotFoundError:
        master = b""
    if len(master) != 32:
        raise StoreError(
            "the vault exists, but the master key that opens it is gone or damaged",
            where=_MASTER,
            cure="restore keys/master.key from a backup",
        )
    return master


def _bound(purpose: str) -> bytes:
    return f"sluice/vault/home/1\0{purpose}".encode()


def _derive(master: bytes, use: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=use.encode()).derive(master)


MIGRATION = Migration(
    number=1,
    what="gives the vault keys of its own for pseudonyms and digests, so that the master key can be rotated",
    touches=(_VAULT,),
    reads=(_MASTER,),
    apply=_apply,
    check=_check,
)
