"""AuditEvent: what the ledger records. Public parts only: no text of a prompt, an answer or a row stands in them."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

from infra.contracts.base import Contract, DigestStr, Frozen, Utc
from infra.contracts.gate import GateVerdict

Outcome = Literal["answered", "blocked", "failed", "cancelled", "interrupted", "refused"]


class CheckRecord(Frozen):
    """One guard check of one request: its verdict and where it fired (code points), never what it found."""

    rule: str
    direction: Literal["input", "output"]
    verdict: Literal["allow", "flag", "redact", "block"]
    score: float
    milliseconds: float
    spans: tuple[SpanRecord, ...] = ()


class SpanRecord(Frozen):
    """Where a detector fired: code-point offsets into the checked text, end exclusive."""

    start: int
    end: int
    entity: str


class EventBase(Contract):
    """What every event has."""

    event_id: str
    """Unique; for requests `RESPONSE_ID/admitted` and so on, so that a retry cannot write it twice."""
    at: Utc
    pipeline: str
    trace_id: str = ""


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


class RequestCompleted(EventBase):
    """How a request ended. On disk before the last byte of its answer leaves."""

    schema_id: ClassVar[str] = "sluice/event/request-completed/2"
    kind: Literal["request.completed"] = "request.completed"

    response_id: str
    outcome: Outcome
    refusal_rule: str
    """Rule id of the check that blocked, or ''."""
    checks: tuple[CheckRecord, ...]
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    sealed: DigestStr | None
    """Digest of the encrypted payload (redacted prompt and answer), which lies beside the event."""


class CheckRecord1(CheckRecord):
    """A check as it was recorded before a policy could say `flag`."""

    verdict: Literal["allow", "redact", "block"]


class RequestCompleted1(RequestCompleted):
    """A RequestCompleted of a ledger that is older than `flag`. Read, never written."""

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


class StageFinished(EventBase):
    """A stage of the chain handed on a contract."""

    schema_id: ClassVar[str] = "sluice/event/stage-finished/1"
    kind: Literal["stage.finished"] = "stage.finished"

    stage: Literal["dataset", "finetune", "evaluate", "gate", "register"]
    run_id: str
    produced: DigestStr
    verdict: GateVerdict | None
    version: int | None


class StageReused(EventBase):
    """A stage had nothing to do: the same inputs gave this contract in an earlier run."""

    schema_id: ClassVar[str] = "sluice/event/stage-reused/1"
    kind: Literal["stage.reused"] = "stage.reused"

    stage: Literal["dataset", "finetune", "evaluate", "gate", "log refused", "register"]
    run_id: str
    produced: DigestStr
    made_by: str
    """The run that did the work."""


class ReviewDecided(EventBase):
    """A reviewer approved or rejected a version."""

    schema_id: ClassVar[str] = "sluice/event/review-decided/1"
    kind: Literal["review.decided"] = "review.decided"

    approval: DigestStr
    manifest: DigestStr
    version: int
    decision: Literal["approved", "rejected"]
    reviewer: str
    unattended: bool


class ReviewExpired(EventBase):
    """Nobody decided over a version in time: it can no longer be approved."""

    schema_id: ClassVar[str] = "sluice/event/review-expired/1"
    kind: Literal["review.expired"] = "review.expired"

    manifest: DigestStr
    version: int
    registered: Utc
    limit_days: float


class ReviewNotified(EventBase):
    """Somebody was told that a version waits for a review, or could not be told after every try."""

    schema_id: ClassVar[str] = "sluice/event/review-notified/1"
    kind: Literal["review.notified"] = "review.notified"

    manifest: DigestStr
    version: int
    channel: Literal["command", "webhook"]
    result: Literal["told", "given_up"]


class Released(EventBase):
    """A release or rollback was written."""

    schema_id: ClassVar[str] = "sluice/event/released/1"
    kind: Literal["release.written"] = "release.written"

    release: DigestStr
    manifest: DigestStr
    version: int
    sequence: int
    release_kind: Literal["release", "rollback"]
    actor: str


class ReleaseRefused(EventBase):
    """Something that asked to be released or served did not verify."""

    schema_id: ClassVar[str] = "sluice/event/release-refused/1"
    kind: Literal["release.refused"] = "release.refused"

    version: int
    reason: str
    """A sentence without any user's text."""


class ModelServed(EventBase):
    """The service began to answer with a version (start, swap or rollback)."""

    schema_id: ClassVar[str] = "sluice/event/model-served/1"
    kind: Literal["model.served"] = "model.served"

    release: DigestStr
    version: int
    engine: str


class KeyChanged(EventBase):
    """A signing key, a reviewer or a caller's key was made or revoked."""

    schema_id: ClassVar[str] = "sluice/event/key-changed/1"
    kind: Literal["key.changed"] = "key.changed"

    key_id: str
    purpose: Literal["caller", "reviewer", "installation", "master"]
    action: Literal["created", "revoked"]
    owner: str


class FeedbackGiven(EventBase):
    """A caller judged an answer."""

    schema_id: ClassVar[str] = "sluice/event/feedback-given/1"
    kind: Literal["feedback.given"] = "feedback.given"

    response_id: str
    tenant: str
    rating: Literal["up", "down"]
    sealed: DigestStr | None


class ServiceChanged(EventBase):
    """A writer of the ledger started or stopped."""

    schema_id: ClassVar[str] = "sluice/event/service-changed/1"
    kind: Literal["service.changed"] = "service.changed"

    service: str
    action: Literal["started", "stopped"]


AuditEvent = (
    RequestAdmitted
    | RequestCompleted
    | RequestRefused
    | StageFinished
    | StageReused
    | ReviewDecided
    | ReviewExpired
    | ReviewNotified
    | Released
    | ReleaseRefused
    | ModelServed
    | KeyChanged
    | FeedbackGiven
    | ServiceChanged
)
"""Any event; `kind` tells which, and its schema in which shape."""
_SHAPES: dict[str, type[AuditEvent]] = {shape.schema_id: shape for shape in (*get_args(AuditEvent), RequestCompleted1)}


def parse_event(data: bytes) -> AuditEvent:
    """Reads an event's canonical JSON, also one of an older schema.

    Raises ValueError (pydantic's ValidationError is one) when it is none of the known kinds.
    """
    import json

    fields = json.loads(data)
    shape = _SHAPES.get(str(fields.pop("schema", ""))) if isinstance(fields, dict) else None
    if shape is None:
        raise ValueError("none of the known events")
    return shape.model_validate_json(json.dumps(fields))


CheckRecord.model_rebuild()
