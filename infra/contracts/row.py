"""SnapshotRow: one row as it lies in a snapshot, redacted and with its salt."""

from __future__ import annotations

from typing import ClassVar, Literal

from infra.contracts.base import Contract


class SnapshotRow(Contract):
    """A row that passed validation and redaction.

    Its digest covers the salt, so that a guess of the text proves nothing.
    """

    schema_id: ClassVar[str] = "sluice/row/1"

    row_id: str
    split: Literal["train", "test"]
    subject: str
    """Pseudonym of the data subject (keyed hash); the row's own id where the data name none."""
    language: Literal["en", "es"]
    text: str
    answer: str
    label: str
    """The class, for macro-F1 and per-class plots; '' where the task has none."""
    salt: str
    """32 hexadecimal digits from a keyed hash of the row: unguessable outside the home, the same again inside it."""
