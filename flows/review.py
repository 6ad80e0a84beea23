"""Version -> approval: a reviewer's decision, signed with the reviewer's own key and bound to the manifest's digest.

The signed record is the only authority. A version that one reviewer rejected is never released, and one that nobody
approved in time can no longer be approved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from flows.desk import Desk
from flows.pipeline import Pipeline
from flows.release import release
from flows.steps.evidence import check_evidence, read_access
from flows.steps.mirror import follow, pointers
from flows.steps.release_record import record_decision, recording_refusals
from flows.steps.review_state import ReviewState, expire, expires, review_state
from infra.contracts.base import now
from infra.contracts.model_version import ModelVersion
from infra.contracts.record_events import KeyChanged
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
    state: ReviewState
    expires: datetime | None
    """Until when it may wait; None for ever, or where it does not wait."""


@dataclass(frozen=True)
class Approved:
    """What an approval led to."""

    approval: Approval
    release: Release


def reviews(desk: Desk, pipeline: str = "") -> tuple[Review, ...]:
    """Every registered version of one pipeline, or of all, by pipeline and version."""
    names = (pipeline,) if pipeline else desk.releases.pipelines()
    return tuple(review for name in names for review in _of_pipeline(name, desk))


def of_interest(known: Sequence[Review]) -> tuple[Review, ...]:
    """Those that a reviewer asks for: what waits, and what expired and is newer than everything in force."""
    newest: dict[str, int] = {}
    for one in known:
        if one.in_force:
            newest[one.manifest.pipeline] = one.manifest.version
    return tuple(
        one
        for one in known
        if one.state == "waiting"
        or (one.state == "expired" and one.manifest.version > newest.get(one.manifest.pipeline, 0))
    )


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
    rejected, its review expired, its evidence does not stand, or its access policy does not allow this.
    """
    kept = desk.releases.manifest(manifest.digest)
    draft = _draft(kept, "approved", reviewer, reason, desk, unattended=unattended)
    expire(kept, desk)
    with recording_refusals(kept.pipeline, kept.version, desk):
        check_evidence(kept, desk.blobs).check(draft)
        with desk.releases.allocate(kept.pipeline):  # one lock with `expire`: no version is both approved and expired
            _check_open(kept, desk)
            for known in desk.releases.approvals(kept.digest):
                if (known.reviewer, known.unattended) == (reviewer, unattended):
                    record_decision(known, desk)
                    return known
            _sign(draft, desk)
    follow(kept.pipeline, desk)
    return draft


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
    with recording_refusals(kept.pipeline, kept.version, desk):
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
    _sign(draft, desk)
    follow(kept.pipeline, desk)
    return draft


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


def _check_open(manifest: ModelVersion, desk: Desk) -> None:
    state = review_state(manifest, desk)
    name = f"version {manifest.version} of {manifest.pipeline}"
    if state == "rejected":
        raise Refused(f"{name} was rejected, and that is final", cure=f"sluice retrain {manifest.pipeline}")
    if state == "expired":
        raise Refused(
            f"the review of {name} expired: nobody decided in time",
            cure=f"sluice retrain {manifest.pipeline}   (SLUICE_REVIEW_EXPIRES_DAYS sets how long the next may wait)",
        )


def _sign(draft: Approval, desk: Desk) -> None:
    reviewers = Reviewers(desk.settings.home)
    signer = add_reviewer(draft.reviewer, desk) if draft.unattended else reviewers.signer(draft.reviewer)
    desk.releases.put_approval(draft, signer)
    record_decision(draft, desk)


def _of_pipeline(pipeline: str, desk: Desk) -> tuple[Review, ...]:
    current = desk.releases.current(pipeline)
    in_force = current.manifest.digest if current else None
    return tuple(_review(manifest, in_force, desk) for manifest in desk.releases.manifests(pipeline))


def _review(manifest: ModelVersion, in_force: str | None, desk: Desk) -> Review:
    state = review_state(manifest, desk)
    until = expires(manifest, desk) if state == "waiting" else None
    return Review(manifest, desk.releases.approvals(manifest.digest), manifest.digest == in_force, state, until)


def _numbers(known: Iterable[Review]) -> str:
    return (
        ", ".join(f"{review.manifest.version} ({review.state})" for review in known) or "none; see sluice review list"
    )
