"""The home's master key: 32 random bytes, made once, race-free between processes. `keys/master.key` (mode 0600) holds
them, or what a key command made of them (key_provider.py).

HKDF (RFC 5869) derives from it the key that wraps, and an id that reveals nothing.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.errors import StoreError
from infra.home import Home
from infra.ledger.key_provider import KEY_BYTES as KEY_BYTES
from infra.ledger.key_provider import provider_of

NONCE_BYTES = 12


def master_key_path(home: Home) -> Path:
    """Where the key lies. Lost together with its backups, everything sealed is lost."""
    return home.keys / "master.key"


def next_master_path(home: Home) -> Path:
    """Where a rotation keeps the new key until it is put in the old one's place."""
    return home.keys / ".master.next.key"


def ensure_master(home: Home) -> None:
    """Makes the home's master key on first use. Raises StoreError when it is gone."""
    path = master_key_path(home)
    # Asked first: who makes both makes the master key before the vault.
    vault_exists = home.vault.exists()
    if path.exists():
        return
    if vault_exists:
        raise StoreError(
            "the vault exists, but the master key that opens it is gone",
            where=str(path),
            cure="restore keys/master.key from a backup",
        )
    provider = provider_of(home)
    kept = provider.wrap(secrets.token_bytes(KEY_BYTES))
    if not _create_once(path, kept):
        provider.destroy(kept)


def master_key(home: Home) -> bytes:
    """The home's master key, made on first use. Raises StoreError when it is gone, cut short or unreadable."""
    ensure_master(home)
    path = master_key_path(home)
    try:
        kept = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"the master key cannot be read: {error.strerror}", where=str(path), cure="make it readable to its owner"
        ) from None
    key = provider_of(home).unwrap(kept)
    if key is None or len(key) != KEY_BYTES:
        raise StoreError(
            f"the master key has {len(key or kept)} bytes, not {KEY_BYTES}",
            where=str(path),
            cure="restore it from a backup",
        )
    return key


def find_master(home: Home, named: str) -> bytes | None:
    """The master key of this id: the present one, or one that a rotation has not put in its place yet. Else None."""
    provider = provider_of(home)
    # In this order: a rotation moves the one onto the other.
    for path in (next_master_path(home), master_key_path(home)):
        try:
            key = provider.unwrap(path.read_bytes())
        except (
            OSError
        ):  # not there, or (a StoreError is one) another's than the one that is looked for: see `master_key`
            continue
        if key is not None and len(key) == KEY_BYTES and master_id(key) == named:
            return key
    return None


def wrapping(master: bytes) -> AESGCM:
    """What wraps and unwraps the keys in the vault."""
    return AESGCM(_derive(master, b"sluice/vault/wrap/1"))


def master_id(master: bytes) -> str:
    """The name of a master key in the vault and in the record: 16 hexadecimal digits."""
    return _derive(master, b"sluice/vault/id/1")[:8].hex()


def subject_bound(subject: str, generation: int) -> bytes:
    """Additional data of a subject's wrapped key: moved to another subject it does not open."""
    return f"sluice/vault/wrap/1\0{generation}\0{subject}".encode()


def wrong_master(path: Path) -> StoreError:
    """The error for a master key that is not the vault's."""
    return StoreError(
        "the master key does not open this vault",
        where=str(path),
        cure="restore keys/master.key from the same backup as ledger/vault.sqlite",
    )


def _derive(master: bytes, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=use).derive(master)


def _create_once(path: Path, data: bytes) -> bool:
    """Makes a private file whole and durable; False where another process made it first."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StoreError(
            f"cannot write: {error.strerror}", where=str(path), cure="make the folder writable; nothing was changed"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return True
