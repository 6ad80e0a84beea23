"""JSONL to redact: each line is written as it stands in the source, but for the texts in which something was found.

So the order of the keys, the numbers as they were written and every other column stay as they are, to the byte. Texts
inside lists and objects of a column are redacted too; keys are not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from flows.steps.file_rows import FileRow, RejectedRow, no_column, unfit
from flows.steps.read_jsonl import NotARowError, json_object
from flows.steps.source_lines import file_lines, mark_of

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]')


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a text stands in its line, and what it says."""

    start: int
    end: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Line:
    raw: str = field(repr=False)
    places: tuple[_Place, ...]


class JsonlCopy:
    """A JSONL file and its redacted copy."""

    def __init__(self, path: Path, output: BinaryIO, columns: Sequence[str]) -> None:
        self.total = path.stat().st_size
        self._path, self._output, self._wanted = path, output, frozenset(columns)
        self._seen: dict[str, None] = {}
        output.write(mark_of(path))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns with texts that were met so far."""
        return tuple(self._seen)

    def rows(self) -> Iterator[FileRow | RejectedRow]:
        """Every line; blank ones are left out. Raises BadInput, after the last, when a column stood in none of them."""
        met: set[str] = set()
        objects = 0
        for number, line in enumerate(file_lines(self._path), start=1):
            if not line.strip():
                continue
            try:
                found = json_object(line)
                met |= self._wanted & found.keys()
                objects += 1
                read = self._read(line.decode(), found)
            except NotARowError as error:
                yield RejectedRow(number, str(error), len(line))
                continue
            yield FileRow(number, tuple(place.text for place in read.places), read, len(line))
        missing = sorted(self._wanted - met)
        if objects and missing:
            raise no_column(missing[0], str(self._path))

    def write(self, row: FileRow, texts: Sequence[str]) -> None:
        """Writes a line."""
        line: _Line = row.source
        ascii_only = line.raw.isascii()
        pieces: list[str] = []
        position = 0
        for place, text in zip(line.places, texts, strict=True):
            if text != place.text:
                pieces += (line.raw[position : place.start], json.dumps(text, ensure_ascii=ascii_only))
                position = place.end
        self._output.write("".join([*pieces, line.raw[position:]]).encode())

    def finish(self) -> None:
        """Nothing is held back."""

    def _read(self, raw: str, found: dict[str, Any]) -> _Line:
        for name in self._wanted & found.keys():
            if not isinstance(found[name], str | list | dict | None):
                raise NotARowError(f"{name!r} is not text")
        places: list[_Place] = []
        for key, start, end in _values(raw):
            if not self._wanted or key in self._wanted:
                places.append(_Place(start, end, json.loads(raw[start:end])))
                self._seen.setdefault(key)
        if reason := unfit([place.text for place in places]):
            raise NotARowError(reason)
        return _Line(raw, tuple(places))


def _values(raw: str) -> Iterator[tuple[str, int, int]]:
    """Each text that is a value in a line of valid JSON: the column that it is in, and where it stands."""
    column, inside, is_key = "", [], False
    for match in _TOKEN.finditer(raw):
        sign = match[0]
        if sign in "{[":
            inside.append(sign)
            is_key = sign == "{"
        elif sign in "}]":
            inside.pop()
            is_key = False
        elif sign == ",":
            is_key = inside[-1] == "{"
        elif sign == ":":
            is_key = False
        elif not is_key:
            yield column, match.start(), match.end()
        elif len(inside) == 1:
            column = json.loads(sign)
