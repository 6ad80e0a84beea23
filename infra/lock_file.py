"""A lock on a file (flock): the kernel lets go of it when the process that has it ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from infra.errors import StoreError

_POLL_S = 0.02


def open_lock(path: Path) -> int:
    """Opens a lock's file, or makes it; the descriptor is the caller's to close. Raises StoreError."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"the lock cannot be made: {error.strerror}", where=str(path), cure="make the folder writable"
        ) from None


def take(descriptor: int, kind: int, wait_s: float) -> bool:
    """Takes the lock, shared or alone (`fcntl.LOCK_SH`, `LOCK_EX`); False when others keep it for `wait_s`."""
    until_s = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until_s:
                return False
            time.sleep(_POLL_S)
