"""What MLflow should show, worked out from the signed records: aliases and review tags. MLflow decides nothing.

candidate   the newest version that may still be released, never was, and is newer than all that were
champion    the version in force
previous    the version that `sluice release rollback` would go back to

An alias `champion` that a hand moved is a request (flows/alias_requests.py): it is left for that to answer, unless what
was just released overrules it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flows.desk import Desk, ReviewDesk, mlflow_server
from flows.steps.review_state import decided_state, review_state, review_tags
from infra.contracts.release import Release
from infra.errors import PartFailed
from infra.stores.mirrored import Mirrored
from infra.stores.registry import Alias, Registry
from infra.stores.release_chain import standing


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

    @property
    def champions(self) -> frozenset[int]:
        """The version in force as a set, empty where there is none."""
        return frozenset() if self.champion is None else frozenset({self.champion})

    def shown_by(self, aliases: Mapping[str, int]) -> bool:
        """Whether MLflow's aliases are these."""
        return all(aliases.get(alias) == version for alias, version in self.by_alias)


def pointers(pipeline: str, desk: Desk) -> Pointers:
    """Reads the records of a pipeline."""
    current = desk.releases.current(pipeline)
    newest_released = max((release.version for release in desk.releases.history(pipeline)), default=0)
    later = [one for one in reversed(desk.releases.manifests(pipeline)) if one.version > newest_released]
    candidate = next((one.version for one in later if review_state(one, desk) in {"waiting", "approved"}), None)
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


def asked_for(pipeline: str, shown: int | None, wanted: int | None, desk: Desk) -> int | None:
    """The version that somebody set `champion` on in MLflow, or None where that alias stands as we put it.

    Ours are the versions that we remember to have set. Where nothing is remembered, a version that was in force once is
    taken for ours: an alias that lags behind must not undo a release.
    """
    if shown is None or shown == wanted:
        return None
    ours = Mirrored(desk.settings.home).champions(pipeline)
    if ours is None:
        ours = frozenset(release.version for release in desk.releases.history(pipeline))
    return None if shown in ours else shown


def mirror(pipeline: str, desk: Desk, registry: Registry, *, overrule: bool = False) -> Pointers:
    """Brings MLflow's aliases and review tags in line with the records. Repeatable. Raises PartFailed.

    A request that waits for an answer keeps its alias, unless `overrule`.
    """
    memory = Mirrored(desk.settings.home)
    with memory.locked(pipeline):
        wanted = pointers(pipeline, desk)
        shown = registry.aliases(pipeline)
        asked = None if overrule else asked_for(pipeline, shown.get("champion"), wanted.champion, desk)
        ours = wanted.champions
        if asked is None:
            memory.remember(pipeline, ours | (memory.champions(pipeline) or frozenset()))
        for alias, version in wanted.by_alias:
            if shown.get(alias) != version and not (alias == "champion" and asked is not None):
                registry.point(pipeline, alias, version)
        if asked is None:
            memory.remember(pipeline, ours)
    _tag_reviews(pipeline, desk, registry)
    return wanted


def follow(pipeline: str, desk: Desk, *, overrule: bool = False) -> Pointers | None:
    """Mirrors where the desk knows an MLflow server. A failure loses nothing: it says how to repair and gives None."""
    if not desk.mlflow_url:
        return None
    try:
        return mirror(pipeline, desk, Registry.open(desk.mlflow_url), overrule=overrule)
    except PartFailed as error:
        desk.progress.say(
            f"The signed records are written and in force, but MLflow does not show them yet ({error.what}). "
            f"To bring it in line: sluice release sync {pipeline}"
        )
        return None


def follow_at_home(pipeline: str, desk: ReviewDesk, *, overrule: bool = False) -> Pointers | None:
    """Mirrors to the home's own MLflow server, which is started for that where it does not run."""
    with mlflow_server(desk.settings, desk.progress) as url:
        if not url:
            desk.progress.say(f"MLflow is not in line yet; once it starts: sluice release sync {pipeline}")
        return follow(pipeline, replace(desk, mlflow_url=url), overrule=overrule)


def _tag_reviews(pipeline: str, desk: Desk, registry: Registry) -> None:
    shown = {record.version: record.tags for record in registry.versions(pipeline)}
    for manifest in desk.releases.manifests(pipeline):
        tags = review_tags(review_state(manifest, desk), desk.releases.approvals(manifest.digest))
        there = shown.get(manifest.version)
        if there is not None and any(there.get(name) != value for name, value in tags.items()):
            registry.tag(pipeline, manifest.version, tags)


def _rejected(manifest: str, desk: Desk) -> bool:
    return decided_state(desk.releases.approvals(manifest)) == "rejected"
