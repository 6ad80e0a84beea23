"""Review states and their tags: what is final, what expires when, and that an expiry is recorded once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flows.desk import ReviewDesk
from flows.release import release, release_as_asked
from flows.review import add_reviewer, approve, approve_and_release, find_review, of_interest, reject, reviews
from flows.steps.mirror import pointers
from flows.steps.review_state import expire, expires, review_state, review_tags
from infra.contracts.base import now
from infra.contracts.lifecycle_events import ReleaseRefused, ReviewExpired
from infra.contracts.model_version import ModelVersion
from infra.contracts.release import Approval
from infra.digest import sha256
from infra.errors import BadInput, Refused
from infra.ledger.query import AuditFilter
from infra.settings import ReviewSettings

MakeVersion = Callable[..., ModelVersion]
_AT = datetime(2026, 1, 1, tzinfo=UTC)


def aged(desk: ReviewDesk, manifest: ModelVersion, days: float) -> ModelVersion:
    """The same version, registered so many days ago, under a number of its own."""
    older = manifest.model_copy(update={"version": manifest.version + 10, "created": now() - timedelta(days=days)})
    desk.releases.put_manifest(older)
    return older


def with_limit(desk: ReviewDesk, days: float) -> ReviewDesk:
    settings = replace(desk.settings, review=ReviewSettings(review_expires_days=days))
    return replace(desk, settings=settings)


def events(desk: ReviewDesk, kind: str) -> list[object]:
    return [entry.event for entry in desk.ledger.query(AuditFilter(kinds=(kind,)))]


def test_a_review_expires_after_its_days_and_never_with_zero(desk: ReviewDesk, make_version: MakeVersion) -> None:
    old = aged(desk, make_version(desk, 1), 30.01)
    assert review_state(old, desk) == "expired"
    assert review_state(old, with_limit(desk, 31)) == "waiting"
    assert review_state(old, with_limit(desk, 0)) == "waiting"
    assert expires(old, with_limit(desk, 0)) is None
    assert expires(old, with_limit(desk, 1e12)) is None, "beyond the calendar"


def test_an_expired_review_is_refused_with_a_sentence_and_never_becomes_a_champion(
    desk: ReviewDesk, make_version: MakeVersion
) -> None:
    add_reviewer("ana", desk)
    old = aged(desk, make_version(desk, 1), 31)
    with pytest.raises(Refused, match="the review of version 11 of tickets expired"):
        approve_and_release(old, "ana", "at last", desk)
    with pytest.raises(Refused, match="version 11 of tickets is expired, not approved"):
        release_as_asked(old, desk, actor="mlflow-alias", reason="asked")
    assert desk.releases.approvals(old.digest) == () and desk.releases.current("tickets") is None
    (expired,) = events(desk, "review.expired")
    assert isinstance(expired, ReviewExpired)
    assert (expired.version, expired.manifest, expired.limit_days) == (11, old.digest, 30.0)
    refused = events(desk, "release.refused")
    assert len(refused) == 2 and all(isinstance(one, ReleaseRefused) and "expired" in one.reason for one in refused)


def test_an_expiry_is_recorded_once_and_stays_whatever_the_setting_says_later(
    desk: ReviewDesk, make_version: MakeVersion
) -> None:
    old = aged(desk, make_version(desk, 1), 31)
    assert [expire(old, desk) for _ in range(3)] == [True, False, False]
    assert len(events(desk, "review.expired")) == 1
    assert review_state(old, with_limit(desk, 0)) == "expired"


def test_what_was_decided_in_time_does_not_expire(desk: ReviewDesk, make_version: MakeVersion) -> None:
    add_reviewer("ana", desk)
    manifest = aged(desk, make_version(desk, 1), 20)
    approval = approve(manifest, "ana", "good", desk)
    late = with_limit(desk, 1)
    assert not expire(manifest, late) and review_state(manifest, late) == "approved"
    assert release(manifest, approval, "ana", late).version == 11


def test_a_signature_put_beside_an_expired_review_does_not_count(desk: ReviewDesk, make_version: MakeVersion) -> None:
    signer = add_reviewer("ana", desk)
    old = aged(desk, make_version(desk, 1), 31)
    expire(old, desk)
    backdated = Approval(
        pipeline="tickets",
        version=old.version,
        manifest=old.digest,
        decision="approved",
        reviewer="ana",
        reason="I said so long ago",
        unattended=False,
        decided=old.created,
    )
    desk.releases.put_approval(backdated, signer)
    with pytest.raises(Refused, match="is expired, not approved"):
        release(old, backdated, "ana", desk)
    assert desk.releases.current("tickets") is None


def test_an_expired_version_is_no_candidate_is_listed_and_can_be_rejected(
    desk: ReviewDesk, make_version: MakeVersion
) -> None:
    add_reviewer("ana", desk)
    waiting = make_version(desk, 1)
    old = aged(desk, waiting, 31)
    assert pointers("tickets", desk).candidate == 1
    assert find_review(desk, "tickets", None).manifest == waiting
    assert [one.state for one in reviews(desk)] == ["waiting", "expired"]
    with pytest.raises(BadInput, match="no version 3") as failure:
        find_review(desk, "tickets", 3)
    assert "11 (expired)" in failure.value.cure
    reject(old, "ana", "nobody wanted it", desk)
    assert review_state(old, desk) == "rejected"


def test_an_expired_version_below_the_one_in_force_is_of_no_interest(
    desk: ReviewDesk, make_version: MakeVersion
) -> None:
    add_reviewer("ana", desk)
    old = aged(desk, make_version(desk, 1), 31)
    assert [one.manifest.version for one in of_interest(reviews(desk))] == [1, 11]
    approve_and_release(make_version(desk, 12), "ana", "good", desk)
    assert [one.manifest.version for one in of_interest(reviews(desk))] == [1]
    assert review_state(old, desk) == "expired"


def test_review_tags_tell_the_decision_that_counts() -> None:
    def decided(decision: str, reviewer: str) -> Approval:
        return Approval(
            pipeline="tickets",
            version=1,
            manifest=sha256(b"manifest"),
            decision="rejected" if decision == "rejected" else "approved",
            reviewer=reviewer,
            reason=f"{reviewer} said so",
            unattended=False,
            decided=_AT,
        )

    assert review_tags("waiting", []) == {"sluice.review": "waiting"}
    no, yes = decided("rejected", "ana"), decided("approved", "bob")
    for decisions in ([no, yes], [yes, no]):
        tags = review_tags("rejected", decisions)
        assert (tags["sluice.review"], tags["sluice.reviewer"]) == ("rejected", "ana")
        assert tags["sluice.approval"] == no.digest
