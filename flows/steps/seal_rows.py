"""Makes the rows of a snapshot: ids, subjects and salts by keyed hash, so that an unchanged input gives an unchanged
snapshot.

Within one home only: the keys never leave it, and without them a guess of a text proves nothing. Ids and salts hang on
the data subject's own key and go with it: once the subject is erased, nobody can hold a guess against them any more. (A
row whose source names no subject is known by its id alone, which hangs on the home's key.)
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
        batch = rows[start : start + _BATCH_ROWS]
        unsalted = [
            _unsalted(row, split, subject, row_id)
            for row, (subject, row_id) in zip(batch, _names(pipeline, split, batch, turns, vault), strict=True)
        ]
        salts = vault.subject_digests("row salt", ((row.subject, row.to_json()) for row in unsalted))
        for row, salt in zip(unsalted, salts, strict=True):
            yield row.model_copy(update={"salt": salt.removeprefix("sha256:")[:_SALT_DIGITS]})


def _names(
    pipeline: str, split: str, rows: Sequence[RedactedRow], turns: Counter[str], vault: Vault
) -> list[tuple[str, str]]:
    """Each row's subject and its own id."""
    texts: list[bytes] = []
    for row in rows:
        own = identity(row)
        turns[own] += 1
        texts.append(f"{pipeline}\0{split}\0{turns[own]}\0{own}".encode())
    named = [vault.pseudonym(row.clean.subject) if row.clean.subject else "" for row in rows]
    pairs = list(zip(named, texts, strict=True))
    theirs = iter(vault.subject_digests("row id", (pair for pair in pairs if pair[0])))
    digests = [next(theirs) if subject else vault.keyed_digest("row id", text) for subject, text in pairs]
    ids = ["row-" + digest.removeprefix("sha256:")[:_ID_DIGITS] for digest in digests]
    return [(subject or row_id, row_id) for subject, row_id in zip(named, ids, strict=True)]


def _unsalted(row: RedactedRow, split: Literal["train", "test"], subject: str, row_id: str) -> SnapshotRow:
    return SnapshotRow(
        row_id=row_id,
        split=split,
        subject=subject,
        language=row.clean.language,
        text=row.text,
        answer=row.answer,
        label=row.label,
        salt="",
    )
