"""A file to redact, whatever its format: rows with the texts to redact, and rows that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flows.steps.source_lines import NOT_UTF8
from infra.errors import BadInput


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row that can be read."""

    number: int
    """Its line (Parquet: its row), from 1."""
    texts: tuple[str, ...] = field(repr=False)
    """What is to be redacted of it, in order."""
    source: Any = field(repr=False)
    """What its format writes it from."""
    progress: int = 1
    """How far it brings the file, in the unit of `FileFormat.total`."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that cannot be read, and is not written. Nothing of it is told."""

    number: int
    reason: str
    progress: int = 1


class FileFormat(Protocol):
    """One file being read, and its redacted copy being written."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are redacted, as far as they are known by now."""
        ...

    @property
    def total(self) -> int:
        """The size of the file: bytes, or rows of Parquet."""
        ...

    def rows(self) -> Iterator[FileRow | RejectedRow]:
        """Every row in the file's order. Raises BadInput: not this format, damaged beyond rows, a column missing."""
        ...

    def write(self, row: FileRow, texts: Sequence[str]) -> None:
        """Writes a row with its redacted texts. In the file's order; rows may be left out."""
        ...

    def finish(self) -> None:
        """Writes what is still held back. Once, after the last row."""
        ...


def unfit(texts: Sequence[str]) -> str:
    """Why a row with these texts is not to be read, or ''."""
    for text in texts:
        if "\0" in text:
            return "a NUL byte"
        try:
            text.encode()
        except UnicodeEncodeError:
            return NOT_UTF8
    return ""


def no_column(name: str, where: str) -> BadInput:
    """The error for a column that was asked for and is not there."""
    return BadInput(f"there is no column {name!r}", where=where, cure="give --column as the file names it")
