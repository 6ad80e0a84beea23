"""Backs up a whole home while it runs, into one tar file of mode 0600 that is there whole or not at all.

Writers first write what is named and then what names it: a blob before the event, a key before the sealed text. The
copy goes the other way, so that all that a copied file names is copied after it: the ledger with its archive, the
release files, the other databases, everything else, the blobs, the vault (whose keys open what was copied before), the
keys.

Left out, since it can be made again: `runs` (working folders and training checkpoints), `logs`, `processes`, the
gateway's and Prefect's caches, lock files and temporary files.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from infra.backup_format import MANIFEST, BackupFile, BackupManifest
from infra.contracts.base import now
from infra.contracts.signed import Signed
from infra.digest import Digest, sha256
from infra.errors import BadInput, Refused, SluiceError, StoreError
from infra.home import Home
from infra.home_lock import hold
from infra.home_state import HOME_VERSION, sluice_version
from infra.ledger.archive.upkeep import upkeep
from infra.ledger.rewrap import settle_master, unrotated
from infra.stores.reviewers import Reviewers
from infra.stores.trust import INSTALLATION, settle

Advance = Callable[[float, str], None]
"""Told of so many bytes done, and of what is being copied."""

_FIRST = ("ledger", "archive", "releases", "gateway", "mlflow", "prefect")
_LAST = ("models", "blobs", "vault", "keys", "state")
_LEFT_OUT = (
    "runs",
    "logs",
    "processes",
    ".migration",
    ".restoring",
    "gateway/bento-home",
    "prefect/ui",
    "ledger/writers",
)
_ENDINGS = (".lock", ".tmp", ".draft", "-wal", "-shm", "-journal")
_SQLITE = b"SQLite format 3\0"
_TRIES = 20
_PAUSE_S = 0.2


@dataclass(frozen=True)
class BackupMade:
    """What was written."""

    files: int
    size_bytes: int
    keys_left_out: tuple[str, ...]


def back_up(
    home: Home, file: Path, advance: Advance, *, without_keys: bool = False, without_models: bool = False
) -> BackupMade:
    """Writes a backup of the home under a name that nothing has. Raises BadInput, Refused (another one writes there),
    StoreError; then there is no such file.
    """
    goal = file.expanduser().absolute()
    if goal.exists() or home.root in goal.parents:
        why = "the file exists" if goal.exists() else "the file lies inside the home"
        raise BadInput(f"{why}; nothing was written", where=str(file), cure="give the name of a new file elsewhere")
    hold(home, "run")  # gc leaves alone what is being copied
    _settle(home)
    work = goal.with_name(f".{goal.name}.partial")
    try:
        work.mkdir(mode=0o700, exist_ok=True)
        with FileLock(work / "lock", mode=0o600).acquire(timeout=0):
            made = _write(home, goal, work, advance, without_keys=without_keys, without_models=without_models)
    except Timeout:
        raise Refused("another backup writes this file", where=str(file), cure="wait for it to end") from None
    except OSError as error:
        shutil.rmtree(work, ignore_errors=True)
        if isinstance(error, SluiceError):
            raise
        raise StoreError(
            f"the backup cannot be written: {error.strerror or 'a file changed while it was copied'}",
            where=str(file),
            cure="free some disk space or give a folder that is writable, then run the command again",
        ) from None
    shutil.rmtree(work, ignore_errors=True)
    return made


def backup_bytes(home: Home, *, without_models: bool = False) -> int:
    """How many bytes a backup has to copy, about: the length of its progress bar."""
    return sum(path.stat().st_size for _, path in _files(home, without_models=without_models))


def _write(
    home: Home, goal: Path, work: Path, advance: Advance, *, without_keys: bool, without_models: bool
) -> BackupMade:
    partial = work / "tar"
    written: list[BackupFile] = []
    left_out: list[str] = []
    with (
        os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar,
        ExitStack() as still,
    ):
        archive = still.enter_context(ExitStack())
        archive.enter_context(upkeep(home))  # nothing moves from the ledger to it, and nothing expires there
        releases = _ledger_with_releases(home, work)
        for name, path in _files(home, without_models=without_models):
            if not name.startswith(("ledger/", "archive/")):
                archive.close()
            if path == home.vault:
                still.enter_context(unrotated(home))  # what is copied from here on belongs together
            if without_keys and name.startswith("keys/") and name.endswith(".key"):
                left_out.append(name)
                continue
            if name.startswith("releases/") and releases is not None and name not in releases:
                continue  # came after the copied ledger, which does not know it
            copied = _add(tar, name, path, work, home)
            if copied is not None:
                written.append(copied)
                advance(float(copied.size_bytes), name.split("/")[0])
        manifest = BackupManifest(
            home_version=HOME_VERSION,
            sluice=sluice_version(),
            made=now(),
            files=tuple(written),
            keys_left_out=tuple(sorted(left_out)),
        ).to_json()
        tar.addfile(_header(MANIFEST, len(manifest)), BytesIO(manifest))
    with partial.open("rb") as done:
        os.fsync(done.fileno())
    size = partial.stat().st_size
    partial.replace(goal)
    folder = os.open(goal.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return BackupMade(len(written), size, tuple(sorted(left_out)))


def _files(home: Home, *, without_models: bool) -> Iterator[tuple[str, Path]]:
    """Every file to copy with its name in the archive, in the order of the module's first lines; listed late."""
    top = sorted(path.name for path in home.root.iterdir())
    between = [name for name in top if name not in {*_FIRST, *_LAST, "state.json"}]
    for part in (*_FIRST, *between, *_LAST):
        if part == "models" and without_models:
            continue
        if part == "vault":
            yield from _below(home, home.vault, ("",))
        elif part == "state":
            yield from _below(home, home.root / "state.json", ("",))
        else:
            yield from _below(home, home.root / part, (home.vault.name,) if part == "ledger" else ("",))


def _below(home: Home, place: Path, but: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    paths = sorted(place.rglob("*")) if place.is_dir() else [place]
    for path in paths:
        name = str(path.relative_to(home.root))
        ours = not name.startswith(("mlflow/", "prefect/"))
        left = any(name == out or name.startswith(f"{out}/") for out in _LEFT_OUT) or name.endswith(_ENDINGS)
        hidden = ours and (path.name.startswith(".") or (name.startswith("blobs/tmp")))
        if not left and not hidden and path.name not in but and path.is_file() and not path.is_symlink():
            yield name, path


def _add(tar: tarfile.TarFile, name: str, path: Path, work: Path, home: Home) -> BackupFile | None:
    """Adds one file; a database by way of a consistent copy. None when it is gone by now."""
    staged = work / "database"
    source = path
    try:
        if path == home.ledger:
            source = work / "ledger"
        elif _is_sqlite(path):
            copy_database(path, staged)
            source = staged
        with source.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            reader = _Hashing(file)
            tar.addfile(_header(name, size), reader)
    except FileNotFoundError:
        return None
    finally:
        staged.unlink(missing_ok=True)
    return BackupFile(name=name, digest=reader.digest, size_bytes=size)


class _Hashing:
    """Hands a file on and hashes what it hands on."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._state = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._state.update(data)
        return data

    @property
    def digest(self) -> Digest:
        return Digest("sha256:" + self._state.hexdigest())


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy of a SQLite file that others write to, by its backup interface. Raises StoreError."""
    target.unlink(missing_ok=True)
    try:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(source, timeout=30)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)
            new.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
    except sqlite3.Error as error:
        raise StoreError(
            f"the database cannot be copied: {error}", where=str(source), cure="sluice doctor; then try again"
        ) from None


def _ledger_with_releases(home: Home, work: Path) -> frozenset[str] | None:
    """Copies the ledger at a moment when it knows every release file, and names those files; None without a ledger.

    A file that no event names after some seconds is the trace of a crash: it is copied as it is.
    """
    if not home.ledger.exists():
        return None
    for attempt in range(_TRIES):
        names = _release_names(home)
        copy_database(home.ledger, work / "ledger")
        if _unrecorded(home, names, work / "ledger") == 0 and names == _release_names(home):
            break
        if attempt < _TRIES - 1:
            time.sleep(_PAUSE_S)
    return names


def _release_names(home: Home) -> frozenset[str]:
    return frozenset(name for name, _ in _below(home, home.releases, ("",)))


def _unrecorded(home: Home, names: frozenset[str], ledger: Path) -> int:
    with closing(sqlite3.connect(ledger)) as connection:
        rows = connection.execute(
            "SELECT entry FROM events WHERE kind IN ('release.written', 'review.decided', 'policy.put')"
        )
        events = [json.loads(row[0]) for row in rows]
    known = {event.get("change") or event.get("release") or event.get("approval") for event in events}
    count = 0
    for name in names:
        if any(folder in name for folder in ("/releases/", "/approvals/", "/policies/")):
            try:
                envelope = Signed.from_json((home.root / name).read_bytes())
                count += sha256(envelope.payload.encode()) not in known
            except (OSError, BadInput):
                continue  # damaged: no event will ever name it
    return count


def _settle(home: Home) -> None:
    """Finishes what a killed rotation left, so that the copy holds one key and not two halves."""
    settle(home, INSTALLATION)
    for name in Reviewers(home).names():
        settle(home, f"reviewers/{name}")
    settle_master(home)


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _header(name: str, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode, header.mtime = size, 0o600, int(time.time())
    return header
