"""A file of sealed records: one line per record, `SUBJECT BASE64`, each encrypted under its data subject's key.

Datasets and quarantine keep their rows in such files. Order is kept, reading needs the memory of one batch, and a file
is there whole or not at all.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import TracebackType

from infra.errors import StoreError
from infra.ledger.sealed_text import generation_of
from infra.ledger.vault import Vault

_BATCH_RECORDS = 512
"""Records sealed in one transaction of the vault."""


class SealedWriter:
    """Collects records into a temporary file beside its goal; `publish` makes it visible, leaving without it discards.

    Use as a context manager. The file's mode is 0600.
    """

    def __init__(self, folder: Path, vault: Vault) -> None:
        self._vault = vault
        self._folder = folder
        self._temporary = folder / f".{secrets.token_hex(8)}.tmp"
        self._waiting: list[tuple[str, bytes]] = []
        try:
            self._file = os.fdopen(os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        except OSError as error:
            raise _not_written(folder, error) from None

    def __enter__(self) -> SealedWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    def add(self, subject: str, record: bytes) -> None:
        """Adds one record of one subject (a pseudonym). Raises StoreError when the disk refuses."""
        self._waiting.append((subject, record))
        if len(self._waiting) >= _BATCH_RECORDS:
            self._flush()

    def publish(self, name: str) -> Path:
        """Makes the records durable under `name`, replacing what was there. Raises StoreError with nothing changed."""
        self._flush()
        path = self._folder / name
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._temporary.replace(path)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise _not_written(path, error) from None
        return path

    def _flush(self) -> None:
        sealed = self._vault.seal_many(self._waiting)
        lines = [
            subject.encode() + b" " + base64.b64encode(data) + b"\n"
            for (subject, _), data in zip(self._waiting, sealed, strict=True)
        ]
        try:
            self._file.writelines(lines)
        except OSError as error:
            raise _not_written(self._folder, error) from None
        self._waiting.clear()


def read_sealed(path: Path, vault: Vault) -> Iterator[bytes]:
    """Yields the records in their order, decrypted.

    Raises StoreError: no such file, cut short, or a record that does not open.
    """
    for batch in _batches(path):
        yield from vault.unseal_many(batch)


def read_each(path: Path, vault: Vault) -> Iterator[bytes | None]:
    """Yields the records in their order, None where its subject was erased. Else as `read_sealed`."""
    for batch in _batches(path):
        yield from vault.unseal_each(batch)


def count_of(path: Path, subject: str) -> int:
    """How many records of one subject (a pseudonym) lie in a file; none of them is opened. Raises StoreError."""
    return sum(owner == subject for batch in _batches(path) for owner, _ in batch)


def count_erased(path: Path, destroyed: Mapping[str, int]) -> int:
    """How many records no key opens any more, by the last destroyed key of each subject. Raises StoreError."""
    return sum(
        subject in destroyed and generation_of(sealed) <= destroyed[subject]
        for batch in _batches(path)
        for subject, sealed in batch
    )


def _batches(path: Path) -> Iterator[list[tuple[str, bytes]]]:
    try:
        with path.open("rb") as file:
            while lines := list(islice(file, _BATCH_RECORDS)):
                yield [_parse(line, path) for line in lines]
    except FileNotFoundError:
        raise StoreError("the rows are not here", where=str(path), cure="run the pipeline again, or restore") from None
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"cannot read: {error.strerror}", where=str(path), cure="make the file readable") from None


def _parse(line: bytes, path: Path) -> tuple[str, bytes]:
    subject, _, sealed = line.partition(b" ")
    try:
        if not line.endswith(b"\n"):
            raise ValueError("cut short")
        return subject.decode("ascii"), base64.b64decode(sealed[:-1], validate=True)
    except ValueError:
        raise StoreError("a record is damaged", where=str(path), cure="run the pipeline again, or restore") from None


def _not_written(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot write: {error.strerror}", where=str(path), cure="free some disk space or make the folder writable"
    )
