"""Where a version's review stands: waiting, approved, rejected or expired, from its signed decisions and the ledger.

Final are: one rejection, whatever came before or after; an expiry that was recorded, whatever the setting says later.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from flows.desk import Desk
from infra.contracts.base import now
from infra.contracts.lifecycle_events import ReviewDecided, ReviewExpired
from infra.contracts.model_version import ModelVersion
from infra.contracts.release import Approval
from infra.ledger.query import AuditFilter

ReviewState = Literal["waiting", "approved", "rejected", "expired"]


def decided_state(decisions: Sequence[Approval]) -> ReviewState:
    """What the decisions alone say: one rejection is final."""
    if any(decision.decision == "rejected" for decision in decisions):
        return "rejected"
    return "approved" if decisions else "waiting"


def review_state(manifest: ModelVersion, desk: Desk) -> ReviewState:
    """Where the review of a version stands now. An approval of an expired version does not count."""
    decisions = desk.releases.approvals(manifest.digest)
    state = decided_state(decisions)
    if state == "rejected" or rejected_on_record(manifest, desk):
        return "rejected"
    if expired_on_record(manifest, desk):
        return "expired"
    if state == "waiting":
        until = expires(manifest, desk)
        return "expired" if until is not None and until <= now() else "waiting"
    return state


def expires(manifest: ModelVersion, desk: Desk) -> datetime | None:
    """Until when a version may wait for its review; None for ever."""
    limit_days = desk.settings.review.review_expires_days
    try:
        return manifest.created + timedelta(days=limit_days) if limit_days else None
    except OverflowError:  # a limit beyond the calendar
        return None


def rejected_on_record(manifest: ModelVersion, desk: Desk) -> bool:
    """A rejection stays one even where somebody deleted its file."""
    wanted = AuditFilter(kinds=("review.decided",), pipeline=manifest.pipeline, version=manifest.version)
    events = (entry.event for entry in desk.ledger.query(wanted))
    return any(
        isinstance(event, ReviewDecided) and (event.manifest, event.decision) == (manifest.digest, "rejected")
        for event in events
    )


def expired_on_record(manifest: ModelVersion, desk: Desk) -> bool:
    """Whether the ledger says that the review expired."""
    return desk.ledger.get(_expiry_id(manifest)) is not None


def expire(manifest: ModelVersion, desk: Desk) -> bool:
    """Records an overdue review as expired, once, and says whether it did so now.

    Under the release lock, under which decisions are signed too: a version is never both approved and expired.
    """
    if not _overdue(manifest, desk):
        return False
    with desk.releases.allocate(manifest.pipeline):
        if not _overdue(manifest, desk):
            return False
        desk.ledger.append(
            ReviewExpired(
                event_id=_expiry_id(manifest),
                at=now(),
                pipeline=manifest.pipeline,
                manifest=manifest.digest,
                version=manifest.version,
                registered=manifest.created,
                limit_days=desk.settings.review.review_expires_days,
            )
        )
    return True


def _overdue(manifest: ModelVersion, desk: Desk) -> bool:
    until = expires(manifest, desk)
    if until is None or until > now():
        return False
    return not desk.releases.approvals(manifest.digest) and not expired_on_record(manifest, desk)


def review_tags(state: ReviewState, decisions: Sequence[Approval]) -> dict[str, str]:
    """A version's review as MLflow tags."""
    tags: dict[str, str] = {"sluice.review": state}
    told = [decision for decision in decisions if decision.decision == state]
    if told:
        last = told[-1]
        tags |= {
            "sluice.reviewer": last.reviewer,
            "sluice.review_reason": last.reason,
            "sluice.review_unattended": str(last.unattended).lower(),
            "sluice.approval": last.digest,
        }
    return tags


def _expiry_id(manifest: ModelVersion) -> str:
    return f"review-expired/{manifest.digest}"
