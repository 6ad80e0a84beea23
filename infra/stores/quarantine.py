"""Quarantine: rows that were set aside, each with its reasons, encrypted per data subject. Nothing that was read is
lost.

One sealed file per pipeline and run under home.quarantine (mode 0600).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from infra.home import Home
from infra.ledger.vault import Vault
from infra.stores.sealed_file import SealedWriter, read_sealed


@dataclass(frozen=True)
class SetAside:
    """One row in quarantine."""

    role: str
    """The source: 'train' or 'test'."""
    line: int
    reasons: tuple[str, ...]
    content: bytes = field(repr=False)
    """The row as it stood in its source where it could not be read, else its columns as JSON."""


class Quarantine:
    """The quarantine of one home."""

    def __init__(self, home: Home, vault: Vault) -> None:
        self._home = home
        self._vault = vault

    def write(self, pipeline: str, run_id: str, rows: Iterable[tuple[str, SetAside]]) -> Path:
        """Keeps (subject, row) pairs for good; `subject` is a pseudonym. Replaces what the run wrote before.

        Raises StoreError.
        """
        folder = self._home.folder(self._home.quarantine / pipeline)
        with SealedWriter(folder, self._vault) as writer:
            for subject, row in rows:
                record = asdict(row) | {"content": base64.b64encode(row.content).decode()}
                writer.add(subject, json.dumps(record).encode())
            return writer.publish(_file_name(run_id))

    def read(self, pipeline: str, run_id: str) -> Iterator[SetAside]:
        """The rows that a run set aside, decrypted. Raises StoreError."""
        for record in read_sealed(self._home.quarantine / pipeline / _file_name(run_id), self._vault):
            row = json.loads(record)
            yield SetAside(
                role=row["role"],
                line=row["line"],
                reasons=tuple(row["reasons"]),
                content=base64.b64decode(row["content"]),
            )


def _file_name(run_id: str) -> str:
    return f"{run_id}.rows"
