"""Changes of policy: signed files beside the releases. Only what verifies counts.

    releases/PIPELINE/policies/00000001.json    signed by a reviewer; the number is the sequence

Numbers are given under the pipeline's release lock (`Releases.allocate`), so that no release comes between a change and
the release that it is put over. Several processes may read and write at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infra.contracts.policy_release import PolicyRelease
from infra.contracts.signed import Signed
from infra.errors import BadInput, Refused, StoreError
from infra.home import Home
from infra.signing import Signer
from infra.stores.reviewers import Reviewers
from infra.stores.signed_files import checked_name, create_new, read_signed, verified


@dataclass(frozen=True)
class PolicyRefusal:
    """A change that does not count, and why (no user's text)."""

    sequence: int
    reason: str


@dataclass(frozen=True)
class PolicyChanges:
    """What a pipeline's folder holds."""

    history: tuple[PolicyRelease, ...]
    """Every change that verifies, oldest first; which one holds is policy_chain.py's to say."""
    refusals: tuple[PolicyRefusal, ...]
    """Files that do not verify, and numbers that are missing, newest first."""


class PolicyReleases:
    """The changes of policy of one home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._reviewers = Reviewers(home)

    def next_sequence(self, pipeline: str) -> int:
        """The number of the next change. Ask while you hold the pipeline's release lock."""
        return max(self._sequences(pipeline), default=0) + 1

    def put(self, change: PolicyRelease, signer: Signer) -> Signed:
        """Signs a change with the reviewer's key and keeps it; a running gateway follows.

        Raises Refused when the key is not that reviewer's, StoreError when the number is not the next one.
        """
        if self._reviewers.key(change.reviewer) != signer.verify_key:
            raise Refused(
                f"the key is not the trusted key of reviewer {change.reviewer!r}",
                cure=f"sluice reviewer add {change.reviewer}",
            )
        if change.sequence != self.next_sequence(change.pipeline):
            what = f"change {change.sequence} of the policy of {change.pipeline} is not the next one"
            raise StoreError(what, cure="run the command again")
        signed = signer.sign(change)
        self._home.folder(self._folder(change.pipeline))
        create_new(self._path(change.pipeline, change.sequence), signed.to_json())
        return signed

    def inspect(self, pipeline: str) -> PolicyChanges:
        """Reads every change. Raises StoreError when a trusted key cannot be read."""
        found: list[PolicyRelease] = []
        refusals: list[PolicyRefusal] = []
        sequences = self._sequences(pipeline)
        for sequence in range(1, max(sequences, default=0) + 1):
            if sequence not in sequences:
                refusals.append(PolicyRefusal(sequence, f"change {sequence} of the policy is missing"))
                continue
            try:
                found.append(self._open(pipeline, sequence))
            except (Refused, BadInput) as error:
                refusals.append(PolicyRefusal(sequence, error.what))
        return PolicyChanges(tuple(found), tuple(reversed(refusals)))

    def history(self, pipeline: str) -> tuple[PolicyRelease, ...]:
        """Every change that verifies, oldest first."""
        return self.inspect(pipeline).history

    def _open(self, pipeline: str, sequence: int) -> PolicyRelease:
        path = self._path(pipeline, sequence)
        envelope = read_signed(path)
        known = self._reviewers.by_key_id(envelope.key_id)
        if known is None:
            raise Refused("the change is signed by nobody who is trusted", where=str(path), cure="sluice doctor")
        name, keys = known
        change = verified(path, envelope, keys, PolicyRelease)
        if change.reviewer != name:
            raise Refused("the change is not its signer's", where=str(path), cure="sluice doctor")
        if (change.pipeline, change.sequence) != (pipeline, sequence):
            raise Refused("the change is not the one that its file name says", where=str(path), cure="sluice doctor")
        return change

    def _sequences(self, pipeline: str) -> frozenset[int]:
        files = self._folder(pipeline).glob("*.json")
        return frozenset(int(path.stem) for path in files if path.stem.isascii() and path.stem.isdecimal())

    def _path(self, pipeline: str, sequence: int) -> Path:
        return self._folder(pipeline) / f"{sequence:08d}.json"

    def _folder(self, pipeline: str) -> Path:
        return self._home.releases / checked_name(pipeline) / "policies"
