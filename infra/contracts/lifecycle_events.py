"""What the ledger records of models on their way: stages, reviews, releases, policies. Never the text of a row."""

from __future__ import annotations

from typing import ClassVar, Literal

from infra.contracts.base import DigestStr, Utc
from infra.contracts.event import EventBase
from infra.contracts.gate import GateVerdict


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


class PolicyPut(EventBase):
    """A reviewer put another guardrail policy over a release, or took one off."""

    schema_id: ClassVar[str] = "sluice/event/policy-put/1"
    kind: Literal["policy.put"] = "policy.put"

    change: DigestStr
    """The PolicyRelease."""
    sequence: int
    change_kind: Literal["put", "back"]
    guardrails: DigestStr
    release: DigestStr
    reviewer: str


class PolicyServed(EventBase):
    """The service began to guard a pipeline's answers with a policy that a reviewer put, or its own again."""

    schema_id: ClassVar[str] = "sluice/event/policy-served/1"
    kind: Literal["policy.served"] = "policy.served"

    guardrails: DigestStr
    change: DigestStr | None
    """The PolicyRelease that is followed; None for the manifest's own policy."""
    release: DigestStr
    version: int


class PolicyRefused(EventBase):
    """A change of policy is not followed: it does not verify, or its policy cannot be put to work."""

    schema_id: ClassVar[str] = "sluice/event/policy-refused/1"
    kind: Literal["policy.refused"] = "policy.refused"

    sequence: int
    """0 where it never became a change: a command asked for it."""
    reason: str
    """A sentence without any user's text."""
