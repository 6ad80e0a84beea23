"""CSV into raw rows: what is no record costs that record only (csv_records.py)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flows.pipeline import Columns
from flows.steps.csv_records import BrokenRecord, CsvSource
from flows.steps.source_lines import missing_column, to_row, wanted
from infra.errors import BadInput
from policies.expectations.rows import Place, RawRow, Role, UnreadableRow


def read_csv(lines: Iterable[bytes], name: str, role: Role, columns: Columns) -> Iterator[RawRow | UnreadableRow]:
    """Yields a row for each record. Comma, semicolon or tab: whichever makes the header hold the columns.

    Raises BadInput, naming the source as `name`: no header, a column missing or named twice.
    """
    names = wanted(columns)
    source = CsvSource(lines, name, list(names.values()))
    where = f"{name}, line 1"
    for ours, theirs in names.items():
        if theirs not in source.header:
            raise missing_column(where, ours, theirs)
        if source.header.count(theirs) > 1:
            raise twice(theirs, where)
    at = {ours: source.header.index(theirs) for ours, theirs in names.items()}
    for record in source.records():
        place = Place(role, record.line)
        if isinstance(record, BrokenRecord):
            yield UnreadableRow(place, record.reason, record.content)
            continue
        cells: dict[str, str | None] = {ours: record.fields[index] for ours, index in at.items()}
        if cells["answer"] == "":
            cells["answer"] = None
        yield to_row(place, cells, record.raw.encode("utf-8", "surrogateescape"))


def twice(column: str, where: str) -> BadInput:
    """The error for a column whose name the header holds twice."""
    return BadInput(f"the column {column!r} stands twice in the header", where=where, cure="rename one of them")
