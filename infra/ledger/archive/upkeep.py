"""The lock of who changes the archive, or copies it together with the ledger: one process of a home at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from infra.errors import Refused
from infra.home import Home
from infra.lock_file import open_lock, take

_WAIT_S = 60.0


@contextmanager
def upkeep(home: Home) -> Iterator[None]:
    """Has the archive to this process for a `with` block. Raises Refused when another one takes too long."""
    descriptor = open_lock(home.folder(home.ledger.parent) / "archive.lock")
    try:
        if not take(descriptor, fcntl.LOCK_EX, _WAIT_S):
            raise Refused(
                "another process changes or copies the ledger's archive",
                where=str(home.root),
                cure="wait for it to end, then run the same command again",
            )
        yield
    finally:
        os.close(descriptor)
