"""Brings an older home up to date: every pending migration on copies, checked, and then put in place as one step.

    .migration/copy/...       the changed files
    .migration/commit.json    their names: from here on the home is the new one

A crash before `commit.json` leaves the old home, and the next start throws the copies away. A crash after it leaves the
new home: the next start moves the rest into place before anything is read. `state.json` comes last.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import ClassVar, get_args

from filelock import FileLock, Timeout

from infra.contracts.base import Contract
from infra.digest import sha256_file
from infra.errors import BadInput, Refused, StoreError
from infra.home import Home, write_atomic
from infra.home_state import HOME_VERSION, home_version, write_state
from infra.migrations.migration import Migration
from infra.migrations.registry import MIGRATIONS
from infra.server_state import ServerName, is_alive, read_state

_FOLDER = ".migration"
_COMMIT = "commit.json"
_SQLITE_BESIDE = ("-wal", "-shm", "-journal")


class _Commit(Contract):
    """What is being put in place."""

    schema_id: ClassVar[str] = "sluice/migration-commit/1"

    version: int
    files: tuple[str, ...]


def migrate(home: Home, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Migrates the home; the caller has it alone. A home that is up to date is left as it is.

    Raises Refused while servers of an older Sluice run, and what a migration raises; the home is then unchanged.
    """
    folder = home.root / _FOLDER
    _finish(home)
    found = home_version(home)
    pending = [migration for migration in migrations if migration.number > found]
    if not pending:
        return
    _nobody_else(home)
    copy = home.folder(folder / "copy")
    before: dict[str, str] = {}
    try:
        for migration in pending:
            for name in (*migration.touches, *migration.reads):
                if not (copy / name).exists() and (home.root / name).exists():
                    _copy(home.root / name, copy / name)
                    before[name] = sha256_file(copy / name)
            migration.apply(copy)
            migration.check(copy)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    names = sorted(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file())
    # What did not change stays the file that it is.
    files = tuple(name for name in names if before.get(name) != sha256_file(copy / name))
    for name in files:
        _sync(copy / name)
        _sync((copy / name).parent)
    write_atomic(folder / _COMMIT, _Commit(version=pending[-1].number, files=files).to_json())
    _finish(home)


def _finish(home: Home) -> None:
    """Puts in place what was committed; may be cut off and run again at any point."""
    folder = home.root / _FOLDER
    try:
        commit = _Commit.from_json((folder / _COMMIT).read_bytes())
    except FileNotFoundError:
        shutil.rmtree(folder, ignore_errors=True)  # copies that never counted
        return
    except (OSError, BadInput):
        raise StoreError("the migration's record cannot be read", where=str(folder), cure="restore a backup") from None
    for name in commit.files:
        new, real = folder / "copy" / name, home.root / name
        if new.exists():
            home.folder(real.parent)
            for ending in _SQLITE_BESIDE:  # the copy holds what they held
                real.with_name(real.name + ending).unlink(missing_ok=True)
            new.replace(real)
            _sync(real.parent)
    shutil.rmtree(folder / "copy", ignore_errors=True)
    write_state(home, commit.version)
    shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
        if source.suffix in (".sqlite", ".db"):
            with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
                old.backup(new)
        else:
            shutil.copyfile(source, target)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"the file cannot be copied for the migration: {error}",
            where=str(source),
            cure="free some disk space, or restore the file from a backup; nothing was changed",
        ) from None


def _nobody_else(home: Home) -> None:
    """What a Sluice that knew no home lock started: servers have a state file, a retraining a lock of its own."""
    names: tuple[ServerName, ...] = get_args(ServerName)
    alive = [name for name in names if (state := read_state(home, name)) is not None and is_alive(state)]
    if alive:
        raise Refused(
            f"the home must be migrated to layout {HOME_VERSION}, and its servers run: {', '.join(alive)}",
            where=str(home.root),
            cure="sluice down, then run the same command again",
        )
    for path in home.runs.glob("*.lock"):
        try:
            FileLock(path).acquire(timeout=0).lock.release()
        except Timeout:
            raise Refused(
                f"the home must be migrated to layout {HOME_VERSION}, and a run of {path.stem!r} is going on",
                where=str(home.root),
                cure="wait for it to end, then run the same command again",
            ) from None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
