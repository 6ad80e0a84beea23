"""Changes of policy as signed files: what counts, what is refused, and which one holds over a release."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.contracts.base import now
from infra.contracts.policy_release import PolicyRelease
from infra.contracts.release import Release
from infra.digest import sha256
from infra.errors import Refused, StoreError
from infra.stores.policy_chain import holding, standing

MakeChange = Callable[..., PolicyRelease]


def change(sequence: int, over: int, kind: Literal["put", "back"] = "put", by: str = "ana") -> PolicyRelease:
    return PolicyRelease(
        pipeline="support-triage",
        sequence=sequence,
        kind=kind,
        guardrails=sha256(b"policy %d" % sequence),
        release=sha256(b"release"),
        over=over,
        previous=None,
        reviewer=by,
        reason="an incident",
        put=now(),
    )


def release(sequence: int) -> Release:
    return Release(
        pipeline="support-triage",
        sequence=sequence,
        kind="release",
        version=sequence,
        manifest=sha256(b"manifest"),
        approval=sha256(b"approval"),
        previous=None,
        actor="ana",
        reason="better",
        released=now(),
    )


def test_a_change_is_kept_signed_and_read_again(maker: Any) -> None:
    policies, signer = maker.releases.policies, maker.reviewers.add("ana")
    made = [change(1, 1), change(2, 1)]
    for one in made:
        assert policies.next_sequence("support-triage") == one.sequence
        policies.put(one, signer)
    found = policies.inspect("support-triage")
    assert found.history == tuple(made) and found.refusals == ()
    with pytest.raises(StoreError, match="not the next one"):
        policies.put(change(2, 1), signer)
    with pytest.raises(Refused, match="not the trusted key"):
        policies.put(change(3, 1, by="eva"), signer)


def test_what_is_missing_or_changed_is_refused_and_the_others_count(maker: Any) -> None:
    policies, signer = maker.releases.policies, maker.reviewers.add("ana")
    for sequence in (1, 2, 3, 4):
        policies.put(change(sequence, 1), signer)
    folder = maker.home.releases / "support-triage" / "policies"
    (folder / "00000002.json").unlink()
    (folder / "00000003.json").write_text((folder / "00000003.json").read_text().replace("incident", "accident"))
    found = policies.inspect("support-triage")
    assert [one.sequence for one in found.history] == [1, 4]
    assert [one.sequence for one in found.refusals] == [3, 2]
    assert "does not verify" in found.refusals[0].reason and "missing" in found.refusals[1].reason


def test_a_rotated_key_goes_on_vouching_for_what_it_signed(maker: Any) -> None:
    policies, signer = maker.releases.policies, maker.reviewers.add("ana")
    made = change(1, 1)
    policies.put(made, signer)
    maker.reviewers.rotate("ana", [made.digest])
    assert policies.history("support-triage") == (made,)


def test_a_newer_release_ends_a_change_and_an_older_one_does_not() -> None:
    history = [change(1, 1), change(2, 3), change(3, 3)]
    assert [one.sequence for one in holding(history, release(1))] == [3, 2, 1]
    assert [one.sequence for one in holding(history, release(3))] == [3, 2]
    assert holding(history, release(4)) == ()


def test_back_takes_one_change_off_at_a_time() -> None:
    history = [
        change(1, 1),
        change(2, 1),
        change(3, 1, "back"),
        change(4, 1),
        change(5, 1, "back"),
        change(6, 1, "back"),
    ]
    tops = [[one.sequence for one in standing(history[:end], release(1))] for end in range(7)]
    assert tops == [[], [1], [1, 2], [1], [1, 4], [1], []]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["put", "back"]), st.integers(1, 4)), max_size=12), st.integers(1, 5))
def test_what_stands_is_put_newer_than_the_release_and_in_order(steps: list[Any], at: int) -> None:
    over = 0
    history = []
    for sequence, (kind, newest) in enumerate(steps, start=1):
        over = max(over, newest)  # releases only ever get higher numbers
        history.append(change(sequence, over, kind))
    stack = standing(history, release(at))
    assert all(one.kind == "put" and one.over >= at for one in stack)
    assert [one.sequence for one in stack] == sorted(one.sequence for one in stack)
    assert len(stack) <= sum(one.kind == "put" for one in holding(history, release(at)))
