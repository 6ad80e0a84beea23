"""JSONL into raw rows: one JSON object per line. A line that is none costs that line only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from flows.pipeline import Columns
from flows.steps.source_lines import NOT_UTF8, missing_column, to_row, wanted
from policies.expectations.rows import Place, RawRow, Role, UnreadableRow


def read_jsonl(lines: Iterable[bytes], name: str, role: Role, columns: Columns) -> Iterator[RawRow | UnreadableRow]:
    """Yields a row for each line that is not blank. An answer may be a JSON value: it becomes compact JSON text.

    Raises BadInput, after the last line, when a column stood in none of them.
    """
    names = wanted(columns)
    seen: set[str] = set()
    objects = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = Place(role, number)
        try:
            found = json_object(line)
            seen.update(found)
            objects += 1
            cells = {ours: _cell(ours, theirs, found.get(theirs)) for ours, theirs in names.items()}
        except NotARowError as error:
            yield UnreadableRow(place, str(error), line)
            continue
        yield to_row(place, cells, line)
    for ours, theirs in names.items():
        if objects and theirs not in seen:
            raise missing_column(name, ours, theirs)


class NotARowError(Exception):
    """A line that is no row; the text is the reason, without anything of the line."""


def json_object(line: bytes) -> dict[str, Any]:
    """The object that a line holds. Raises NotARowError."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise NotARowError(NOT_UTF8) from None
    try:
        found = json.loads(text, parse_constant=_refuse, object_pairs_hook=_no_key_twice)
    except RecursionError:
        raise NotARowError("JSON nested too deep") from None
    except ValueError:
        raise NotARowError("not JSON") from None
    if not isinstance(found, dict):
        raise NotARowError("JSON, but not an object")
    return found


def _cell(ours: str, theirs: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if ours == "answer" and isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if ours not in {"text", "language"} and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise NotARowError(f"{theirs!r} is not text")


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotARowError("a key stands twice")
    return found
