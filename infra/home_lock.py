"""Who uses a home: every process that works in it holds a shared lock; what changes it as a whole asks to be alone.

Two locks: `home` (any command or server) and `run` (a retraining, whose new blobs nothing names yet). The kernel lets
go of them when the process ends, however it ends. A process works in one home at a time: another one replaces it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.errors import Refused
from infra.home import Home
from infra.lock_file import open_lock, take

Lock = Literal["home", "run"]
LOCK_FILES: dict[Lock, str] = {"home": ".home.lock", "run": ".run.lock"}
_WAIT_S = 60.0


@dataclass(frozen=True)
class _Held:
    root: Path
    process: int
    descriptor: int


_held: dict[Lock, _Held] = {}


def hold(home: Home, lock: Lock = "home", *, wait_s: float = _WAIT_S) -> None:
    """Marks this process as one that uses the home, until it ends. Waits for a migration, a rotation or a clean-up.

    Raises Refused when that takes too long, StoreError when the lock cannot be made.
    """
    held = _held.get(lock)
    if held is not None and (held.root, held.process) == (home.root, os.getpid()):
        return
    descriptor = open_lock(home.root / LOCK_FILES[lock])
    if not take(descriptor, fcntl.LOCK_SH, wait_s):
        os.close(descriptor)
        raise Refused(
            "another sluice command changes the whole home (a migration, a key rotation or a clean-up)",
            where=str(home.root),
            cure="wait for it to end, then run the same command again",
        )
    _held[lock] = _Held(home.root, os.getpid(), descriptor)
    if held is not None:
        os.close(held.descriptor)


@contextmanager
def alone(home: Home, *, wait_s: float = 0.0) -> Iterator[None]:
    """Has the home to this process alone for a `with` block. Raises Refused while any other process works in it."""
    hold(home)
    descriptor = _held["home"].descriptor
    # flock gives the shared lock up before it asks for the other, so that two that wait do not block each other.
    if not take(descriptor, fcntl.LOCK_EX, wait_s):
        take(descriptor, fcntl.LOCK_SH, _WAIT_S)
        raise Refused(
            "another process works in this home: a server, a retraining or another command",
            where=str(home.root),
            cure="sluice down, wait for what runs, then run the same command again",
        )
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_SH)


@contextmanager
def no_run(home: Home) -> Iterator[bool]:
    """True while no retraining works in the home, and none can begin, for a `with` block; False when one goes on."""
    descriptor = open_lock(home.root / LOCK_FILES["run"])
    try:
        yield take(descriptor, fcntl.LOCK_EX, 0.0)
    finally:
        os.close(descriptor)
