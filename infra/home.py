"""The layout of SLUICE_HOME: every path that Sluice writes to, named once."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from infra.errors import StoreError

_PRIVATE = 0o700


@dataclass(frozen=True)
class Home:
    """One installation's state. `root` is absolute."""

    root: Path
    ledger_url: str = field(default="", repr=False)
    """The PostgreSQL database of the audit ledger; '': it is a file of the home."""
    ledger_key_command: str = field(default="", repr=False)
    """What wraps the vault's master key (infra/ledger/key_provider.py); '': nothing does."""
    ledger_archive: str = field(default="", repr=False)
    """Where closed segments of the ledger lie (infra/ledger/archive/place.py); '': in the home."""
    ledger_archive_endpoint: str = ""
    """The address of an S3-compatible store; '': the SDK's own."""

    @classmethod
    def open(cls, root: Path) -> Home:
        """Makes the folder (mode 0700) where it is missing. Raises StoreError when that cannot be done."""
        home = cls(root.expanduser().absolute())
        home.folder(home.root)
        return home

    @property
    def blobs(self) -> Path:
        """Bytes by digest."""
        return self.root / "blobs"

    @property
    def datasets(self) -> Path:
        """Snapshots: encrypted rows and manifests."""
        return self.root / "datasets"

    @property
    def quarantine(self) -> Path:
        """Rows that were set aside, encrypted, with their reasons."""
        return self.root / "quarantine"

    @property
    def models(self) -> Path:
        """Base models made ready: safetensors, tokenizer, engine weights."""
        return self.root / "models"

    @property
    def releases(self) -> Path:
        """Signed manifests, approvals and releases, per pipeline."""
        return self.root / "releases"

    @property
    def runs(self) -> Path:
        """Working folders of runs: training specifications, checkpoints, reports."""
        return self.root / "runs"

    @property
    def stages(self) -> Path:
        """Which contract each stage made of which inputs: small JSON files that name blobs. May be deleted."""
        return self.root / "stages"

    @property
    def keys(self) -> Path:
        """Private keys (mode 0600) and the public keys that are trusted."""
        return self.root / "keys"

    @property
    def ledger(self) -> Path:
        """The audit ledger's SQLite file, where `ledger_url` names no database."""
        return self.root / "ledger" / "ledger.sqlite"

    @property
    def vault(self) -> Path:
        """The keys per data subject, wrapped by the master key."""
        return self.root / "ledger" / "vault.sqlite"

    @property
    def archive(self) -> Path:
        """Closed segments of the ledger, where `ledger_archive` names no other place."""
        return self.root / "archive"

    @property
    def gateway(self) -> Path:
        """The gateway's own state: hashed caller keys, feedback."""
        return self.root / "gateway"

    @property
    def mlflow(self) -> Path:
        """The local MLflow server's database and artifacts."""
        return self.root / "mlflow"

    @property
    def prefect(self) -> Path:
        """The local Prefect server's database."""
        return self.root / "prefect"

    @property
    def processes(self) -> Path:
        """One JSON file per server that `sluice up` started."""
        return self.root / "processes"

    @property
    def logs(self) -> Path:
        """What the servers wrote."""
        return self.root / "logs"

    def folder(self, path: Path) -> Path:
        """Makes a folder below the root, private to its owner. Raises StoreError with the cure."""
        try:
            path.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        except OSError as error:
            raise StoreError(
                f"cannot make the folder: {error.strerror}",
                where=str(path),
                cure="make it writable, or set SLUICE_HOME to a folder that is",
            ) from None
        return path


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Writes a file so that a reader or a crash sees the old content or the new, never a part.

    Temporary file, fsync, rename, fsync of the folder. Raises StoreError; then nothing was changed.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreError(
            f"cannot write: {error.strerror}",
            where=str(path),
            cure="free some disk space or make the folder writable; nothing was changed",
        ) from None
