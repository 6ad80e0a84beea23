"""What became of every item: its answer as it came, and how both are kept.

Results are kept in the clear, since no text stands in them; answers are sealed per data subject, so that erasing a
subject erases the answers to its rows too.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from infra.contracts.evaluation import EvaluationReport, ItemResult, Subject
from infra.contracts.row import SnapshotRow
from infra.digest import Digest, canonical_json
from infra.errors import StoreError
from infra.ledger.vault import Vault
from infra.stores.blobs import Blobs


@dataclass(frozen=True)
class Answered:
    """How one item ended, before it is judged."""

    row_id: str
    text: str
    ended: Literal["whole", "truncated", "blocked", "error"]
    seconds: float
    output_tokens: int
    mean_logprob: float | None = None
    failure: str = ""
    """What failed, in words without any user's text; '' unless `ended` is error."""


@dataclass(frozen=True)
class AnswerText:
    """The text of one answer; None where its data subject was erased."""

    row_id: str
    text: str | None


def put_items(results: Sequence[ItemResult], blobs: Blobs) -> Digest:
    """Keeps the results as JSON lines, in the order of evaluation. Raises StoreError."""
    return blobs.put(b"".join(canonical_json(result.model_dump(mode="json")) + b"\n" for result in results))


def read_items(report: EvaluationReport, subject: Subject, blobs: Blobs) -> tuple[ItemResult, ...]:
    """One subject's results in the order of evaluation; empty where it was not evaluated. Raises StoreError."""
    scores = report.scores(subject)
    if scores is None:
        return ()
    return tuple(ItemResult.model_validate_json(line) for line in blobs.get(scores.items).splitlines())


def put_answers(rows: Sequence[SnapshotRow], answers: Sequence[Answered], vault: Vault, blobs: Blobs) -> Digest:
    """Keeps the answers' texts as JSON lines of row id, data subject and sealed text. Raises StoreError."""
    texts = [answered.text.encode("utf-8") for answered in answers]
    sealed = vault.seal_many([(row.subject, text) for row, text in zip(rows, texts, strict=True)])
    return blobs.put(b"".join(_sealed_line(row, data) for row, data in zip(rows, sealed, strict=True)))


def read_answers(report: EvaluationReport, subject: Subject, vault: Vault, blobs: Blobs) -> tuple[AnswerText, ...]:
    """One subject's answers in the order of evaluation; empty where none were kept. Raises StoreError."""
    scores = report.scores(subject)
    if scores is None or scores.answers is None:
        return ()
    lines = [json.loads(line) for line in blobs.get(scores.answers).splitlines()]
    sealed = [(str(line["subject"]), base64.b64decode(line["sealed"])) for line in lines]
    ids = [str(line["row_id"]) for line in lines]
    try:
        texts: list[str | None] = [text.decode("utf-8") for text in vault.unseal_many(sealed)]
    except StoreError:
        # At least one subject is erased: each by itself, so that the others stay readable.
        texts = [_unsealed(vault, pseudonym, data) for pseudonym, data in sealed]
    return tuple(AnswerText(row_id, text) for row_id, text in zip(ids, texts, strict=True))


def _sealed_line(row: SnapshotRow, sealed: bytes) -> bytes:
    text = base64.b64encode(sealed).decode("ascii")
    return canonical_json({"row_id": row.row_id, "subject": row.subject, "sealed": text}) + b"\n"


def _unsealed(vault: Vault, subject: str, sealed: bytes) -> str | None:
    try:
        return vault.unseal(subject, sealed).decode("utf-8")
    except StoreError:
        return None
