"""Tables in Markdown, for the model card and the run's summary: what stands in a cell can not break out of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with one line per row."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell(text) for text in line) + " |" for line in lines)


def one_line(text: str) -> str:
    """A text without line breaks or markup."""
    return " ".join(text.split()).replace("<", "&lt;")


def cell(text: str) -> str:
    """A text for a table's cell."""
    return one_line(text).replace("|", "\\|")
