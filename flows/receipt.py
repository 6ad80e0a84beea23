"""A receipt: the walk back from an answer as a bundle that verifies without Sluice, with every document that it names.

The documents are contracts and policies, named by their SHA-256. The ledger's entries name the first ones, each
document names the next: whoever has the log's public key can walk from the answer to the digests of its data's rows.
"""

from __future__ import annotations

from pathlib import Path

from flows.provenance_evidence import Archive
from flows.provenance_record import Provenance, Step
from infra.contracts.dataset import DatasetSnapshot
from infra.digest import Digest
from infra.errors import CheckFailed
from infra.ledger.bundle import BundleMade, Walk, WalkStep, write_bundle
from infra.ledger.tree import ranges_of


def write_receipt(found: Provenance, archive: Archive, folder: Path) -> BundleMade:
    """Writes a walk that holds into a new folder. Raises CheckFailed when it does not, BadInput, StoreError."""
    if not found.ok:
        raise CheckFailed(
            f"there is no receipt for a walk that does not hold: {found.failures[0]}", cure="sluice audit verify"
        )
    walk = _walk(found, archive)
    indices = sorted({index for step in walk.steps for index in step.entries})
    with archive.ledger.proofs() as proofs:
        return write_bundle(folder, proofs, archive.ledger.origin, ranges_of(indices), walk)


def _walk(found: Provenance, archive: Archive) -> Walk:
    entries = archive.ledger.of_response(found.response_id)
    steps = [WalkStep("answer", None, tuple(entry.index for entry in entries))]
    documents: dict[Digest, bytes] = {}
    for step in found.steps[1:]:
        if step.digest is None or (step.step == "guardrails" and not archive.blobs.has(step.digest)):
            continue  # a dry run's policy is kept nowhere
        documents[step.digest] = _document(step, step.digest, archive)
        index = () if step.ledger_index is None else (step.ledger_index,)
        steps.append(WalkStep(step.step, step.digest, index))
    if snapshot := next((step.digest for step in found.steps if step.step == "dataset snapshot"), None):
        for split in DatasetSnapshot.from_json(documents[snapshot]).splits:
            documents[split.manifest] = archive.blobs.get(split.manifest)
            steps.append(WalkStep(f"{split.name} rows", split.manifest, ()))
    return Walk(found.response_id, tuple(steps), documents)


def _document(step: Step, digest: Digest, archive: Archive) -> bytes:
    """The bytes that a step's digest names: a signed file's contract, or a blob."""
    if step.step == "release":
        return archive.releases.release(digest).release.to_json()
    if step.step == "model version":
        return archive.releases.manifest(digest).to_json()
    if step.step == "approval":
        return _approval(digest, archive)
    return archive.blobs.get(digest)


def _approval(digest: Digest, archive: Archive) -> bytes:
    for pipeline in archive.releases.pipelines():
        for manifest in archive.releases.manifests(pipeline):
            for approval in archive.releases.approvals(manifest.digest):
                if approval.digest == digest:
                    return approval.to_json()
    raise CheckFailed("the approval is gone", cure="sluice audit verify")  # the walk had found it
