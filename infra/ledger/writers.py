"""Which writers of the ledger are alive.

Each holds a lock on a file of its own; the kernel lets go of it when the process ends, however it ends. So another
gateway's requests under way are never taken for interrupted ones, and a process number used again fools nobody.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from pathlib import Path

from infra.errors import StoreError

_NAME = re.compile(r"writer-[0-9a-f]{24}")


class Writer:
    """The mark of one writer: it is alive as long as this is open."""

    def __init__(self, folder: Path) -> None:
        """Takes a new name and locks its file. Raises StoreError."""
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


def alive(folder: Path, name: str) -> bool:
    """Whether a writer still runs. One without a file does not; a name of the wrong form is not a writer's."""
    if not _NAME.fullmatch(name):
        return False
    try:
        descriptor = os.open(folder / f"{name}.lock", os.O_RDWR)
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


def forget(folder: Path, name: str) -> None:
    """Removes a dead writer's file, once nothing names it any more."""
    if _NAME.fullmatch(name):
        (folder / f"{name}.lock").unlink(missing_ok=True)
