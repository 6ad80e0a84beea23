"""Suspension: a scheduled run whose version waits for a review holds no process until the review is decided.

The run says in its tags which version it waits for. The worker looks which reviews were decided or expired and resumes
those runs; a resumed run trains nothing, it only says how the review ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID, uuid4

from flows.desk import Desk
from flows.prefect_api import POOL, prefect_api
from flows.release import history, release
from flows.review import Review, find_review
from infra.contracts.model_version import ModelVersion
from infra.errors import BadInput

WAITING = "Waiting for review"
_TAG = "review:"
_MOST = 200


@dataclass(frozen=True)
class Awaited:
    """The version that a run waits for."""

    pipeline: str
    version: int


@dataclass(frozen=True)
class Ended:
    """How a review ended, as the run's last state says it."""

    name: str
    message: str


def suspend_for_review(manifest: ModelVersion) -> NoReturn:
    """Suspends the flow run that calls this, whose process then ends (raises Prefect's Pause). Needs a deployment."""
    from prefect import suspend_flow_run
    from prefect.client.orchestration import get_client
    from prefect.exceptions import Pause
    from prefect.runtime import flow_run

    run_id = UUID(str(flow_run.get_id()))
    with get_client(sync_client=True) as client:
        # First of all: whatever happens next, the run knows again which version it waits for.
        known = {tag for tag in client.read_flow_run(run_id).tags if not tag.startswith(_TAG)}
        client.update_flow_run(run_id, tags=sorted({*known, f"{_TAG}{manifest.pipeline}:{manifest.version}"}))
        try:
            suspend_flow_run(key=str(uuid4()))
        except Pause as pause:
            assert pause.state is not None  # a Pause of a flow run carries it
            how = f"sluice review show {manifest.pipeline} {manifest.version}"
            said = {"name": WAITING, "message": f"Version {manifest.version} waits for a review: {how}"}
            client.set_flow_run_state(run_id, pause.state.model_copy(update=said), force=True)
            raise
    raise AssertionError("a run that was suspended goes on")


def awaited_version(tags: Iterable[str]) -> Awaited | None:
    """The version that a run waits for or waited for, by its tags."""
    for tag in tags:
        kind, _, rest = tag.partition(":")
        pipeline, _, version = rest.rpartition(":")
        if f"{kind}:" == _TAG and pipeline and version.isdigit():
            return Awaited(pipeline, int(version))
    return None


def how_it_ended(awaited: Awaited, desk: Desk) -> Ended | None:
    """How the review of a version ended; None while it waits. An approved version that is not released yet is."""
    review = find_review(desk, awaited.pipeline, awaited.version)
    named = f"version {awaited.version} of {awaited.pipeline}"
    if review.state == "waiting":
        return None
    if review.state != "approved":
        told = {"rejected": "was rejected", "expired": "was reviewed by nobody in time"}
        return Ended(review.state.capitalize(), f"{named} {told.get(review.state, review.state)}")
    return Ended("Released", f"{named} is approved and {_released(review, desk)}")


def resume_decided(desk: Desk) -> int:
    """Resumes every suspended run whose review was decided or expired; says how many. Raises PartFailed, StoreError."""
    from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter, WorkPoolFilterName

    resumed = 0
    with prefect_api(desk.settings.home) as client:
        for run in client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": ["PAUSED"]}}}),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
            limit=_MOST,
        ):
            awaited = awaited_version(run.tags)
            if awaited is not None and _is_decided(awaited, desk):
                client.resume_flow_run(run.id)
                resumed += 1
    return resumed


def _is_decided(awaited: Awaited, desk: Desk) -> bool:
    try:
        return find_review(desk, awaited.pipeline, awaited.version).state != "waiting"
    except BadInput:  # its manifest is gone or does not verify: the resumed run says so
        return True


def _released(review: Review, desk: Desk) -> str:
    """Where an approved version stands; an approval that a crash parted from its release is carried on."""
    manifest = review.manifest
    for past in history(manifest.pipeline, desk):
        if past.release.manifest == manifest.digest:
            return f"was put in force as release {past.release.sequence}"
    approval = desk.releases.approval_for(manifest.digest)
    assert approval is not None  # its state is `approved`
    return f"in force as release {release(manifest, approval, approval.reviewer, desk).sequence}"
