"""CSV records as they stand in a source: strict about quotes, and a broken record costs that record only.

When a record does not parse (a quote never closed, text after a closing quote), its first line is set aside and reading
goes on with the line after it, so that a stray quote swallows nothing.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from flows.steps.source_lines import NOT_UTF8
from infra.errors import BadInput

_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class CsvRecord:
    """One record with as many fields as the header. Bytes that are not UTF-8 are half surrogates in it."""

    line: int
    """Of the source, where the record begins; the header stands in line 1."""
    fields: tuple[str, ...] = field(repr=False)
    raw: str = field(repr=False)
    """The record as it stands in the source, with its end of line."""


@dataclass(frozen=True, slots=True)
class BrokenRecord:
    """What is no record."""

    line: int
    reason: str
    content: bytes = field(repr=False)


class CsvSource:
    """Comma, semicolon or tab: whichever makes the header hold the wanted columns, or the most columns.

    Raises BadInput, naming the source as `name`: no header, or one that is not CSV in UTF-8.
    """

    def __init__(self, lines: Iterable[bytes], name: str, wanted: Sequence[str] = ()) -> None:
        self._source = _Lines(lines)
        self.header_line = _first_line(self._source, name)
        headers = [_fields(self.header_line, delimiter) for delimiter in _DELIMITERS]
        if not any(headers):
            raise BadInput("the header is not CSV", where=f"{name}, line 1", cure="mend the first line")
        # Which header is meant is clear when it has the columns; else the commonest form says what is missing.
        fits = [sum(name in header for name in wanted) if wanted else len(header) for header in headers]
        best = fits.index(max(fits))
        self.header: tuple[str, ...] = tuple(headers[best])
        self.delimiter = _DELIMITERS[best]

    def records(self) -> Iterator[CsvRecord | BrokenRecord]:
        """Yields every record, whole or not; blank lines are none."""
        source = self._source
        reader = csv.reader(source, delimiter=self.delimiter, strict=True)
        while True:
            source.start_record()
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BrokenRecord(source.record_line, _reason(error), source.give_back_all_but_first())
                continue
            if not fields:
                continue
            if len(fields) != len(self.header):
                reason = f"{len(fields)} fields, the header has {len(self.header)}"
                yield BrokenRecord(source.record_line, reason, source.content().encode("utf-8", "surrogateescape"))
            else:
                yield CsvRecord(source.record_line, tuple(fields), source.content())


class _Lines:
    """The lines as text, numbered, with those of the present record remembered so that they can be given back."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self._next_line = 1
        self.record_line = 1

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines).decode("utf-8", "surrogateescape")
        self._taken.append(line)
        self._next_line += 1
        return line

    def start_record(self) -> None:
        self._taken.clear()
        self.record_line = self._next_line

    def content(self) -> str:
        return "".join(self._taken)

    def give_back_all_but_first(self) -> bytes:
        first, rest = self._taken[0], self._taken[1:]
        self._again.extendleft(reversed(rest))
        self._next_line = self.record_line + 1
        return first.encode("utf-8", "surrogateescape")


def _first_line(source: _Lines, name: str) -> str:
    try:
        line = next(source)
    except StopIteration:
        raise BadInput("the file is empty", where=name, cure="give a CSV file with a header") from None
    try:
        line.encode()
    except UnicodeEncodeError:
        raise BadInput(f"the header is {NOT_UTF8}", where=f"{name}, line 1", cure="save the file as UTF-8") from None
    return line


def _fields(line: str, delimiter: str) -> list[str]:
    """The fields of one line; none where it does not parse with this delimiter."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def _reason(error: csv.Error) -> str:
    """Ours, since the library's own words are not a promise."""
    text = str(error)
    if "end of data" in text:
        return "a quote is opened and never closed"
    if "field limit" in text:
        return f"a field is longer than {csv.field_size_limit()} characters"
    if "expected after" in text:
        return "text after a closing quote"
    return "not CSV"
