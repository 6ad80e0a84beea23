"""Writes many rows with few statements: one row a statement would hand the interpreter over at each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeVar

from infra.stores.connection import Connection, Value

RowT = TypeVar("RowT")
_MOST = 64


def insert(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
    """Inserts rows, each with a value for each column."""
    names = ", ".join(columns)
    for part in portions(rows):
        sql = f"INSERT INTO {table} ({names}) VALUES {marks(len(part), len(columns))}"  # noqa: S608
        connection.execute(sql, list(chain.from_iterable(part)))


def portions(rows: Sequence[RowT]) -> Iterator[Sequence[RowT]]:
    """Rows in portions of 64, then 32, 16 ...: few lengths, so that few statements have to be prepared."""
    start = 0
    while (left := len(rows) - start) > 0:
        size = min(_MOST, 1 << left.bit_length() - 1)
        yield rows[start : start + size]
        start += size


def marks(rows: int, columns: int) -> str:
    """`(?, ?), (?, ?)`."""
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)
