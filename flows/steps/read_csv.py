"""CSV into raw rows: strict about quotes, and a broken row costs that row only.

When a record does not parse (a quote never closed, text after a closing quote), its first line is set aside and reading
goes on with the line after it, so that a stray quote swallows nothing.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator

from flows.pipeline import Columns
from flows.steps.source_lines import NOT_UTF8, missing_column, to_row, wanted
from infra.errors import BadInput
from policies.expectations.rows import Place, RawRow, Role, UnreadableRow

_DELIMITERS = (",", ";", "\t")


def read_csv(lines: Iterable[bytes], name: str, role: Role, columns: Columns) -> Iterator[RawRow | UnreadableRow]:
    """Yields a row for each record. Comma, semicolon or tab: whichever makes the header hold the columns.

    Raises BadInput, naming the source as `name`: no header, a column missing or named twice.
    """
    source = _Lines(lines)
    delimiter, header = _header(source, name, columns)
    at = {ours: header.index(theirs) for ours, theirs in wanted(columns).items()}
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    while True:
        source.start_record()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield UnreadableRow(Place(role, source.record_line), _reason(error), source.give_back_all_but_first())
            continue
        if not fields:
            continue  # a blank line
        place, content = Place(role, source.record_line), source.content()
        if len(fields) != len(header):
            yield UnreadableRow(place, f"{len(fields)} fields, the header has {len(header)}", content)
            continue
        cells: dict[str, str | None] = {ours: fields[index] for ours, index in at.items()}
        if cells["answer"] == "":
            cells["answer"] = None
        yield to_row(place, cells, content)


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

    def content(self) -> bytes:
        return "".join(self._taken).encode("utf-8", "surrogateescape")

    def give_back_all_but_first(self) -> bytes:
        first, rest = self._taken[0], self._taken[1:]
        self._again.extendleft(reversed(rest))
        self._next_line = self.record_line + 1
        return first.encode("utf-8", "surrogateescape")


def _header(source: _Lines, name: str, columns: Columns) -> tuple[str, list[str]]:
    where = f"{name}, line 1"
    try:
        line = next(source)
    except StopIteration:
        raise BadInput("the file is empty", where=name, cure="give a CSV file with a header") from None
    try:
        line.encode()
    except UnicodeEncodeError:
        raise BadInput(f"the header is {NOT_UTF8}", where=where, cure="save the file as UTF-8") from None
    headers = [_fields(line, delimiter) for delimiter in _DELIMITERS]
    if not any(headers):
        raise BadInput("the header is not CSV", where=where, cure="mend the first line")
    names = wanted(columns)
    # Which header is meant is clear when it has the columns; else the commonest form says what is missing.
    best = max(range(len(headers)), key=lambda index: (sum(n in headers[index] for n in names.values()), -index))
    header = headers[best]
    for ours, theirs in names.items():
        if theirs not in header:
            raise missing_column(where, ours, theirs)
        if header.count(theirs) > 1:
            raise BadInput(f"the column {theirs!r} stands twice in the header", where=where, cure="rename one of them")
    return _DELIMITERS[best], header


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
