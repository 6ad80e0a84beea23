"""Version -> release: the signed statement that a version answers from now on, and the way back.

The release file is the authority. It is written first, recorded in the ledger next, and MLflow's aliases follow last;
what a crash or a dead server kept from the later two, `sluice release sync` makes up for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from flows.desk import Desk
from flows.steps.evidence import check_evidence
from flows.steps.mirror import follow, previous, review_state, way_back
from infra.contracts.audit import Released, ReleaseRefused, ReviewDecided
from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.model_version import ModelVersion
from infra.contracts.release import Approval, Release
from infra.errors import BadInput, Refused
from infra.ledger.query import AuditFilter


@dataclass(frozen=True)
class PastRelease:
    """One line of a pipeline's history."""

    release: Release
    in_force: bool


def release(manifest: ModelVersion, approval: Approval, actor: str, desk: Desk, *, reason: str = "") -> Release:
    """Puts a version in force and gives its signed release. A version that is in force already stays as it is.

    Raises Refused, and records that, when manifest, approval, evidence or access policy do not hold.
    """
    return _put(manifest, approval, actor, desk, reason=reason or approval.reason, kind="release")


def rollback(pipeline: str, desk: Desk, *, actor: str, reason: str = "", version: int | None = None) -> Release:
    """Puts the previous version in force again, or an earlier one by its number.

    Raises BadInput when there is none to go back to, Refused (and records that) when its approval no longer holds.
    """
    if desk.releases.current(pipeline) is None:
        raise BadInput(f"{pipeline!r} has no release in force", cure=f"sluice review list {pipeline} --all")
    below = way_back(pipeline, desk)
    target = previous(below, desk) if version is None else next((one for one in below if one.version == version), None)
    if target is None:
        earlier = ", ".join(str(one.version) for one in below) or "none"
        raise BadInput(
            f"{pipeline!r} has no earlier release{f' of version {version}' if version else ''} to go back to",
            cure=f"versions that were in force before and that nothing newer replaced since: {earlier}",
        )
    manifest = desk.releases.manifest(target.manifest)
    with recording_refusals(manifest, desk):
        approval = _approval(manifest, desk)
    return _put(manifest, approval, actor, desk, reason=reason or "rollback", kind="rollback")


def history(pipeline: str, desk: Desk) -> tuple[PastRelease, ...]:
    """Every release of a pipeline whose signature verifies, oldest first."""
    current = desk.releases.current(pipeline)
    in_force = current.release.sequence if current else 0
    return tuple(PastRelease(one, one.sequence == in_force) for one in desk.releases.history(pipeline))


def complete_records(pipeline: str, desk: Desk) -> None:
    """Writes to the ledger what a crash left out: every signed decision and release has its event. Repeatable."""
    for manifest in desk.releases.manifests(pipeline):
        for decision in desk.releases.approvals(manifest.digest):
            record_decision(decision, desk)
    for one in desk.releases.history(pipeline):
        _record(one, desk)


@contextmanager
def recording_refusals(manifest: ModelVersion, desk: Desk) -> Iterator[None]:
    """Records a Refused that leaves the block as a ReleaseRefused event."""
    try:
        yield
    except Refused as error:
        desk.ledger.append(
            ReleaseRefused(
                event_id=new_id("refusal"),
                at=now(),
                pipeline=manifest.pipeline,
                trace_id=_trace_id(),
                version=manifest.version,
                reason=error.what,
            )
        )
        raise


def record_decision(approval: Approval, desk: Desk) -> None:
    """Writes a reviewer's decision to the ledger, once."""
    event_id = f"review/{approval.digest}"
    if desk.ledger.get(event_id) is None:
        desk.ledger.append(
            ReviewDecided(
                event_id=event_id,
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
        )


def _put(
    manifest: ModelVersion,
    approval: Approval,
    actor: str,
    desk: Desk,
    *,
    reason: str,
    kind: Literal["release", "rollback"],
) -> Release:
    pipeline = manifest.pipeline
    with recording_refusals(manifest, desk), desk.releases.allocate(pipeline) as slot:
        _verify(manifest, approval, desk)
        if slot.current and slot.current.manifest.digest == manifest.digest:
            made = slot.current.release
        else:
            made = Release(
                pipeline=pipeline,
                sequence=slot.sequence,
                kind=kind,
                version=manifest.version,
                manifest=manifest.digest,
                approval=approval.digest,
                previous=slot.previous,
                actor=actor,
                reason=reason,
                released=now(),
            )
            desk.releases.put_release(made)
        _record(made, desk)
    follow(pipeline, desk)
    return made


def _verify(manifest: ModelVersion, approval: Approval, desk: Desk) -> None:
    """Believes nothing that was handed in: everything is read again from the signed files."""
    kept = desk.releases.manifest(manifest.digest)
    known = _approval(kept, desk, approval.digest)
    if (known.pipeline, known.version) != (kept.pipeline, kept.version):
        raise Refused("the approval is of another version", cure="sluice review list")
    check_evidence(kept, desk.blobs).check(known)


def _approval(manifest: ModelVersion, desk: Desk, digest: str | None = None) -> Approval:
    """The approval of a manifest: the one of a digest, or the latest."""
    decisions = desk.releases.approvals(manifest.digest)
    state = review_state(decisions)
    if state == "approved" and rejected_on_record(manifest, desk):
        state = "rejected"
    if state != "approved":
        raise Refused(
            f"version {manifest.version} of {manifest.pipeline} is {state}, not approved",
            cure=f"sluice review show {manifest.pipeline} {manifest.version}",
        )
    found = [decision for decision in decisions if digest in (None, decision.digest)]
    if not found:
        raise Refused("the approval is signed by nobody who is trusted", cure="sluice review list")
    return found[-1]


def rejected_on_record(manifest: ModelVersion, desk: Desk) -> bool:
    """A rejection stays one even where somebody deleted its file."""
    wanted = AuditFilter(kinds=("review.decided",), pipeline=manifest.pipeline, version=manifest.version)
    events = (entry.event for entry in desk.ledger.query(wanted))
    return any(
        isinstance(event, ReviewDecided) and (event.manifest, event.decision) == (manifest.digest, "rejected")
        for event in events
    )


def _record(made: Release, desk: Desk) -> None:
    event_id = f"release/{made.digest}"
    if desk.ledger.get(event_id) is None:
        desk.ledger.append(
            Released(
                event_id=event_id,
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
        )


def _trace_id() -> str:
    from infra.telemetry import trace_id

    return trace_id()
