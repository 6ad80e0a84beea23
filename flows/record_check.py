"""Holds the ledger and the signed release files against each other: each must know what the other says.

The ledger alone cannot see that a file was deleted; the files alone cannot see that an older state was put back.
"""

from __future__ import annotations

from infra.contracts.lifecycle_events import PolicyPut, Released, ReviewDecided
from infra.digest import Digest
from infra.errors import SluiceError
from infra.ledger.log import Ledger
from infra.ledger.query import ALL_ENTRIES, AuditFilter
from infra.ledger.walk import LedgerProblem
from infra.stores.releases import Releases


def check_records(ledger: Ledger, releases: Releases) -> tuple[LedgerProblem, ...]:
    """Every recorded release, decision and change of policy whose file is gone or does not verify, or unrecorded one.

    Raises StoreError when the ledger or a trusted key cannot be read.
    """
    return (*_releases(ledger, releases), *_decisions(ledger, releases), *_policies(ledger, releases))


def _releases(ledger: Ledger, releases: Releases) -> list[LedgerProblem]:
    problems: list[LedgerProblem] = []
    kept: dict[Digest, str] = {
        release.digest: f"release {release.sequence} of {pipeline}"
        for pipeline in releases.pipelines()
        for release in releases.history(pipeline)
    }
    for entry in ledger.query(AuditFilter(kinds=("release.written",), limit=ALL_ENTRIES)):
        if isinstance(entry.event, Released) and kept.pop(entry.event.release, None) is None:
            name = f"release {entry.event.sequence} of {entry.event.pipeline}"
            problems.append(LedgerProblem(entry.index, f"the file of {name} is missing or does not verify"))
    problems += [
        LedgerProblem(None, f"{name} was never recorded (sluice release sync records it)") for name in kept.values()
    ]
    return problems


def _decisions(ledger: Ledger, releases: Releases) -> list[LedgerProblem]:
    problems: list[LedgerProblem] = []
    known: dict[Digest, frozenset[Digest]] = {}
    for entry in ledger.query(AuditFilter(kinds=("review.decided",), limit=ALL_ENTRIES)):
        event = entry.event
        if not isinstance(event, ReviewDecided):
            continue
        if event.manifest not in known:
            known[event.manifest] = _approvals(releases, event.manifest)
        if event.approval not in known[event.manifest]:
            what = f"the file of the decision ({event.decision}) on version {event.version} of {event.pipeline}"
            problems.append(LedgerProblem(entry.index, f"{what} is missing or does not verify"))
    return problems


def _policies(ledger: Ledger, releases: Releases) -> list[LedgerProblem]:
    problems: list[LedgerProblem] = []
    kept: dict[Digest, str] = {
        change.digest: f"change {change.sequence} of the policy of {pipeline}"
        for pipeline in releases.pipelines()
        for change in releases.policies.history(pipeline)
    }
    for entry in ledger.query(AuditFilter(kinds=("policy.put",), limit=ALL_ENTRIES)):
        if isinstance(entry.event, PolicyPut) and kept.pop(entry.event.change, None) is None:
            name = f"change {entry.event.sequence} of the policy of {entry.event.pipeline}"
            problems.append(LedgerProblem(entry.index, f"the file of {name} is missing or does not verify"))
    problems += [
        LedgerProblem(None, f"{name} was never recorded (sluice release sync records it)") for name in kept.values()
    ]
    return problems


def _approvals(releases: Releases, manifest: Digest) -> frozenset[Digest]:
    try:
        return frozenset(decision.digest for decision in releases.approvals(manifest))
    except SluiceError:
        return frozenset()
