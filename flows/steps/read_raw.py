"""Reads raw rows from CSV, JSONL or Parquet, by suffix, in bounded memory: row after row, never a whole file.

Nothing is lost and nothing is guessed: what is no row comes out as an UnreadableRow with its line and a reason; a file
that cannot be read at all is one BadInput. No message holds any of the content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from flows.pipeline import Columns
from flows.steps.read_csv import read_csv
from flows.steps.read_jsonl import read_jsonl
from flows.steps.read_parquet import parquet_rows, read_parquet
from flows.steps.source_lines import file_lines, unreadable_file
from infra.contracts.dataset import SourceFile
from infra.digest import Digest, sha256_file
from infra.errors import BadInput
from policies.expectations.rows import RawRow, Role, UnreadableRow

Item = TypeVar("Item")
_SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")


class SourceReader:
    """One file to read: its digest is taken first, and the file must be the same when the last row is out."""

    def __init__(self, path: Path, role: Role, columns: Columns) -> None:
        """Raises BadInput: no such file, not readable, a suffix that says no known format."""
        if path.suffix.lower() not in _SUFFIXES:
            cure = f"give a file that ends in {', '.join(_SUFFIXES)}"
            raise BadInput("the file's suffix names no format that is read here", where=str(path), cure=cure)
        self.path, self.role, self.columns = path, role, columns
        self.read_rows = 0
        try:
            self._state = _state(path)
            self.digest: Digest = sha256_file(path)
        except OSError as error:
            raise unreadable_file(path, error) from None

    def rows(self) -> Iterator[RawRow | UnreadableRow]:
        """Yields every row, fit or not, in the file's order.

        Raises BadInput: a column is missing, no row at all, damaged beyond rows, or changed while it was read.
        """
        for row in self._format():
            self.read_rows += 1
            yield row
        if not self.read_rows:
            raise BadInput("the file holds no row", where=str(self.path), cure="give a file with data")
        if _state(self.path) != self._state:
            raise BadInput(
                "the file changed while it was read", where=str(self.path), cure="run again when it is still"
            )

    def source_file(self) -> SourceFile:
        """What the snapshot says of this file; after the last row is out."""
        return SourceFile(role=self.role, digest=self.digest, rows=self.read_rows)

    def _format(self) -> Iterator[RawRow | UnreadableRow]:
        suffix = self.path.suffix.lower()
        if suffix == ".parquet":
            return read_parquet(self.path, self.role, self.columns)
        reader = read_csv if suffix == ".csv" else read_jsonl
        return reader(file_lines(self.path), str(self.path), self.role, self.columns)


def rows_up_to(path: Path, enough: int) -> int:
    """About how many rows a file has (Parquet: exactly), counted no further than `enough`. Raises BadInput."""
    try:
        if path.suffix.lower() == ".parquet":
            return min(enough, parquet_rows(path))
        with path.open("rb") as file:
            return sum(1 for _ in islice(file, enough))
    except OSError as error:
        raise unreadable_file(path, error) from None


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yields the items in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _state(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns
