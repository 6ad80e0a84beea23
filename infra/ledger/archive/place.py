"""Where the archive lies: a folder, an S3-compatible store, or any other address that fsspec knows.

MUST: what `write` returned for is durable, and a reader sees the old bytes or the new. MUST NOT: ask any address but
the one that the settings name.
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

    def open(self, name: str) -> Any:
        """A file to read from at any offset, for pyarrow. Raises MissingFile, StoreError."""

    def write(self, name: str, data: bytes) -> None:
        """Writes a file, or another one in its place. Raises StoreError; then the old one is still there."""


class FolderPlace:
    """A folder of this machine, private to its owner."""

    def __init__(self, root: Path) -> None:
        self.address = str(root)
        self._root = root

    def read(self, name: str) -> bytes:
        """A whole file. Raises MissingFile, StoreError."""
        with _errors(self.address, name):
            return (self._root / name).read_bytes()

    def open(self, name: str) -> Any:
        """A file to read from at any offset. Raises MissingFile, StoreError."""
        with _errors(self.address, name):
            return (self._root / name).open("rb")

    def write(self, name: str, data: bytes) -> None:
        """Writes a file, synced. Raises StoreError."""
        path = self._root / name
        with _errors(self.address, name):
            _make_folder(path.parent)
            write_atomic(path, data)


class RemotePlace:
    """Anything else: an object store takes a file whole or not at all, and has it safe when it says so."""

    def __init__(self, address: str, filesystem: Any, root: str) -> None:
        self.address = address
        self._filesystem = filesystem
        self._root = root.rstrip("/")

    def read(self, name: str) -> bytes:
        """A whole file. Raises MissingFile, StoreError."""
        with _errors(self.address, name):
            return bytes(self._filesystem.cat_file(f"{self._root}/{name}"))

    def open(self, name: str) -> Any:
        """A file to read from at any offset. Raises MissingFile, StoreError."""
        with _errors(self.address, name):
            return self._filesystem.open(f"{self._root}/{name}", "rb")

    def write(self, name: str, data: bytes) -> None:
        """Writes a file. Raises StoreError."""
        with _errors(self.address, name):
            self._filesystem.pipe_file(f"{self._root}/{name}", data)


def open_place(home: Home) -> ArchivePlace:
    """The place that the settings name, or the home's own folder. Raises StoreError, MissingPart."""
    address = home.ledger_archive
    if "://" not in address:
        return FolderPlace(Path(address) if address else home.archive)
    if urlsplit(address).scheme == "s3":
        return RemotePlace(address, *_s3(address, home.ledger_archive_endpoint))
    fsspec = need("fsspec", extra="archive")
    with _errors(address, ""):
        filesystem, root = fsspec.core.url_to_fs(address)
        if "file" in filesystem.protocol:
            return FolderPlace(Path(root))
        return RemotePlace(hidden(address), filesystem, root)


def _s3(address: str, endpoint: str) -> tuple[Any, str]:
    """Arrow's own client in fsspec's clothes: s3fs holds back the SDK that the witness needs."""
    arrow, wrapper = need("pyarrow.fs", extra="archive"), need("fsspec.implementations.arrow", extra="archive")
    parts = urlsplit(address)
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


def read_many(place: ArchivePlace, names: Sequence[str]) -> Iterator[bytes]:
    """Files in their order, several asked for at once. Raises what `read` raises."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=16, thread_name_prefix="archive") as threads:
        yield from threads.map(place.read, names)
