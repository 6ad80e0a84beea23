"""The home's master key: 32 random bytes in `keys/master.key` (mode 0600), made once, race-free between processes."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from infra.errors import StoreError
from infra.home import Home

KEY_BYTES = 32


def master_key_path(home: Home) -> Path:
    """Where the key lies. Lost together with its backups, everything sealed is lost."""
    return home.keys / "master.key"


def master_key(home: Home) -> bytes:
    """The home's master key, made on first use. Raises StoreError when it is gone, cut short or unreadable."""
    path = master_key_path(home)
    # Asked first: who makes both makes the master key before the vault.
    vault_exists = home.vault.exists()
    if not path.exists():
        if vault_exists:
            raise StoreError(
                "the vault exists, but the master key that opens it is gone",
                where=str(path),
                cure="restore keys/master.key from a backup",
            )
        _create_once(path, secrets.token_bytes(KEY_BYTES))
    try:
        key = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"the master key cannot be read: {error.strerror}", where=str(path), cure="make it readable to its owner"
        ) from None
    if len(key) != KEY_BYTES:
        raise StoreError(
            f"the master key has {len(key)} bytes, not {KEY_BYTES}", where=str(path), cure="restore it from a backup"
        )
    return key


def _create_once(path: Path, data: bytes) -> None:
    """Makes a private file whole and durable, or leaves the one that another process made first."""
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
            return
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
