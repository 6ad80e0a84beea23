"""What the ledger records of requests. Public parts only: no text of a prompt or an answer stands in them."""

from __future__ import annotations

from typing import ClassVar, Literal

from infra.contracts.base import DigestStr, Frozen
from infra.contracts.event import EventBase

Outcome = Literal["answered", "blocked", "failed", "cancelled", "interrupted", "refused"]


class CheckRecord2(Frozen):
    """A check as it was recorded while every span was kept."""

    rule: str
    direction: Literal["input", "output"]
    verdict: Literal["allow", "flag", "redact", "block"]
    score: float
    milliseconds: float
    spans: tuple[SpanRecord, ...] = ()


class CheckRecord(CheckRecord2):
    """One guard check of one request: its verdict and where it fired (code points), never what it found."""

    spans_left_out: int = 0
    """How many more there were than an entry holds."""


class SpanRecord(Frozen):
    """Where a detector fired: code-point offsets into the checked text, end exclusive."""

    start: int
    end: int
    entity: str


class RequestAdmitted(EventBase):
    """A request passed the door. On disk before the first byte of its answer leaves."""

    schema_id: ClassVar[str] = "sluice/event/request-admitted/1"
    kind: Literal["request.admitted"] = "request.admitted"

    response_id: str
    tenant: str
    key_id: str
    subject: str
    """Pseudonym of the data subject (keyed hash), never the identifier itself."""
    engine: str
    scripted: bool
    version: int
    release: DigestStr | None
    manifest: DigestStr | None
    guardrails: DigestStr
    streamed: bool


class RequestEnd(EventBase):
    """What every shape of the end of a request has; `RequestCompleted` is the present one."""

    kind: Literal["request.completed"] = "request.completed"

    response_id: str
    outcome: Outcome
    refusal_rule: str
    """Rule id of the check that blocked, or ''."""
    checks: tuple[CheckRecord2, ...]
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    sealed: DigestStr | None
    """Digest of the encrypted payload (redacted prompt and answer), which lies beside the event."""


class RequestCompleted(RequestEnd):
    """How a request ended. On disk before the last byte of its answer leaves.

    Says whose it was once more, so that one entry answers a query and a tenant's auditor sees it.
    """

    schema_id: ClassVar[str] = "sluice/event/request-completed/3"

    tenant: str
    key_id: str
    subject: str
    """Pseudonym of the data subject (keyed hash), never the identifier itself."""
    version: int
    manifest: DigestStr | None
    guardrails: DigestStr
    checks: tuple[CheckRecord, ...]


class RequestCompleted2(RequestEnd):
    """An end of a ledger in which it did not say whose it was. Read, never written."""

    schema_id: ClassVar[str] = "sluice/event/request-completed/2"


class CheckRecord1(CheckRecord2):
    """A check as it was recorded before a policy could say `flag`."""

    verdict: Literal["allow", "redact", "block"]


class RequestCompleted1(RequestEnd):
    """An end of a ledger that is older than `flag`. Read, never written."""

    schema_id: ClassVar[str] = "sluice/event/request-completed/1"

    checks: tuple[CheckRecord1, ...]


class RequestRefused(EventBase):
    """A request was turned away at the door: wrong key, limit, unknown model, too large."""

    schema_id: ClassVar[str] = "sluice/event/request-refused/1"
    kind: Literal["request.refused"] = "request.refused"

    response_id: str
    tenant: str
    key_id: str
    code: str


class FeedbackGiven(EventBase):
    """A caller judged an answer."""

    schema_id: ClassVar[str] = "sluice/event/feedback-given/1"
    kind: Literal["feedback.given"] = "feedback.given"

    response_id: str
    tenant: str
    rating: Literal["up", "down"]
    sealed: DigestStr | None


CheckRecord2.model_rebuild()
CheckRecord.model_rebuild()
CheckRecord1.model_rebuild()
