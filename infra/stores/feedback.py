"""Feedback: what callers say of answers, for the reviewed feedback that a later training may learn from.

The rating is public; the comment is encrypted under the key of the request's data subject and goes when that key goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.digest import Digest, sha256
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.vault import Vault
from infra.stores.sqlite import Database

Rating = Literal["up", "down"]
_SCHEMA = """
CREATE TABLE feedback (
    id TEXT PRIMARY KEY,
    response_id TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    tenant TEXT NOT NULL,
    subject TEXT NOT NULL,
    rating TEXT NOT NULL CHECK (rating IN ('up', 'down')),
    sealed BLOB,
    given TEXT NOT NULL
);
CREATE INDEX feedback_response ON feedback (response_id);
CREATE INDEX feedback_pipeline ON feedback (pipeline, given);
"""


@dataclass(frozen=True)
class Feedback:
    """One judgement of one answer. `sealed` is the encrypted comment, or None where there was none."""

    id: str
    response_id: str
    pipeline: str
    tenant: str
    subject: str
    rating: Rating
    sealed: bytes | None
    given: datetime

    @property
    def sealed_digest(self) -> Digest | None:
        """What the ledger's `feedback.given` event names; `sealed` goes beside the event as its payload."""
        return sha256(self.sealed) if self.sealed is not None else None


class FeedbackStore:
    """The feedback of one home. Thread-safe; several processes may use it."""

    def __init__(self, home: Home, vault: Vault) -> None:
        self._vault = vault
        self._database = Database(home.folder(home.gateway) / "feedback.sqlite", _SCHEMA, 1)

    def give(
        self, *, response_id: str, pipeline: str, tenant: str, subject: str, rating: Rating, comment: str = ""
    ) -> Feedback:
        """Keeps a judgement, durable when it returns. `subject` is the pseudonym of the request's data subject.

        Whether the answer exists and is this tenant's is the caller's to check. Raises StoreError.
        """
        sealed = self._vault.seal(subject, comment.encode()) if comment else None
        feedback = Feedback(new_id("fb"), response_id, pipeline, tenant, subject, rating, sealed, now())
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO feedback VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (feedback.id, response_id, pipeline, tenant, subject, rating, sealed, feedback.given.isoformat()),
            )
        return feedback

    def comment(self, feedback: Feedback) -> str:
        """The comment in clear, '' where there was none. Raises StoreError when the subject was erased."""
        if feedback.sealed is None:
            return ""
        try:
            return self._vault.unseal(feedback.subject, feedback.sealed).decode()
        except UnicodeDecodeError:
            raise StoreError("a comment is not text", cure="restore the feedback from a backup") from None

    def of_response(self, response_id: str) -> tuple[Feedback, ...]:
        """Every judgement of one answer, oldest first."""
        return self._select("response_id = ?", response_id)

    def of_pipeline(self, pipeline: str) -> tuple[Feedback, ...]:
        """Every judgement of a pipeline's answers, oldest first."""
        return self._select("pipeline = ?", pipeline)

    def _select(self, condition: str, value: str) -> tuple[Feedback, ...]:
        columns = "id, response_id, pipeline, tenant, subject, rating, sealed, given"
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {columns} FROM feedback WHERE {condition} ORDER BY given, id",  # noqa: S608
                (value,),
            ).fetchall()
        return tuple(_feedback(*row) for row in rows)


def _feedback(
    feedback_id: str,
    response_id: str,
    pipeline: str,
    tenant: str,
    subject: str,
    rating: Rating,
    sealed: bytes | None,
    given: str,
) -> Feedback:
    return Feedback(feedback_id, response_id, pipeline, tenant, subject, rating, sealed, datetime.fromisoformat(given))
