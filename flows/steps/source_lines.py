"""Lines of a text source as bytes, and what turns cells into a RawRow: shared by all the readers."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from pathlib import Path

from flows.pipeline import Columns
from infra.errors import BadInput
from policies.expectations.rows import Place, RawRow, UnreadableRow

_LONGEST_LINE_BYTES = 16 << 20
_WIDE = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
NOT_UTF8 = "not UTF-8"
"""The reason that a cell with bytes of another encoding gets; a whole file in Latin-1 has it on every accent."""


def file_lines(path: Path) -> Iterator[bytes]:
    """Yields the lines of a file with their ends, without a byte order mark.

    Raises BadInput: not readable, UTF-16 or UTF-32, or a line beyond 16 MiB.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
            if start.startswith(_WIDE) or (len(start) > 1 and 0 in start[:2]):
                cure = "save it as UTF-8, e.g. iconv -f UTF-16 -t UTF-8"
                raise BadInput("the file is UTF-16 or UTF-32, or no text", where=f"{path}, line 1", cure=cure)
            file.seek(len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0)
            number = 0
            while line := file.readline(_LONGEST_LINE_BYTES + 1):
                number += 1
                if len(line) > _LONGEST_LINE_BYTES:
                    cure = "check that it is a text file with one row per line"
                    raise BadInput("a line is longer than 16 MiB", where=f"{path}, line {number}", cure=cure)
                yield line
    except OSError as error:
        raise unreadable_file(path, error) from None


def mark_of(path: Path) -> bytes:
    """The byte order mark with which a file begins, or b''. Raises BadInput when it cannot be read."""
    try:
        with path.open("rb") as file:
            return codecs.BOM_UTF8 if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else b""
    except OSError as error:
        raise unreadable_file(path, error) from None


def wanted(columns: Columns) -> dict[str, str]:
    """The columns that the source must have: our name -> its name there."""
    names = columns.model_dump()
    return {ours: theirs for ours, theirs in names.items() if theirs}


def to_row(place: Place, cells: Mapping[str, str | None], content: bytes) -> RawRow | UnreadableRow:
    """A row from cells under our own column names; unreadable when a cell holds what no text holds."""
    for cell in cells.values():
        if cell is None:
            continue
        if "\0" in cell:
            return UnreadableRow(place, "a NUL byte", content)
        if not _is_unicode(cell):
            return UnreadableRow(place, NOT_UTF8, content)
    # An optional column that is there and empty says nothing.
    optional = {name: cells.get(name) or None for name in ("label", "language", "subject", "row_id")}
    return RawRow(place, text=cells.get("text"), answer=cells.get("answer"), **optional)


def missing_column(where: str, ours: str, theirs: str) -> BadInput:
    """The error for a column that the source does not have."""
    cure = f"set data.columns.{ours} to the column's name, or mend the file"
    return BadInput(f"there is no column {theirs!r} (data.columns.{ours})", where=where, cure=cure)


def unreadable_file(path: Path, error: OSError) -> BadInput:
    """The error for a file that cannot be opened or read."""
    return BadInput(
        f"cannot read the file: {error.strerror}", where=str(path), cure="check the path and its permissions"
    )


def _is_unicode(text: str) -> bool:
    """Whether the text can be written as UTF-8: undecodable bytes and half surrogates cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
