"""CSV to redact: each record is written as it stands in the source, but for the fields in which something was found.

So the dialect, the quotes and every other column stay as they are, to the byte. A file's header says nothing about
types: every column is text, unless some are named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO

from flows.steps.csv_records import BrokenRecord, CsvRecord, CsvSource
from flows.steps.file_rows import FileRow, RejectedRow, no_column, unfit
from flows.steps.read_csv import twice
from flows.steps.source_lines import file_lines, mark_of

_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


class CsvCopy:
    """A CSV file and its redacted copy."""

    def __init__(self, path: Path, output: BinaryIO, columns: Sequence[str]) -> None:
        """Raises BadInput: no header, a column missing or named twice."""
        self.total = path.stat().st_size
        self._output = output
        self._source = CsvSource(file_lines(path), str(path), columns)
        header, where = self._source.header, f"{path}, line 1"
        for name in columns:
            if name not in header:
                raise no_column(name, where)
            if header.count(name) > 1:
                raise twice(name, where)
        self.columns = tuple(name for name in header if name in columns) if columns else header
        self._at = tuple(header.index(name) for name in self.columns) if columns else tuple(range(len(header)))
        output.write(mark_of(path) + self._source.header_line.encode())

    def rows(self) -> Iterator[FileRow | RejectedRow]:
        """Every record; blank lines are left out."""
        for record in self._source.records():
            if isinstance(record, BrokenRecord):
                yield RejectedRow(record.line, record.reason, len(record.content))
                continue
            size = len(record.raw)
            if reason := unfit((record.raw,)):
                yield RejectedRow(record.line, reason, size)
            else:
                yield FileRow(record.line, tuple(record.fields[index] for index in self._at), record, size)

    def write(self, row: FileRow, texts: Sequence[str]) -> None:
        """Writes a record."""
        changed = {
            index: text for index, before, text in zip(self._at, row.texts, texts, strict=True) if text != before
        }
        self._output.write(_written(row.source, changed, self._source.delimiter).encode())

    def finish(self) -> None:
        """Nothing is held back."""


def _written(record: CsvRecord, changed: dict[int, str], delimiter: str) -> str:
    if not changed:
        return record.raw
    body = record.raw.rstrip("\r\n") if record.raw.endswith(("\r", "\n")) else record.raw
    end = record.raw[len(body) :]
    pieces = _raw_fields(body, delimiter)
    if [_value(piece) for piece in pieces] != list(record.fields):  # a dialect that we do not see through
        pieces = [_quoted(value, delimiter) for value in record.fields]
    for index, text in changed.items():
        always = pieces[index].startswith('"')
        pieces[index] = f'"{text.replace(chr(34), chr(34) * 2)}"' if always else _quoted(text, delimiter)
    return delimiter.join(pieces) + end


def _raw_fields(body: str, delimiter: str) -> list[str]:
    """The fields of a record as they stand there, with their quotes."""
    pieces: list[str] = []
    position = 0
    while True:
        match = _field(delimiter).match(body, position)
        if match is None:
            return []
        pieces.append(match[0])
        position = match.end()
        if position >= len(body):
            return pieces
        if body[position] != delimiter:
            return []
        position += 1


@cache
def _field(delimiter: str) -> re.Pattern[str]:
    other = re.escape(delimiter)
    return re.compile(rf'"(?:[^"]|"")*"|(?!")[^{other}\r\n]*')


def _value(piece: str) -> str:
    quoted = _QUOTED.fullmatch(piece)
    return quoted[1].replace('""', '"') if quoted else piece


def _quoted(text: str, delimiter: str) -> str:
    if any(sign in text for sign in (delimiter, '"', "\r", "\n")):
        return f'"{text.replace(chr(34), chr(34) * 2)}"'
    return text
