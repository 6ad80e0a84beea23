"""The shapes of /audit: what can be asked for, and what comes back. Described by /audit/openapi.json."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from infra.ledger.query import AuditFilter, Entry

LARGEST = 2**53 - 1
_MOST = 1_000


class EventEntry(BaseModel):
    """One entry of the log."""

    index: int
    leaf: str
    event: dict[str, Any]
    content: str | None = None
    """What was sealed with it, where that was asked for and may be seen."""


class EventPage(BaseModel):
    """Entries, the newest first."""

    object: Literal["list"] = "list"
    data: list[EventEntry]
    next_cursor: int | None
    """To be sent as `cursor` for the older ones; null where there are none."""


class EntryProof(BaseModel):
    """That an entry is in the log under its newest signed checkpoint."""

    index: int
    entry: str
    proof: str
    """In the form of c2sp.org/tlog-proof, the checkpoint with it."""


class LogCheckpoint(BaseModel):
    """The newest signed checkpoint and the keys that count for it."""

    checkpoint: str
    keys: list[str]


class ErrorBody(BaseModel):
    """What went wrong, for people (`message`) and for programs (`code`)."""

    error: dict[str, Any]


class Asked(BaseModel):
    """What can be asked for; what is left out restricts nothing."""

    model_config = {"extra": "forbid"}

    kind: list[str] = []
    pipeline: str = ""
    response: str = ""
    tenant: str = ""
    subject: str = ""
    outcome: str = ""
    version: Annotated[int | None, Field(ge=0, le=LARGEST)] = None
    policy: str = ""
    detector: str = ""
    action: Literal["", "flag", "redact", "block"] = ""
    trace: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    cursor: Annotated[int | None, Field(ge=0, le=LARGEST)] = None
    limit: Annotated[int, Field(ge=1, le=_MOST)] = 100
    content: bool = False

    def filter(self) -> AuditFilter:
        """The same as the ledger's filter."""
        return AuditFilter(
            kinds=tuple(self.kind),
            pipeline=self.pipeline,
            response_id=self.response,
            tenant=self.tenant,
            subject=self.subject,
            outcome=self.outcome,
            version=self.version,
            policy=self.policy,
            detector=self.detector,
            action=self.action,
            trace_id=self.trace,
            since=_aware(self.since),
            until=_aware(self.until),
            before_index=self.cursor,
            limit=self.limit,
        )


def _aware(at: datetime | None) -> datetime | None:
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


def entry_body(entry: Entry, content: str | None) -> EventEntry:
    """An entry as it is sent, with what was sealed where that is shown."""
    return EventEntry(index=entry.index, leaf=entry.leaf, event=json.loads(entry.event.to_json()), content=content)
