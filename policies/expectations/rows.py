"""What a row is on its way: RawRow as it was read, CleanRow when it is fit, QuarantinedRow when it is not.

Trust is in the type: only `judge` below can make a CleanRow, and every later step asks for one. What a row holds stays
out of its `repr`, and so out of logs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Literal, NamedTuple

Role = Literal["train", "test"]
Language = Literal["en", "es"]
LANGUAGES: tuple[Language, Language] = ("en", "es")

_PROOF = object()


class Place(NamedTuple):
    """Where a row stood: the training or the test source, and its line (Parquet: its row), counted from 1."""

    role: Role
    line: int


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it was read. Columns that the source lacks, and empty JSON or Parquet values, are None."""

    place: Place
    text: str | None = field(repr=False)
    answer: str | None = field(repr=False)
    label: str | None = field(default=None, repr=False)
    language: str | None = field(default=None, repr=False)
    subject: str | None = field(default=None, repr=False)
    row_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A piece of a source that is no row: its bytes are kept, and the reason says what is wrong with their form."""

    place: Place
    reason: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CleanRow:
    """A row that is fit to train on (or, of a test set, to be asked). Made by `judge` only."""

    place: Place
    text: str = field(repr=False)
    answer: str = field(repr=False)
    label: str = field(repr=False)
    """The class; '' where the task has none."""
    language: Language
    subject: str = field(repr=False)
    """Whose data it is, as the source says; '' where it does not."""
    row_id: str = field(repr=False)
    """The source's own id; '' where it has none."""
    proof: InitVar[object]

    def __post_init__(self, proof: object) -> None:
        if proof is not _PROOF:
            raise TypeError("only policies.expectations.rows.judge makes a CleanRow")


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row that was set aside, with every reason: ids of expectations, or a few words on its form. Never its text."""

    row: RawRow | UnreadableRow
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """The rows of one batch, parted. Order is kept on both sides."""

    clean: tuple[CleanRow, ...]
    quarantined: tuple[QuarantinedRow, ...]


def judge(
    rows: Sequence[RawRow | UnreadableRow],
    failed: Sequence[tuple[str, ...]],
    language_of: Callable[[RawRow], Language],
) -> Judged:
    """Parts rows that are fit from those that are not.

    `failed` holds, for each row, the ids of the expectations that it did not meet. A training row that fails one is
    set aside. A row of a test set stays whatever it fails, as long as it can be asked and scored: it has a text and an
    answer. `language_of` settles the language of a row whose source does not say it.
    """
    clean: list[CleanRow] = []
    quarantined: list[QuarantinedRow] = []
    for row, failures in zip(rows, failed, strict=True):
        if isinstance(row, UnreadableRow):
            quarantined.append(QuarantinedRow(row, (row.reason,)))
            continue
        reasons = _missing(row) + (failures if row.place.role == "train" else ())
        if reasons:
            quarantined.append(QuarantinedRow(row, tuple(dict.fromkeys(reasons))))
            continue
        assert row.text is not None and row.answer is not None
        clean.append(
            CleanRow(
                place=row.place,
                text=row.text,
                answer=row.answer,
                label=row.label or "",
                language=_language(row, language_of),
                subject=row.subject or "",
                row_id=row.row_id or "",
                proof=_PROOF,
            )
        )
    return Judged(tuple(clean), tuple(quarantined))


def _missing(row: RawRow) -> tuple[str, ...]:
    parts = (("text", row.text), ("answer", row.answer))
    return tuple(f"{name} is missing" for name, value in parts if value is None)


def _language(row: RawRow, language_of: Callable[[RawRow], Language]) -> Language:
    for language in LANGUAGES:
        if row.language == language:
            return language
    return language_of(row)
