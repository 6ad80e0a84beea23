"""Makes the rows of a snapshot: ids, subjects and salts by keyed hash, so that an unchanged input gives an unchanged
snapshot.

Within one home only: the keys never leave it, and without them a guess of a text proves nothing. A salt's key is its
data subject's and goes with it: once the subject is erased, nobody can hold a guess against the row's digest any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from flows.steps.redact_rows import RedactedRow
from flows.steps.split import identity
from infra.contracts.row import SnapshotRow
from infra.ledger.vault import Vault

_SALT_DIGITS = 32
_ID_DIGITS = 24
_BATCH_ROWS = 512
"""Whose subjects' keys are asked for at once."""


def snapshot_rows(
    pipeline: str, split: Literal["train", "test"], rows: Sequence[RedactedRow], vault: Vault
) -> Iterator[SnapshotRow]:
    """Yields the rows of one split in their order.

    A row's id follows from its identity (its own id in the source, else its text) and, where that stands more than
    once, from its turn. A row whose source names no subject is a subject of its own.
    """
    turns = Counter[str]()
    for start in range(0, len(rows), _BATCH_ROWS):
        unsalted = [_unsalted(pipeline, split, row, turns, vault) for row in rows[start : start + _BATCH_ROWS]]
        salts = vault.subject_digests("row salt", ((row.subject, row.to_json()) for row in unsalted))
        for row, salt in zip(unsalted, salts, strict=True):
            yield row.model_copy(update={"salt": salt.removeprefix("sha256:")[:_SALT_DIGITS]})


def _unsalted(
    pipeline: str, split: Literal["train", "test"], row: RedactedRow, turns: Counter[str], vault: Vault
) -> SnapshotRow:
    own = identity(row)
    turns[own] += 1
    row_id = "row-" + _keyed(vault, "row id", f"{pipeline}\0{split}\0{turns[own]}\0{own}", _ID_DIGITS)
    clean = row.clean
    return SnapshotRow(
        row_id=row_id,
        split=split,
        subject=vault.pseudonym(clean.subject) if clean.subject else row_id,
        language=clean.language,
        text=row.text,
        answer=row.answer,
        label=row.label,
        salt="",
    )


def _keyed(vault: Vault, purpose: str, text: str, digits: int) -> str:
    return vault.keyed_digest(purpose, text.encode()).removeprefix("sha256:")[:digits]
