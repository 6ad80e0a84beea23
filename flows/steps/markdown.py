"""Tables in Markdown, for the model card and the run's summary: what stands in a cell can not break out of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

ROOM = "\u2003\u200b"
"""MLflow draws tables without any space between columns and cuts white space off the ends of cells: an em space, and
behind it a character without width that is no white space.
"""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with one line per row."""
    head, *body = ["| " + "".join(f"{cell(text)}{ROOM} | " for text in line).rstrip() for line in (heads, *rows)]
    return "\n".join([head, "|" + ":---|" * len(heads), *body])


def one_line(text: str) -> str:
    """A text without line breaks or markup."""
    return " ".join(text.split()).replace("<", "&lt;")


def cell(text: str) -> str:
    """A text for a table's cell."""
    return one_line(text).replace("|", "\\|")
