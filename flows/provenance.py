"""Provenance: the walk back from an answer.

answer -> release -> approval -> model version -> gate decision -> evaluation report -> adapter -> dataset snapshot ->
row digests, and the guardrail policy that checked the answer. Every step is read again from its store and checked; what
does not hold is reported as a failed check, never passed over. The steps' shape stands in provenance_record.py.
"""

from __future__ import annotations

from datetime import timedelta

from flows.provenance_evidence import Archive, evidence
from flows.provenance_record import Check, Fact, Provenance, Step, StepName
from infra.contracts.lifecycle_events import PolicyPut, Released, ReviewDecided
from infra.contracts.model_version import ModelVersion
from infra.contracts.policy_release import PolicyRelease
from infra.contracts.record_events import EntriesExpired
from infra.contracts.release import Approval, Release
from infra.contracts.request_events import RequestAdmitted, RequestEnd, RequestRefused
from infra.digest import Digest
from infra.errors import BadInput, SluiceError
from infra.ledger.query import AuditFilter, Entry
from infra.stores.policy_chain import holding

_DECISIONS = 10_000


def trace(response_id: str, archive: Archive, *, rows_shown: int = 5) -> Provenance:
    """Walks back from an answer as far as it goes.

    A dry run (scripted engine) and a request that was turned away have no model behind them: their walk is short.
    Raises BadInput when the ledger has no request of this id, StoreError when a store cannot be read.
    """
    entries = archive.ledger.of_response(response_id)
    admitted = next((entry.event for entry in entries if isinstance(entry.event, RequestAdmitted)), None)
    if not any(isinstance(entry.event, RequestAdmitted | RequestRefused) for entry in entries):
        raise _unknown(archive)
    answer = _answer(entries, archive)
    if admitted is None:
        return Provenance(response_id, (answer,), ())
    manifest, version = _version(admitted, archive)
    guardrails = _guardrails(admitted, manifest, archive)
    if admitted.manifest is None:
        unserved = () if admitted.scripted else (_nothing("model version", "the record names no manifest"),)
        return Provenance(response_id, (answer, guardrails, *unserved), ())
    release = _release(admitted, archive)
    approval = _approval(release, admitted, archive)
    steps = (answer, guardrails, release, approval, version)
    if manifest is None:
        return Provenance(response_id, steps, ())
    behind = evidence(manifest, archive, rows_shown=rows_shown)
    return Provenance(response_id, (*steps, *behind.steps), behind.rows)


def _unknown(archive: Archive) -> BadInput:
    """The error for an id that the ledger does not know: what has expired cannot be told from what never was."""
    what = "the ledger has no request with this id"
    for entry in archive.ledger.query(AuditFilter(kinds=("entries.expired",), limit=1)):
        if isinstance(entry.event, EntriesExpired):
            before = entry.event.at - timedelta(days=entry.event.retention_days)
            what = f"{what} any more, or never had one: requests of before {before:%Y-%m-%d %H:%M} UTC have expired"
    return BadInput(what, cure="sluice audit query --kind request (the column `response`)")


def _answer(entries: tuple[Entry, ...], archive: Archive) -> Step:
    facts: list[Fact] = []
    checks: list[Check] = []
    kinds = {entry.event.kind for entry in entries}
    for entry in entries:
        event = entry.event
        intact = archive.ledger.intact(entry)
        checks.append(Check(f"entry {entry.index} ({event.kind}) is as it was written", intact))
        if isinstance(event, RequestAdmitted):
            facts += _admitted_facts(event)
        elif isinstance(event, RequestEnd):
            facts += _completed_facts(event)
        elif isinstance(event, RequestRefused):
            facts += [Fact("at", event.at.isoformat()), Fact("outcome", "refused"), Fact("code", event.code)]
    if "request.completed" not in kinds and "request.admitted" in kinds:
        facts.append(Fact("outcome", "under way"))
    if "request.completed" in kinds and "request.admitted" not in kinds:
        checks.append(Check("admitted before it was completed", False, "no request.admitted"))
    last = next((entry for entry in reversed(entries) if entry.event.kind.startswith("request.")), entries[-1])
    return Step("answer", last.leaf, tuple(facts), tuple(checks), last.index)


def _admitted_facts(event: RequestAdmitted) -> list[Fact]:
    return [
        Fact("at", event.at.isoformat()),
        Fact("pipeline", event.pipeline),
        Fact("version", str(event.version)),
        Fact("tenant", event.tenant),
        Fact("key", event.key_id),
        Fact("engine", f"{event.engine} (scripted: a dry run, no model)" if event.scripted else event.engine),
        Fact("trace", event.trace_id or "-"),
    ]


def _completed_facts(event: RequestEnd) -> list[Fact]:
    fired = ", ".join(
        f"{check.direction} {check.rule}: {check.verdict}" for check in event.checks if check.verdict != "allow"
    )
    outcome = f"{event.outcome} by {event.refusal_rule}" if event.refusal_rule else event.outcome
    return [
        Fact("outcome", outcome),
        Fact("checks", f"{len(event.checks)} run; {fired or 'none fired'}"),
        Fact("tokens", f"{event.prompt_tokens} in, {event.completion_tokens} out"),
    ]


def _guardrails(admitted: RequestAdmitted, manifest: ModelVersion | None, archive: Archive) -> Step:
    checks: list[Check] = []
    if not admitted.scripted or archive.blobs.has(admitted.guardrails):
        try:
            archive.blobs.get(admitted.guardrails)
            checks.append(Check("the policy's text has this digest", True))
        except SluiceError as error:
            checks.append(Check("the policy's text has this digest", False, error.what))
    if manifest is not None:
        change = None if admitted.guardrails == manifest.guardrails else _change(admitted, archive)
        if change is not None:
            return _changed(change, tuple(checks), archive)
        same = admitted.guardrails == manifest.guardrails
        checks.append(Check("is the policy that the version was evaluated under", same))
    return Step("guardrails", admitted.guardrails, (), tuple(checks))


def _change(admitted: RequestAdmitted, archive: Archive) -> PolicyRelease | None:
    """The reviewer's change that put the answer's policy over its release."""
    try:
        assert admitted.release is not None  # a record that names a manifest names its release
        release = archive.releases.release(admitted.release).release
        held = holding(archive.releases.policies.history(admitted.pipeline), release)
    except SluiceError:
        return None
    return next((one for one in held if one.guardrails == admitted.guardrails and one.put <= admitted.at), None)


def _changed(change: PolicyRelease, checks: tuple[Check, ...], archive: Archive) -> Step:
    index = _put(change, archive)
    facts = (
        Fact("put over the version", f"change {change.sequence}"),
        Fact("by", change.reviewer),
        Fact("reason", change.reason),
        Fact("at", change.put.isoformat()),
    )
    more = (
        Check("the reviewer's signature verifies", True),
        Check("recorded in the ledger", index is not None, "" if index is not None else "no entry names it"),
    )
    return Step("guardrails", change.guardrails, facts, (*checks, *more), index)


def _put(change: PolicyRelease, archive: Archive) -> int | None:
    wanted = AuditFilter(kinds=("policy.put",), pipeline=change.pipeline, limit=_DECISIONS)
    for entry in archive.ledger.query(wanted):
        if isinstance(entry.event, PolicyPut) and entry.event.change == change.digest:
            return entry.index
    return None


def _version(admitted: RequestAdmitted, archive: Archive) -> tuple[ModelVersion | None, Step]:
    if admitted.manifest is None:
        return None, _nothing("model version", "the record names no manifest")
    signed = "the installation's signature verifies"
    try:
        manifest = archive.releases.manifest(admitted.manifest)
    except SluiceError as error:
        return None, Step("model version", admitted.manifest, (), (Check(signed, False, error.what),))
    index = archive.stages(manifest.pipeline).get(manifest.digest)
    checks = (
        Check(signed, True),
        Check("recorded in the ledger", index is not None, "" if index is not None else "no entry names it"),
        Check("is the version that the answer names", manifest.version == admitted.version),
        Check("of the same pipeline", manifest.pipeline == admitted.pipeline),
    )
    facts = (
        Fact("version", f"{manifest.pipeline} {manifest.version}"),
        Fact("MLflow run", manifest.run_id),
        Fact("base model", manifest.base_model),
        Fact("access policy", manifest.access),
        Fact("made", manifest.created.isoformat()),
    )
    return manifest, Step("model version", manifest.digest, facts, checks, index)


def _release(admitted: RequestAdmitted, archive: Archive) -> Step:
    signed = "the installation's signature verifies, and manifest and approval with it"
    if admitted.release is None:
        return _nothing("release", "the record names no release")
    try:
        release = archive.releases.release(admitted.release).release
    except SluiceError as error:
        return Step("release", admitted.release, (), (Check(signed, False, error.what),))
    index = _recorded(release, archive)
    facts = (
        Fact("sequence", str(release.sequence)),
        Fact("kind", release.kind),
        Fact("by", release.actor),
        Fact("reason", release.reason or "-"),
        Fact("released", release.released.isoformat()),
    )
    checks = (
        Check(signed, True),
        Check("recorded in the ledger", index is not None, "" if index is not None else "no entry names it"),
        Check("names the manifest that the answer names", release.manifest == admitted.manifest),
        Check("of the same pipeline", release.pipeline == admitted.pipeline),
    )
    return Step("release", release.digest, facts, checks, index)


def _approval(release: Step, admitted: RequestAdmitted, archive: Archive) -> Step:
    """The approval that the release names; where the release does not verify, the one that counts for the manifest."""
    approval: Approval | None = None
    detail = "no approval by a trusted reviewer"
    try:
        if release.ok and release.digest:
            approval = archive.releases.release(release.digest).approval
        elif admitted.manifest:
            approval = archive.releases.approval_for(admitted.manifest)
    except SluiceError as error:
        detail = error.what
    if approval is None:
        return _nothing("approval", detail)
    index = _decided(approval.digest, approval.pipeline, archive)
    facts = (
        Fact("decision", approval.decision),
        Fact("reviewer", approval.reviewer),
        Fact("unattended", "yes: no person looked" if approval.unattended else "no"),
        Fact("reason", approval.reason or "-"),
        Fact("decided", approval.decided.isoformat()),
    )
    checks = (
        Check("the reviewer's signature verifies", True),
        Check("approves", approval.decision == "approved"),
        Check("is over the answer's manifest", approval.manifest == admitted.manifest),
        Check("recorded in the ledger", index is not None, "" if index is not None else "no entry names it"),
    )
    return Step("approval", approval.digest, facts, checks, index)


def _recorded(release: Release, archive: Archive) -> int | None:
    wanted = AuditFilter(
        kinds=("release.written",), pipeline=release.pipeline, version=release.version, limit=_DECISIONS
    )
    for entry in archive.ledger.query(wanted):
        if isinstance(entry.event, Released) and entry.event.release == release.digest:
            return entry.index
    return None


def _decided(approval: Digest, pipeline: str, archive: Archive) -> int | None:
    wanted = AuditFilter(kinds=("review.decided",), pipeline=pipeline, limit=_DECISIONS)
    for entry in archive.ledger.query(wanted):
        if isinstance(entry.event, ReviewDecided) and entry.event.approval == approval:
            return entry.index
    return None


def _nothing(name: StepName, why: str) -> Step:
    return Step(name, None, (), (Check("is there", False, why),))
