"""The way back and the stand-in of a fallen release, as invariants over every history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.contracts.release import Release
from infra.digest import Digest, sha256
from infra.stores.release_chain import stand_in, standing

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


def _chain(*steps: tuple[str, int]) -> list[Release]:
    """Releases that name what they replaced, as `_put` writes them."""
    made: list[Release] = []
    for kind, version in steps:
        before = made[-1].digest if made else None
        made.append(_release(len(made) + 1, kind, version).model_copy(update={"previous": before}))
    return made


def test_what_a_release_replaced_stands_in_for_it() -> None:
    history = _chain(("release", 1), ("release", 2))
    assert stand_in(history[1], history) == history[0]
    assert stand_in(history[0], history) is None


def test_what_a_rollback_took_off_never_stands_in() -> None:
    history = _chain(("release", 1), ("release", 2), ("rollback", 1))
    assert stand_in(history[2], history) is None
    history = _chain(("release", 1), ("release", 2), ("release", 3), ("rollback", 2))
    assert stand_in(history[3], history) == history[0]


def test_a_version_that_was_taken_off_may_come_back_by_a_release_of_its_own() -> None:
    history = _chain(("release", 1), ("release", 2), ("rollback", 1), ("release", 2))
    assert stand_in(history[3], history) == history[2]


def test_a_rollback_to_a_version_whose_release_is_lost_has_no_stand_in() -> None:
    history = _chain(("release", 1), ("release", 2), ("rollback", 1))
    assert stand_in(history[2], history[1:]) is None, "what lies there is what was taken off"


def test_without_the_record_of_what_it_replaced_nothing_stands_in() -> None:
    history = _chain(("release", 1), ("release", 2), ("rollback", 1), ("release", 3))
    assert stand_in(history[3], [history[0], history[1], history[3]]) is None, "the lost one was a rollback"
    history = _chain(("release", 1), ("release", 2), ("release", 3), ("release", 4), ("rollback", 3), ("rollback", 2))
    assert stand_in(history[5], history) == history[0]
    assert stand_in(history[5], [one for one in history if one.sequence != 5]) is None


@settings(deadline=None)
@given(Histories)
def test_a_stand_in_of_a_rollback_is_what_the_next_rollback_would_go_back_to(history: list[Release]) -> None:
    for place, release in enumerate(history):
        if release.kind == "rollback":
            below = standing(history[: place + 1])[:-1]
            assert stand_in(release, history) == (below[-1] if below else None)
