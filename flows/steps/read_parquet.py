"""Parquet into raw rows, one row group's part at a time, only the columns that are needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows.pipeline import Columns
from flows.steps.source_lines import missing_column, to_row, unreadable_file, wanted
from infra.errors import BadInput
from infra.extras import need
from policies.expectations.rows import Place, RawRow, Role, UnreadableRow

_BATCH_ROWS = 5_000


def read_parquet(path: Path, role: Role, columns: Columns) -> Iterator[RawRow | UnreadableRow]:
    """Yields a row for each row of the file; `Place.line` counts rows from 1.

    Raises BadInput: not Parquet, a column missing or of another type than text (ids and classes may be whole numbers),
    or damage further in, named by the row that was reached.
    """
    arrow, parquet = need("pyarrow", extra="train"), need("pyarrow.parquet", extra="train")
    names = wanted(columns)
    row = 0
    try:
        with parquet.ParquetFile(path) as file:
            _check_types(arrow, file.schema_arrow, names, path)
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(dict.fromkeys(names.values()))):
                cells = {ours: _cells(arrow, batch.column(theirs)) for ours, theirs in names.items()}
                for index in range(batch.num_rows):
                    row += 1
                    found = {ours: column[index] for ours, column in cells.items()}
                    yield to_row(Place(role, row), found, repr(sorted(found.items())).encode())
    except arrow.ArrowException:
        raise damaged_parquet(path, row) from None
    except OSError as error:
        if error.errno is not None:
            raise unreadable_file(path, error) from None
        raise damaged_parquet(path, row) from None


def parquet_rows(path: Path) -> int:
    """How many rows the file says it has. Raises BadInput when it is not Parquet."""
    arrow, parquet = need("pyarrow", extra="train"), need("pyarrow.parquet", extra="train")
    try:
        return int(parquet.read_metadata(path).num_rows)
    except arrow.ArrowException:
        raise damaged_parquet(path, 0) from None


def damaged_parquet(path: Path, row: int) -> BadInput:
    """The error for a file that is not Parquet, or cannot be read any further."""
    what = "the file is not Parquet, or is damaged"
    return BadInput(what, where=f"{path}, after row {row}", cure="write the file again")


def _check_types(arrow: Any, schema: Any, names: dict[str, str], path: Path) -> None:
    kinds = arrow.types
    for ours, theirs in names.items():
        if schema.names.count(theirs) != 1:
            raise missing_column(str(path), ours, theirs)
        kind = schema.field(theirs).type
        kind = kind.value_type if kinds.is_dictionary(kind) else kind
        text = kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind)
        number = kinds.is_integer(kind) and ours not in {"text", "language"}
        if not (text or number or kinds.is_null(kind)):
            cure = "write the column as strings"
            raise BadInput(f"the column {theirs!r} holds {kind}, not text", where=str(path), cure=cure)


def _cells(arrow: Any, column: Any) -> list[str | None]:
    """The values as text; bytes that are not UTF-8 become half surrogates, which `to_row` sets aside."""
    if arrow.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if arrow.types.is_integer(column.type):
        return [None if value is None else str(value) for value in column.to_pylist()]
    raw = column.cast(arrow.large_binary()).to_pylist()
    return [None if value is None else value.decode("utf-8", "surrogateescape") for value in raw]
