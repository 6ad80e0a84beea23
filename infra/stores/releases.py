"""Releases: the signed manifests, approvals and releases of every pipeline, as files. Only what verifies counts.

    releases/PIPELINE/manifests/DIGEST.json             signed by the installation
    releases/PIPELINE/approvals/MANIFEST/DIGEST.json    signed by a reviewer
    releases/PIPELINE/releases/00000001.json            signed by the installation; the number is the sequence

A release may be in force when it, its manifest and its approval verify, the approval is over exactly that manifest, and
no trusted reviewer rejected the manifest: a rejection is final, whatever the clocks of two reviewers said. In force is
the highest that can be read; where that one falls, its stand-in (`release_chain.py`), and never just any older one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from infra.contracts.model_version import ModelVersion
from infra.contracts.release import Approval, Release
from infra.contracts.signed import Signed
from infra.digest import Digest
from infra.errors import BadInput, Refused, StoreError
from infra.home import Home, write_atomic
from infra.ledger.last_release import last_release
from infra.signing import ContractT, Signer
from infra.stores.policy_releases import PolicyReleases
from infra.stores.release_chain import beneath, stand_in
from infra.stores.reviewers import Reviewers
from infra.stores.signed_files import checked_name, create_new, digest_from, digits, file_of, read_signed, verified
from infra.stores.trust import installation_key, installation_signer


@dataclass(frozen=True)
class VerifiedRelease:
    """A release that verified together with what it stands on."""

    release: Release
    manifest: ModelVersion
    approval: Approval


@dataclass(frozen=True)
class Refusal:
    """A release that is not served, and why (no user's text). `version` is 0 where it could not be read."""

    sequence: int
    version: int
    reason: str


@dataclass(frozen=True)
class ReleaseState:
    """What a pipeline's folder holds: the release in force, and what was refused in its favour, newest first."""

    current: VerifiedRelease | None
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True)
class Slot:
    """The place of the next release: its sequence number and the one in force before it."""

    sequence: int
    current: VerifiedRelease | None

    @property
    def previous(self) -> Digest | None:
        """The digest that the new release names as its `previous`."""
        return self.current.release.digest if self.current else None


class Releases:
    """The releases of one home. Several processes may read and write at once."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._reviewers = Reviewers(home)
        self.policies = PolicyReleases(home)
        """The changes of policy over these releases."""
        self._locks: dict[str, FileLock] = {}
        self._guard = threading.Lock()

    def put_manifest(self, manifest: ModelVersion) -> Signed:
        """Signs a manifest with the installation's key and keeps it. Raises StoreError."""
        signed = installation_signer(self._home).sign(manifest)
        path = self._folder(manifest.pipeline, "manifests") / file_of(manifest.digest)
        write_atomic(path, signed.to_json())
        return signed

    def manifest(self, digest: str) -> ModelVersion:
        """A manifest that verifies. Raises BadInput when there is none, Refused when it does not verify."""
        for path in self._home.releases.glob(f"*/manifests/{file_of(digest)}"):
            found = self._open(path, ModelVersion)
            if found.digest != digest or found.pipeline != path.parent.parent.name:
                raise Refused(
                    "the manifest is not the one that its file name says", where=str(path), cure="sluice doctor"
                )
            return found
        raise BadInput(f"there is no manifest {digest}", cure="sluice review list")

    def manifests(self, pipeline: str) -> tuple[ModelVersion, ...]:
        """Every manifest of a pipeline that verifies, by version."""
        found = []
        for path in sorted((self._home.releases / checked_name(pipeline) / "manifests").glob("*.json")):
            try:
                found.append(self.manifest(digest_from(path)))
            except Refused:
                continue
        return tuple(sorted(found, key=lambda manifest: (manifest.version, manifest.created)))

    def put_approval(self, approval: Approval, signer: Signer) -> Signed:
        """Signs a decision with the reviewer's key and keeps it.

        Raises BadInput or Refused when the manifest is missing or does not verify, or the key is not that reviewer's.
        """
        manifest = self.manifest(approval.manifest)
        if (approval.pipeline, approval.version) != (manifest.pipeline, manifest.version):
            raise Refused("the decision names another version than its manifest", cure="sluice review list")
        if self._reviewers.key(approval.reviewer) != signer.verify_key:
            raise Refused(
                f"the key is not the trusted key of reviewer {approval.reviewer!r}",
                cure=f"sluice reviewer add {approval.reviewer}",
            )
        signed = signer.sign(approval)
        folder = self._folder(approval.pipeline, "approvals", digits(approval.manifest))
        write_atomic(folder / file_of(approval.digest), signed.to_json())
        return signed

    def approvals(self, manifest_digest: str) -> tuple[Approval, ...]:
        """Every decision over a manifest that verifies against a trusted reviewer's key, oldest first."""
        found = []
        for path in self._home.releases.glob(f"*/approvals/{digits(manifest_digest)}/*.json"):
            try:
                approval = self._approval(path)
            except Refused:
                continue
            if approval.manifest == manifest_digest and approval.pipeline == path.parent.parent.parent.name:
                found.append(approval)
        return tuple(sorted(found, key=lambda approval: (approval.decided, approval.digest)))

    def approval_for(self, manifest_digest: str) -> Approval | None:
        """The decision that counts for a manifest, or None: a rejection if there is one, else the latest approval."""
        decisions = self.approvals(manifest_digest)
        rejections = [decision for decision in decisions if decision.decision == "rejected"]
        counting = rejections or list(decisions)
        return counting[-1] if counting else None

    @contextmanager
    def allocate(self, pipeline: str) -> Iterator[Slot]:
        """Holds the pipeline's release lock for a `with` block: nobody else takes the number. Raises StoreError."""
        folder = self._folder(pipeline, "releases")
        with self._guard:
            lock = self._locks.setdefault(pipeline, FileLock(folder.parent / ".releases.lock"))
        with lock:
            yield Slot(max(self._sequences(pipeline), default=0) + 1, self.current(pipeline))

    def put_release(self, release: Release) -> Signed:
        """Signs a release and puts it in force.

        Raises BadInput or Refused when its manifest or approval is missing, does not verify or does not approve it;
        StoreError when its sequence number is not the next one.
        """
        with self.allocate(release.pipeline) as slot:
            if release.sequence != slot.sequence:
                raise StoreError(
                    f"release {release.sequence} of {release.pipeline} is not the next one ({slot.sequence})",
                    cure="run the command again",
                )
            self._standing(release)
            signed = installation_signer(self._home).sign(release)
            create_new(self._release_path(release.pipeline, release.sequence), signed.to_json())
        return signed

    def current(self, pipeline: str) -> VerifiedRelease | None:
        """The release in force. See `inspect` for those that were refused."""
        return self.inspect(pipeline).current

    def inspect(self, pipeline: str) -> ReleaseState:
        """The release in force, and every one that was refused in its favour with the reason.

        Raises StoreError when a trusted key cannot be read.
        """
        refusals: list[Refusal] = []
        newest = self._unless_taken_off(pipeline, self._newest(pipeline, refusals), refusals)
        while newest is not None:
            try:
                return ReleaseState(self._standing(newest), tuple(refusals))
            except (Refused, BadInput) as error:
                refusals.append(Refusal(newest.sequence, newest.version, error.what))
            newest = stand_in(newest, self.history(pipeline))
        return ReleaseState(None, tuple(refusals))

    def _newest(self, pipeline: str, refusals: list[Refusal]) -> Release | None:
        """The highest release that can be read; what lies above it is refused."""
        sequences = self._sequences(pipeline)
        for sequence in range(max(sequences, default=0), 0, -1):
            if sequence not in sequences:
                refusals.append(Refusal(sequence, 0, f"release {sequence} is missing"))
                continue
            try:
                return self._release(pipeline, sequence)
            except (Refused, BadInput) as error:
                refusals.append(Refusal(sequence, 0, error.what))
        return None

    def _unless_taken_off(self, pipeline: str, newest: Release | None, refusals: list[Refusal]) -> Release | None:
        """The newest release that can be read, unless the ledger knows of a later rollback whose file is lost.

        Then that rollback's stand-in: what it took off does not come back because a file was lost.
        """
        last = last_release(self._home, pipeline)
        if newest is None or last is None or last.release_kind != "rollback" or last.sequence <= newest.sequence:
            return newest
        reason = f"release {last.sequence}, a rollback, is missing or does not verify: what it took off stays off"
        refusals[:] = [Refusal(last.sequence, last.version, reason), *refusals]
        return beneath(last.sequence, last.manifest, self.history(pipeline))

    def history(self, pipeline: str) -> tuple[Release, ...]:
        """Every release whose own signature verifies, oldest first; whether it is in force is `inspect`'s to say."""
        found = []
        for sequence in sorted(self._sequences(pipeline)):
            try:
                found.append(self._release(pipeline, sequence))
            except Refused:
                continue
        return tuple(found)

    def pipelines(self) -> tuple[str, ...]:
        """Every pipeline that has a manifest, sorted."""
        return tuple(sorted(path.parent.name for path in self._home.releases.glob("*/manifests")))

    def release(self, digest: str) -> VerifiedRelease:
        """One release by its digest, in force or not, with the manifest and approval that it names.

        Raises BadInput when there is none, Refused when a parent does not verify.
        """
        for pipeline in self.pipelines():
            for release in self.history(pipeline):
                if release.digest == digest:
                    return VerifiedRelease(release, *self._parents(release))
        raise BadInput(f"there is no release {digest} that verifies", cure="sluice audit query --kind release")

    def _standing(self, release: Release) -> VerifiedRelease:
        """Refuses a release whose manifest, approval or approver does not hold today."""
        manifest, approval = self._parents(release)
        counts = self.approval_for(release.manifest)
        if counts is None or counts.decision == "rejected":
            by = f" by {counts.reviewer}" if counts else ""
            raise Refused(f"the version was rejected{by}", cure="sluice review list")
        return VerifiedRelease(release, manifest, approval)

    def _parents(self, release: Release) -> tuple[ModelVersion, Approval]:
        manifest = self.manifest(release.manifest)
        if (release.pipeline, release.version) != (manifest.pipeline, manifest.version):
            raise Refused("the release names another version than its manifest", cure="sluice doctor")
        for approval in self.approvals(release.manifest):
            if approval.digest == release.approval:
                if approval.decision != "approved" or approval.version != release.version:
                    raise Refused("the decision that the release names does not approve it", cure="sluice review list")
                return manifest, approval
        raise Refused("no approval by a trusted reviewer stands behind the release", cure="sluice review list")

    def _release(self, pipeline: str, sequence: int) -> Release:
        path = self._release_path(pipeline, sequence)
        release = self._open(path, Release)
        if (release.pipeline, release.sequence) != (pipeline, sequence):
            raise Refused("the release is not the one that its file name says", where=str(path), cure="sluice doctor")
        return release

    def _approval(self, path: Path) -> Approval:
        envelope = read_signed(path)
        known = self._reviewers.by_key_id(envelope.key_id)
        if known is None:
            raise Refused("the decision is signed by nobody who is trusted", where=str(path), cure="sluice doctor")
        name, key = known
        approval = verified(path, envelope, key, Approval)
        if approval.reviewer != name or approval.digest != digest_from(path):
            raise Refused("the decision is not its signer's", where=str(path), cure="sluice doctor")
        return approval

    def _open(self, path: Path, kind: type[ContractT]) -> ContractT:
        return verified(path, read_signed(path), installation_key(self._home), kind)

    def _sequences(self, pipeline: str) -> frozenset[int]:
        files = (self._home.releases / checked_name(pipeline) / "releases").glob("*.json")
        return frozenset(int(path.stem) for path in files if path.stem.isascii() and path.stem.isdecimal())

    def _release_path(self, pipeline: str, sequence: int) -> Path:
        return self._home.releases / checked_name(pipeline) / "releases" / f"{sequence:08d}.json"

    def _folder(self, pipeline: str, *parts: str) -> Path:
        return self._home.folder(self._home.releases.joinpath(checked_name(pipeline), *parts))
