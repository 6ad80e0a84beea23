"""Datasets: the rows of snapshots, encrypted per data subject, beside the manifests that name them.

A snapshot and its manifests are blobs (public: row ids and salted digests). The rows lie in
home.datasets/PIPELINE/MANIFEST.rows, one sealed file per split. Reading verifies every row against the manifest, so
that what trains a model is what the digest says. A row whose subject was erased stays as a tombstone: its digest in the
manifest, and a sealed text that nobody can open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from infra.contracts.dataset import DatasetSnapshot, RowDigest, Split, SplitManifest
from infra.contracts.row import SnapshotRow
from infra.digest import Digest, sha256
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.vault import Vault
from infra.stores.blobs import Blobs
from infra.stores.sealed_file import SealedWriter, count_erased, read_each, read_sealed

SplitName = Literal["train", "test"]
_SPLITS: tuple[SplitName, SplitName] = ("train", "test")


class SnapshotWriter:
    """Collects the rows of one snapshot, in their order, split by split."""

    def __init__(self, blobs: Blobs, files: dict[SplitName, SealedWriter]) -> None:
        self._blobs = blobs
        self._files = files
        self._digests: dict[SplitName, list[RowDigest]] = {name: [] for name in files}

    def add(self, row: SnapshotRow) -> None:
        """Adds one row to its split. Raises StoreError when the disk refuses."""
        record = row.to_json()
        self._files[row.split].add(row.subject, record)
        self._digests[row.split].append(RowDigest(row_id=row.row_id, digest=sha256(record)))

    def publish(self) -> tuple[Split, ...]:
        """Writes rows and manifests for good; returns the snapshot's splits. Rows are durable before their manifest."""
        return tuple(self._publish(name) for name in _SPLITS)

    def _publish(self, name: SplitName) -> Split:
        manifest = SplitManifest(split=name, rows=tuple(self._digests[name]))
        self._files[name].publish(_file_name(manifest.digest))
        return Split(name=name, rows=len(manifest.rows), manifest=self._blobs.put(manifest.to_json()))


class Datasets:
    """The snapshots of one home."""

    def __init__(self, home: Home, blobs: Blobs, vault: Vault) -> None:
        self._home = home
        self._blobs = blobs
        self._vault = vault

    @contextmanager
    def writer(self, pipeline: str) -> Iterator[SnapshotWriter]:
        """A writer for one snapshot. Leaving the block without `publish` leaves no trace. Raises StoreError."""
        folder = self._home.folder(self._home.datasets / pipeline)
        with ExitStack() as stack:
            files = {name: stack.enter_context(SealedWriter(folder, self._vault)) for name in _SPLITS}
            yield SnapshotWriter(self._blobs, files)

    def manifest(self, snapshot: DatasetSnapshot, split: SplitName) -> SplitManifest:
        """The ids and digests of a split's rows. Raises StoreError when the blob is missing or damaged."""
        return SplitManifest.from_json(self._blobs.get(snapshot.split(split).manifest))

    def check(self, snapshot: DatasetSnapshot) -> None:
        """Raises StoreError when a manifest is not whole, a file of rows is gone, or a row was erased.

        The rows themselves are checked when they are read.
        """
        destroyed = self._vault.destroyed()
        for split in snapshot.splits:
            self.manifest(snapshot, split.name)
            path = self.file(snapshot, split)
            if not path.is_file():
                raise StoreError("the rows of a snapshot are gone", where=str(path), cure=_CURE)
            if destroyed and (erased := count_erased(path, destroyed)):
                cure = "run `sluice retrain`: it makes a new snapshot of what the source still holds"
                raise StoreError(f"{erased} rows of a snapshot were erased", where=str(path), cure=cure)

    def file(self, snapshot: DatasetSnapshot, split: Split) -> Path:
        """Where the sealed rows of a split lie, or would lie."""
        return self._home.datasets / snapshot.pipeline / _file_name(split.manifest)

    def rows(self, snapshot: DatasetSnapshot, split: SplitName) -> Iterator[SnapshotRow]:
        """Yields a split's rows in their order, decrypted, each verified against the manifest.

        Raises StoreError when a row is missing, too many, out of order, changed, or its subject's key is gone.
        """
        for row in self._verified(snapshot, split, read_sealed):
            assert row is not None  # `read_sealed` passes over none
            yield row

    def each(self, snapshot: DatasetSnapshot, split: SplitName) -> Iterator[SnapshotRow | None]:
        """Yields what `rows` does, and None in the place of each row whose subject was erased."""
        yield from self._verified(snapshot, split, read_each)

    def _verified(
        self, snapshot: DatasetSnapshot, split: SplitName, read: Callable[[Path, Vault], Iterator[bytes | None]]
    ) -> Iterator[SnapshotRow | None]:
        path = self.file(snapshot, snapshot.split(split))
        expected = iter(self.manifest(snapshot, split).rows)
        for record in read(path, self._vault):
            wanted = next(expected, None)
            row = None if record is None else _verified(record, wanted)
            if wanted is None or (row is None and record is not None):
                raise StoreError("a row is not the one that the manifest names", where=str(path), cure=_CURE)
            yield row
        if next(expected, None) is not None:
            raise StoreError("the file holds fewer rows than the manifest names", where=str(path), cure=_CURE)


_CURE = "run `sluice retrain` on the same inputs again, or restore the file from a backup"


def _verified(record: bytes, expected: RowDigest | None) -> SnapshotRow | None:
    """The row, when the record's bytes have the digest that the manifest names (a contract's digest is that of its
    JSON).
    """
    if expected is None or sha256(record) != expected.digest:
        return None
    row = SnapshotRow.from_json(record)
    return row if row.row_id == expected.row_id else None


def _file_name(manifest: Digest) -> str:
    return f"{manifest.removeprefix('sha256:')}.rows"
