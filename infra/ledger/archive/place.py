"""Where the archive lies: a folder, an S3-compatible store, or any other address that fsspec knows.

MUST: what `write` returned for is as durable as the place makes anything, and a reader sees the old bytes or the new.
MUST NOT: ask any address but the one that the settings name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from infra.errors import StoreError
from infra.extras import need
from infra.home import Home, write_atomic
from infra.stores.address import hidden

_PIECE_BYTES = 8 * 2**20
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "memory"}
_CURE = "check SLUICE_LEDGER_ARCHIVE and the right to read and write there; nothing was lost"


class MissingFile(StoreError):
    """The archive has no file of this name."""


class DamagedFile(StoreError):
    """A file of the archive is not what was written there."""


class ArchivePlace(Protocol):
    """Files by their names below one root."""

    address: str
    """Where that is, for people."""

    def read(self, name: str) -> bytes:
        """A whole file. Raises MissingFile, StoreError."""

    def open(self, name: str) -> PlacedFile:
        """A file to read from at any offset. Raises MissingFile, StoreError."""

    def write(self, name: str, data: bytes) -> None:
        """Writes a file, or another one in its place. Raises StoreError; then the old one is still there."""

    def names(self, folder: str) -> list[str]:
        """The files of a folder, hidden ones too; none where it is not there. Raises StoreError."""

    def remove(self, name: str) -> None:
        """Removes a file that is there. Raises StoreError."""


class PlacedFile:
    """An open file of the archive, for pyarrow: what fails while it is read is the place's fault, not the file's."""

    def __init__(self, stream: Any, address: str, name: str) -> None:
        self._stream = stream
        self._where = (address, name)
        self.closed = False

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or the rest. Raises StoreError."""
        with _errors(*self._where):
            return bytes(self._stream.read(size) if size >= 0 else self._stream.read())  # Arrow's own takes no -1

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Goes to a place in the file. Raises StoreError."""
        with _errors(*self._where):
            return int(self._stream.seek(offset, whence))

    def tell(self) -> int:
        """Where it is in the file. Raises StoreError."""
        with _errors(*self._where):
            return int(self._stream.tell())

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def __enter__(self) -> PlacedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Once is enough."""
        if not self.closed:
            self.closed = True
            self._stream.close()


class FolderPlace:
    """A folder of this machine, private to its owner."""

    def __init__(self, root: Path) -> None:
        self.address = str(root)
        self._root = root

    def read(self, name: str) -> bytes:
        """A whole file. Raises MissingFile, StoreError."""
        with _errors(self.address, name):
            return (self._root / name).read_bytes()

    def open(self, name: str) -> PlacedFile:
        """A file to read from at any offset. Raises MissingFile, StoreError."""
        with _errors(self.address, name):
            return PlacedFile((self._root / name).open("rb"), self.address, name)

    def write(self, name: str, data: bytes) -> None:
        """Writes a file, synced. Raises StoreError."""
        path = self._root / name
        with _errors(self.address, name):
            _make_folder(path.parent)
            write_atomic(path, data)

    def names(self, folder: str) -> list[str]:
        """The files of a folder, with those that a killed process left half-written. Raises StoreError."""
        with _errors(self.address, folder):
            there = self._root / folder
            return sorted(path.name for path in there.iterdir()) if there.is_dir() else []

    def remove(self, name: str) -> None:
        """Removes a file that is there. Raises StoreError."""
        with _errors(self.address, name):
            (self._root / name).unlink()


class RemotePlace:
    """Anything else. An object store takes a file whole or not at all, and has it safe when it says so."""

    def __init__(self, address: str, filesystem: Any, root: str, *, whole: bool) -> None:
        """`whole`: it is an object store; otherwise a file is written beside, and then moved."""
        self.address = address
        self._filesystem = filesystem
        self._root = root.rstrip("/")
        self._whole = whole

    def read(self, name: str) -> bytes:
        """A whole file. Raises MissingFile, StoreError."""
        with _errors(self.address, name):
            return bytes(self._filesystem.cat_file(f"{self._root}/{name}"))

    def open(self, name: str) -> PlacedFile:
        """A file to read from at any offset. Raises MissingFile, StoreError."""
        with _errors(self.address, name):
            return PlacedFile(self._filesystem.open(f"{self._root}/{name}", "rb"), self.address, name)

    def write(self, name: str, data: bytes) -> None:
        """Writes a file. Raises StoreError."""
        goal = f"{self._root}/{name}"
        folder, _, last = goal.rpartition("/")
        with _errors(self.address, name):
            if self._whole:
                self._filesystem.pipe_file(goal, data)
                return
            self._filesystem.makedirs(folder, exist_ok=True)
            self._filesystem.pipe_file(f"{folder}/.{last}.tmp", data)
            self._filesystem.mv(f"{folder}/.{last}.tmp", goal)

    def names(self, folder: str) -> list[str]:
        """The files of a folder. Raises StoreError."""
        try:
            with _errors(self.address, folder):
                found = self._filesystem.ls(f"{self._root}/{folder}", detail=False)
        except MissingFile:  # object stores have no folder where no file is
            return []
        return sorted(str(path).rpartition("/")[2] for path in found)

    def remove(self, name: str) -> None:
        """Removes a file that is there. Raises StoreError."""
        with _errors(self.address, name):
            self._filesystem.rm_file(f"{self._root}/{name}")


def open_place(home: Home) -> ArchivePlace:
    """The place that the settings name, or the home's own folder. Raises StoreError, MissingPart."""
    address = home.ledger_archive
    if "://" not in address:
        return FolderPlace(Path(address) if address else home.archive)
    if urlsplit(address).scheme == "s3":
        return RemotePlace(address, *_s3(address, home.ledger_archive_endpoint), whole=True)
    fsspec = need("fsspec", extra="archive")
    with _errors(hidden(address), ""):
        filesystem, root = fsspec.core.url_to_fs(address)
        known = {filesystem.protocol} if isinstance(filesystem.protocol, str) else set(filesystem.protocol)
        if "file" in known:
            return FolderPlace(Path(root))
        return RemotePlace(hidden(address), filesystem, root, whole=bool(known & _OBJECT_STORES))


def _s3(address: str, endpoint: str) -> tuple[Any, str]:
    """Arrow's own client in fsspec's clothes: s3fs holds back the SDK that the witness needs."""
    arrow, wrapper = need("pyarrow.fs", extra="archive"), need("fsspec.implementations.arrow", extra="archive")
    parts = urlsplit(address)
    if parts.username or parts.password or not parts.hostname:
        cure = "write s3://bucket/prefix; credentials come from where AWS's own tools take them"
        raise StoreError("the archive's address is not one of a bucket", where="SLUICE_LEDGER_ARCHIVE", cure=cure)
    more: dict[str, Any] = {}
    if endpoint:  # who has a store of its own is not to ask AWS for keys or for a bucket's region
        os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
        more = {"endpoint_override": endpoint, "region": os.environ.get("AWS_REGION", "us-east-1")}
    with _errors(address, ""):
        client = arrow.S3FileSystem(connect_timeout=5, request_timeout=60, **more)
    return wrapper.ArrowFSWrapper(client), f"{parts.netloc}{parts.path}"


@contextmanager
def _errors(address: str, name: str) -> Iterator[None]:
    where = f"{address}/{name}" if name else address
    try:
        yield
    except StoreError:
        raise
    except FileNotFoundError:
        cure = "put the archive back where it was, or restore it from a backup; `sluice audit verify` checks it"
        raise MissingFile("a file of the archive is missing", where=where, cure=cure) from None
    except Exception as error:  # each fsspec place has its own; their texts may hold addresses with keys in them
        told = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise StoreError(f"the archive does not answer: {told}", where=where, cure=_CURE) from None


def _make_folder(path: Path) -> None:
    """Makes a folder and those above it, each durably."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_checked(place: ArchivePlace, name: str, data: bytes) -> None:
    """Writes a file and reads it back, piece by piece. Raises StoreError, also when it is not what was written."""
    place.write(name, data)
    with place.open(name) as stream:
        same = all(
            stream.read(_PIECE_BYTES) == data[at : at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES)
        )
        if not same or stream.read(1):
            raise StoreError("the archive does not keep what it is given", where=place.address, cure="check its disk")


def read_many(place: ArchivePlace, names: Sequence[str]) -> Iterator[bytes]:
    """Files in their order, several asked for at once. Raises what `read` raises."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=16, thread_name_prefix="archive") as threads:
        yield from threads.map(place.read, names)
