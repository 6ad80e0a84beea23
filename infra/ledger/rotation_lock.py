"""Who may change the vault's master key: one rotation or erasure at a time, and none while a backup copies the vault.

A lock on `keys/.rotation.lock`; the kernel lets go of it when its process ends, however it ends. Who only seals and
unseals takes no lock: infra/ledger/present_master.py.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from infra.errors import Refused
from infra.home import Home
from infra.lock_file import open_lock, take

_FILE = ".rotation.lock"
_WAIT_S = 60.0


class _Mine(threading.local):
    """The locks that this thread has, by root and process: it may ask again for one that it has."""

    def __init__(self) -> None:
        self.held: set[tuple[str, int]] = set()


_MINE = _Mine()


@contextmanager
def rotating(home: Home, *, wait_s: float = _WAIT_S) -> Iterator[None]:
    """Has the master key to this thread alone for a `with` block. Raises Refused when others keep it for too long.

    A thread that has the lock may ask for it again.
    """
    with rotating_if_free(home, wait_s=wait_s) as got:
        if not got:
            raise Refused(
                "another command changes or copies the vault's master key (a rotation, an erasure, a hold or a backup)",
                where=str(home.keys),
                cure="wait for it to end, then run the same command again",
            )
        yield


@contextmanager
def rotating_if_free(home: Home, *, wait_s: float = 0.0) -> Iterator[bool]:
    """True with the lock for a `with` block, or False when others keep it for `wait_s`."""
    name = (str(home.root), os.getpid())
    if name in _MINE.held:
        yield True
        return
    with _locked(home, fcntl.LOCK_EX, wait_s) as got:
        if got:
            _MINE.held.add(name)
        try:
            yield got
        finally:
            _MINE.held.discard(name)


@contextmanager
def no_rotation(home: Home, *, wait_s: float = _WAIT_S) -> Iterator[None]:
    """Keeps every rotation away for a `with` block; several may. Raises Refused when one goes on for too long."""
    with _locked(home, fcntl.LOCK_SH, wait_s) as got:
        if not got:
            raise Refused(
                "another command changes the vault's master key (a rotation or an erasure)",
                where=str(home.keys),
                cure="wait for it to end, then run the same command again",
            )
        yield


@contextmanager
def _locked(home: Home, kind: int, wait_s: float) -> Iterator[bool]:
    descriptor = open_lock(home.folder(home.keys) / _FILE)
    try:
        yield take(descriptor, kind, wait_s)
    finally:
        os.close(descriptor)
