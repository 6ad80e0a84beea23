"""Parquet to redact: batch by batch, with the schema, the metadata and the compression of the source.

Columns of texts are redacted, and those of lists, structures and maps that hold texts; all others pass as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.steps.file_rows import FileRow, RejectedRow, no_column, unfit
from flows.steps.read_parquet import damaged_parquet
from flows.steps.source_lines import NOT_UTF8, unreadable_file
from flows.steps.text_values import texts_in, with_texts
from infra.errors import BadInput
from infra.extras import need

_BATCH_ROWS = 256
_GROUP_ROWS = 16_384
_GROUP_BYTES = 32 << 20
"""A row group of the copy is closed at either of them, so that memory stays bounded."""
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Row:
    batch: Any = field(repr=False)
    index: int
    values: tuple[Any, ...] = field(repr=False)
    """The row's value in each redacted column."""


class ParquetCopy:
    """A Parquet file and its redacted copy."""

    def __init__(self, path: Path, output: Path, columns: Sequence[str]) -> None:
        """Raises BadInput: not Parquet, a column missing, or one that holds no text."""
        self._arrow, parquet = need("pyarrow", extra="train"), need("pyarrow.parquet", extra="train")
        self._path = path
        try:
            # Without pre_buffer and with a small buffer a row group is never held as a whole.
            self._file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER_BYTES)
        except self._arrow.ArrowException:
            raise damaged_parquet(path, 0) from None
        except OSError as error:
            raise unreadable_file(path, error) if error.errno else damaged_parquet(path, 0) from None
        self._schema = self._file.schema_arrow
        self.total = int(self._file.metadata.num_rows)
        self.columns = self._text_columns(columns)
        self._writer = parquet.ParquetWriter(output, self._schema, compression=self._compression())
        self._batch: Any = None
        self._rows: list[tuple[int, list[Any]]] = []
        self._group: list[Any] = []

    def rows(self) -> Iterator[FileRow | RejectedRow]:
        """Every row. Raises BadInput when the file is damaged further in."""
        number = 0
        try:
            for batch in self._file.iter_batches(_BATCH_ROWS):
                columns = [_values(batch.column(name)) for name in self.columns]
                for index in range(batch.num_rows):
                    number += 1
                    values = tuple(column[index] for column in columns)
                    if any(value is _UNREADABLE for value in values):
                        yield RejectedRow(number, NOT_UTF8)
                        continue
                    texts = tuple(texts_in(values))
                    if reason := unfit(texts):
                        yield RejectedRow(number, reason)
                    else:
                        yield FileRow(number, texts, _Row(batch, index, values))
        except self._arrow.ArrowException:
            raise damaged_parquet(self._path, number) from None
        except OSError as error:
            raise unreadable_file(self._path, error) if error.errno else damaged_parquet(self._path, number) from None

    def write(self, row: FileRow, texts: Sequence[str]) -> None:
        """Keeps a row until its batch is whole."""
        source: _Row = row.source
        if source.batch is not self._batch:
            self._close_batch()
            self._batch = source.batch
        left = iter(texts)
        self._rows.append((source.index, [with_texts(value, left) for value in source.values]))

    def finish(self) -> None:
        """Writes what is held back, and the file's end."""
        self._close_batch()
        self._close_group()
        self._writer.close()
        self._file.close()

    def _close_batch(self) -> None:
        if not self._rows:
            return
        kept = self._batch.take(self._arrow.array([index for index, _ in self._rows]))
        for place, name in enumerate(self.columns):
            at = self._schema.get_field_index(name)
            values = self._arrow.array([values[place] for _, values in self._rows], type=self._schema.field(at).type)
            kept = kept.set_column(at, self._schema.field(at), values)
        self._rows = []
        self._group.append(kept)
        if (
            sum(one.num_rows for one in self._group) >= _GROUP_ROWS
            or sum(one.nbytes for one in self._group) >= _GROUP_BYTES
        ):
            self._close_group()

    def _close_group(self) -> None:
        if self._group:
            self._writer.write_table(self._arrow.Table.from_batches(self._group, schema=self._schema))
            self._group = []

    def _text_columns(self, wanted: Sequence[str]) -> tuple[str, ...]:
        names = self._schema.names
        for name in wanted:
            if names.count(name) != 1:
                raise no_column(name, str(self._path))
            if not self._holds_text(self._schema.field(name).type):
                what = f"the column {name!r} holds {self._schema.field(name).type}, not text"
                raise BadInput(what, where=str(self._path), cure="leave it out, or write the column as strings")
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise BadInput(f"two columns are named {twice[0]!r}", where=str(self._path), cure="rename one of them")
        return tuple(
            name for name in names if (name in wanted if wanted else self._holds_text(self._schema.field(name).type))
        )

    def _holds_text(self, kind: Any) -> bool:
        types = self._arrow.types
        if types.is_dictionary(kind):
            return self._holds_text(kind.value_type)
        if types.is_nested(kind):
            return any(self._holds_text(kind.field(place).type) for place in range(kind.num_fields))
        return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))

    def _compression(self) -> str:
        """That of the first column; a file without rows has none to follow."""
        metadata = self._file.metadata
        if not metadata.num_row_groups or not metadata.num_columns:
            return "snappy"
        found = str(metadata.row_group(0).column(0).compression).lower()
        return "none" if found == "uncompressed" else found


_UNREADABLE = object()


def _values(column: Any) -> list[Any]:
    """A column's values; _UNREADABLE where one holds bytes that are not UTF-8."""
    try:
        found: list[Any] = column.to_pylist()
        return found
    except UnicodeDecodeError:
        return [_value(column, index) for index in range(len(column))]


def _value(column: Any, index: int) -> Any:
    try:
        return column[index].as_py()
    except UnicodeDecodeError:
        return _UNREADABLE
