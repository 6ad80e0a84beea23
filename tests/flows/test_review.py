"""Reviews: who may sign what, what the record then holds, and that a rejection is final."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.desk import ReviewDesk
from flows.pipeline import Pipeline
from flows.release import rollback
from flows.review import (
    add_reviewer,
    approve,
    approve_and_release,
    approve_unattended,
    find_review,
    reject,
    reviews,
)
from infra.contracts.lifecycle_events import ReleaseRefused, ReviewDecided
from infra.contracts.model_version import ModelVersion
from infra.contracts.record_events import KeyChanged
from infra.contracts.signed import Signed
from infra.errors import BadInput, Refused
from infra.ledger.query import AuditFilter
from infra.stores.reviewers import Reviewers

MakeVersion = Callable[..., ModelVersion]


def decisions(desk: ReviewDesk) -> list[ReviewDecided]:
    entries = desk.ledger.query(AuditFilter(kinds=("review.decided",)))
    return [entry.event for entry in entries if isinstance(entry.event, ReviewDecided)]


def states(desk: ReviewDesk) -> list[tuple[int, str, bool]]:
    return [(one.manifest.version, one.state, one.in_force) for one in reviews(desk)]


def test_a_registered_version_waits_until_it_is_decided(desk: ReviewDesk, make_version: MakeVersion) -> None:
    add_reviewer("ana", desk)
    first, second = make_version(desk, 1), make_version(desk, 2)
    assert states(desk) == [(1, "waiting", False), (2, "waiting", False)]
    reject(first, "ana", "too weak", desk)
    approve_and_release(second, "ana", "good", desk)
    assert states(desk) == [(1, "rejected", False), (2, "approved", True)]


def test_an_approval_is_signed_with_the_reviewers_own_key(desk: ReviewDesk, make_version: MakeVersion) -> None:
    ana, bob = add_reviewer("ana", desk), add_reviewer("bob", desk)
    approval = approve(make_version(desk, 1), "ana", "  good\n enough ", desk)
    assert approval.reason == "good enough"
    file = next(desk.settings.home.releases.glob("tickets/approvals/*/*.json"))
    assert Signed.from_json(file.read_bytes()).key_id == ana.verify_key.key_id != bob.verify_key.key_id
    assert [(one.reviewer, one.approval, one.unattended) for one in decisions(desk)] == [
        ("ana", approval.digest, False)
    ]


def test_the_same_approval_twice_is_one_record(desk: ReviewDesk, make_version: MakeVersion) -> None:
    add_reviewer("ana", desk)
    manifest = make_version(desk, 1)
    assert approve(manifest, "ana", "good", desk) == approve(manifest, "ana", "still good", desk)
    assert len(decisions(desk)) == 1


def test_a_rejection_is_final_for_everybody(desk: ReviewDesk, make_version: MakeVersion) -> None:
    for name in ("ana", "bob"):
        add_reviewer(name, desk)
    manifest = make_version(desk, 1)
    approve(manifest, "bob", "good", desk)
    reject(manifest, "ana", "not good", desk)
    for name in ("ana", "bob", "cleo"):
        add_reviewer(name, desk)
        with pytest.raises(Refused, match="final"):
            approve(manifest, name, "please", desk)
    assert [one.decision for one in decisions(desk)] == ["approved", "rejected"]


@pytest.mark.parametrize(
    ("reviewer", "reason", "match"),
    [
        ("nobody", "good", "no reviewer 'nobody'"),
        ("../ana", "good", "not a reviewer's name"),
        ("ana", "   ", "needs a reason"),
        ("ana", "x" * 2_001, "needs a reason"),
    ],
)
def test_what_a_reviewer_can_get_wrong(
    desk: ReviewDesk, make_version: MakeVersion, reviewer: str, reason: str, match: str
) -> None:
    add_reviewer("ana", desk)
    manifest = make_version(desk, 1)
    for decide in (approve, reject):
        with pytest.raises(BadInput, match=match):
            decide(manifest, reviewer, reason, desk)
    assert decisions(desk) == []


def test_unattended_is_recorded_as_such_and_makes_the_reviewer(
    desk: ReviewDesk, make_version: MakeVersion, pipeline: Pipeline
) -> None:
    manifest = make_version(desk, 1)
    approval = approve_unattended(pipeline, manifest, "demo", desk)
    assert (approval.unattended, approval.reviewer) == (True, "demo")
    assert decisions(desk)[0].unattended
    keys = [entry.event for entry in desk.ledger.query(AuditFilter(kinds=("key.changed",)))]
    assert [(key.owner, key.purpose) for key in keys if isinstance(key, KeyChanged)] == [("demo", "reviewer")]


def test_a_strict_policy_refuses_unattended_makes_no_key_and_records_it(
    desk: ReviewDesk, make_version: MakeVersion, pipeline: Pipeline
) -> None:
    Path(pipeline.access).write_text("name: strict\n", encoding="utf-8")
    manifest = make_version(desk, 1)
    with pytest.raises(Refused, match="unattended"):
        approve_unattended(pipeline, manifest, "demo", desk)
    assert Reviewers(desk.settings.home).names() == ()
    assert decisions(desk) == []
    refused = [entry.event for entry in desk.ledger.query(AuditFilter(kinds=("release.refused",)))]
    assert [one.version for one in refused if isinstance(one, ReleaseRefused)] == [1]


def test_the_policy_that_counts_is_the_one_the_version_was_registered_under(
    desk: ReviewDesk, make_version: MakeVersion, pipeline: Pipeline
) -> None:
    access = Path(pipeline.access)
    access.write_text("name: strict\n", encoding="utf-8")
    manifest = make_version(desk, 1)
    access.write_text("name: open\nallow_unattended_approval: true\n", encoding="utf-8")
    with pytest.raises(Refused, match="unattended"):
        approve_unattended(pipeline, manifest, "demo", desk)


def test_only_named_reviewers_decide(desk: ReviewDesk, make_version: MakeVersion, pipeline: Pipeline) -> None:
    Path(pipeline.access).write_text("name: two\nreviewers: [ana]\n", encoding="utf-8")
    manifest = make_version(desk, 1)
    for name in ("ana", "bob"):
        add_reviewer(name, desk)
    for decide in (approve, reject):
        with pytest.raises(Refused, match="'bob'"):
            decide(manifest, "bob", "good", desk)
    assert approve(manifest, "ana", "good", desk).reviewer == "ana"


def test_a_version_that_answers_is_rolled_back_before_it_is_rejected(
    desk: ReviewDesk, make_version: MakeVersion
) -> None:
    add_reviewer("ana", desk)
    first, second = make_version(desk, 1), make_version(desk, 2)
    for manifest in (first, second):
        approve_and_release(manifest, "ana", "good", desk)
    with pytest.raises(Refused, match="answers requests now"):
        reject(second, "ana", "bad", desk)
    rollback("tickets", desk, actor="ana")
    reject(second, "ana", "bad", desk)
    current = desk.releases.current("tickets")
    assert current is not None
    assert current.manifest == first


def test_rejecting_the_only_version_stops_the_answering(desk: ReviewDesk, make_version: MakeVersion) -> None:
    add_reviewer("ana", desk)
    manifest = make_version(desk, 1)
    approve_and_release(manifest, "ana", "good", desk)
    reject(manifest, "ana", "bad after all", desk)
    assert desk.releases.current("tickets") is None


def test_a_damaged_version_can_still_be_rejected(desk: ReviewDesk, make_version: MakeVersion) -> None:
    add_reviewer("ana", desk)
    manifest = make_version(desk, 1)
    desk.blobs.path(manifest.adapter).unlink()
    assert reject(manifest, "ana", "damaged", desk).decision == "rejected"


def test_finding_the_one_that_waits(desk: ReviewDesk, make_version: MakeVersion) -> None:
    with pytest.raises(BadInput, match="0 versions of 'tickets' wait"):
        find_review(desk, "tickets", None)
    first = make_version(desk, 1)
    assert find_review(desk, "tickets", None).manifest == first
    make_version(desk, 2)
    with pytest.raises(BadInput, match="2 versions") as failure:
        find_review(desk, "tickets", None)
    assert "1 (waiting), 2 (waiting)" in failure.value.cure
    with pytest.raises(BadInput, match="no version 3"):
        find_review(desk, "tickets", 3)
