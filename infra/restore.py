"""Puts a backup into an empty home: every digest is verified before anything counts.

    .restoring/...    the files while they are verified
    state.json        moved last: a home without it, beside `.restoring`, is refused by every command

A restore that fails leaves the home as empty as it was.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from infra.backup_format import (
    MANIFEST,
    MANIFEST_BYTES,
    BackupFile,
    BackupManifest,
    check_structure,
    checked_path,
    not_a_backup,
)
from infra.digest import Digest
from infra.errors import BadInput, CheckFailed, Refused, SluiceError, StoreError
from infra.home import Home
from infra.home_lock import alone
from infra.home_state import HOME_VERSION, RESTORING, STATE_FILE, is_untouched

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Restored:
    """What a home was made of."""

    manifest: BackupManifest
    home: Home


def restore(file: Path, root: Path, advance: Callable[[float, str], None]) -> Restored:
    """Restores a backup into the home `root`, which must be missing or empty.

    Raises Refused (the home is not empty, a newer Sluice wrote the backup), BadInput (no backup), CheckFailed (a file
    is not what the manifest says), StoreError.
    """
    home = Home.open(root)
    with alone(home):
        if not is_untouched(home.root):
            raise Refused(
                "the home is not empty; nothing was restored",
                where=str(home.root),
                cure="give a new folder: sluice restore FILE --home DIR",
            )
        restoring = home.folder(home.root / RESTORING)
        try:
            manifest = _unpack(file, restoring, advance)
            _put_in_place(home, restoring)
        except BaseException as error:
            shutil.rmtree(restoring, ignore_errors=True)
            if isinstance(error, OSError) and not isinstance(error, SluiceError):
                raise StoreError(
                    f"the backup cannot be restored: {error.strerror}",
                    where=str(file),
                    cure="see that the file is readable and the disk has room, empty the home, and try again",
                ) from None
            raise
    return Restored(manifest, home)


def _unpack(file: Path, restoring: Path, advance: Callable[[float, str], None]) -> BackupManifest:
    with file.open("rb") as stream:
        check_structure(stream, file)
        if shutil.disk_usage(restoring).free < os.fstat(stream.fileno()).st_size:
            raise StoreError("the disk has no room for the backup", where=str(restoring), cure="free some disk space")
        stream.seek(0)
        found: list[BackupFile] = []
        manifest: BackupManifest | None = None
        try:
            with tarfile.open(fileobj=stream, mode="r:", ignore_zeros=False) as tar:
                for member in tar:
                    if manifest is not None:
                        raise not_a_backup(file, "something stands after the manifest")
                    if not member.isreg() or member.issparse():
                        raise not_a_backup(file, "it holds something that is no plain file")
                    if member.name == MANIFEST:
                        manifest = _manifest(tar, member, file)
                        continue
                    found.append(_extract(tar, member, restoring, file))
                    advance(float(member.size), member.name.split("/")[0])
        except tarfile.TarError:
            raise not_a_backup(file, "it is damaged") from None
    if manifest is None:
        raise not_a_backup(file, "it has no manifest: it is cut short")
    _compare(manifest, found, file)
    return manifest


def _manifest(tar: tarfile.TarFile, member: tarfile.TarInfo, file: Path) -> BackupManifest:
    if member.size > MANIFEST_BYTES:
        raise not_a_backup(file, "its manifest is too large")
    data = tar.extractfile(member)
    assert data is not None  # it is a plain file
    try:
        manifest = BackupManifest.from_json(data.read())
    except (BadInput, RecursionError):
        raise not_a_backup(file, "its manifest cannot be read") from None
    if manifest.home_version > HOME_VERSION:
        raise Refused(
            f"the backup has layout {manifest.home_version}, and this Sluice reads layouts up to {HOME_VERSION}",
            where=str(file),
            cure="install the newer version of Sluice that wrote it",
        )
    return manifest


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, file: Path) -> BackupFile:
    """Writes one member by hand: the archive decides on no mode, owner, time or place of its own."""
    path = folder / checked_path(member.name, file)
    source = tar.extractfile(member)
    assert source is not None  # it is a plain file
    state = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        target: BinaryIO = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb")
    except (FileExistsError, NotADirectoryError):
        raise not_a_backup(file, "two members have the same place") from None
    with target:
        while piece := source.read(_PIECE_BYTES):
            state.update(piece)
            target.write(piece)
    return BackupFile(name=member.name, digest=Digest("sha256:" + state.hexdigest()), size_bytes=path.stat().st_size)


def _compare(manifest: BackupManifest, found: list[BackupFile], file: Path) -> None:
    expected = {one.name: one for one in manifest.files}
    wrong = sorted(one.name for one in found if expected.pop(one.name, None) != one)
    wrong += sorted(expected)
    if wrong:
        raise CheckFailed(
            f"{len(wrong)} files of the backup are not what its manifest says, the first is {wrong[0]!r}; "
            "nothing was restored",
            where=str(file),
            cure="take another backup",
        )
    if STATE_FILE not in {one.name for one in found}:
        raise not_a_backup(file, f"it has no {STATE_FILE}")


def _put_in_place(home: Home, restoring: Path) -> None:
    (home.root / STATE_FILE).unlink(missing_ok=True)
    parts = sorted(path for path in restoring.iterdir() if path.name != STATE_FILE)
    for path in parts:
        path.rename(home.root / path.name)
    os.sync()  # every file, before the one that makes them count
    (restoring / STATE_FILE).rename(home.root / STATE_FILE)
    restoring.rmdir()
    os.sync()
