"""What was made of a data subject's rows: the data sets that hold them, and the models that were trained on these.

rows -> split manifests -> dataset snapshots -> adapters -> model versions -> what is in force. Whose a row is stands in
the clear beside its sealed text, so that no key is needed, and an erased subject's rows are found as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.contracts.adapter import Adapter
from infra.contracts.dataset import DatasetSnapshot
from infra.contracts.lifecycle_events import StageFinished
from infra.contracts.model_version import ModelVersion
from infra.digest import Digest
from infra.errors import SluiceError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import ALL_ENTRIES, AuditFilter
from infra.signing import ContractT
from infra.stores.blobs import Blobs
from infra.stores.release_chain import standing
from infra.stores.releases import Releases
from infra.stores.sealed_file import count_of

_REASON = "trained on rows of a data subject that was erased"


@dataclass(frozen=True)
class SnapshotFound:
    """A data set with rows of the subject: how many to train on, and how many to test on."""

    pipeline: str
    digest: Digest
    train: int
    test: int


@dataclass(frozen=True)
class VersionFound:
    """A model version that was trained on rows of the subject."""

    pipeline: str
    version: int
    manifest: Digest
    in_force: bool
    rejected: bool
    """True when it can never be released any more."""


@dataclass(frozen=True)
class TrainedOn:
    """Everything that was found."""

    snapshots: tuple[SnapshotFound, ...]
    adapters: tuple[Digest, ...]
    versions: tuple[VersionFound, ...]
    unknown: tuple[Digest, ...]
    """Data sets of registered versions whose rows are not here: nobody can say whose they were."""


def trained_on(subject: str, home: Home, ledger: Ledger, releases: Releases) -> TrainedOn:
    """Walks from the rows of a subject (a pseudonym) to the versions. Raises StoreError."""
    blobs = Blobs(home.blobs)
    counts = _counts(subject, home)
    manifests = [one for pipeline in releases.pipelines() for one in releases.manifests(pipeline)]
    recorded = _recorded(ledger)
    adapters = dict(_read(Adapter, {*recorded, *(one.adapter for one in manifests)}, blobs))
    named = {*recorded, *(one.snapshot for one in manifests), *(one.snapshot for one in adapters.values())}
    kept = dict(_read(DatasetSnapshot, named, blobs))
    snapshots = [found for digest, one in kept.items() if (found := _snapshot(digest, one, counts)) is not None]
    taught = {one.digest for one in snapshots if one.train}
    learned = {digest for digest, adapter in adapters.items() if adapter.snapshot in taught}
    versions = [one for one in manifests if one.snapshot in taught or one.adapter in learned]
    there = {path.stem for path in home.datasets.glob("*/[!.]*.rows")}
    unknown = {one.snapshot for one in manifests if not _is_here(kept.get(one.snapshot), there)}
    return TrainedOn(
        tuple(sorted(snapshots, key=lambda one: (one.pipeline, one.digest))),
        tuple(sorted(learned)),
        tuple(_version(one, releases) for one in versions),
        tuple(sorted(unknown)),
    )


def quarantine_commands(versions: Sequence[VersionFound], releases: Releases) -> tuple[str, ...]:
    """What takes these versions out of service for good, in the order in which it works.

    A rejection is what keeps a version from ever being released; it needs a reviewer's key, so that a person gives it.
    What is in force is replaced first where an earlier version may answer; else nothing answers until the next release.
    """
    commands: list[str] = []
    open_ones = [one for one in versions if not one.rejected]
    for one in sorted(open_ones, key=lambda one: (one.pipeline, one.in_force, one.version)):
        if one.in_force and (back := _way_back(one.pipeline, versions, releases)):
            commands.append(f"sluice release rollback {one.pipeline} --to {back} --reason '{_REASON}'")
        commands.append(f"sluice review reject {one.pipeline} {one.version} --by NAME --reason '{_REASON}'")
    return tuple(commands)


def _counts(subject: str, home: Home) -> dict[Digest, int]:
    """How many rows of the subject each split has, by the split's manifest."""
    found: dict[Digest, int] = {}
    for path in sorted(home.datasets.glob("*/[!.]*.rows")):
        if count := count_of(path, subject):
            found[Digest(f"sha256:{path.stem}")] = count
    return found


def _recorded(ledger: Ledger) -> set[Digest]:
    """What data and training stages handed on."""
    entries = ledger.query(AuditFilter(kinds=("stage.finished",), limit=ALL_ENTRIES))
    events = (entry.event for entry in entries)
    return {
        event.produced
        for event in events
        if isinstance(event, StageFinished) and event.stage in ("dataset", "finetune")
    }


def _read(kind: type[ContractT], digests: set[Digest], blobs: Blobs) -> Iterator[tuple[Digest, ContractT]]:
    """Those of the digests that are such a contract and are here."""
    for digest in sorted(digests):
        try:
            yield digest, kind.from_json(blobs.get(digest))
        except (SluiceError, ValueError):
            continue


def _snapshot(digest: Digest, snapshot: DatasetSnapshot, counts: dict[Digest, int]) -> SnapshotFound | None:
    rows = {split.name: counts.get(split.manifest, 0) for split in snapshot.splits}
    if not any(rows.values()):
        return None
    return SnapshotFound(snapshot.pipeline, digest, rows.get("train", 0), rows.get("test", 0))


def _is_here(snapshot: DatasetSnapshot | None, there: set[str]) -> bool:
    return snapshot is not None and all(split.manifest.removeprefix("sha256:") in there for split in snapshot.splits)


def _version(manifest: ModelVersion, releases: Releases) -> VersionFound:
    current = releases.current(manifest.pipeline)
    decision = releases.approval_for(manifest.digest)
    return VersionFound(
        manifest.pipeline,
        manifest.version,
        manifest.digest,
        in_force=current is not None and current.manifest.digest == manifest.digest,
        rejected=decision is not None and decision.decision == "rejected",
    )


def _way_back(pipeline: str, versions: Sequence[VersionFound], releases: Releases) -> int | None:
    """The newest earlier version that may answer again and was not trained on such rows."""
    affected = {one.manifest for one in versions}
    for release in reversed(standing(releases.history(pipeline))[:-1]):
        decision = releases.approval_for(release.manifest)
        if release.manifest not in affected and decision is not None and decision.decision == "approved":
            return release.version
    return None
