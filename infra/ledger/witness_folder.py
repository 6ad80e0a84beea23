"""A witness that is a folder elsewhere: another disk, a share that another machine keeps.

    HASH/checkpoint                 the newest note; HASH is the SHA-256 of the log's name
    HASH/checkpoints/NNN/.../NNN    one note for each size that was accepted, mode 0444

It is as good as the place: who can write there can take a checkpoint away, but cannot make one that the log's key did
not sign. The folder must be there and is never made: name one within a mounted place, so that an empty mount point does
not look like a witness that knows nothing. MUST: lock, look, check, write, in this order; a note is durable before the
next may go on from it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from infra.errors import SluiceError, StoreError
from infra.home import write_atomic
from infra.ledger.verify import Checkpoint
from infra.ledger.witnessed_log import KnownLog, filed

_WAIT_S = 10.0
_LONGEST_BYTES = 65_536
_CURE = "mount the place of SLUICE_WITNESS, or make the folder, and let this user write there"


class FolderWitness:
    """A folder. Race-free between processes on file systems that have locks."""

    readable = True

    def __init__(self, folder: Path, log: KnownLog) -> None:
        self.place = str(folder)
        self.note = ""
        self._root = folder
        self._log = log
        self._folder = folder / hashlib.sha256(log.origin.encode()).hexdigest()
        self._newest = self._folder / "checkpoint"
        self._all = self._folder / "checkpoints"

    def latest(self) -> Checkpoint | None:
        """The longest that lies there, be it as the newest or among all that were accepted."""
        with self._errors():
            return self._latest()

    def accept(self, note: str, old_size: int, proof: Sequence[bytes]) -> str:
        """Keeps a checkpoint that goes on from the last one. Returns the note as it is: a folder signs nothing."""
        with self._errors(), self._alone():
            last = self._latest()
            new = self._log.judge(last, note, old_size, proof, self.place)
            if last is None or new.size > last.size:
                self._keep(new.size, note)
                self.note = note
        return note

    def _latest(self) -> Checkpoint | None:
        if not self._root.is_dir():
            raise StoreError("the witness's folder is not there", where=self.place, cure=_CURE)
        notes = [_read(path) for path in (self._newest, _highest(self._all)) if path and path.exists()]
        found = [(self._log.open(note, self.place), note) for note in notes]
        if not found:
            return None
        last, self.note = max(found, key=lambda one: one[0].size)
        return last

    def _keep(self, size: int, note: str) -> None:
        path = self._all / filed(size)
        self._made(path.parent)
        write_atomic(path, note.encode(), mode=0o444)
        path.chmod(0o444)  # whatever this process's umask took: an auditor shall read it, nobody change it
        write_atomic(self._newest, note.encode(), mode=0o644)
        self._newest.chmod(0o644)

    def _made(self, folder: Path) -> None:
        """Makes a folder below the root, readable by everybody and durably: its parent is synced too."""
        if folder == self._root or folder.is_dir():
            return
        self._made(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        descriptor = os.open(folder.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._root.is_dir():
            self._made(self._folder)
            with FileLock(self._folder / ".lock", timeout=_WAIT_S):
                yield
        else:
            yield  # what comes next says so

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except Timeout:
            what = f"another process has held the witness's folder for {_WAIT_S:g} s"
            raise StoreError(what, where=self.place, cure="try again") from None
        except NotImplementedError:
            raise StoreError(
                "the witness's folder lies on a file system without locks", where=self.place, cure="name another place"
            ) from None
        except OSError as error:
            if isinstance(error, SluiceError):
                raise
            what = f"the witness's folder cannot be used: {error.strerror}"
            raise StoreError(what, where=self.place, cure=_CURE) from None


def _highest(folder: Path) -> Path | None:
    """The note of the greatest size below a folder. A crash may have left empty folders."""
    if not folder.is_dir():
        return folder if folder.is_file() else None
    names = sorted((name for name in os.listdir(folder) if name.isdecimal()), reverse=True)  # noqa: PTH208 - only names
    return next((found for name in names if (found := _highest(folder / name))), None)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LONGEST_BYTES).decode(errors="replace")
