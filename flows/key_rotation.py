"""Rotations of the home's keys: held against the record first, done while nobody else works in the home, and recorded.

What an old signing key may go on vouching for is what verifies and what the ledger knows: a file that a thief signed
and laid beside the others is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from flows.record_check import check_records
from infra.contracts.base import now
from infra.contracts.lifecycle_events import PolicyPut, Released, ReviewDecided, StageFinished
from infra.contracts.record_events import KeyChanged
from infra.digest import Digest
from infra.errors import BadInput, CheckFailed
from infra.home import Home
from infra.home_lock import alone
from infra.ledger.log import Ledger
from infra.ledger.query import ALL_ENTRIES, AuditFilter
from infra.ledger.rewrap import masters, rotate_master
from infra.ledger.store import has_record
from infra.ledger.vault import Vault
from infra.signing import Signer
from infra.stores.releases import Releases
from infra.stores.reviewers import Reviewers
from infra.stores.trust import INSTALLATION, rotate_signer, trusted_keys

Purpose = Literal["installation", "reviewer", "master"]
_NAMING = ("stage.finished", "review.decided", "release.written", "policy.put")


@dataclass(frozen=True)
class Rotation:
    """One key that took another's place."""

    purpose: Purpose
    owner: str
    old: str
    """Id of the key that was replaced."""
    new: str
    finished: bool = False
    """True when an earlier command had done it and was cut off before it was recorded."""
    left_out: int = 0
    """Signed files that the ledger does not know: they verify no more."""


def rotate_installation(home: Home) -> Rotation:
    """Gives the installation a new signing key; also the cure when the private one was lost.

    Raises CheckFailed when the record or a release file is not as it was written, Refused while others use the home.
    """
    with alone(home):
        if unfinished := _finish(home, INSTALLATION, INSTALLATION):
            return unfinished
        ledger, releases = _checked(home), Releases(home)
        recorded = _recorded(ledger)
        pipelines = releases.pipelines()
        found = [manifest.digest for name in pipelines for manifest in releases.manifests(name)]
        found += [release.digest for name in pipelines for release in releases.history(name)]
        end = ledger.end_digest()
        ledger.close()
        rotated = rotate_signer(home, INSTALLATION, [*_known(found, recorded), *([end] if end else [])])
        record_rotations(home)
        left_out = len(found) - len(_known(found, recorded))
        return Rotation("installation", INSTALLATION, rotated.old.key_id, rotated.new.key_id, left_out=left_out)


def rotate_reviewer(name: str, home: Home) -> Rotation:
    """Gives a reviewer a new key pair; decisions signed with the old one go on counting, and it can sign no other.

    Raises BadInput for a name that nobody has, and what `rotate_installation` raises.
    """
    with alone(home):
        if Reviewers(home).key(name) is None:
            raise BadInput(f"there is no reviewer {name!r} here", cure=f"sluice reviewer add {name}")
        if unfinished := _finish(home, "reviewer", name):
            return unfinished
        ledger, releases = _checked(home), Releases(home)
        recorded = _recorded(ledger)
        found = [
            approval.digest
            for pipeline in releases.pipelines()
            for manifest in releases.manifests(pipeline)
            for approval in releases.approvals(manifest.digest)
            if approval.reviewer == name
        ]
        changes = (change for pipeline in releases.pipelines() for change in releases.policies.history(pipeline))
        found += [change.digest for change in changes if change.reviewer == name]
        ledger.close()
        rotated = Reviewers(home).rotate(name, _known(found, recorded))
        record_rotations(home)
        left_out = len(found) - len(_known(found, recorded))
        return Rotation("reviewer", name, rotated.old.key_id, rotated.new.key_id, left_out=left_out)


def rotate_master_key(home: Home) -> Rotation:
    """Gives the vault a new master key and destroys the old one. Every sealed text opens as before.

    Raises StoreError when the old master is gone or wrong, Refused while others work in the home.
    """
    with alone(home):
        if unfinished := _finish(home, "master", "home"):
            return unfinished
        Vault.open(home)  # makes what is not there yet, and refuses a master that is not the vault's
        before = masters(home)
        rotate_master(home)
        record_rotations(home)
        return Rotation("master", "home", before[-1].id, masters(home)[-1].id)


def record_rotations(home: Home) -> tuple[Rotation, ...]:
    """Writes the events of every rotation that the ledger does not know yet, and says which those were. Repeatable."""
    ledger = Ledger.open(home)
    try:
        return tuple(rotation for rotation in rotations(home) if _record(rotation, ledger))
    finally:
        ledger.close()


def rotations(home: Home) -> tuple[Rotation, ...]:
    """Every rotation that the home's key files and its vault tell of, oldest first per key. Raises StoreError."""
    found: list[Rotation] = []
    owners: list[tuple[Purpose, str, str]] = [("installation", INSTALLATION, INSTALLATION)]
    owners += [("reviewer", name, f"reviewers/{name}") for name in Reviewers(home).names()]
    for purpose, owner, name in owners:
        keys = trusted_keys(home, name)
        ids = [*(old.key_id for old in keys.retired), keys.key_id]
        found += [Rotation(purpose, owner, old, new, finished=True) for old, new in pairwise(ids)]
    ids = [master.id for master in masters(home)]
    found += [Rotation("master", "home", old, new, finished=True) for old, new in pairwise(ids)]
    return tuple(found)


def _finish(home: Home, purpose: str, owner: str) -> Rotation | None:
    """Records what an earlier command was cut off from recording; the one of this key, if there was one."""
    if not has_record(home) or not (home.keys / f"{INSTALLATION}.key").exists():
        return None
    return next((one for one in record_rotations(home) if (one.purpose, one.owner) == (purpose, owner)), None)


def _checked(home: Home) -> Ledger:
    """The ledger, once it and the release files are as they were written. It needs no private key for that."""
    trusted_keys(home, INSTALLATION)
    ledger = Ledger(home, Signer(home.keys / f"{INSTALLATION}.key"))
    problems = (*ledger.verify().problems, *check_records(ledger, Releases(home)))
    if problems:
        raise CheckFailed(
            f"the record is not as it was written, and a rotation would vouch for that: {problems[0].what}",
            cure="sluice audit verify",
        )
    return ledger


def _recorded(ledger: Ledger) -> frozenset[Digest]:
    """Every manifest, decision, release and change of policy that the ledger names."""
    named: set[Digest] = set()
    for entry in ledger.query(AuditFilter(kinds=_NAMING, limit=ALL_ENTRIES)):
        event = entry.event
        if isinstance(event, StageFinished):
            named.add(event.produced)
        elif isinstance(event, ReviewDecided):
            named |= {event.approval, event.manifest}
        elif isinstance(event, Released):
            named |= {event.release, event.manifest}
        elif isinstance(event, PolicyPut):
            named.add(event.change)
    return frozenset(named)


def _known(found: Iterable[Digest], recorded: frozenset[Digest]) -> list[Digest]:
    return [digest for digest in found if digest in recorded]


def _record(rotation: Rotation, ledger: Ledger) -> bool:
    """Both events of a rotation, once; True when one was missing."""
    changes: tuple[tuple[str, Literal["created", "revoked"]], ...] = (
        (rotation.new, "created"),
        (rotation.old, "revoked"),
    )
    missing = [
        KeyChanged(
            event_id=f"{rotation.purpose}/{key_id}/{action}",
            at=now(),
            pipeline="",
            key_id=key_id,
            purpose=rotation.purpose,
            action=action,
            owner=rotation.owner,
        )
        for key_id, action in changes
        if ledger.get(f"{rotation.purpose}/{key_id}/{action}") is None
    ]
    ledger.append_many((event, None) for event in missing)
    return bool(missing)
