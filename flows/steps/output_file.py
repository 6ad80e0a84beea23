"""A file that is there whole or not at all: written beside its place, and moved there when it is done."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import TracebackType

from infra.errors import StoreError


class OutputFile:
    """A file in the making. Leaving the `with` block without `publish` removes it."""

    def __init__(self, path: Path) -> None:
        """Removes what killed runs left of the same file. Raises StoreError when the folder cannot be written."""
        self.path = path
        self.draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
        _remove_left(path)
        try:
            self.file = self.draft.open("wb")
        except OSError as error:
            raise unwritable(path, error) from None

    def publish(self) -> None:
        """Puts the file in its place, durably. Raises StoreError; then nothing of it stays."""
        try:
            self.file.flush()
            with self.draft.open("rb") as written:
                os.fsync(written.fileno())
            self.draft.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise unwritable(self.path, error) from None

    def __enter__(self) -> OutputFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.draft.unlink(missing_ok=True)  # where it was published, it has another name
        try:
            self.file.close()
        except OSError:
            return  # what could not be written is removed already


def _remove_left(path: Path) -> None:
    draft = re.compile(rf"\.{re.escape(path.name)}\.(\d+)\.draft")
    for left in path.parent.glob(".*.draft"):
        match = draft.fullmatch(left.name)
        if match and not Path(f"/proc/{match[1]}").exists():
            left.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> StoreError:
    """The error for a file that cannot be written."""
    cure = "free some disk space or make the folder writable; nothing was changed"
    return StoreError(f"cannot write: {error.strerror}", where=str(path), cure=cure)
