"""Releases: what goes into force, what is refused and recorded, the way back, and what a dead server cannot undo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from flows.desk import ReviewDesk
from flows.release import complete_records, history, release, rollback
from flows.review import add_reviewer, approve, approve_and_release, reject
from flows.steps.mirror import pointers
from infra.contracts.adapter import Adapter
from infra.contracts.gate import GateVerdict
from infra.contracts.lifecycle_events import Released, ReleaseRefused, ReviewDecided
from infra.contracts.model_version import ModelVersion
from infra.contracts.release import Approval
from infra.errors import BadInput, Refused, StoreError
from infra.ledger.query import AuditFilter

MakeVersion = Callable[..., ModelVersion]


class Said:
    """Keeps the sentences."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture
def ana(desk: ReviewDesk) -> str:
    add_reviewer("ana", desk)
    return "ana"


def put(desk: ReviewDesk, manifest: ModelVersion, who: str) -> int:
    return approve_and_release(manifest, who, "looks right", desk).release.sequence


def refusals(desk: ReviewDesk) -> list[str]:
    entries = desk.ledger.query(AuditFilter(kinds=("release.refused",)))
    return [entry.event.reason for entry in entries if isinstance(entry.event, ReleaseRefused)]


def test_an_approved_version_is_in_force_signed_and_recorded(
    desk: ReviewDesk, make_version: MakeVersion, ana: str
) -> None:
    manifest = make_version(desk, 1)
    assert put(desk, manifest, ana) == 1
    current = desk.releases.current("tickets")
    assert current is not None
    assert current.manifest == manifest
    assert (current.approval.reviewer, current.approval.unattended) == (ana, False)
    events = [entry.event for entry in desk.ledger.query(AuditFilter(pipeline="tickets"))]
    decided, released = events
    assert isinstance(decided, ReviewDecided)
    assert isinstance(released, Released)
    assert decided.manifest == released.manifest == manifest.digest
    assert (released.sequence, released.actor, released.release) == (1, ana, current.release.digest)
    assert desk.ledger.verify().ok


def test_the_same_release_again_changes_nothing(desk: ReviewDesk, make_version: MakeVersion, ana: str) -> None:
    manifest = make_version(desk, 1)
    assert [put(desk, manifest, ana) for _ in range(2)] == [1, 1]
    assert len(history("tickets", desk)) == 1
    assert len(desk.ledger.query(AuditFilter(pipeline="tickets"))) == 2


def test_the_newer_version_follows_and_the_older_one_is_previous(
    desk: ReviewDesk, make_version: MakeVersion, ana: str
) -> None:
    first, second, third = (make_version(desk, number) for number in (1, 2, 3))
    reject(third, ana, "too slow", desk)
    assert pointers("tickets", desk).by_alias == (("candidate", 2), ("champion", None), ("previous", None))
    put(desk, first, ana)
    assert pointers("tickets", desk).by_alias == (("candidate", 2), ("champion", 1), ("previous", None))
    put(desk, second, ana)
    assert pointers("tickets", desk).by_alias == (("candidate", None), ("champion", 2), ("previous", 1))
    newest = history("tickets", desk)[-1]
    assert newest.in_force
    assert newest.release.previous == history("tickets", desk)[0].release.digest


def test_rollback_goes_back_one_version_each_time_and_then_says_there_is_none(
    desk: ReviewDesk, make_version: MakeVersion, ana: str
) -> None:
    for number in (1, 2, 3):
        put(desk, make_version(desk, number), ana)
    done = rollback("tickets", desk, actor="oncall", reason="wrong answers")
    assert (done.sequence, done.kind, done.version, done.actor) == (4, "rollback", 2, "oncall")
    assert rollback("tickets", desk, actor="oncall").version == 1
    with pytest.raises(BadInput, match="no earlier release"):
        rollback("tickets", desk, actor="oncall")
    current = desk.releases.current("tickets")
    assert current is not None
    assert current.manifest.version == 1


def test_rollback_to_a_version_and_forward_again_by_its_approval(
    desk: ReviewDesk, make_version: MakeVersion, ana: str
) -> None:
    versions = [make_version(desk, number) for number in (1, 2, 3)]
    for manifest in versions:
        put(desk, manifest, ana)
    assert rollback("tickets", desk, actor="oncall", version=1).version == 1
    with pytest.raises(BadInput, match="no earlier release of version 3"):
        rollback("tickets", desk, actor="oncall", version=3)
    assert put(desk, versions[2], ana) == 5
    assert pointers("tickets", desk).by_alias == (("candidate", None), ("champion", 3), ("previous", 1))


def test_rollback_passes_over_a_version_that_was_rejected_since(
    desk: ReviewDesk, make_version: MakeVersion, ana: str
) -> None:
    versions = [make_version(desk, number) for number in (1, 2, 3)]
    for manifest in versions:
        put(desk, manifest, ana)
    reject(versions[1], ana, "found a flaw later", desk)
    with pytest.raises(Refused, match="version 2 of tickets is rejected"):
        rollback("tickets", desk, actor="oncall", version=2)
    assert refusals(desk) == ["version 2 of tickets is rejected, not approved"]
    assert rollback("tickets", desk, actor="oncall").version == 1


def test_nothing_was_released_so_nothing_goes_back(desk: ReviewDesk) -> None:
    with pytest.raises(BadInput, match="no release in force"):
        rollback("tickets", desk, actor="oncall")


def test_without_an_approval_nothing_is_released(desk: ReviewDesk, make_version: MakeVersion, ana: str) -> None:
    manifest, other = make_version(desk, 1), make_version(desk, 2)
    elsewhere = approve(other, ana, "fine", desk)
    with pytest.raises(Refused, match="waiting, not approved"):
        release(manifest, elsewhere, ana, desk)
    assert desk.releases.current("tickets") is None
    assert refusals(desk) == ["version 1 of tickets is waiting, not approved"]


def test_an_approval_that_nobody_signed_is_refused(desk: ReviewDesk, make_version: MakeVersion, ana: str) -> None:
    manifest = make_version(desk, 1)
    signed = approve(manifest, ana, "fine", desk)
    forged: Approval = signed.model_copy(update={"reason": "something else"})
    with pytest.raises(Refused, match="nobody who is trusted"):
        release(manifest, forged, ana, desk)
    assert desk.releases.current("tickets") is None


def test_a_changed_manifest_is_refused(desk: ReviewDesk, make_version: MakeVersion, ana: str) -> None:
    manifest = make_version(desk, 1)
    approval = approve(manifest, ana, "fine", desk)
    changed = manifest.model_copy(update={"version": 7})
    with pytest.raises(BadInput, match="no manifest"):
        release(changed, approval, ana, desk)
    path = next(desk.settings.home.releases.glob("tickets/manifests/*.json"))
    path.write_bytes(path.read_bytes().replace(b'\\"version\\":1', b'\\"version\\":2'))
    with pytest.raises(Refused, match="does not verify"):
        release(manifest, approval, ana, desk)
    assert len(refusals(desk)) == 1


@pytest.mark.parametrize("part", ["adapter", "decision", "report", "snapshot", "guardrails", "access"])
def test_a_part_that_is_gone_is_refused(desk: ReviewDesk, make_version: MakeVersion, ana: str, part: str) -> None:
    manifest = make_version(desk, 1)
    approval = approve(manifest, ana, "fine", desk)
    desk.blobs.path(getattr(manifest, part)).unlink()
    with pytest.raises(Refused, match="missing or was changed"):
        release(manifest, approval, ana, desk)
    assert desk.releases.current("tickets") is None
    assert len(refusals(desk)) == 1


def test_weights_that_were_changed_are_refused(desk: ReviewDesk, make_version: MakeVersion, ana: str) -> None:
    manifest = make_version(desk, 1)
    approval = approve(manifest, ana, "fine", desk)
    weights = Adapter.from_json(desk.blobs.get(manifest.adapter)).files[0]
    path = desk.blobs.path(weights.digest)
    path.chmod(0o600)
    path.write_bytes(b"other weights")
    with pytest.raises(Refused, match="adapter is not what its digest says"):
        release(manifest, approval, ana, desk)


@pytest.mark.parametrize("part", ["adapter", "report", "snapshot", "decision"])
def test_parts_that_do_not_belong_together_are_refused(
    desk: ReviewDesk, make_version: MakeVersion, ana: str, part: str
) -> None:
    ours, theirs = make_version(desk, 1), make_version(desk, 2)
    mixed = ours.model_copy(update={part: getattr(theirs, part), "version": 3})
    desk.releases.put_manifest(mixed)
    with pytest.raises(Refused, match="do not belong together"):
        approve(mixed, ana, "fine", desk)


@pytest.mark.parametrize("verdict", [GateVerdict.NO_GO, GateVerdict.INCONCLUSIVE])
def test_a_manifest_that_no_gate_passed_is_not_even_approved(
    desk: ReviewDesk, make_version: MakeVersion, ana: str, verdict: GateVerdict
) -> None:
    manifest = make_version(desk, 1, verdict)
    with pytest.raises(Refused, match=f"the gate said {verdict.value}"):
        approve(manifest, ana, "fine", desk)
    assert desk.releases.approval_for(manifest.digest) is None
    assert len(refusals(desk)) == 1


def test_a_rejection_whose_file_was_deleted_still_holds(desk: ReviewDesk, make_version: MakeVersion, ana: str) -> None:
    manifest = make_version(desk, 1)
    approval = approve(manifest, ana, "fine", desk)
    rejection = reject(manifest, ana, "on second thoughts", desk)
    name = rejection.digest.removeprefix("sha256:")
    next(desk.settings.home.releases.rglob(f"{name}.json")).unlink()
    with pytest.raises(Refused, match="is rejected"):
        release(manifest, approval, ana, desk)
    with pytest.raises(Refused, match="was rejected"):
        approve(manifest, ana, "fine again", desk)


def test_a_dead_mlflow_loses_no_release_and_says_how_to_repair(
    desk: ReviewDesk, make_version: MakeVersion, ana: str
) -> None:
    said = Said()
    deaf = replace(desk, mlflow_url="http://127.0.0.1:9", progress=said)  # type: ignore[arg-type]
    assert put(deaf, make_version(desk, 1), ana) == 1
    assert desk.releases.current("tickets") is not None
    assert "sluice release sync tickets" in said.sentences[-1]


def test_what_a_crash_kept_from_the_ledger_is_written_later(
    desk: ReviewDesk, make_version: MakeVersion, ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = make_version(desk, 1)
    approval = approve(manifest, ana, "fine", desk)
    with monkeypatch.context() as patch:
        patch.setattr(type(desk.ledger), "append", _full_disk)
        with pytest.raises(StoreError):
            release(manifest, approval, ana, desk)
    assert not desk.ledger.query(AuditFilter(kinds=("release.written",)))
    for _ in range(2):
        complete_records("tickets", desk)
        assert len(desk.ledger.query(AuditFilter(kinds=("release.written",)))) == 1
    assert desk.ledger.verify().ok


def _full_disk(*_: object, **__: object) -> int:
    raise StoreError("cannot write: No space left on device", cure="free some disk space")
