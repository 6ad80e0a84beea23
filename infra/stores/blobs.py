"""Blobs: bytes named by their SHA-256, written once, checked on every read."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from infra.digest import Digest, parse_digest, sha256, sha256_file
from infra.errors import SluiceError, StoreError
from infra.home import write_atomic

_READ_BYTES = 1 << 20


class Blobs:
    """A folder of blobs, sharded by the first two digits of the digest. Several processes may read and write it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, data: bytes) -> Digest:
        """Keeps bytes and names them. Durable when it returns; a second time writes nothing. Raises StoreError."""
        digest = sha256(data)
        path = self.path(digest)
        if not _holds(path, data):
            self._shard(path)
            write_atomic(path, data)
        return digest

    def put_file(self, path: Path) -> Digest:
        """Keeps a copy of a file, read once in pieces of 1 MiB: the digest is of what was kept. Raises StoreError."""
        state = hashlib.sha256()
        temporary: Path | None = None
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            with path.open("rb") as source, tempfile.NamedTemporaryFile(dir=self.root, delete=False) as target:
                temporary = Path(target.name)
                while piece := source.read(_READ_BYTES):
                    state.update(piece)
                    target.write(piece)
                target.flush()
                os.fsync(target.fileno())
            digest = Digest("sha256:" + state.hexdigest())
            kept = self.path(digest)
            self._shard(kept)
            temporary.replace(kept)  # also where it was there already: a damaged blob is made whole
            _sync_folder(kept.parent)
            return digest
        except OSError as error:
            if isinstance(error, SluiceError):
                raise
            raise StoreError(
                f"cannot copy into the blob store: {error.strerror}",
                where=str(path),
                cure="check that the file is readable and the disk has room; nothing was changed",
            ) from None
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)

    def get(self, digest: str) -> bytes:
        """The bytes of a digest. Raises StoreError when they are missing or are not what the digest says."""
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except OSError:
            raise _missing(path, digest) from None
        if sha256(data) != digest:
            raise _changed(path, digest)
        return data

    def check(self, digest: str) -> Path:
        """The path of a blob, checked in pieces of 1 MiB: for files too large for `get`. Raises StoreError."""
        path = self.path(digest)
        try:
            found = sha256_file(path)
        except OSError:
            raise _missing(path, digest) from None
        if found != digest:
            raise _changed(path, digest)
        return path

    def path(self, digest: str) -> Path:
        """Where a blob lies or would lie; nothing is checked (see `check`). Raises StoreError when it is no digest."""
        try:
            digits = parse_digest(digest).removeprefix("sha256:")
        except ValueError:
            raise StoreError("not the digest of a blob", cure="give 'sha256:' and 64 hexadecimal digits") from None
        return self.root / digits[:2] / digits[2:]

    def has(self, digest: str) -> bool:
        """Whether a blob is there; its bytes are not checked."""
        return self.path(digest).is_file()

    def _shard(self, path: Path) -> None:
        try:
            made = not path.parent.exists()
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if made:
                _sync_folder(self.root)
        except OSError as error:
            raise StoreError(
                f"cannot make the folder: {error.strerror}", where=str(path.parent), cure="make its parent writable"
            ) from None


def _holds(path: Path, data: bytes) -> bool:
    """Whether the blob is there already, whole. A damaged one is written again."""
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _missing(path: Path, digest: str) -> StoreError:
    return StoreError(f"the blob {digest} is missing or unreadable", where=str(path), cure="restore it from a backup")


def _changed(path: Path, digest: str) -> StoreError:
    return StoreError(
        f"the blob {digest} was changed: its bytes do not have this digest",
        where=str(path),
        cure="restore it from a backup",
    )
