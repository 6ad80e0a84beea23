"""What SQLite and PostgreSQL have in common here: SQL with `?` for each value, within one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Value = str | int | bytes | None


class Rows(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed."""

    def fetchone(self) -> Any:
        """The next row, or None."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """One transaction."""

    def execute(self, sql: str, values: Sequence[Value] = ..., /) -> Rows:
        """Runs one statement; `?` stands for a value."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Value]], /) -> object:
        """Runs one statement for each row of values."""

    def stream(self, sql: str, values: Sequence[Value] = ..., /) -> Iterator[Any]:
        """The rows of a query of any length, in bounded memory. Several may be read in turns."""

    def use(self, index: str, /) -> str:
        """What stands after a table's name so that this index is used; '' where the database knows best itself."""


class Transactions(Protocol):
    """A database that several threads and processes share."""

    def writing(self) -> AbstractContextManager[Connection]:
        """One durable transaction: committed when the block ends, rolled back when it raises.

        Threads and processes take turns. Raises StoreError when nothing could be written.
        """

    def reading(self) -> AbstractContextManager[Connection]:
        """One consistent view that no writer blocks. Raises StoreError."""

    def checkpoint(self) -> None:
        """What was deleted or overwritten is gone from the files that are ours to empty. Raises StoreError."""

    def close(self) -> None:
        """Nothing may be written afterwards."""
