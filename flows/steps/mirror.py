"""What MLflow should show, worked out from the signed records: aliases and review tags. MLflow decides nothing.

candidate   the newest version that is neither rejected nor was ever released, and is newer than all that were
champion    the version in force
previous    the version that `sluice release rollback` would go back to
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from flows.desk import Desk, ReviewDesk, mlflow_server
from infra.contracts.release import Approval, Release
from infra.errors import PartFailed
from infra.stores.registry import Alias, Registry

ReviewState = Literal["waiting", "approved", "rejected"]


@dataclass(frozen=True)
class Pointers:
    """The three aliases of a pipeline; None where there is no such version."""

    candidate: int | None
    champion: int | None
    previous: int | None

    @property
    def by_alias(self) -> tuple[tuple[Alias, int | None], ...]:
        """Each alias with its version."""
        return (("candidate", self.candidate), ("champion", self.champion), ("previous", self.previous))


def review_state(decisions: Sequence[Approval]) -> ReviewState:
    """Where a version stands: one rejection is final, whatever came before or after."""
    if any(decision.decision == "rejected" for decision in decisions):
        return "rejected"
    return "approved" if decisions else "waiting"


def standing(history: Sequence[Release]) -> tuple[Release, ...]:
    """The releases that a rollback can still go back to, the newest (the one in force) last; one for each manifest.

    A release lays its version on top; a rollback takes off what lies above the version that it goes back to.
    """
    stack: list[Release] = []
    for release in sorted(history, key=lambda one: one.sequence):
        places = [place for place, below in enumerate(stack) if below.manifest == release.manifest]
        if release.kind == "rollback" and places:
            del stack[places[0] :]
        else:
            stack = [below for below in stack if below.manifest != release.manifest]
        stack.append(release)
    return tuple(stack)


def pointers(pipeline: str, desk: Desk) -> Pointers:
    """Reads the records of a pipeline."""
    current = desk.releases.current(pipeline)
    newest_released = max((release.version for release in desk.releases.history(pipeline)), default=0)
    later = [one for one in desk.releases.manifests(pipeline) if one.version > newest_released]
    candidate = max((one.version for one in later if not _rejected(one.digest, desk)), default=None)
    before = previous(way_back(pipeline, desk), desk)
    return Pointers(candidate, current.manifest.version if current else None, before.version if before else None)


def way_back(pipeline: str, desk: Desk) -> tuple[Release, ...]:
    """The releases below the one in force that a rollback can name, the newest last."""
    current = desk.releases.current(pipeline)
    if current is None:
        return ()
    # Where a newer release no longer verifies, an older one is in force: what lies above it does not count.
    history = [one for one in desk.releases.history(pipeline) if one.sequence <= current.release.sequence]
    return standing(history)[:-1]


def previous(below: Sequence[Release], desk: Desk) -> Release | None:
    """The newest of them that nobody has rejected since: where a rollback without a number goes."""
    return next((one for one in reversed(below) if not _rejected(one.manifest, desk)), None)


def mirror(pipeline: str, desk: Desk, registry: Registry) -> Pointers:
    """Brings MLflow's aliases and review tags in line with the records. Repeatable. Raises PartFailed."""
    wanted = pointers(pipeline, desk)
    shown = registry.aliases(pipeline)
    for alias, version in wanted.by_alias:
        if shown.get(alias) != version:
            registry.point(pipeline, alias, version)
    tags_shown = {record.version: record.tags for record in registry.versions(pipeline)}
    for manifest in desk.releases.manifests(pipeline):
        tags = review_tags(desk.releases.approvals(manifest.digest))
        there = tags_shown.get(manifest.version)
        if there is not None and any(there.get(name) != value for name, value in tags.items()):
            registry.tag(pipeline, manifest.version, tags)
    return wanted


def follow(pipeline: str, desk: Desk) -> Pointers | None:
    """Mirrors where the desk knows an MLflow server. A failure loses nothing: it says how to repair and gives None."""
    if not desk.mlflow_url:
        return None
    try:
        return mirror(pipeline, desk, Registry.open(desk.mlflow_url))
    except PartFailed as error:
        desk.progress.say(
            f"The signed records are written and in force, but MLflow does not show them yet ({error.what}). "
            f"To bring it in line: sluice release sync {pipeline}"
        )
        return None


def follow_at_home(pipeline: str, desk: ReviewDesk) -> Pointers | None:
    """Mirrors to the home's own MLflow server, which is started for that where it does not run."""
    with mlflow_server(desk.settings, desk.progress) as url:
        if not url:
            desk.progress.say(f"MLflow is not in line yet; once it starts: sluice release sync {pipeline}")
        return follow(pipeline, replace(desk, mlflow_url=url))


def review_tags(decisions: Sequence[Approval]) -> dict[str, str]:
    """A version's review as MLflow tags."""
    state = review_state(decisions)
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


def _rejected(manifest: str, desk: Desk) -> bool:
    return review_state(desk.releases.approvals(manifest)) == "rejected"
