"""Version -> approval: a reviewer's decision, signed with the reviewer's own key and bound to the manifest's digest.

The signed record is the only authority. A version that one reviewer rejected is never released.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from flows.desk import Desk
from flows.pipeline import Pipeline
from flows.release import record_decision, recording_refusals, rejected_on_record, release
from flows.steps.evidence import check_evidence, read_access
from flows.steps.mirror import ReviewState, follow, pointers, review_state
from infra.contracts.audit import KeyChanged
from infra.contracts.base import now
from infra.contracts.model_version import ModelVersion
from infra.contracts.release import Approval, Release
from infra.errors import BadInput, Refused
from infra.signing import Signer
from infra.stores.reviewers import Reviewers

_UNATTENDED = "approved unattended by --approve-as; no person looked"
_REASON_CHARACTERS = 2_000


@dataclass(frozen=True)
class Review:
    """One version and where its review stands."""

    manifest: ModelVersion
    decisions: tuple[Approval, ...]
    """Oldest first."""
    in_force: bool

    @property
    def state(self) -> ReviewState:
        """waiting, approved or rejected."""
        return review_state(self.decisions)


@dataclass(frozen=True)
class Approved:
    """What an approval led to."""

    approval: Approval
    release: Release


def reviews(desk: Desk, pipeline: str = "") -> tuple[Review, ...]:
    """Every registered version of one pipeline, or of all, by pipeline and version."""
    names = (pipeline,) if pipeline else desk.releases.pipelines()
    return tuple(review for name in names for review in _of_pipeline(name, desk))


def find_review(desk: Desk, pipeline: str, version: int | None) -> Review:
    """One version's review; without a number, the one that waits. Raises BadInput when that is not exactly one."""
    known = _of_pipeline(pipeline, desk)
    if version is None:
        fitting = [review for review in known if review.state == "waiting"]
        if len(fitting) == 1:
            return fitting[0]
        what = f"{len(fitting)} versions of {pipeline!r} wait for a review"
    else:
        fitting = [review for review in known if review.manifest.version == version]
        if fitting:
            return fitting[-1]
        what = f"{pipeline!r} has no version {version} with a manifest that verifies"
    raise BadInput(what, cure=f"give the number of one of these: {_numbers(fitting or known)}")


def approve(manifest: ModelVersion, reviewer: str, reason: str, desk: Desk, *, unattended: bool = False) -> Approval:
    """Signs an approval and records it; the same reviewer's earlier one is given again.

    Raises BadInput for an unknown reviewer or a missing reason, Refused (and records that) when the version was
    rejected, its evidence does not stand, or its access policy does not allow this.
    """
    kept = desk.releases.manifest(manifest.digest)
    draft = _draft(kept, "approved", reviewer, reason, desk, unattended=unattended)
    with recording_refusals(kept, desk):
        check_evidence(kept, desk.blobs).check(draft)
        decisions = desk.releases.approvals(kept.digest)
        if review_state(decisions) == "rejected" or rejected_on_record(kept, desk):
            raise Refused(
                f"version {kept.version} of {kept.pipeline} was rejected, and that is final",
                cure=f"sluice retrain {kept.pipeline}",
            )
    for known in decisions:
        if (known.reviewer, known.unattended) == (reviewer, unattended):
            record_decision(known, desk)
            return known
    return _sign(draft, desk)


def approve_unattended(pipeline: Pipeline, manifest: ModelVersion, reviewer: str, desk: Desk) -> Approval:
    """`--approve-as`: approves without a person looking, where the access policy allows it; the record says so.

    A reviewer of that name is added where there is none. Raises Refused (and records that) where it is not allowed.
    """
    if pipeline.name != manifest.pipeline:
        raise BadInput("the version is another pipeline's", where=pipeline.name, cure="sluice review list")
    return approve(manifest, reviewer, _UNATTENDED, desk, unattended=True)


def approve_and_release(manifest: ModelVersion, reviewer: str, reason: str, desk: Desk) -> Approved:
    """Approves, and carries on from there with the release; after an interruption it goes on where it was."""
    approval = approve(manifest, reviewer, reason, desk)
    return Approved(approval, release(manifest, approval, reviewer, desk))


def reject(manifest: ModelVersion, reviewer: str, reason: str, desk: Desk) -> Approval:
    """Signs a rejection and records it. It is final. Rejecting the only version in force stops the answering.

    Raises Refused while the version is in force and another one could be put in its place first.
    """
    kept = desk.releases.manifest(manifest.digest)
    draft = _draft(kept, "rejected", reviewer, reason, desk, unattended=False)
    with recording_refusals(kept, desk):
        # Other evidence is not asked for: a version whose parts are damaged can still be rejected.
        read_access(kept, desk.blobs).check(draft)
    shown = pointers(kept.pipeline, desk)
    if shown.champion == kept.version and shown.previous is not None:
        raise Refused(
            f"version {kept.version} of {kept.pipeline} answers requests now",
            cure=f"sluice release rollback {kept.pipeline}, then reject it",
        )
    for known in desk.releases.approvals(kept.digest):
        if (known.reviewer, known.decision) == (reviewer, "rejected"):
            record_decision(known, desk)
            return known
    return _sign(draft, desk)


def add_reviewer(name: str, desk: Desk) -> Signer:
    """Makes a reviewer's key pair on first use, and records that. Raises BadInput for a bad name."""
    signer = Reviewers(desk.settings.home).add(name)
    key_id = signer.verify_key.key_id
    event_id = f"reviewer/{key_id}/created"
    if desk.ledger.get(event_id) is None:
        desk.ledger.append(
            KeyChanged(
                event_id=event_id,
                at=now(),
                pipeline="",
                key_id=key_id,
                purpose="reviewer",
                action="created",
                owner=name,
            )
        )
    return signer


def _draft(
    manifest: ModelVersion,
    decision: Literal["approved", "rejected"],
    reviewer: str,
    reason: str,
    desk: Desk,
    *,
    unattended: bool,
) -> Approval:
    told = " ".join(reason.split())
    if not told or len(told) > _REASON_CHARACTERS:
        raise BadInput(f"a decision needs a reason of 1 to {_REASON_CHARACTERS:,} characters", cure="--reason TEXT")
    reviewers = Reviewers(desk.settings.home)
    known = reviewers.key(reviewer)  # a name of the wrong form ends here
    if known is None and not unattended:
        reviewers.signer(reviewer)  # raises, with the command that adds one
    return Approval(
        pipeline=manifest.pipeline,
        version=manifest.version,
        manifest=manifest.digest,
        decision=decision,
        reviewer=reviewer,
        reason=told,
        unattended=unattended,
        decided=now(),
    )


def _sign(draft: Approval, desk: Desk) -> Approval:
    reviewers = Reviewers(desk.settings.home)
    signer = add_reviewer(draft.reviewer, desk) if draft.unattended else reviewers.signer(draft.reviewer)
    desk.releases.put_approval(draft, signer)
    record_decision(draft, desk)
    follow(draft.pipeline, desk)
    return draft


def _of_pipeline(pipeline: str, desk: Desk) -> tuple[Review, ...]:
    current = desk.releases.current(pipeline)
    in_force = current.manifest.digest if current else None
    return tuple(
        Review(manifest, desk.releases.approvals(manifest.digest), manifest.digest == in_force)
        for manifest in desk.releases.manifests(pipeline)
    )


def _numbers(known: Iterable[Review]) -> str:
    return (
        ", ".join(f"{review.manifest.version} ({review.state})" for review in known) or "none; see sluice review list"
    )
