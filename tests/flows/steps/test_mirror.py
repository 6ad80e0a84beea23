"""The way back through a history of releases, as invariants over every history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from flows.steps.mirror import review_tags, standing
from infra.contracts.release import Approval, Release
from infra.digest import Digest, sha256

_AT = datetime(2026, 1, 1, tzinfo=UTC)


def _release(sequence: int, kind: str, version: int) -> Release:
    return Release(
        pipeline="tickets",
        sequence=sequence,
        kind="rollback" if kind == "rollback" else "release",
        version=version,
        manifest=_manifest(version),
        approval=sha256(b"approval"),
        previous=None,
        actor="ana",
        reason="",
        released=_AT,
    )


def _manifest(version: int) -> Digest:
    return sha256(str(version).encode())


def _history(actions: Sequence[int]) -> list[Release]:
    """Plays actions: 0 rolls back where that is possible, any other number releases that version."""
    made: list[Release] = []
    for action in actions:
        stack = standing(made)
        if action and (not stack or stack[-1].version != action):
            made.append(_release(len(made) + 1, "release", action))
        elif not action and len(stack) > 1:
            made.append(_release(len(made) + 1, "rollback", stack[-2].version))
    return made


Histories = st.lists(st.integers(0, 5), max_size=30).map(_history)


@given(Histories)
def test_the_top_is_what_was_released_last_and_no_version_lies_there_twice(history: list[Release]) -> None:
    versions = [release.version for release in standing(history)]
    assert versions[-1:] == [release.version for release in history[-1:]]
    assert len(set(versions)) == len(versions)


@given(Histories)
def test_rolling_back_again_and_again_ends(history: list[Release]) -> None:
    depth = len(standing(history))
    for left in range(depth - 1, 0, -1):
        back = _release(len(history) + 1, "rollback", standing(history)[-2].version)
        history = [*history, back]
        assert len(standing(history)) == left
        assert standing(history)[-1] == back


@given(Histories, st.integers(6, 9))
def test_a_rollback_undoes_exactly_the_release_before_it(history: list[Release], version: int) -> None:
    before = [release.version for release in standing(history)]
    played = [*history, _release(len(history) + 1, "release", version)]
    if before:
        played.append(_release(len(history) + 2, "rollback", before[-1]))
        assert [release.version for release in standing(played)] == before


def test_the_order_of_the_files_does_not_matter() -> None:
    history = _history([1, 2, 3, 0, 4])
    assert [one.version for one in standing(list(reversed(history)))] == [1, 2, 4]


def test_review_tags_tell_the_decision_that_counts() -> None:
    def decided(decision: str, reviewer: str) -> Approval:
        return Approval(
            pipeline="tickets",
            version=1,
            manifest=_manifest(1),
            decision="rejected" if decision == "rejected" else "approved",
            reviewer=reviewer,
            reason=f"{reviewer} said so",
            unattended=False,
            decided=_AT,
        )

    assert review_tags([]) == {"sluice.review": "waiting"}
    no, yes = decided("rejected", "ana"), decided("approved", "bob")
    for decisions in ([no, yes], [yes, no]):
        tags = review_tags(decisions)
        assert (tags["sluice.review"], tags["sluice.reviewer"]) == ("rejected", "ana")
        assert tags["sluice.approval"] == no.digest
