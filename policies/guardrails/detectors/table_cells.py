"""Tables in plain text: what stands at the head of a value's column. For CSV, tabs, semicolons and Markdown."""

from __future__ import annotations

from policies.guardrails.passage import Passage

_SEPARATORS = (";", "\t", "|", ",")


def header_before(passage: Passage, position: int, length: int) -> str:
    """The head of the column in which a position stands, plain; '' outside a table or where it is further back.

    The rows between must hold as many separators as the head: so a comma in a sentence makes no table.
    """
    before = passage.before(position, length)
    *rows, line = before.split("\n")
    if not rows:
        return ""
    if len(before) == length:
        rows = rows[1:]  # the first one is cut off
    for separator in _SEPARATORS:
        column = line.count(separator)
        if column:
            return _head(rows, separator, column)
    return ""


def _head(rows: list[str], separator: str, column: int) -> str:
    width = 0
    head = ""
    for row in reversed(rows):
        cells = row.split(separator)
        if len(cells) <= column or (width and len(cells) != width):
            break
        width = len(cells)
        if not any(map(str.isdigit, row)):
            head = cells[column]
            if any(map(str.isalpha, head)):
                break
    return head
