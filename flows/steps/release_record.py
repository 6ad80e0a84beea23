"""What the ledger keeps of reviews and releases: decisions, releases, changes of policy, and refusals. Each once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from flows.desk import Desk
from infra.contracts.audit import AuditEvent
from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.lifecycle_events import PolicyPut, Released, ReleaseRefused, ReviewDecided
from infra.contracts.policy_release import PolicyRelease
from infra.contracts.release import Approval, Release
from infra.errors import Refused
from infra.ledger.query import ALL_ENTRIES, AuditFilter

Asker = Literal["refusal", "alias-refusal"]
"""How the ids of refusals begin: asked by a command, or by an alias that was moved in MLflow."""

_ASKED_BY = {"refusal": "command", "alias-refusal": "mlflow-alias", "release-refused": "gateway"}


@contextmanager
def recording_refusals(pipeline: str, version: int, desk: Desk, asker: Asker = "refusal") -> Iterator[None]:
    """Records a Refused that leaves the block as a ReleaseRefused event."""
    try:
        yield
    except Refused as error:
        desk.ledger.append(
            ReleaseRefused(
                event_id=new_id(asker),
                at=now(),
                pipeline=pipeline,
                trace_id=_trace_id(),
                version=version,
                reason=error.what,
            )
        )
        raise


def refusals_on_record(pipeline: str, desk: Desk) -> tuple[ReleaseRefused, ...]:
    """Every recorded refusal of a pipeline, oldest first."""
    entries = desk.ledger.query(AuditFilter(kinds=("release.refused",), pipeline=pipeline, limit=ALL_ENTRIES))
    return tuple(entry.event for entry in entries if isinstance(entry.event, ReleaseRefused))


def asked_by(refusal: ReleaseRefused) -> str:
    """Who asked for what was refused: command, mlflow-alias or gateway (its own check of the release files)."""
    return next((who for start, who in _ASKED_BY.items() if refusal.event_id.startswith(start)), "-")


def _record_once(event: AuditEvent, desk: Desk) -> None:
    if desk.ledger.get(event.event_id) is None:
        desk.ledger.append(event)


def record_decision(approval: Approval, desk: Desk) -> None:
    """Writes a reviewer's decision to the ledger, once."""
    event = ReviewDecided(
        event_id=f"review/{approval.digest}",
        at=approval.decided,
        pipeline=approval.pipeline,
        trace_id=_trace_id(),
        approval=approval.digest,
        manifest=approval.manifest,
        version=approval.version,
        decision=approval.decision,
        reviewer=approval.reviewer,
        unattended=approval.unattended,
    )
    _record_once(event, desk)


def record_release(made: Release, desk: Desk) -> None:
    """Writes a release to the ledger, once."""
    event = Released(
        event_id=f"release/{made.digest}",
        at=made.released,
        pipeline=made.pipeline,
        trace_id=_trace_id(),
        release=made.digest,
        manifest=made.manifest,
        version=made.version,
        sequence=made.sequence,
        release_kind=made.kind,
        actor=made.actor,
    )
    _record_once(event, desk)


def record_policy(change: PolicyRelease, desk: Desk) -> None:
    """Writes a change of policy to the ledger, once."""
    event = PolicyPut(
        event_id=f"policy/{change.digest}",
        at=change.put,
        pipeline=change.pipeline,
        trace_id=_trace_id(),
        change=change.digest,
        sequence=change.sequence,
        change_kind=change.kind,
        guardrails=change.guardrails,
        release=change.release,
        reviewer=change.reviewer,
    )
    _record_once(event, desk)


def _trace_id() -> str:
    from infra.telemetry import trace_id

    return trace_id()
