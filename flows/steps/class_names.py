"""Under which name a row's class stands in the clear: its own, where nothing personal can be in it, else a number.

Labels reach the per-item results and MLflow's pictures. In a pipeline whose answers are text the label is the answer
itself, which may be anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from policies.expectations.rows import CleanRow

if TYPE_CHECKING:
    from flows.steps.redact_texts import Redactor

OWN = "<own>"
"""The class of a row whose label no row with another text has."""
_NUMBERED = "<class "
_NAME_CHARACTERS = 64
"""What is longer is a sentence, not the name of a class."""


def name_classes(rows: Sequence[CleanRow], shared: set[str], listed: set[str], redactor: Redactor) -> dict[str, str]:
    """The name of every label: itself where the pipeline's schema lists it, or where it is shared, short, and nothing
    is found in it; `<class 1>` and so on for other shared ones; OWN for the rest, or '' where no label is shared.

    The numbers follow the order of the rows. '' stays ''.
    """
    languages = {row.label: row.language for row in reversed(rows)}
    order = [label for label in dict.fromkeys(row.label for row in rows) if label in shared and label not in listed]
    found = redactor.redact_rows(order, [languages[label] for label in order]) if order else ()
    hidden = [label for label, text in zip(order, found, strict=True) if text.spans or len(label) > _NAME_CHARACTERS]
    names = {label: label if label in shared or label in listed else OWN for label in languages}
    if set(names.values()) == {OWN}:
        names = dict.fromkeys(names, "")
    names |= {label: f"{_NUMBERED}{number}>" for number, label in enumerate(hidden, start=1)}
    return names | {"": ""}


def is_hidden(name: str) -> bool:
    """Whether a class stands under another name than its own."""
    return name == OWN or name.startswith(_NUMBERED)
