"""Version -> release: the signed statement that a version answers from now on, and the way back.

The release file is the authority. It is written first, recorded in the ledger next, and MLflow's aliases follow last;
what a crash or a dead server kept from the later two, `sluice release sync` makes up for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from flows.desk import Desk
from flows.steps.evidence import check_evidence
from flows.steps.mirror import follow, previous, way_back
from flows.steps.release_record import (
    Asker,
    record_decision,
    record_policy,
    record_release,
    recording_refusals,
    refusals_on_record,
)
from flows.steps.review_state import review_state
from infra.contracts.base import now
from infra.contracts.lifecycle_events import ReleaseRefused
from infra.contracts.model_version import ModelVersion
from infra.contracts.release import Approval, Release
from infra.errors import BadInput, Refused


@dataclass(frozen=True)
class PastRelease:
    """A release in a pipeline's history."""

    release: Release
    in_force: bool

    @property
    def at(self) -> datetime:
        """When it was written."""
        return self.release.released


@dataclass(frozen=True)
class PastRefusal:
    """Something that asked to be released or served, and was refused."""

    event: ReleaseRefused

    @property
    def at(self) -> datetime:
        """When it was refused."""
        return self.event.at


def release(manifest: ModelVersion, approval: Approval, actor: str, desk: Desk, *, reason: str = "") -> Release:
    """Puts a version in force and gives its signed release. A version that is in force already stays as it is.

    Raises Refused, and records that, when manifest, approval, evidence or access policy do not hold.
    """
    return _put(manifest, approval, actor, desk, reason=reason or approval.reason, kind="release")


def release_as_asked(manifest: ModelVersion, desk: Desk, *, actor: str, reason: str) -> Release:
    """Puts a version in force that an alias in MLflow asks for: back where it was before, or by its latest approval.

    Raises Refused, and records that, as `release` does.
    """
    with recording_refusals(manifest.pipeline, manifest.version, desk, "alias-refusal"):
        approval = _approval(manifest, desk)
    below = {one.manifest for one in way_back(manifest.pipeline, desk)}
    kind: Literal["release", "rollback"] = "rollback" if manifest.digest in below else "release"
    return _put(manifest, approval, actor, desk, reason=reason, kind=kind, asker="alias-refusal")


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
    with recording_refusals(pipeline, manifest.version, desk):
        approval = _approval(manifest, desk)
    return _put(manifest, approval, actor, desk, reason=reason or "rollback", kind="rollback")


def history(pipeline: str, desk: Desk) -> tuple[PastRelease, ...]:
    """Every release of a pipeline whose signature verifies, oldest first."""
    current = desk.releases.current(pipeline)
    in_force = current.release.sequence if current else 0
    return tuple(PastRelease(one, one.sequence == in_force) for one in desk.releases.history(pipeline))


def told_history(pipeline: str, desk: Desk) -> tuple[PastRelease | PastRefusal, ...]:
    """Every release and every recorded refusal of a pipeline, oldest first: who moved what, when and why."""
    refused = [PastRefusal(event) for event in refusals_on_record(pipeline, desk)]
    return tuple(sorted((*history(pipeline, desk), *refused), key=lambda one: one.at))


def complete_records(pipeline: str, desk: Desk) -> None:
    """Writes to the ledger what a crash left out: an event for every signed decision, release and change of policy."""
    for manifest in desk.releases.manifests(pipeline):
        for decision in desk.releases.approvals(manifest.digest):
            record_decision(decision, desk)
    for one in desk.releases.history(pipeline):
        record_release(one, desk)
    for change in desk.releases.policies.history(pipeline):
        record_policy(change, desk)


def _put(
    manifest: ModelVersion,
    approval: Approval,
    actor: str,
    desk: Desk,
    *,
    reason: str,
    kind: Literal["release", "rollback"],
    asker: Asker = "refusal",
) -> Release:
    pipeline = manifest.pipeline
    with recording_refusals(pipeline, manifest.version, desk, asker), desk.releases.allocate(pipeline) as slot:
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
        record_release(made, desk)
    follow(pipeline, desk, overrule=True)
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
    state = review_state(manifest, desk)
    if state != "approved":
        raise Refused(
            f"version {manifest.version} of {manifest.pipeline} is {state}, not approved",
            cure=f"sluice review show {manifest.pipeline} {manifest.version}",
        )
    found = [decision for decision in decisions if digest in (None, decision.digest)]
    if not found:
        raise Refused("the approval is signed by nobody who is trusted", cure="sluice review list")
    return found[-1]
